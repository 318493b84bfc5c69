/** The main routing table of a namespace, asked as the kernel asks it: longest prefix, then lowest metric. */
import type { NamespaceSnapshot, RouteSnapshot } from '../../engines/port.ts';
import { type Cidr, cidrContains, tryParseCidr } from '../../topology/cidr.ts';
import type { Family } from '../../topology/spec.ts';

/** RT_TABLE_LOCAL of linux/rtnetlink.h: the kernel's own addresses. */
const LOCAL_TABLE = 255;

/** Destination of a route as a range; a bare address is a host route, `default` is everything. */
export function destinationOf(route: { readonly family: Family; readonly to: string }): Cidr | null {
  const everything = route.family === 'ipv4' ? '0.0.0.0/0' : '::/0';
  const text = route.to === 'default' ? everything : route.to.includes('/') ? route.to : `${route.to}/${route.family === 'ipv4' ? 32 : 128}`;
  const read = tryParseCidr(text);
  return read.ok ? read.cidr : null;
}

/** The routes of a family outside of the local table. */
export function routesOf(namespace: NamespaceSnapshot, family: Family): readonly RouteSnapshot[] {
  return namespace.routes.filter((route) => route.family === family && route.table !== LOCAL_TABLE);
}

/** The route that takes a packet to `address`; null when there is none. */
export function lookupRoute(namespace: NamespaceSnapshot, family: Family, address: string): RouteSnapshot | null {
  let best: { readonly route: RouteSnapshot; readonly length: number } | null = null;
  for (const route of routesOf(namespace, family)) {
    const range = destinationOf(route);
    if (range === null || !cidrContains(range, address)) continue;
    const better = best === null || range.prefixLength > best.length || (range.prefixLength === best.length && route.metric < best.route.metric);
    if (better) best = { route, length: range.prefixLength };
  }
  return best?.route ?? null;
}

/** The route to exactly this range that wins by its metric; null when there is none. */
export function routeTo(namespace: NamespaceSnapshot, family: Family, to: Cidr): RouteSnapshot | null {
  const same = routesOf(namespace, family).filter((route) => {
    const range = destinationOf(route);
    return range !== null && range.base === to.base && range.prefixLength === to.prefixLength;
  });
  return same.reduce<RouteSnapshot | null>((best, route) => (best === null || route.metric < best.metric ? route : best), null);
}

/** `10.244.2.0/24 via 172.30.0.3 dev eth0`, as `ip route` writes it. */
export function routeText(route: {
  readonly type: string;
  readonly to: string;
  readonly via: string | null;
  readonly dev: string | null;
  readonly onlink: boolean;
}): string {
  return routeWords(route).join(' ');
}

/** The words after `ip route add`. */
export function routeWords(route: {
  readonly type: string;
  readonly to: string;
  readonly via: string | null;
  readonly dev: string | null;
  readonly onlink: boolean;
}): readonly string[] {
  return [
    ...(route.type === 'unicast' ? [] : [route.type]),
    route.to,
    ...(route.via === null ? [] : ['via', route.via]),
    ...(route.dev === null ? [] : ['dev', route.dev]),
    ...(route.onlink ? ['onlink'] : []),
  ];
}
