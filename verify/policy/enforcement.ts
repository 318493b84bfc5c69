import { cnis } from '../../topology/cni/index.ts';
import type { ClusterPlan } from '../../topology/plan.ts';

/** Does the cluster's CNI enforce NetworkPolicies? null: it was not planned here, and nobody says. */
export function enforcesPolicies({ cni }: Pick<ClusterPlan, 'cni'>): boolean | null {
  return cni.type === 'observed' ? null : cnis[cni.type].traits.enforcesNetworkPolicy;
}
