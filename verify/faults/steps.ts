/** argv of the commands that faults are made of. */
import type { NamespaceSnapshot, RouteSnapshot, Snapshot } from '../../engines/port.ts';
import type { Family } from '../../topology/spec.ts';
import type { FaultStep } from './fault.ts';
import { ipArgv } from '../ip-argv.ts';

/** `ip` or `ip -6`, in a namespace. */
export function ip(netns: string, family: Family, ...words: readonly (string | number)[]): FaultStep {
  return { netns, argv: ipArgv(family, ...words) };
}

/** `bridge …`, in a namespace. */
export function bridge(netns: string, ...words: readonly (string | number)[]): FaultStep {
  return { netns, argv: ['bridge', ...words.map(String)] };
}

/** The nftables backend, which the engine writes its own rules with: rules of the other one would not be seen. */
export function iptables(netns: string, family: Family, ...words: readonly (string | number)[]): FaultStep {
  return { netns, argv: [family === 'ipv4' ? 'iptables-nft' : 'ip6tables-nft', '-w', ...words.map(String)] };
}

export function sysctl(netns: string, key: string, value: string | number): FaultStep {
  return { netns, argv: ['sysctl', '-qw', `${key}=${value}`] };
}

/** Forgets connections: what is translated stays translated while its entry lives. */
export function flushConntrack(...namespaces: readonly string[]): readonly FaultStep[] {
  return namespaces.map((netns) => ({ netns, argv: ['conntrack', '-F'], tolerant: true }));
}

/** A rule put before all others, and its removal together with the connections it made. */
export function firstRule(
  netns: string,
  family: Family,
  table: string,
  chain: string,
  rule: readonly (string | number)[],
): { readonly inject: FaultStep[]; readonly undo: FaultStep[] } {
  return {
    inject: [iptables(netns, family, '-t', table, '-I', chain, 1, ...rule)],
    undo: [iptables(netns, family, '-t', table, '-D', chain, ...rule), ...flushConntrack(netns)],
  };
}

/** A route exactly as it was found, with metric and protocol. */
export function routeAsFound(netns: string, verb: 'add' | 'del' | 'replace', route: RouteSnapshot): FaultStep {
  const bare = route.type === 'unicast' || route.type === '';
  return ip(
    netns,
    route.family,
    'route',
    verb,
    ...(bare ? [] : [route.type]),
    route.to,
    ...(route.via === null ? [] : ['via', route.via]),
    ...(route.dev === null || !bare ? [] : ['dev', route.dev]),
    ...(route.onlink ? ['onlink'] : []),
    'proto',
    route.proto,
    ...(route.metric === 0 ? [] : ['metric', route.metric]),
  );
}

/** RTPROT_KERNEL of linux/rtnetlink.h: routes that come and go with addresses. */
export const KERNEL_PROTOCOL = 2;

/** The routes of a pod that were written into it, in an order in which they can be written again: a gateway must be on-link before routes lead through it. */
export function routesByHand({ routes }: NamespaceSnapshot): readonly RouteSnapshot[] {
  return routes
    .filter((route) => route.proto !== KERNEL_PROTOCOL && route.type === 'unicast')
    .toSorted((a, b) => Number(a.via !== null) - Number(b.via !== null));
}

/** The permanent neighbours of an interface, written again: the kernel forgets them with its last address, and when it goes down. */
export function neighboursByHand(snapshot: Snapshot, netns: string, family: Family, dev: string): readonly FaultStep[] {
  return namespaceIn(snapshot, netns)
    .neighbours.filter((one) => one.dev === dev && one.state === 'permanent' && one.address.includes(':') === (family === 'ipv6'))
    .map((one) => ip(netns, family, 'neigh', 'replace', one.address, 'lladdr', one.mac, 'dev', dev, 'nud', 'permanent'));
}

/** The routes to a range, best first. */
export function routesTo(snapshot: Snapshot, netns: string, range: string): readonly RouteSnapshot[] {
  return namespaceIn(snapshot, netns)
    .routes.filter((route) => route.to === range)
    .toSorted((a, b) => a.metric - b.metric);
}

/** What was read of a namespace; the injector reads every namespace of the target. */
export function namespaceIn(snapshot: Snapshot, netns: string): NamespaceSnapshot {
  const found = snapshot.namespaces[netns];
  if (found === undefined) throw new RangeError(`namespace ${netns} was not read`);
  return found;
}
