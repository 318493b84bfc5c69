import type { AddressSnapshot, FdbSnapshot, NeighbourSnapshot } from '../../port.ts';
import { addressText, macText } from './address-bytes.ts';
import type { Namespace } from './namespaces.ts';
import { readAttributes } from './netlink-message.ts';
import { IFA, NDA, NEIGHBOUR_STATES, NUD_PERMANENT, RTM_GETADDR, RTM_GETNEIGH } from './rtnetlink-numbers.ts';
import { AF_BRIDGE, AF_INET, AF_INET6 } from './sys.ts';
import { writeAddressHeader, writeNeighbourHeader } from './write-headers.ts';

const NOTHING = Buffer.alloc(0);
type Names = ReadonlyMap<number, string>;

const nameOf = (names: Names, index: number): string => names.get(index) ?? String(index);

/** Addresses of both families. */
export function readAddressTable(namespace: Namespace, names: Names): AddressSnapshot[] {
  const rows: AddressSnapshot[] = [];
  namespace.rtnl.dump(
    RTM_GETADDR,
    (m) => writeAddressHeader(m, 0, 0, 0, 0),
    (body) => {
      const attributes = readAttributes(body, 8);
      // IFA_LOCAL is the own address; IPv6 leaves it out unless the address has a peer.
      const bytes = attributes.get(IFA.LOCAL) ?? attributes.get(IFA.ADDRESS) ?? NOTHING;
      rows.push({
        dev: nameOf(names, body.readUInt32LE(4)),
        family: body[0] === AF_INET ? 'ipv4' : 'ipv6',
        address: addressText(bytes),
        prefixLength: body[1] ?? 0,
      });
    },
    () => {
      rows.length = 0;
    },
  );
  return rows;
}

/** Neighbour entries (ARP and ND) of both families; the kernel's own entries for multicast and loopback (noarp) are left out. */
export function readNeighbourTable(namespace: Namespace, names: Names): NeighbourSnapshot[] {
  const rows: NeighbourSnapshot[] = [];
  namespace.rtnl.dump(
    RTM_GETNEIGH,
    (m) => writeNeighbourHeader(m, 0, 0, 0, 0),
    (body) => {
      const family = body[0];
      const attributes = readAttributes(body, 12);
      const state = NEIGHBOUR_STATES[body.readUInt16LE(8)] ?? String(body.readUInt16LE(8));
      if ((family !== AF_INET && family !== AF_INET6) || state === 'noarp') return;
      rows.push({
        dev: nameOf(names, body.readInt32LE(4)),
        family: family === AF_INET ? 'ipv4' : 'ipv6',
        address: addressText(attributes.get(NDA.DST) ?? NOTHING),
        mac: macText(attributes.get(NDA.LLADDR) ?? NOTHING),
        state,
      });
    },
    () => {
      rows.length = 0;
    },
  );
  return rows;
}

/** Forwarding entries of bridges and VXLAN devices. */
export function readForwardingTable(namespace: Namespace, names: Names): FdbSnapshot[] {
  const rows: FdbSnapshot[] = [];
  namespace.rtnl.dump(
    RTM_GETNEIGH,
    (m) => writeNeighbourHeader(m, AF_BRIDGE, 0, 0, 0),
    (body) => {
      const attributes = readAttributes(body, 12);
      const dst = attributes.get(NDA.DST);
      const mac = attributes.get(NDA.LLADDR) ?? NOTHING;
      // Group addresses are the devices' receive filters, not places that frames are forwarded to.
      if (((mac[0] ?? 0) & 1) === 1) return;
      rows.push({
        dev: nameOf(names, body.readInt32LE(4)),
        mac: macText(mac),
        dst: dst === undefined ? null : addressText(dst),
        permanent: (body.readUInt16LE(8) & NUD_PERMANENT) !== 0,
      });
    },
    () => {
      rows.length = 0;
    },
  );
  return rows;
}
