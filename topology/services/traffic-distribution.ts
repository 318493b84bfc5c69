/**
 * spec.trafficDistribution of Services: the hints that the EndpointSlice controller writes for it, which proxies follow. Sources: Kubernetes
 * staging/src/k8s.io/endpointslice/trafficdist, KEP-4444, KEP-3015.
 */
import type { EndpointHints, TrafficDistribution } from './service-plan.ts';

/** Label of a node with the zone that it is in. */
export const ZONE_LABEL = 'topology.kubernetes.io/zone';

/**
 * The words, and the first Kubernetes that knows them, has them switched on, and has them for good: pkg/features/kube_features.go, gates
 * ServiceTrafficDistribution and PreferSameTrafficDistribution.
 */
export const TRAFFIC_DISTRIBUTIONS: Readonly<Record<TrafficDistribution, { readonly alpha: string; readonly on: string; readonly stable: string }>> = {
  PreferSameZone: { alpha: '1.33', on: '1.34', stable: '1.35' },
  PreferSameNode: { alpha: '1.33', on: '1.34', stable: '1.35' },
  PreferClose: { alpha: '1.30', on: '1.31', stable: '1.33' },
};

export const TRAFFIC_DISTRIBUTION_WORDS: readonly TrafficDistribution[] = ['PreferSameZone', 'PreferSameNode', 'PreferClose'];

/**
 * Hints of a ready endpoint: its own zone, and with PreferSameNode its own node besides. Null where there is nothing to hint at.
 *
 * @param node of the endpoint; null: it is on none
 * @param zone of that node; '': it has none
 */
export function hintsFor(distribution: TrafficDistribution, node: string | null, zone: string): EndpointHints | null {
  const nodes = distribution === 'PreferSameNode' && node !== null ? [node] : [];
  const zones = zone === '' ? [] : [zone];
  return nodes.length + zones.length === 0 ? null : { zones, nodes };
}
