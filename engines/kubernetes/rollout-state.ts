/** Why a cluster is not ready yet, read off its objects: pure. */
import type { RolloutTarget } from '../../topology/artifacts.ts';
import { isReady, nodeOf, type EventObject, type NodeObject, type PodObject, type WorkloadObject } from './api-objects.ts';

export interface RolloutState {
  readonly nodes: readonly NodeObject[];
  readonly workloads: readonly WorkloadObject[];
  readonly pods: readonly PodObject[];
  /** Warnings; read only when something takes long. */
  readonly events: readonly EventObject[];
  /** `namespace/pod` → the last lines of the container that crashes; read only when something takes long. */
  readonly logs: Readonly<Record<string, string>>;
}

export interface Reason {
  readonly text: string;
  /** Time alone mends it hardly ever: an image that cannot be pulled, a container that crashes again and again. */
  readonly stuck: boolean;
}

/** Warnings that say why a pod does not start. */
const TELLING: ReadonlySet<string> = new Set(['FailedCreatePodSandBox', 'FailedMount', 'FailedAttachVolume', 'NetworkNotReady', 'FailedScheduling', 'Failed']);
const IMAGE: ReadonlySet<string> = new Set(['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'ErrImageNeverPull', 'ImageInspectError']);
/** Restarts after which a crash is no longer a matter of order. */
const RESTARTS = 3;
const SHOWN_PODS = 3;

/** What is waited for besides the targets. */
export interface Besides {
  readonly nodes: boolean;
}

/** What is not ready of the targets, and of the nodes where they are asked for; none when all is. */
export function reasonsNotReady(state: RolloutState, targets: readonly RolloutTarget[], options: Besides): readonly Reason[] {
  const nodes = options.nodes ? state.nodes.filter((node) => !isReady(node)).map(nodeReason) : [];
  if (options.nodes && state.nodes.length === 0) nodes.push({ text: 'the cluster has no node yet', stuck: false });
  return [...targets.flatMap((target) => targetReasons(state, target)), ...nodes];
}

/** The words of a node's conditions. */
export function nodeReason(node: NodeObject): Reason {
  const conditions = node.status?.conditions ?? [];
  const pressing = conditions.filter((one) => one.type !== 'Ready' && one.status === 'True').map((one) => one.message ?? one.type);
  const ready = conditions.find((one) => one.type === 'Ready');
  const why = [ready?.message ?? ready?.reason ?? 'its kubelet has not reported yet', ...pressing].join('; ');
  return { text: `node ${node.metadata.name} is not ready: ${oneLine(why)}`, stuck: false };
}

function targetReasons(state: RolloutState, target: RolloutTarget): readonly Reason[] {
  if (target.kind === 'Pod') return barePodReasons(state, target);
  const name = `${target.kind} ${target.namespace}/${target.name}`;
  const found = state.workloads.find((one) => one.kind === target.kind && one.metadata.namespace === target.namespace && one.metadata.name === target.name);
  if (found === undefined) return [{ text: `${name} is not there`, stuck: false }];
  const { wanted, ready, seen } = progressOf(found);
  if (seen && ready >= wanted) return [];
  const labels = Object.entries(found.spec?.selector?.matchLabels ?? {});
  const pods = state.pods.filter(
    (pod) =>
      pod.metadata.namespace === target.namespace && labels.length > 0 && labels.every(([key, value]) => pod.metadata.labels?.[key] === value) && !isReady(pod),
  );
  const head = { text: seen ? `${name}: ${ready} of ${wanted} ready` : `${name}: its controller has not seen it yet`, stuck: false };
  return [head, ...pods.slice(0, SHOWN_PODS).map((pod) => podReason(pod, state.events, state.logs))];
}

/** A pod without a controller: ready, or done. */
function barePodReasons(state: RolloutState, { namespace, name }: RolloutTarget): readonly Reason[] {
  const pod = state.pods.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name);
  if (pod === undefined) return [{ text: `pod ${namespace}/${name} is not there`, stuck: false }];
  return isReady(pod) || pod.status?.phase === 'Succeeded' ? [] : [podReason(pod, state.events, state.logs)];
}

/** Replicas wanted, and those of the newest revision that are available; `seen`: the status is about the present generation. */
function progressOf({ kind, metadata, spec, status }: WorkloadObject): { readonly wanted: number; readonly ready: number; readonly seen: boolean } {
  const seen = (status?.observedGeneration ?? 0) >= (metadata.generation ?? 1);
  if (kind === 'DaemonSet') {
    return { wanted: status?.desiredNumberScheduled ?? 0, ready: Math.min(status?.updatedNumberScheduled ?? 0, status?.numberAvailable ?? 0), seen };
  }
  const wanted = spec?.replicas ?? 1;
  const ready = kind === 'Deployment' ? (status?.availableReplicas ?? 0) : (status?.readyReplicas ?? 0);
  // Replicas of an old revision are still counted as available while they are replaced.
  const old = Math.max(0, (status?.replicas ?? 0) - (status?.updatedReplicas ?? 0));
  return { wanted, ready: Math.min(status?.updatedReplicas ?? 0, ready - old), seen };
}

/** Why a pod does not run, or is not ready, as precisely as its status, the warnings about it and the end of its log tell. */
export function podReason(pod: PodObject, events: readonly EventObject[] = [], logs: Readonly<Record<string, string>> = {}): Reason {
  const { namespace = '', name } = pod.metadata;
  const node = nodeOf(pod);
  const place = `pod ${namespace}/${name}${node === '' ? '' : ` on ${node}`}`;
  const said = (text: string, stuck = false): Reason => ({ text: `${place}: ${oneLine(text)}`, stuck });
  const status = pod.status ?? {};
  const scheduled = status.conditions?.find((one) => one.type === 'PodScheduled');
  if (scheduled?.status === 'False') return said(`cannot be scheduled: ${scheduled.message ?? scheduled.reason ?? ''}`);
  if (status.phase === 'Failed' && status.reason !== undefined) return said(`${status.reason}: ${status.message ?? ''}`, true);
  for (const container of [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]) {
    const { waiting, terminated } = container.state ?? {};
    const reason = waiting?.reason ?? '';
    if (IMAGE.has(reason)) return said(`image of container ${container.name} cannot be pulled: ${waiting?.message ?? reason}`, true);
    const ended = container.lastState?.terminated ?? terminated;
    const crashed = reason === 'CrashLoopBackOff' || (terminated !== undefined && terminated.exitCode !== 0);
    if (crashed) {
      const log = logs[`${namespace}/${name}`] ?? '';
      const how = `container ${container.name} crashes (${ended?.reason ?? reason}, exit code ${ended?.exitCode ?? '?'})`;
      return said(
        log === '' ? `${how}${ended?.message === undefined ? '' : `: ${ended.message}`}` : `${how}, its last words: ${log}`,
        (container.restartCount ?? 0) >= RESTARTS,
      );
    }
    if (reason !== '' && reason !== 'ContainerCreating' && reason !== 'PodInitializing')
      return said(`container ${container.name}: ${reason} ${waiting?.message ?? ''}`);
  }
  const warning = events.findLast((one) => one.involvedObject?.name === name && one.involvedObject.namespace === namespace && TELLING.has(one.reason ?? ''));
  const running = status.containerStatuses?.some((one) => one.state?.running !== undefined) ?? false;
  if (running) {
    const unhealthy = events.findLast((one) => one.involvedObject?.name === name && one.involvedObject.namespace === namespace && one.reason === 'Unhealthy');
    return said(`runs, and is not ready yet${unhealthy === undefined ? '' : `: ${unhealthy.message ?? ''}`}`);
  }
  if (warning !== undefined) return said(`${warning.reason}: ${warning.message ?? ''}`);
  return said(node === '' ? 'waits to be scheduled' : 'its containers are being created');
}

/** Logs and messages of several lines read badly in a list; runs of blanks say nothing. */
function oneLine(text: string): string {
  return text
    .trim()
    .replaceAll(/\s*\n\s*/g, ' | ')
    .replaceAll(/\s+/g, ' ')
    .slice(0, 600);
}
