/**
 * Removes network namespaces. The kernel destroys a namespace some 0.1 s after its last reference is gone; until then the far ends of its veths stay on
 * the bridges of the nodes. So these are deleted first, all of one namespace in a single request: each request waits about 30 ms for the kernel's grace periods.
 */
import { closeSync, existsSync, openSync, unlinkSync } from 'node:fs';
import { KernelError } from './kernel-error.ts';
import { attributeText, readAttributes } from './netlink-message.ts';
import { closeNetns, forgetLinks, isNamespace, listNetns, type Namespace, netns } from './namespaces.ts';
import { netnsPath } from './netns-path.ts';
import { IFLA, IFLA_INFO, NETNSA, RTM_DELLINK, RTM_GETLINK, RTM_GETNSID, RTM_SETLINK } from './rtnetlink-numbers.ts';
import { MNT_DETACH, umount2 } from './sys.ts';
import { writeLinkHeader } from './write-headers.ts';

/** Marks the links to be deleted together; any number that nobody else uses. */
const DOOMED_GROUP = 0x636e6c62;
const NOTHING = Buffer.alloc(0);

interface VethEnd {
  /** The namespace of the other end, as an id that only the asking namespace knows. */
  readonly nsid: number;
  readonly index: number;
}

/** Fine when some are already gone. */
export function removeNetns(wanted: readonly string[]): void {
  const names = [...new Set(wanted)];
  const going = names.filter((name) => isNamespace(netnsPath(name))).map(netns);
  for (const [name, indexes] of farEnds(going)) deleteTogether(netns(name), indexes);
  for (const namespace of going) {
    closeNetns(namespace);
    umount2(netnsPath(namespace.name), MNT_DETACH);
  }
  for (const path of names.map(netnsPath)) if (existsSync(path)) unlinkSync(path);
}

/** Indexes of the far ends of all veths of these namespaces, by the name of the namespace that stays. */
function farEnds(going: readonly Namespace[]): Map<string, number[]> {
  const leaving = new Set(going.map(({ name }) => name));
  const staying = listNetns().filter((name) => !leaving.has(name));
  const ends = new Map<string, number[]>();
  for (const namespace of going) {
    for (const { nsid, index } of vethEnds(namespace)) {
      const at = staying.findIndex((name) => idOf(namespace, name) === nsid);
      const name = staying[at];
      if (name === undefined) continue;
      // Pods of one node come in a row: look there first next time.
      staying.splice(at, 1);
      staying.unshift(name);
      ends.set(name, [...(ends.get(name) ?? []), index]);
    }
  }
  return ends;
}

/** Only veths: the lower device of a macvlan or VXLAN belongs to the node. */
function vethEnds(namespace: Namespace): VethEnd[] {
  const ends: VethEnd[] = [];
  namespace.rtnl.dump(
    RTM_GETLINK,
    (m) => writeLinkHeader(m, 0, 0, 0),
    (body) => {
      const attributes = readAttributes(body, 16);
      const kind = attributeText(readAttributes(attributes.get(IFLA.LINKINFO) ?? NOTHING).get(IFLA_INFO.KIND));
      const nsid = attributes.get(IFLA.LINK_NETNSID)?.readInt32LE();
      const index = attributes.get(IFLA.LINK)?.readUInt32LE();
      if (kind === 'veth' && nsid !== undefined && index !== undefined) ends.push({ nsid, index });
    },
    () => {
      ends.length = 0;
    },
  );
  return ends;
}

/** The id under which `namespace` knows the one called `name`; -1 when it does not know it. */
function idOf(namespace: Namespace, name: string): number {
  if (!isNamespace(netnsPath(name))) return -1;
  const fd = openSync(netnsPath(name), 'r');
  try {
    let id = -1;
    namespace.rtnl.query(
      RTM_GETNSID,
      (m) => m.u32(0).attrU32(NETNSA.FD, fd),
      (body) => {
        id = readAttributes(body, 4).get(NETNSA.NSID)?.readInt32LE() ?? -1;
      },
    );
    return id;
  } finally {
    closeSync(fd);
  }
}

/** A link that went meanwhile is fine. */
function deleteTogether(namespace: Namespace, indexes: readonly number[]): void {
  const quietly = (type: number, index: number): void => {
    try {
      namespace.rtnl.request(type, 0, (m) => writeLinkHeader(m, index, 0, 0).attrU32(IFLA.GROUP, DOOMED_GROUP), 'cannot remove links');
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
    }
  };
  for (const index of indexes) quietly(RTM_SETLINK, index);
  quietly(RTM_DELLINK, 0);
  forgetLinks(namespace.name);
}
