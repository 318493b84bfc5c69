/** Who asks for names in a cluster, and whom. Pure. */
import type { Family } from '../../topology/spec.ts';
import { isClusterDns } from '../../topology/services/cluster-services.ts';
import type { ServicePlan } from '../../topology/services/service-plan.ts';
import { askers, podsOnNode, type ClusterEnds, type End } from '../endpoints.ts';
import { isPermitted } from '../policy/stand.ts';
import type { Run } from '../run.ts';

export const DNS_PORT = 53;

/** The Service behind which a cluster's DNS stands; undefined where it has none. */
export function dnsService(cluster: ClusterEnds): ServicePlan | undefined {
  return cluster.plan.services.find(isClusterDns);
}

/** Of a cluster that was found the plan has what could be read: who plays the proxy may be no kube-proxy, and a DNS may be there of which nobody told. */
const wasFound = ({ plan }: ClusterEnds): boolean => plan.cni.type === 'observed';

/** Does somebody translate the address of the cluster's DNS, as far as is known? */
export function leadsToDns(cluster: ClusterEnds): boolean {
  return cluster.plan.kubeProxy.mode !== 'none' || wasFound(cluster);
}

/** Why there is no DNS to ask. */
export function withoutDns(run: Run): string {
  return run.clusters.some(wasFound)
    ? 'the address of the DNS is not known: there is no configuration of kubeadm, and no Service kube-system/kube-dns that may be read'
    : 'no cluster of the lab has DNS';
}

/** Clusters whose names can be asked for, and why others cannot: ''. */
export function namedClusters(run: Run): { readonly clusters: readonly ClusterEnds[]; readonly nothing: string } {
  const having = run.clusters.filter((cluster) => dnsService(cluster) !== undefined);
  const clusters = having.filter(leadsToDns);
  return {
    clusters,
    nothing: having.length === 0 ? withoutDns(run) : 'no proxy runs (kubeProxy mode none), so the address of the DNS Service leads nowhere',
  };
}

/** The pods that serve the cluster's DNS. */
export function dnsServers(cluster: ClusterEnds, family: Family): readonly number[] {
  const pods = new Set(
    (dnsService(cluster)?.endpoints ?? []).filter((endpoint) => endpoint.family === family && endpoint.ready).map((endpoint) => endpoint.pod),
  );
  return cluster.pods.filter((index) => pods.has(cluster.ends[index]?.id ?? ''));
}

/** May a pod reach every server of the cluster's DNS, as far as policies go? */
export function mayAsk(cluster: ClusterEnds, client: number, family: Family): boolean {
  return dnsServers(cluster, family)
    .filter((server) => server !== client)
    .every((server) => (['udp', 'tcp'] as const).every((protocol) => isPermitted(cluster, client, server, protocol, family, DNS_PORT)));
}

/** Every node, and a pod of each that policies let ask: one that does not serve names itself, where there is one. */
export function dnsClients(run: Run, cluster: ClusterEnds, family: Family): readonly End[] {
  const servers = dnsServers(cluster, family);
  const pods = cluster.nodeIds.flatMap((_, node) => {
    const all = askers(cluster, podsOnNode(cluster, node), 'asks');
    const others = all.filter((pod) => !servers.includes(pod));
    const first = [...others, ...all].find((pod) => mayAsk(cluster, pod, family));
    if (first === undefined && all.length > 0) run.notLookedAt.push(`names asked by pods of ${cluster.nodeIds[node] ?? ''}: policies keep them from the DNS`);
    return first === undefined ? [] : [first];
  });
  return [...pods, ...askers(cluster, cluster.nodes, 'asks')].flatMap((index) => cluster.ends[index] ?? []);
}
