import { labelsOf } from '../json.ts';
import type { ClusterPlan } from '../plan.ts';
import type { PolicyWorld } from './model.ts';
import { isNetworkPolicy, readPolicy } from './read-policy.ts';

/** Put on every namespace by the API server: https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name */
const NAME_LABEL = 'kubernetes.io/metadata.name';

/** What the NetworkPolicies of a planned cluster look at: its pods with their addresses, the labels of their namespaces, and the policies themselves. */
export function policyWorld(cluster: ClusterPlan): PolicyWorld {
  const policies = cluster.objects.filter(isNetworkPolicy).map((object) => readPolicy(object, []).policy);
  const labels = new Map<string, Readonly<Record<string, string>>>();
  for (const name of [...cluster.pods.map((p) => p.namespace), ...policies.map((p) => p.namespace)]) labels.set(name, { [NAME_LABEL]: name });
  for (const { kind, metadata } of cluster.objects)
    if (kind === 'Namespace') labels.set(metadata.name, { ...labelsOf(metadata.labels), [NAME_LABEL]: metadata.name });
  return {
    namespaces: Object.fromEntries(labels),
    pods: cluster.pods.map((pod) => ({
      id: pod.id,
      namespace: pod.namespace,
      labels: pod.labels,
      node: pod.node,
      hostNetwork: pod.hostNetwork,
      addresses: pod.interface?.addresses.map((a) => a.address) ?? [],
      ports: pod.ports.map(({ name, protocol, containerPort }) => ({ name, protocol, port: containerPort })),
    })),
    policies,
  };
}
