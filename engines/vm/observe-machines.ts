/** A running lab as it is: ranges, bridges and pods that Kubernetes and the CNI chose. */
import type { LabPlan } from '../../topology/plan.ts';
import { readArtifacts } from '../kubernetes/materials.ts';
import { kubectlFor } from '../kubernetes/kubectl.ts';
import { observeCluster } from '../kubernetes/observe.ts';
import { accessTo, type VmHandle } from './handle.ts';
import type { VmDeps } from './vm-deps.ts';

/** The plan with the nodes and pods that are really there. Identities stay those of the plan. */
export async function observeMachines(deps: Pick<VmDeps, 'run'>, handle: VmHandle, plan: LabPlan): Promise<LabPlan> {
  const { clusters } = await readArtifacts(handle.directory);
  let observed = plan;
  for (const { name, nodes } of clusters) {
    const access = accessTo(deps, handle, name);
    observed = await observeCluster(access, observed, nodes, kubectlFor(access, deps));
  }
  return observed;
}
