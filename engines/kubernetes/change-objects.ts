/** A running cluster that becomes another in place: its Kubernetes objects. */
import type { ArtifactSet, ClusterArtifacts } from '../../topology/artifacts.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { UpContext } from '../port.ts';
import { step } from '../step.ts';
import { applyManifests } from './apply-manifests.ts';
import type { Kubectl } from './kubectl.ts';
import { clusterOf } from './materials.ts';
import { removedObjects, type ObjectName } from './rollout-targets.ts';

/** Deleting waits for what it deletes to be gone. For nodes at full speed: for slower ones `kubectlFor` stretches it. */
const DELETE_MS = 120_000;

/** What changes in one cluster. */
export interface ObjectChanges {
  readonly gone: readonly ObjectName[];
  /** Files to apply. */
  readonly paths: readonly string[];
}

/** What separates the objects of a cluster of `from`, made of the files `previous`, from those of `to`. */
export function objectChanges(from: LabPlan, to: LabPlan, previous: ArtifactSet, next: ArtifactSet, files: ClusterArtifacts): ObjectChanges {
  return { gone: removedObjects(clusterOf(from, files).objects, clusterOf(to, files).objects), paths: changedPaths(previous, next, files) };
}

/**
 * Removes the objects that the lab has no more, and applies the files that differ.
 * @throws CommandError with what the API server said
 */
export async function applyChanges(
  kubectl: Kubectl,
  artifacts: ArtifactSet,
  { gone, paths }: ObjectChanges,
  { directory, onEvent, signal }: Pick<UpContext, 'directory' | 'onEvent' | 'signal'>,
): Promise<void> {
  if (gone.length > 0) {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: gone });
    const names = gone.map(({ kind, metadata }) => `${kind} ${metadata.name}`).join(', ');
    await step(onEvent, 'delete objects', names, () =>
      kubectl.text(['delete', '--ignore-not-found', '--wait=true', '--filename=-'], { input, signal, timeoutMs: DELETE_MS }),
    );
  }
  if (paths.length > 0) await step(onEvent, 'apply changes', paths.join(', '), () => applyManifests(kubectl, { artifacts, directory, paths, signal }));
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
