import type { RouteSnapshot } from '../../port.ts';
import { addressText } from './address-bytes.ts';
import { KernelError } from './kernel-error.ts';
import type { Namespace } from './namespaces.ts';
import { type Attributes, readAttributes } from './netlink-message.ts';
import { ROUTE_TYPES, RT_TABLE_MAIN, RTA, RTM_F_CLONED, RTM_GETROUTE, RTN_BLACKHOLE, RTN_UNICAST, RTNH_F_ONLINK } from './rtnetlink-numbers.ts';
import { AF_INET, AF_INET6, ERRNO } from './sys.ts';
import { writeRouteHeader } from './write-headers.ts';

interface RawRoute {
  readonly body: Buffer;
  readonly attributes: Attributes;
}

/** Destinations of the main table that lead somewhere (or into a deliberate blackhole), as `10.244.1.0/24`: what await-routes compares. */
export function readDestinations(namespace: Namespace): Set<string> {
  return new Set(
    [AF_INET, AF_INET6].flatMap((family) => {
      const found: string[] = [];
      dumpRoutes(
        namespace,
        family,
        ({ body, attributes }) => {
          // BIRD installs `unreachable` while it cannot resolve the next hop: such a route has not arrived.
          if (body[7] === RTN_UNICAST || body[7] === RTN_BLACKHOLE) found.push(destination(body, attributes));
        },
        () => {
          found.length = 0;
        },
      );
      return found;
    }),
  );
}

/** Routes of the main table, both families; `names` maps link indexes to names. A multipath route is one row per next hop. */
export function readRouteTable(namespace: Namespace, names: ReadonlyMap<number, string>): RouteSnapshot[] {
  return [AF_INET, AF_INET6].flatMap((family) => {
    const rows: RouteSnapshot[] = [];
    dumpRoutes(
      namespace,
      family,
      (raw) => rows.push(...routeRows(family, raw, names)),
      () => {
        rows.length = 0;
      },
    );
    return rows;
  });
}

function dumpRoutes(namespace: Namespace, family: number, each: (route: RawRoute) => void, restart: () => void): void {
  try {
    namespace.rtnl.dump(
      RTM_GETROUTE,
      (m) => writeRouteHeader(m, { family, prefixLength: 0, table: RT_TABLE_MAIN, protocol: 0, scope: 0, type: 0, flags: 0 }),
      (body) => {
        const attributes = readAttributes(body, 12);
        if ((attributes.get(RTA.TABLE)?.readUInt32LE() ?? body[4]) !== RT_TABLE_MAIN || (body.readUInt32LE(8) & RTM_F_CLONED) !== 0) return;
        each({ body, attributes });
      },
      restart,
    );
  } catch (error) {
    // The main table is made with its first route; a kernel without IPv6 has none of that family.
    if (!(error instanceof KernelError) || (error.errno !== ERRNO.ENOENT && error.errno !== ERRNO.EOPNOTSUPP)) throw error;
  }
}

function destination(body: Buffer, attributes: Attributes): string {
  const bytes = attributes.get(RTA.DST);
  const address = bytes === undefined ? (body[0] === AF_INET ? '0.0.0.0' : '::') : addressText(bytes);
  return `${address}/${body[1] ?? 0}`;
}

/** struct rtnexthop: length u16, flags u8, hops u8, interface index i32, then attributes. */
function routeRows(family: number, { body, attributes }: RawRoute, names: ReadonlyMap<number, string>): RouteSnapshot[] {
  const base = {
    family: family === AF_INET ? 'ipv4' : 'ipv6',
    to: destination(body, attributes),
    type: ROUTE_TYPES[body[7] ?? 0] ?? String(body[7]),
    proto: body[5] ?? 0,
    metric: attributes.get(RTA.PRIORITY)?.readUInt32LE() ?? 0,
    table: RT_TABLE_MAIN,
  } as const;
  const row = (hop: Attributes, index: number, flags: number): RouteSnapshot => ({
    ...base,
    via: viaText(hop),
    dev: index === 0 ? null : (names.get(index) ?? String(index)),
    onlink: (flags & RTNH_F_ONLINK) !== 0,
  });
  const hops = attributes.get(RTA.MULTIPATH);
  if (hops === undefined) return [row(attributes, attributes.get(RTA.OIF)?.readUInt32LE() ?? 0, body.readUInt32LE(8))];
  const rows: RouteSnapshot[] = [];
  for (let at = 0; at + 8 <= hops.length; ) {
    const length = hops.readUInt16LE(at);
    if (length < 8) break;
    rows.push(row(readAttributes(hops.subarray(at + 8, at + length)), hops.readInt32LE(at + 4), hops[at + 2] ?? 0));
    at += (length + 3) & ~3;
  }
  return rows;
}

function viaText(hop: Attributes): string | null {
  const gateway = hop.get(RTA.GATEWAY) ?? hop.get(RTA.VIA)?.subarray(2);
  return gateway === undefined ? null : addressText(gateway);
}
