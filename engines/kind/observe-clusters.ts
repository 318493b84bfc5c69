/** A running lab as it is: names and addresses that the container engine and Kubernetes chose. */
import type { LabPlan } from '../../topology/plan.ts';
import { kubectlFor } from '../kubernetes/kubectl.ts';
import { observeCluster } from '../kubernetes/observe.ts';
import { accessTo, type KindHandle } from './handle.ts';
import type { KindDeps } from './kind-deps.ts';
import { readArtifacts } from '../kubernetes/materials.ts';

/** The plan with the nodes and pods that are really there. Identities stay those of the plan. */
export async function observeClusters(deps: KindDeps, handle: KindHandle, plan: LabPlan): Promise<LabPlan> {
  const { clusters } = await readArtifacts(handle.directory);
  let observed = plan;
  for (const { name, engineName, nodes } of clusters) {
    const access = accessTo(deps, handle, name, engineName);
    observed = await observeCluster(access, observed, nodes, kubectlFor(access, deps));
  }
  return observed;
}
