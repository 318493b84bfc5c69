/** The /etc/resolv.conf that programs of the lab see: the lab's file, mounted over the machine's in a mount namespace of their own. */
import { closeSync, existsSync, lstatSync, mkdirSync, openSync, readlinkSync, realpathSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { RESOLV_FOLDER } from '../dns/resolv-files.ts';
import { KernelError } from './kernel-error.ts';
import { errno, mount, MS_BIND, withOwnMounts } from './sys.ts';

const RESOLV_CONF = '/etc/resolv.conf';

/** The file for who is in a namespace; null in a lab that was made without. */
export function resolvConfOf(ns: string, id: string | undefined): string | null {
  const names = [...(id === undefined ? [] : [id]), ns, 'machines'];
  return names.map((name) => `${RESOLV_FOLDER}/${name}.conf`).find((path) => existsSync(path)) ?? null;
}

/**
 * Runs `work` with `file` in the place of /etc/resolv.conf, and comes back however it ends; what is spawned in `work` keeps it.
 *
 * @throws KernelError when it cannot be mounted, and whatever `work` throws
 */
export function withResolvConf<T>(file: string | null, work: () => T): T {
  const target = file === null ? null : mountPoint();
  if (file === null || target === null) return work();
  return withOwnMounts(() => {
    if (mount(file, target, 'none', MS_BIND, null) !== 0) throw new KernelError(`cannot mount ${file} on ${target}`, errno());
    return work();
  });
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
