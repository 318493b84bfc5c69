import type { PolicyRule, Role, RoleBinding, ServiceAccount } from '../kubernetes-types.ts';

/** A service account that may do something in the whole cluster: the account, the role and what binds them, all of one name. */
export function clusterAccount(name: string, namespace: string, rules: readonly PolicyRule[]): readonly [ServiceAccount, Role, RoleBinding] {
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } },
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name }, rules },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    },
  ];
}
