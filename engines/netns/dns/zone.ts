/** A cluster's DNS as a server on this engine is fed with it: the records, the pods' own names, the zones they fall into. */
import type { ClusterPlan } from '../../../topology/plan.ts';
import { dnsZone, podRecord, type AddressRecord, type DnsZone } from '../../../topology/services/dns-records.ts';

export interface ServedZone extends DnsZone {
  /** Names of the lab's pods: `10-244-1-5.default.pod.cluster.local`. A rule makes them in a cluster; not every server can follow it. */
  readonly pods: readonly AddressRecord[];
  /** Names that exist though nothing is written of them: the namespaces. */
  readonly bare: readonly string[];
  /** Zones of the reverse records, no larger than they need be: other addresses are somebody else's. */
  readonly reverse: readonly string[];
  /** Whom to ask about everything else; none: it is refused. */
  readonly forwarders: readonly string[];
}

/** @param forwarders resolvers of the outside */
export function servedZone(cluster: ClusterPlan, forwarders: readonly string[]): ServedZone {
  const zone = dnsZone(cluster);
  return {
    ...zone,
    pods: cluster.pods.flatMap((pod) => (pod.interface?.addresses ?? []).map(({ address }) => podRecord(pod.namespace, address, zone.domain))),
    bare: zone.namespaces.flatMap((namespace) => [`${namespace}.svc.${zone.domain}`, `${namespace}.pod.${zone.domain}`]),
    reverse: [...new Set(zone.records.flatMap((record) => (record.type === 'PTR' ? [reverseZone(record.name)] : [])))].sort(),
    forwarders,
  };
}

/** The /16 of an IPv4 address, the /64 of an IPv6 one. */
function reverseZone(name: string): string {
  return name
    .split('.')
    .slice(name.endsWith('.ip6.arpa') ? -18 : -4)
    .join('.');
}
