/** Small labs for the tests of the netns compiler. */
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { CniSpec, LabSpec } from '../../topology/spec.ts';

/** One control plane and one worker with a pod each. */
export function smallLab(cni: CniSpec, more: Partial<NonNullable<LabSpec['clusters']>[number]> = {}, lab: Partial<LabSpec> = {}): LabSpec {
  return { name: 'small', ...lab, clusters: [{ name: 'c1', controlPlanes: 1, workers: 1, cni, workloads: [{ name: 'web', perNode: 1 }], ...more }] };
}

export function smallPlan(...parameters: Parameters<typeof smallLab>): LabPlan {
  return planLab(smallLab(...parameters));
}

/** The same plan with permanent neighbours, as a larger lab would have them. */
export function withPermanentNeighbours(plan: LabPlan): LabPlan {
  return { ...plan, neighbours: { ...plan.neighbours, mode: 'permanent' } };
}
