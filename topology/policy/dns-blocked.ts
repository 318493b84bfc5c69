import { traitsOf } from '../cni/index.ts';
import type { Diagnostic } from '../diagnostic.ts';
import { listed } from '../listed.ts';
import type { ClusterPlan } from '../plan.ts';
import { caution, type Path } from '../rules/findings.ts';
import { isClusterDns } from '../services/cluster-services.ts';
import type { KubernetesObject } from '../spec.ts';
import { evaluatePolicies, type FlowEnd } from './evaluate.ts';
import { isNetworkPolicy } from './read-policy.ts';
import { policyWorld } from './world.ts';

/**
 * Pods that ask the DNS of their cluster, and whose egress policies together let no question reach any of its servers: POLICY_DNS_BLOCKED, once for each
 * policy that closes them. Judged behind the Service, where policies are (its addresses are translated before), and by UDP: unless told otherwise the C library
 * asks by TCP only where an answer was cut short (`use-vc` in resolv.conf(5)).
 *
 * @param objects those of the lab, in which the policies have their places
 * @param path of the cluster
 */
export function dnsBlocked(cluster: ClusterPlan, objects: readonly KubernetesObject[], path: Path): readonly Diagnostic[] {
  if (cluster.cni.type === 'observed' || !traitsOf(cluster.cni.type).enforcesNetworkPolicy) return [];
  const world = policyWorld(cluster);
  if (world.policies.every(({ egress }) => egress === null)) return [];
  const servers = (cluster.services.find(isClusterDns)?.endpoints ?? []).flatMap(({ pod, address, family, ports }) => {
    const to: FlowEnd = pod === null ? { kind: 'outside', address } : { kind: 'pod', id: pod, address };
    return ports.flatMap(({ protocol, port }) => (protocol === 'UDP' ? [{ to, family, protocol, port }] : []));
  });
  const closed = new Map<string, string[]>();
  for (const { id, name, hostNetwork, dnsPolicy } of cluster.pods) {
    if (hostNetwork || dnsPolicy === 'Default' || dnsPolicy === 'None') continue;
    const verdicts = servers.map((server) => evaluatePolicies(world, { from: { kind: 'pod', id }, ...server }).egress);
    if (verdicts.some(({ allowed }) => allowed)) continue;
    for (const policy of verdicts[0]?.by ?? []) closed.set(policy, [...(closed.get(policy) ?? []), name]);
  }
  return objects.flatMap((object, i) => {
    const id = `${object.metadata.namespace ?? 'default'}/${object.metadata.name}`;
    const pods = isNetworkPolicy(object) ? closed.get(id) : undefined;
    if (pods === undefined) return [];
    return [
      caution(
        'POLICY_DNS_BLOCKED',
        [...path, 'objects', i, 'spec'],
        `NetworkPolicy ${id} closes egress, and nothing lets UDP 53 through to the DNS of cluster ${cluster.name}: ${listed(pods)} will find no names`,
        'let them ask: an egress rule to pods k8s-app=kube-dns of namespace kube-system, ports UDP 53 and TCP 53',
      ),
    ];
  });
}
