/** Kernel counters around the failing probes (/proc/net/snmp and /proc/net/netstat; RFC 4293 and the kernel's snmp_counter.rst name them). */
import type { Family } from '../../topology/spec.ts';
import { type LabView, namespaceOf } from './lab-view.ts';

/** By how much a counter rose while the failing probes were repeated; null when it was not read before and after. */
export function rise(view: LabView, netns: string, counter: string): number | null {
  const before = view.before?.namespaces[netns]?.counters[counter];
  const after = namespaceOf(view, netns)?.counters[counter];
  return before === undefined || after === undefined ? null : after - before;
}

/** `IpInAddrErrors +12 on worker1`, for evidence; nothing where the counter was not read or did not move. */
export function riseEvidence(view: LabView, machine: { readonly name: string; readonly netns: string }, counters: readonly string[]): readonly string[] {
  return counters.flatMap((counter) => {
    const by = rise(view, machine.netns, counter);
    return by === null || by <= 0 ? [] : [`${counter} rose by ${by} on ${machine.name} around the failing probes`];
  });
}

/** What counts the same of IPv6, which the kernel counts by itself. */
const OF_IPV6: Readonly<Record<string, string>> = {
  IpInAddrErrors: 'Ip6InAddrErrors',
  IpExtInNoRoutes: 'Ip6InNoRoutes',
  IcmpOutDestUnreachs: 'Icmp6OutDestUnreachs',
  IpFragCreates: 'Ip6FragCreates',
  IpFragFails: 'Ip6FragFails',
  IpOutDiscards: 'Ip6OutDiscards',
};

/** The name that a counter has for a family; counters above IP have one for both. */
export function counterOf(counter: string, family: Family): string {
  return family === 'ipv6' ? (OF_IPV6[counter] ?? counter) : counter;
}
