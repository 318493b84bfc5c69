/** Which objects live in a namespace: https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/#not-all-objects-are-in-a-namespace */
import type { KubernetesObject } from './spec.ts';

/** Kinds that live outside of any namespace, of those that labs write. */
const CLUSTER_SCOPED: ReadonlySet<string> = new Set([
  'Namespace',
  'Node',
  'ClusterRole',
  'ClusterRoleBinding',
  'CustomResourceDefinition',
  'PriorityClass',
  'StorageClass',
  'PersistentVolume',
  'IngressClass',
]);

/** Does it live in a namespace? */
export const isNamespaced = ({ kind }: Pick<KubernetesObject, 'kind'>): boolean => !CLUSTER_SCOPED.has(kind);
