/** The lab's network namespaces: files in the holder's private /run/netns, opened once and kept with a netlink socket each. */
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, statfsSync, unlinkSync } from 'node:fs';
import { listed } from '../../../topology/listed.ts';
import { KernelError } from './kernel-error.ts';
import { attributeText, readAttributes } from './netlink-message.ts';
import { NETNS_FOLDER, netnsPath } from './netns-path.ts';
import { IFF_UP, IFLA, RTM_GETLINK, RTM_NEWLINK } from './rtnetlink-numbers.ts';
import { openRtnetlink, type Rtnetlink } from './rtnetlink.ts';
import { createNamespace, ERRNO, errno, inNamespace, MNT_DETACH, mount, MS_BIND, umount2 } from './sys.ts';
import { writeLinkHeader } from './write-headers.ts';

const NSFS_MAGIC = 0x6e736673;
const LOOPBACK_INDEX = 1;

export interface Namespace {
  readonly name: string;
  /** Stays open as long as the agent lives, or until the namespace is removed. */
  readonly fd: number;
  readonly rtnl: Rtnetlink;
  /** What is known of its links; null when it must be read again. */
  links: LinkTable | null;
}

interface LinkTable {
  readonly indexes: Map<string, number>;
  highest: number;
}

const opened = new Map<string, Namespace>();

/** Names of the lab's namespaces, sorted. */
export function listNetns(): string[] {
  return existsSync(NETNS_FOLDER) ? readdirSync(NETNS_FOLDER).sort() : [];
}

/** Creates a namespace with its loopback up, named by a bind mount. @throws KernelError, EEXIST when the name is taken */
export function createNetns(name: string): void {
  const path = netnsPath(name);
  if (opened.has(name) || existsSync(path)) throw new KernelError('cannot create it', ERRNO.EEXIST);
  mkdirSync(NETNS_FOLDER, { recursive: true });
  createNamespace((fd) => {
    closeSync(openSync(path, 'wx', 0o444));
    try {
      if (mount('/proc/thread-self/ns/net', path, 'none', MS_BIND, null) !== 0) throw new KernelError(`cannot mount ${path}`, errno());
      const rtnl = openRtnetlink();
      rtnl.request(RTM_NEWLINK, 0, (m) => writeLinkHeader(m, LOOPBACK_INDEX, IFF_UP, IFF_UP), 'cannot set lo up');
      opened.set(name, { name, fd, rtnl, links: { indexes: new Map([['lo', LOOPBACK_INDEX]]), highest: LOOPBACK_INDEX } });
    } catch (error) {
      umount2(path, MNT_DETACH);
      unlinkSync(path);
      throw error;
    }
  });
}

/** The namespace of that name, opened when it is not yet. @throws KernelError ENOENT, naming those that exist */
export function netns(name: string): Namespace {
  const known = opened.get(name);
  if (known !== undefined) return known;
  const path = netnsPath(name);
  if (!isNamespace(path)) throw new KernelError(`the lab has no network namespace ${name} (it has ${someOf(listNetns())})`, ERRNO.ENOENT);
  const fd = openSync(path, 'r');
  const namespace = { name, fd, rtnl: inNamespace(fd, openRtnetlink), links: null };
  opened.set(name, namespace);
  return namespace;
}

/** False for what is absent, and for the plain file that an interrupted creation leaves. */
export function isNamespace(path: string): boolean {
  return existsSync(path) && statfsSync(path).type === NSFS_MAGIC;
}

/** Lets go of a namespace that is about to be removed. */
export function closeNetns(namespace: Namespace): void {
  opened.delete(namespace.name);
  namespace.rtnl.close();
  closeSync(namespace.fd);
}

function readLinks(namespace: Namespace): ReadonlyMap<string, number> {
  const indexes = new Map<string, number>();
  namespace.rtnl.dump(
    RTM_GETLINK,
    (m) => writeLinkHeader(m, 0, 0, 0),
    (body) => indexes.set(attributeText(readAttributes(body, 16).get(IFLA.IFNAME)), body.readInt32LE(4)),
    () => indexes.clear(),
  );
  namespace.links = { indexes, highest: Math.max(LOOPBACK_INDEX, ...indexes.values()) };
  return indexes;
}

/** Index of a link. @throws KernelError ENODEV, naming the links that exist */
export function linkIndex(namespace: Namespace, dev: string): number {
  const index = namespace.links?.indexes.get(dev) ?? readLinks(namespace).get(dev);
  if (index !== undefined) return index;
  throw new KernelError(`${namespace.name} has no interface ${dev} (it has ${someOf([...readLinks(namespace).keys()])})`, ERRNO.ENODEV);
}

/** Whether the link is there, from what is known of the namespace. */
export function hasLink(namespace: Namespace, dev: string): boolean {
  return (namespace.links?.indexes ?? readLinks(namespace)).has(dev);
}

/** An index above all in use, for a link about to be made: choosing it spares reading it back. */
export function freeIndex(namespace: Namespace): number {
  if (namespace.links === null) readLinks(namespace);
  return (namespace.links?.highest ?? LOOPBACK_INDEX) + 1;
}

/** Remembers a link that was made with a chosen index. */
export function rememberLink(namespace: Namespace, dev: string, index: number): void {
  if (namespace.links === null) return;
  namespace.links.indexes.set(dev, index);
  namespace.links.highest = Math.max(namespace.links.highest, index);
}

/** What is known of the links there is stale: a CNI plugin or somebody's command may have made or removed some. */
export function forgetLinks(name: string): void {
  const namespace = opened.get(name);
  if (namespace !== undefined) namespace.links = null;
}

function someOf(names: readonly string[]): string {
  return names.length === 0 ? 'none' : listed(names, 12);
}
