/** What `up` waits for, and what a change removes, read off the plan. Pure. */
import type { RolloutTarget } from '../../topology/artifacts.ts';
import { isNamespaced } from '../../topology/object-scope.ts';
import type { ClusterPlan } from '../../topology/plan.ts';
import type { KubernetesObject } from '../../topology/spec.ts';

/** Cluster DNS, which kubeadm installs; it needs pod addresses, so it is ready after the CNI is. */
export const CLUSTER_DNS: RolloutTarget = { kind: 'Deployment', namespace: 'kube-system', name: 'coredns' };

const ROLLOUT_KINDS = ['DaemonSet', 'Deployment', 'StatefulSet', 'Pod'] as const;

/** The workloads of a cluster. */
export function workloadTargets(cluster: Pick<ClusterPlan, 'objects'>): readonly RolloutTarget[] {
  return cluster.objects.flatMap((object) => {
    const kind = ROLLOUT_KINDS.find((one) => one === object.kind);
    return kind === undefined ? [] : [{ kind, namespace: namespaceOf(object), name: object.metadata.name }];
  });
}

/** Kinds whose objects cannot be changed once they run: they are removed before they are applied anew. */
const FIXED = new Set(['Pod', 'Job']);

/** As much of an object as deleting it needs. */
export type ObjectName = Pick<KubernetesObject, 'apiVersion' | 'kind' | 'metadata'>;

/**
 * Objects to delete before the new ones are applied: those that are gone from the lab, with the namespaces that nothing is in any more, and those
 * that cannot change in place.
 */
export function removedObjects(from: readonly KubernetesObject[], to: readonly KubernetesObject[]): readonly ObjectName[] {
  const next = new Map(to.map((object) => [identity(object), object]));
  const gone = from.filter((object) => {
    const after = next.get(identity(object));
    return after === undefined || (FIXED.has(object.kind) && JSON.stringify(after) !== JSON.stringify(object));
  });
  const own = [...from, ...to].filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => metadata.name);
  const kept = new Set([...own, ...to.map(namespaceOf), 'default']);
  const namespaces = [...new Set(from.map(namespaceOf))].filter((name) => !kept.has(name) && !name.startsWith('kube-'));
  return [
    ...gone.map((object) => ({
      apiVersion: object.apiVersion,
      kind: object.kind,
      metadata: { name: object.metadata.name, ...(isNamespaced(object) ? { namespace: namespaceOf(object) } : {}) },
    })),
    ...namespaces.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
  ];
}

const namespaceOf = (object: KubernetesObject): string => (isNamespaced(object) ? (object.metadata.namespace ?? 'default') : 'default');
const identity = (object: KubernetesObject): string =>
  `${object.apiVersion} ${object.kind} ${isNamespaced(object) ? namespaceOf(object) : ''} ${object.metadata.name}`;
