/** Addresses, neighbours and forwarding entries: `ip address`, `ip neighbour`, `bridge fdb`, by rtnetlink. */
import type { Op } from '../ops.ts';
import { addressBytes, macBytes } from './address-bytes.ts';
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_REPLACE } from './netlink-message.ts';
import { linkIndex, netns } from './namespaces.ts';
import { IFA, IFA_F_NODAD, NDA, NTF_PROXY, NTF_SELF, NUD_PERMANENT, RTM_DELADDR, RTM_DELNEIGH, RTM_NEWADDR, RTM_NEWNEIGH } from './rtnetlink-numbers.ts';
import { AF_BRIDGE, AF_INET, AF_INET6 } from './sys.ts';
import { writeAddressHeader, writeNeighbourHeader } from './write-headers.ts';

type OpOf<K extends Op['op']> = Extract<Op, { readonly op: K }>;
type Change = 'add' | 'delete';

/** Head-end replication: frames without a better entry go to every such `dst` (RFC 7348, 4.2 without multicast). */
const FLOOD = '00:00:00:00:00:00';

const familyOf = (bytes: Uint8Array): number => (bytes.length === 4 ? AF_INET : AF_INET6);

/** IPv6 addresses are usable at once, without duplicate address detection. @throws KernelError (EACCES: IPv6 is switched off there) */
export function changeAddress(op: OpOf<'address'>, change: Change): void {
  const namespace = netns(op.ns);
  const index = linkIndex(namespace, op.dev);
  const bytes = addressBytes(op.address);
  const flags = bytes.length === 16 && change === 'add' ? IFA_F_NODAD : 0;
  namespace.rtnl.request(
    change === 'add' ? RTM_NEWADDR : RTM_DELADDR,
    change === 'add' ? NLM_F_CREATE | NLM_F_REPLACE : 0,
    (m) => writeAddressHeader(m, familyOf(bytes), op.prefixLength, flags, index).attr(IFA.LOCAL, bytes).attr(IFA.ADDRESS, bytes),
    `cannot ${change} it`,
  );
}

/** A permanent neighbour entry: never resolved, never aged, not counted against gc_thresh3. */
export function changeNeighbour(op: OpOf<'neigh'>, change: Change): void {
  const namespace = netns(op.ns);
  const index = linkIndex(namespace, op.dev);
  const bytes = addressBytes(op.address);
  namespace.rtnl.request(
    change === 'add' ? RTM_NEWNEIGH : RTM_DELNEIGH,
    change === 'add' ? NLM_F_CREATE | NLM_F_REPLACE : 0,
    (m) => {
      writeNeighbourHeader(m, familyOf(bytes), index, change === 'add' ? NUD_PERMANENT : 0, op.mac === null ? NTF_PROXY : 0).attr(NDA.DST, bytes);
      if (change === 'add' && op.mac !== null) m.attr(NDA.LLADDR, macBytes(op.mac));
    },
    `cannot ${change} it`,
  );
}

/** A permanent forwarding entry of a VXLAN device: frames to `mac` go to the VTEP at `dst`. */
export function changeForwarding(op: OpOf<'fdb'>, change: Change): void {
  const namespace = netns(op.ns);
  const index = linkIndex(namespace, op.dev);
  const add = NLM_F_CREATE | (op.mac === FLOOD ? NLM_F_APPEND : NLM_F_REPLACE);
  namespace.rtnl.request(
    change === 'add' ? RTM_NEWNEIGH : RTM_DELNEIGH,
    change === 'add' ? add : 0,
    (m) =>
      writeNeighbourHeader(m, AF_BRIDGE, index, change === 'add' ? NUD_PERMANENT : 0, NTF_SELF)
        .attr(NDA.DST, addressBytes(op.dst))
        .attr(NDA.LLADDR, macBytes(op.mac)),
    `cannot ${change} it`,
  );
}
