/** Bringing the clusters of a lab up. Everything is found again by the incarnation's directory from before the first container on. */
import type { ArtifactSet, ClusterArtifacts } from '../../topology/artifacts.ts';
import type { ClusterPlan, LabPlan } from '../../topology/plan.ts';
import { kubectlFor, type Kubectl } from '../kubernetes/kubectl.ts';
import { waitReady } from '../kubernetes/wait-ready.ts';
import type { EngineHandle, UpContext } from '../port.ts';
import { applyManifests } from '../kubernetes/apply-manifests.ts';
import type { Provider } from './container-engine.ts';
import { explained } from './failure-evidence.ts';
import { accessTo, handleFor, handleOf } from './handle.ts';
import { alwaysPulled, loadImages, pullNodeImage } from './images.ts';
import { throwIfInterrupted } from '../interruption.ts';
import type { KindDeps } from './kind-deps.ts';
import { clusterOf, given, writeArtifacts } from '../kubernetes/materials.ts';
import { writeOwner, type Owner } from './owner.ts';
import { copyPlugins } from '../kubernetes/node-plugins.ts';
import { preflight } from './preflight.ts';
import { runKind } from './run-kind.ts';
import { step } from '../step.ts';
import { CLUSTER_DNS, workloadTargets } from '../kubernetes/rollout-targets.ts';

/**
 * Creates all clusters of a lab, one after the other: kubeadm's time limits are made for a cluster that has the machine to itself.
 *
 * @throws EnvironmentError of the preflight; EngineError with the folder that holds what the cluster said; LabError INTERRUPTED
 */
export async function createClusters(deps: KindDeps, plan: LabPlan, context: UpContext): Promise<EngineHandle> {
  const { directory, materials, onEvent, onHandle, signal } = context;
  const artifacts = given(materials.artifacts, plan.name);
  const { provider, pull } = await step(
    onEvent,
    'preflight',
    'kind',
    () => preflight(deps, plan, artifacts, materials),
    ({ advice }) => ['kind', ...advice].join('; '),
  );
  for (const image of pull) await step(onEvent, 'pull node image', image, () => pullNodeImage(deps, provider, image, { signal }));
  throwIfInterrupted(signal);
  const owner: Owner = {
    lab: plan.name,
    directory,
    provider,
    clusters: artifacts.clusters.map(({ engineName }) => engineName),
    containers: plan.clusters.reduce((sum, cluster) => sum + containersWanted(cluster), 0),
    writtenAt: new Date().toISOString(),
  };
  await writeOwner(owner);
  await writeArtifacts(directory, artifacts);
  await copyPlugins(
    deps,
    artifacts.clusters.flatMap(({ plugins }) => plugins),
    directory,
  );
  const handle = handleOf(handleFor(owner, artifacts.clusters));
  await onHandle(handle);
  for (const files of artifacts.clusters) await createCluster({ deps, plan, cluster: clusterOf(plan, files), artifacts, files, provider, context });
  return handle;
}

/** One cluster on its way. */
interface Coming {
  readonly deps: KindDeps;
  readonly plan: LabPlan;
  readonly cluster: ClusterPlan;
  readonly artifacts: ArtifactSet;
  readonly files: ClusterArtifacts;
  readonly provider: Provider;
  readonly context: UpContext;
}

async function createCluster(coming: Coming): Promise<void> {
  const { deps, plan, files, provider, context } = coming;
  const access = accessTo(deps, { directory: context.directory, provider }, files.name, files.engineName);
  const output: string[] = [];
  try {
    await runKind(deps, { directory: context.directory, provider, files, output, onEvent: context.onEvent, signal: context.signal });
    await fillCluster(coming, kubectlFor(access, deps));
  } catch (error) {
    throw await explained(deps, context, { lab: plan.name, provider, engineName: files.engineName, access, kindOutput: output.join('\n') }, error);
  }
}

/** Everything after kind: images, the CNI, what makes nodes ready, workloads. */
async function fillCluster(coming: Coming, kubectl: Kubectl): Promise<void> {
  const { cluster, artifacts, files, context } = coming;
  const { directory, onEvent, signal } = context;
  const apply = async (paths: readonly string[]): Promise<void> => await applyManifests(kubectl, { artifacts, directory, paths, signal });
  await loadNeeded(coming);
  if (files.cni.length > 0) await step(onEvent, 'install CNI', cluster.cni.type, () => apply(files.cni));
  await rollout(coming, kubectl, 'nodes and cluster DNS ready', [...files.cniRollouts, CLUSTER_DNS], true);
  if (files.workloads.length === 0) return;
  await step(onEvent, 'apply workloads', counted(files.workloads.length, 'file'), () => apply(files.workloads));
  await rollout(coming, kubectl, 'workloads ready', workloadTargets(cluster), false);
}

/** Loads what a cluster needs from this machine into its nodes. */
export async function loadNeeded({
  deps,
  artifacts,
  files,
  provider,
  context,
}: Pick<Coming, 'deps' | 'artifacts' | 'files' | 'provider' | 'context'>): Promise<void> {
  const { load, offline } = context.materials;
  const request = {
    directory: context.directory,
    provider,
    cluster: files.engineName,
    node: files.nodes[0]?.name ?? '',
    needed: artifacts.images,
    wanted: load,
    offline,
    signal: context.signal,
  };
  const always = alwaysPulled([...artifacts.images, ...load]);
  await step(
    context.onEvent,
    'load images',
    files.engineName,
    () => loadImages(deps, request),
    (loaded) =>
      [
        loaded.length === 0 ? 'the nodes have what is on this machine' : loaded.join(', '),
        ...(always.length === 0 ? [] : [`${always.join(', ')}: the tag :latest is pulled all the same, unless imagePullPolicy says IfNotPresent`]),
      ].join('; '),
  );
}

/** Waits, and shows what is not ready yet. */
export async function rollout(
  { deps, context }: Pick<Coming, 'deps' | 'context'>,
  kubectl: Kubectl,
  name: string,
  targets: Parameters<typeof waitReady>[1],
  nodes: boolean,
): Promise<void> {
  const { onEvent, signal } = context;
  await step(
    onEvent,
    name,
    kubectl.access.cluster,
    async (progress) => await waitReady(kubectl, targets, { nodes, deadlineMs: deps.readyWithinMs, signal, onProgress: progress }),
  );
}

/** A node each, and the balancer that kind puts in front of several control planes. */
function containersWanted({ nodes }: ClusterPlan): number {
  return nodes.length + (nodes.filter(({ role }) => role === 'control-plane').length > 1 ? 1 : 0);
}

const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
