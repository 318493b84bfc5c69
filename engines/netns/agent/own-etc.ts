/**
 * What programs of the lab find in /etc: its resolv.conf, and the files that machines have to themselves, mounted over the machine's in a mount namespace of
 * their own. And their host name.
 */
import { closeSync, existsSync, lstatSync, mkdirSync, openSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { RESOLV_FOLDER } from '../dns/resolv-files.ts';
import { hostName } from '../enter-holder.ts';
import { ETC_FOLDER } from '../own-etc.ts';
import type { NamespaceSnapshot } from '../../port.ts';
import { readLabFile } from './files.ts';
import { KernelError } from './kernel-error.ts';
import { errno, mount, MS_BIND, sethostname, withOwnMounts } from './sys.ts';

const RESOLV_CONF = '/etc/resolv.conf';

export interface OwnEtc {
  readonly hostName: string;
  /** Files of the lab, and where they are mounted. */
  readonly files: readonly { readonly from: string; readonly to: string }[];
}

/** For who is in a namespace. */
export function ownEtcOf(ns: string, id: string | undefined): OwnEtc {
  const folder = `${ETC_FOLDER}/${ns}`;
  const files = existsSync(folder) ? readdirSync(folder).map((name) => ({ from: `${folder}/${name}`, to: `/etc/${name}` })) : [];
  const conf = [...(id === undefined ? [] : [id]), ns, 'machines'].map((name) => `${RESOLV_FOLDER}/${name}.conf`).find((path) => existsSync(path));
  const target = conf === undefined ? null : mountPoint();
  return {
    hostName: readLabFile(`${folder}/hostname`)?.trim() ?? hostName(id, ns),
    files: [...files.filter(({ to }) => existsSync(to)), ...(conf === undefined || target === null ? [] : [{ from: conf, to: target }])],
  };
}

/**
 * Runs `work` with the files in their places, and comes back however it ends; what is spawned in `work` keeps them.
 *
 * @throws KernelError when one cannot be mounted, and whatever `work` throws
 */
export function withOwnEtc<T>({ hostName: name, files }: OwnEtc, work: () => T): T {
  return withOwnMounts(() => {
    if (sethostname(name, Buffer.byteLength(name)) !== 0) throw new KernelError(`cannot take the host name ${name}`, errno());
    for (const { from, to } of files) if (mount(from, to, 'none', MS_BIND, null) !== 0) throw new KernelError(`cannot mount ${from} on ${to}`, errno());
    return work();
  });
}

/** Of a machine that has these files to itself. */
export function readIdentity(ns: string): Pick<NamespaceSnapshot, 'identity'> {
  const [name, machineId] = ['hostname', 'machine-id'].map((file) => readLabFile(`${ETC_FOLDER}/${ns}/${file}`)?.trim());
  return name === undefined || machineId === undefined ? {} : { identity: { hostName: name, machineId } };
}

/** Where /etc/resolv.conf leads to; null where there is none. The target of a link into /run is missing here, as the lab has a /run of its own: made empty. */
function mountPoint(): string | null {
  if (existsSync(RESOLV_CONF)) return realpathSync(RESOLV_CONF);
  if (!(lstatSync(RESOLV_CONF, { throwIfNoEntry: false })?.isSymbolicLink() ?? false)) return null;
  const target = resolve(dirname(RESOLV_CONF), readlinkSync(RESOLV_CONF));
  if (!target.startsWith('/run/')) return null;
  mkdirSync(dirname(target), { recursive: true });
  closeSync(openSync(target, 'a', 0o644));
  return target;
}
