import { setTimeout as sleep } from 'node:timers/promises';
import type { RolloutTarget } from '../../topology/artifacts.ts';
import { EngineError, LabError } from '../../topology/errors.ts';
import { isReady, type EventObject, type NodeObject, type ObjectList, type PodObject, type WorkloadObject } from './api-objects.ts';
import { interrupted, patient, PATIENCE_MS, type Kubectl } from './kubectl.ts';
import { reasonsNotReady, type Reason, type RolloutState } from './rollout-state.ts';

export interface WaitReadyOptions {
  /** Every node has to be ready, too. */
  readonly nodes: boolean;
  readonly deadlineMs: number;
  /** How long what time hardly ever mends is waited for. @default 20000 */
  readonly stuckMs?: number;
  readonly signal: AbortSignal;
  /** What is not ready yet, in words; called when it changes. */
  readonly onProgress: (reason: string) => void;
}

const POLL_MS = 250;
/** What time hardly ever mends is waited for this long. */
const STUCK_MS = 20_000;
/** Warnings are read again only every so often: a cluster has many. */
const EVENTS_MS = 3_000;
const LOG_LINES = 10;
const LOGS = 3;

/**
 * Waits until all targets are rolled out and, when asked, all nodes are ready. One kubectl call per poll. What is stuck (an image that cannot be
 * pulled, a container that keeps crashing) ends the wait after {@link STUCK_MS}, not at the deadline.
 *
 * @throws {EngineError} NOT_READY with every reason
 * @throws {LabError} INTERRUPTED, and what kubectl throws
 */
export async function waitReady(kubectl: Kubectl, targets: readonly RolloutTarget[], options: WaitReadyOptions): Promise<void> {
  const { signal, deadlineMs } = options;
  const kinds = ['nodes', 'pods', ...new Set(targets.filter(({ kind }) => kind !== 'Pod').map(({ kind }) => `${kind.toLowerCase()}s.apps`))].join(',');
  const namespaces = new Set(targets.map((one) => one.namespace));
  const scope = namespaces.size === 1 ? ['--namespace', [...namespaces][0] ?? ''] : ['--all-namespaces'];
  const started = performance.now();
  // An API server without processor time to spare is silent for minutes, and comes back.
  const { slowness } = kubectl;
  const patienceMs = slowness > 1 ? deadlineMs : PATIENCE_MS;
  let told = '';
  let stuckSince: number | null = null;
  let events: readonly EventObject[] = [];
  let eventsAt = started;
  for (;;) {
    if (signal.aborted) throw interrupted();
    const asked = performance.now();
    const ask = (): Promise<ObjectList<NodeObject | PodObject | WorkloadObject>> => kubectl.json(['get', kinds, ...scope, '--output=json'], { signal });
    const list = await patient(ask, patienceMs, signal, (error) => slowness > 1 && isForbidden(error));
    if (asked - eventsAt > EVENTS_MS * slowness) {
      eventsAt = asked;
      events = await readWarnings(kubectl, signal);
    }
    const state = stateOf(list.items, events, {});
    const reasons = reasonsNotReady(state, targets, options);
    if (reasons.length === 0) return;
    const now = performance.now();
    if (!reasons.some((one) => one.stuck)) stuckSince = null;
    else stuckSince ??= now;
    if (now - started >= deadlineMs || (stuckSince !== null && now - stuckSince >= (options.stuckMs ?? STUCK_MS))) {
      throw await notReady(kubectl, state, targets, options, Math.round((now - started) / 1000));
    }
    const text = describe(reasons);
    if (text !== told) options.onProgress(text);
    told = text;
    // An API server that is slow to answer has as long for what it is there for.
    await sleep(Math.max(POLL_MS * slowness - (now - asked), Math.min(now - asked, POLL_MS * slowness)), undefined, { signal }).catch(() => {});
  }
}

/** An API server that has just started knows no rule yet, not even the administrator's. */
function isForbidden(error: unknown): boolean {
  return error instanceof LabError && error.code === 'FORBIDDEN_BY_CLUSTER';
}

/** The most precise reason, and how many there are besides. */
function describe(reasons: readonly Reason[]): string {
  const most = reasons.find((one) => one.stuck) ?? reasons[0];
  return `${most?.text ?? ''}${reasons.length > 1 ? ` (and ${reasons.length - 1} more)` : ''}`;
}

function stateOf(items: readonly (NodeObject | PodObject | WorkloadObject)[], events: RolloutState['events'], logs: RolloutState['logs']): RolloutState {
  const of = <T extends { readonly kind?: string }>(accepts: (kind: string) => boolean): T[] =>
    items.filter((one) => accepts(one.kind ?? '')) as unknown as T[];
  return {
    nodes: of<NodeObject>((kind) => kind === 'Node'),
    pods: of<PodObject>((kind) => kind === 'Pod'),
    workloads: of<WorkloadObject>((kind) => kind !== 'Node' && kind !== 'Pod'),
    events,
    logs,
  };
}

async function readWarnings(kubectl: Kubectl, signal: AbortSignal): Promise<readonly EventObject[]> {
  const args = ['get', 'events', '--all-namespaces', '--field-selector=type=Warning', '--output=json'];
  const result = await kubectl.patiently(() => kubectl.run(args, { signal }), signal);
  return result.exitCode === 0 ? (JSON.parse(result.stdout) as ObjectList<EventObject>).items : [];
}

async function notReady(
  kubectl: Kubectl,
  last: RolloutState,
  targets: readonly RolloutTarget[],
  options: WaitReadyOptions,
  seconds: number,
): Promise<LabError> {
  const { signal } = options;
  const events = await readWarnings(kubectl, signal);
  const logs = await crashLogs(kubectl, last.pods, signal);
  if (signal.aborted) return interrupted();
  const reasons = reasonsNotReady({ ...last, events, logs }, targets, options).map((one) => one.text);
  return new EngineError({
    code: 'NOT_READY',
    message: `not ready after ${seconds} s: ${reasons.join('\n  ')}`,
    hint: 'mend the first reason; the others often follow from it',
    details: { cluster: kubectl.access.cluster, reasons },
  });
}

/** The last lines of containers that crash, of a few pods. */
async function crashLogs(kubectl: Kubectl, pods: readonly PodObject[], signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
  const crashing = pods.flatMap((pod) => {
    const container = isReady(pod)
      ? undefined
      : [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])].find(
          (one) => (one.restartCount ?? 0) > 0 || (one.state?.terminated?.exitCode ?? 0) !== 0,
        );
    return container === undefined ? [] : [{ pod, container }];
  });
  const read = await Promise.all(
    crashing.slice(0, LOGS).map(async ({ pod, container }) => {
      const { namespace = '', name } = pod.metadata;
      const args = ['logs', '--namespace', namespace, name, '--container', container.name, `--tail=${LOG_LINES}`];
      const previous = (container.restartCount ?? 0) > 0 && container.state?.running === undefined ? ['--previous'] : [];
      // The reasons are told also where a log cannot be read.
      const result = await kubectl.run([...args, ...previous], { signal, timeoutMs: 5000 }).catch(() => null);
      return [`${namespace}/${name}`, result?.exitCode === 0 ? result.stdout : ''] as const;
    }),
  );
  return Object.fromEntries(read);
}
