/** The cluster's DNS, for faults of it. */
import type { ClusterPlan, PodPlan } from '../../topology/plan.ts';
import { isClusterDns } from '../../topology/services/cluster-services.ts';
import type { ServicePlan } from '../../topology/services/service-plan.ts';
import type { FaultTarget } from './target.ts';

/** kube-system/kube-dns; undefined where the cluster has no DNS. */
export function dnsOf(cluster: ClusterPlan): ServicePlan | undefined {
  return cluster.services.find(isClusterDns);
}

/** The pods behind it that have a namespace of their own. */
export function serversOf(cluster: ClusterPlan): readonly PodPlan[] {
  const ids = new Set((dnsOf(cluster)?.endpoints ?? []).flatMap((endpoint) => (endpoint.ready && endpoint.pod !== null ? [endpoint.pod] : [])));
  return cluster.pods.filter((pod) => ids.has(pod.id) && pod.interface !== null);
}

export function hasServers({ cluster }: FaultTarget): true | string {
  return serversOf(cluster).length > 0 ? true : 'the cluster has no DNS';
}
