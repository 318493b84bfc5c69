/** A running lab that becomes another in place: its Kubernetes objects. What its nodes are made of is refused before (`replace-reasons.ts`). */
import type { ArtifactSet, ClusterArtifacts } from '../../topology/artifacts.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { kubectlFor } from '../kubernetes/kubectl.ts';
import type { EngineHandle, UpContext } from '../port.ts';
import { applyManifests } from './apply-manifests.ts';
import { clusterOf, loadNeeded, rollout } from './create.ts';
import { explained } from './failure-evidence.ts';
import { accessTo, kindHandle } from './handle.ts';
import { localImages, requireLocal } from './images.ts';
import type { KindDeps } from './kind-deps.ts';
import { given, readArtifacts, writeArtifacts } from './materials.ts';
import { step } from '../step.ts';
import { removedObjects, workloadTargets } from './targets.ts';

/** Deleting waits for what it deletes to be gone. */
const DELETE_MS = 120_000;

/**
 * Removes the objects that the lab has no more, applies the files that differ from those on disk, and waits for the workloads. Images that are wanted
 * are loaded, even where nothing else differs.
 *
 * @throws EnvironmentError IMAGE_MISSING before anything is touched; CommandError with what the API server said, and EngineError NOT_READY, each
 * with the folder that holds what the cluster said; LabError INTERRUPTED
 */
export async function changeClusters(deps: KindDeps, handle: EngineHandle, from: LabPlan, to: LabPlan, context: UpContext): Promise<void> {
  const { directory, materials, onEvent, signal } = context;
  const running = kindHandle(handle);
  const artifacts = given(materials.artifacts, to.name);
  requireLocal(running.provider, materials.load, await localImages(deps, running.provider, materials.load, { signal }));
  const previous = await readArtifacts(directory);
  await writeArtifacts(directory, artifacts);
  for (const files of artifacts.clusters) {
    const access = accessTo(deps, running, files.name, files.engineName);
    try {
      const kubectl = kubectlFor(access, deps);
      const cluster = clusterOf(to, files);
      const gone = removedObjects(clusterOf(from, files).objects, cluster.objects);
      const paths = changedPaths(previous, artifacts, files);
      if (gone.length === 0 && paths.length === 0 && materials.load.length === 0) continue;
      await loadNeeded({ deps, artifacts, files, provider: running.provider, context });
      if (gone.length > 0) {
        const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: gone });
        const names = gone.map(({ kind, metadata }) => `${kind} ${metadata.name}`).join(', ');
        await step(onEvent, 'delete objects', names, () =>
          kubectl.text(['delete', '--ignore-not-found', '--wait=true', '--filename=-'], { input, signal, timeoutMs: DELETE_MS }),
        );
      }
      if (paths.length > 0) await step(onEvent, 'apply changes', paths.join(', '), () => applyManifests(kubectl, { artifacts, directory, paths, signal }));
      await rollout({ deps, context }, kubectl, 'workloads ready', [...files.cniRollouts, ...workloadTargets(cluster)], false);
    } catch (error) {
      throw await explained(deps, context, { lab: to.name, provider: running.provider, engineName: files.engineName, access, kindOutput: '' }, error);
    }
  }
}

/**
 * Manifests of a cluster whose text was not applied to it before, in their order. The text decides: a file's number moves when another is taken out. What another
 * cluster has, this one may not.
 */
export function changedPaths(
  previous: ArtifactSet,
  next: ArtifactSet,
  { name, cni, workloads }: Pick<ClusterArtifacts, 'name' | 'cni' | 'workloads'>,
): readonly string[] {
  const own = previous.clusters.filter((one) => one.name === name).flatMap((one) => [...one.cni, ...one.workloads]);
  const before = new Set(previous.files.filter(({ path }) => own.includes(path)).map(({ sha256 }) => sha256));
  const digests = new Map(next.files.map(({ path, sha256 }) => [path, sha256]));
  return [...cni, ...workloads].filter((path) => !before.has(digests.get(path) ?? ''));
}
