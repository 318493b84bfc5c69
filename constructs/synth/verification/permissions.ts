import type { PolicyRule, Role } from '../kubernetes-types.ts';

const CLUSTER: readonly PolicyRule[] = [
  { apiGroups: [''], resources: ['namespaces'], verbs: ['create', 'delete', 'get', 'list'] },
  // Which nodes there are, which addresses are taken, and which CNI it is.
  { apiGroups: [''], resources: ['nodes', 'pods'], verbs: ['get', 'list'] },
];

const OBJECTS: readonly PolicyRule[] = [
  { apiGroups: [''], resources: ['configmaps'], verbs: ['create', 'get'] },
  { apiGroups: ['apps'], resources: ['daemonsets'], verbs: ['create', 'get', 'list'] },
  { apiGroups: ['batch'], resources: ['jobs'], verbs: ['create', 'get', 'list'] },
  { apiGroups: [''], resources: ['events', 'pods'], verbs: ['get', 'list'] },
  { apiGroups: [''], resources: ['pods/log'], verbs: ['get'] },
];

const clusterRole = (name: string, rules: readonly PolicyRule[]): Role => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name },
  rules,
});

/**
 * All that a user needs to run a verification: what concerns the cluster, and what is done inside of the verification's namespace. The namespace has
 * another name each time, so the second is a ClusterRole as well; it is bound in the whole cluster, or in a namespace that is made beforehand. The
 * pods of a verification need no permission at all.
 */
export const VERIFICATION_PERMISSIONS: readonly Role[] = [clusterRole('cnilab-verify', CLUSTER), clusterRole('cnilab-verify-objects', OBJECTS)];

/** What is needed besides where more than the network of a lab of cnilab is asked: to read its Services as they run. Clusters that were found need not allow it. */
export const LAB_PERMISSIONS: readonly Role[] = [
  clusterRole('cnilab-verify-lab', [
    { apiGroups: [''], resources: ['services'], verbs: ['get', 'list'] },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list'] },
  ]),
];

/** What is needed besides where Services or policies are asked from a lab's own pods: to enter them, because no other pod is what a selector selects. */
export const ENTER_PERMISSIONS: readonly Role[] = [clusterRole('cnilab-verify-enter', [{ apiGroups: [''], resources: ['pods/exec'], verbs: ['create'] }])];
