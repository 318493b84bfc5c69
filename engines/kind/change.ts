/** A running lab that becomes another in place: its Kubernetes objects. What its nodes are made of is refused before (`fixed-parts.ts`). */
import type { LabPlan } from '../../topology/plan.ts';
import { kubectlFor } from '../kubernetes/kubectl.ts';
import type { EngineHandle, UpContext } from '../port.ts';
import { applyChanges, objectChanges } from '../kubernetes/change-objects.ts';
import { loadNeeded, rollout } from './create.ts';
import { explained } from './failure-evidence.ts';
import { accessTo, kindHandle } from './handle.ts';
import { localImages, requireLocal } from './images.ts';
import type { KindDeps } from './kind-deps.ts';
import { clusterOf, given, readArtifacts, writeArtifacts } from '../kubernetes/materials.ts';
import { workloadTargets } from '../kubernetes/rollout-targets.ts';

/**
 * Removes the objects that the lab has no more, applies the files that differ from those on disk, and waits for the workloads. Images that are wanted
 * are loaded, even where nothing else differs.
 *
 * @throws EnvironmentError IMAGE_MISSING before anything is touched; CommandError with what the API server said, and EngineError NOT_READY, each
 * with the folder that holds what the cluster said; LabError INTERRUPTED
 */
export async function changeClusters(deps: KindDeps, handle: EngineHandle, from: LabPlan, to: LabPlan, context: UpContext): Promise<void> {
  const { directory, materials, signal } = context;
  const running = kindHandle(handle);
  const artifacts = given(materials.artifacts, to.name);
  requireLocal(running.provider, materials.load, await localImages(deps, running.provider, materials.load, { signal }));
  const previous = await readArtifacts(directory);
  await writeArtifacts(directory, artifacts);
  for (const files of artifacts.clusters) {
    const access = accessTo(deps, running, files.name, files.engineName);
    try {
      const kubectl = kubectlFor(access, deps);
      const changes = objectChanges(from, to, previous, artifacts, files);
      if (changes.gone.length + changes.paths.length + materials.load.length === 0) continue;
      await loadNeeded({ deps, artifacts, files, provider: running.provider, context });
      await applyChanges(kubectl, artifacts, changes, context);
      const cluster = clusterOf(to, files);
      await rollout({ deps, context }, kubectl, 'workloads ready', [...files.cniRollouts, ...workloadTargets(cluster)], false);
    } catch (error) {
      throw await explained(deps, context, { lab: to.name, provider: running.provider, engineName: files.engineName, access, kindOutput: '' }, error);
    }
  }
}
