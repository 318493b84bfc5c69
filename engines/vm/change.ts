/** A running lab that becomes another in place: its Kubernetes objects. What its machines are made of is refused before (`fixed-parts.ts`). */
import { LabError } from '../../topology/errors.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { diskOf } from '../../topology/vm-image.ts';
import { applyChanges, objectChanges } from '../kubernetes/change-objects.ts';
import { clusterOf, given, readArtifacts, writeArtifacts } from '../kubernetes/materials.ts';
import { workloadTargets } from '../kubernetes/rollout-targets.ts';
import { kubectlFor } from '../kubernetes/kubectl.ts';
import type { EngineHandle, UpContext } from '../port.ts';
import { ready, refuseLoading, requireImages } from './create.ts';
import { explained } from './evidence.ts';
import { accessTo, vmHandle } from './handle.ts';
import { readRecords } from './records.ts';
import type { VmDeps } from './vm-deps.ts';

/** Made once for a lab: keys and tokens are those of the running machines. */
const OF_MACHINES = /(^|\/)nodes\/[^/]+\/(seed\/|qemu\.sh$)|^(key|known_hosts)$/;

/**
 * Looks whether a running lab can become another, and touches nothing.
 *
 * @throws EnvironmentError ENGINE_UNSUPPORTED for images to load, IMAGE_MISSING for those that the prepared disk lacks; LabError USAGE while a node is stopped,
 * whose workloads would be waited for in vain
 */
export async function mayChangeMachines(deps: VmDeps, to: LabPlan, context: UpContext): Promise<void> {
  const { directory, materials } = context;
  refuseLoading(materials);
  const records = await readRecords(directory);
  // Not by what is wanted of it alone: an interrupted stop leaves a machine that runs.
  const stopped = records.find((record) => record.wanted === 'stopped' && !deps.isAlive(record));
  if (stopped !== undefined) {
    const node = `${stopped.cluster}/${stopped.node}`;
    throw new LabError({
      code: 'USAGE',
      message: `lab ${to.name} cannot be changed while node ${node} is stopped`,
      hint: `\`cnilab node start ${to.name} ${node}\` starts it`,
    });
  }
  const before = new Set((await readArtifacts(directory)).images);
  const added = given(materials.artifacts, to.name).images.filter((image) => !before.has(image));
  const first = records.find(({ apiPort }) => apiPort !== 0);
  if (diskOf(to)?.kind !== 'cloud' && added.length > 0 && first !== undefined) await requireImages({ deps, context }, first, added);
}

/**
 * Removes the objects that the lab has no more, applies the files that differ from those on disk, and waits for the workloads.
 *
 * @throws CommandError with what the API server said, and EngineError NOT_READY, each with the folder that holds what the cluster said; LabError INTERRUPTED
 */
export async function changeMachines(deps: VmDeps, handle: EngineHandle, from: LabPlan, to: LabPlan, context: UpContext): Promise<void> {
  const { directory, materials } = context;
  const running = vmHandle(handle);
  const previous = await readArtifacts(directory);
  const wanted = given(materials.artifacts, to.name);
  const kept = previous.files.filter(({ path }) => OF_MACHINES.test(path));
  const artifacts = { ...wanted, files: [...wanted.files.filter(({ path }) => !OF_MACHINES.test(path)), ...kept].sort((a, b) => (a.path < b.path ? -1 : 1)) };
  await writeArtifacts(directory, artifacts);
  const limits = { ...deps.limits, readyMs: deps.limits.readyMs * running.slowness };
  try {
    for (const files of artifacts.clusters) {
      const kubectl = kubectlFor(accessTo(deps, running, files.name), deps);
      const changes = objectChanges(from, to, previous, artifacts, files);
      if (changes.gone.length + changes.paths.length === 0) continue;
      await applyChanges(kubectl, artifacts, changes, context);
      const targets = [...files.cniRollouts, ...workloadTargets(clusterOf(to, files))];
      await ready({ deps, context, limits }, kubectl, 'workloads ready', targets, false);
    }
  } catch (error) {
    throw await explained(deps, to, running, context, error);
  }
}
