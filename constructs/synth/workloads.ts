import type { ClusterPlan, LabPlan } from '../../topology/plan.ts';
import type { KubernetesObject } from '../../topology/spec.ts';
import { AGNHOST_IMAGE } from '../../topology/workloads.ts';
import type { NodeName } from './kind-names.ts';
import { answering, mapImage, mapImages, pullOnlyWhatIsMissing, withNodeNames } from './pod-spec.ts';

/** Namespaces that every cluster has. */
const BUILT_IN: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public', 'kube-node-lease']);

/** Kinds that others need before they can be created; the rest keeps its order. */
const FIRST: readonly string[] = ['Namespace', 'CustomResourceDefinition'];
const rank = (object: KubernetesObject): number => (FIRST.includes(object.kind) ? FIRST.indexOf(object.kind) : FIRST.length);

/** The namespaces that objects stand in and nobody creates. */
function missingNamespaces(plan: LabPlan, objects: readonly KubernetesObject[]): readonly KubernetesObject[] {
  const made = new Set(objects.filter((object) => object.kind === 'Namespace').map((object) => object.metadata.name));
  const used = new Set(objects.flatMap((object) => object.metadata.namespace ?? []));
  return [...used]
    .filter((name) => !made.has(name) && !BUILT_IN.has(name))
    .map((name) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels: { 'app.kubernetes.io/managed-by': 'cnilab', 'cnilab.dev/lab': plan.name } },
    }));
}

/** The objects of a cluster as its API takes them, in the order in which they are applied: namespaces, definitions, then as the lab has them. */
export function workloadObjects(plan: LabPlan, cluster: ClusterPlan, nodes: readonly NodeName[]): readonly KubernetesObject[] {
  const image = mapImage(AGNHOST_IMAGE, plan.images);
  const objects = mapImages(cluster.objects, plan.images).map((object) => answering(pullOnlyWhatIsMissing(withNodeNames(object, nodes)), image));
  return [...missingNamespaces(plan, objects), ...objects].sort((a, b) => rank(a) - rank(b));
}
