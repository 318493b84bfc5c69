/** NetworkPolicies of a cluster → ops, where its CNI enforces them. */
import { traitsOf } from '../../../topology/cni/index.ts';
import type { ClusterPlan } from '../../../topology/plan.ts';
import { policyWorld } from '../../../topology/policy/world.ts';
import type { Op } from '../ops.ts';
import { POLICY_TABLE, policyTable } from './table.ts';

/** One table per node that has an isolated pod; none where the CNI ignores policies. */
export function policyOps(cluster: ClusterPlan): Op[] {
  if (cluster.cni.type === 'observed' || !traitsOf(cluster.cni.type).enforcesNetworkPolicy) return [];
  const world = policyWorld(cluster);
  if (world.policies.length === 0) return [];
  return cluster.nodes.flatMap((node): Op[] => {
    const text = policyTable(world, node.name);
    return text === null ? [] : [{ op: 'nft', ns: node.netns, family: 'inet', table: POLICY_TABLE, text }];
  });
}
