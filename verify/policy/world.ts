import type { ClusterPlan } from '../../topology/plan.ts';
import type { PolicyWorld } from '../../topology/policy/model.ts';
import { policyWorld } from '../../topology/policy/world.ts';

const worlds = new WeakMap<ClusterPlan, PolicyWorld>();

/** What the policies of a cluster look at, read once: plans do not change. */
export function worldOf(cluster: ClusterPlan): PolicyWorld {
  const known = worlds.get(cluster);
  if (known !== undefined) return known;
  const made = policyWorld(cluster);
  worlds.set(cluster, made);
  return made;
}
