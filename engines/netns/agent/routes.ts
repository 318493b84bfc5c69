/** Routes of the main table: `ip route`, by rtnetlink. */
import type { Op } from '../ops.ts';
import { addressBytes, prefixBytes } from './address-bytes.ts';
import { type MessageWriter, NLM_F_CREATE, NLM_F_REPLACE } from './netlink-message.ts';
import { linkIndex, netns } from './namespaces.ts';
import {
  RT_SCOPE_LINK,
  RT_SCOPE_NOWHERE,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_MAIN,
  RTA,
  RTM_DELROUTE,
  RTM_NEWROUTE,
  RTN_BLACKHOLE,
  RTN_UNICAST,
  RTNH_F_ONLINK,
  RTPROT_STATIC,
} from './rtnetlink-numbers.ts';
import { AF_INET, AF_INET6 } from './sys.ts';
import { writeRouteHeader } from './write-headers.ts';

type RouteOp = Extract<Op, { readonly op: 'route' }>;

/** Adds or replaces. @throws KernelError (ENETUNREACH: the next hop is on no connected network) */
export function addRoute(op: RouteOp): void {
  send(op, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, 'add');
}

/** @throws KernelError (ESRCH: there is no such route) */
export function deleteRoute(op: RouteOp): void {
  send(op, RTM_DELROUTE, 0, 'delete');
}

function send(op: RouteOp, message: number, flags: number, verb: 'add' | 'delete'): void {
  const namespace = netns(op.ns);
  const to = prefixBytes(op.to);
  const family = to.bytes.length === 4 ? AF_INET : AF_INET6;
  const index = op.dev === null ? 0 : linkIndex(namespace, op.dev);
  namespace.rtnl.request(
    message,
    flags,
    (m) => {
      writeRouteHeader(m, {
        family,
        prefixLength: to.length,
        table: RT_TABLE_MAIN,
        protocol: verb === 'add' ? RTPROT_STATIC : 0,
        scope: scopeOf(op, family, verb),
        type: op.type === 'blackhole' ? RTN_BLACKHOLE : RTN_UNICAST,
        flags: op.onlink ? RTNH_F_ONLINK : 0,
      });
      if (to.length > 0) m.attr(RTA.DST, to.bytes);
      if (op.via !== null) writeNextHop(m, addressBytes(op.via), family);
      if (index !== 0) m.attrU32(RTA.OIF, index);
    },
    `cannot ${verb} it`,
  );
}

/** As iproute2 chooses: a unicast route without next hop is on the link. On deletion any scope matches. IPv6 has no scopes. */
function scopeOf(op: RouteOp, family: number, verb: 'add' | 'delete'): number {
  if (family === AF_INET6) return RT_SCOPE_UNIVERSE;
  if (verb === 'delete') return RT_SCOPE_NOWHERE;
  return op.type === 'unicast' && op.via === null ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
}

/** An IPv4 route may have an IPv6 next hop (RFC 8950), which goes in RTA_VIA. */
function writeNextHop(m: MessageWriter, via: Uint8Array, family: number): void {
  const viaFamily = via.length === 4 ? AF_INET : AF_INET6;
  if (viaFamily === family) m.attr(RTA.GATEWAY, via);
  else m.attr(RTA.VIA, Uint8Array.from([viaFamily, 0, ...via]));
}
