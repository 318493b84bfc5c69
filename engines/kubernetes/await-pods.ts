/** Waiting for the pods of a verification: what does not come up is told with its reason, and the rest goes on. */
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from '../../topology/errors.ts';
import { isReady, nodeOf, podIPsOf, type EventObject, type NodeObject, type ObjectList, type PodObject } from './api-objects.ts';
import { nodeFacts, type NodeFacts } from './facts.ts';
import { interrupted, type Kubectl } from './kubectl.ts';
import { isRequirement, RESPONDERS, roleOf, type Requirement, type Role } from './recorded-pods.ts';
import { nodeReason, podReason, type Reason } from './rollout-state.ts';

export interface NotRun {
  readonly node: string;
  readonly requirement: Role;
  readonly reason: string;
}

export interface Waiting {
  readonly kubectl: Kubectl;
  readonly namespace: string;
  /** Nodes whose pods are waited for; the API may list more. */
  readonly nodes: readonly NodeFacts[];
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  readonly onProgress: (detail: string) => void;
}

/** A pod of a Job takes longer to start and to probe than a responder to start, and each look takes CPU time from it on a small machine. */
const POLL_MS: Readonly<Record<'responders' | 'jobs', number>> = { responders: 250, jobs: 500 };
/** What time alone hardly ever mends is waited for this long once nothing else is missing, times the slowness of the cluster. */
const STUCK_MS = 10_000;
/** A node may be lost while its pods are waited for: its lease runs out after 40 s or more, and nothing says so at the pods. */
const NODES_MS = 5_000;
/** Pods of nodes that are in trouble anyway get this much longer than all others took. */
const GRACE_MS = 2_000;

/** The responders, when all on ready nodes are ready, or time is up: the pods, and what is missing with the reason. */
export async function awaitResponders(waiting: Waiting): Promise<{ readonly pods: readonly PodObject[]; readonly missing: readonly NotRun[] }> {
  const ready = waiting.nodes.filter((node) => node.ready);
  const wanted = ready.flatMap((node) => RESPONDERS.map((role) => ({ node: node.name, role })));
  const isUp = (pod: PodObject): boolean => isReady(pod) && podIPsOf(pod).length > 0;
  const pods = await poll(waiting, wanted, isUp, 'responders');
  const missing = await reasonsFor(
    waiting,
    pods,
    waiting.nodes.flatMap((node) => RESPONDERS.map((role) => ({ node: node.name, role }))),
    isUp,
  );
  return { pods, missing };
}

/**
 * The pods of Jobs, when those on nodes that can be expected to run them have started or ended, or time is up.
 * @param expected nodes that are ready and whose responders came up
 */
export async function awaitJobs(
  waiting: Waiting,
  requirements: readonly Requirement[],
  expected: readonly string[],
  isDone: (pod: PodObject) => boolean,
): Promise<readonly PodObject[]> {
  const wanted = expected.flatMap((node) => requirements.map((role) => ({ node, role })));
  const pods = await poll(waiting, wanted, isDone, 'jobs');
  const open = pods.some((pod) => !isDone(pod) && requirements.some((one) => one === roleOf(pod)));
  if (!open) return pods;
  const others = waiting.nodes.filter((node) => node.ready).flatMap((node) => requirements.map((role) => ({ node: node.name, role })));
  return await poll({ ...waiting, deadlineMs: Math.min(GRACE_MS, waiting.deadlineMs) }, others, isDone, 'jobs');
}

/** Why a role has no pod that is done on a node; none where it has. */
export async function reasonsFor(
  waiting: Waiting,
  pods: readonly PodObject[],
  wanted: readonly Wanted[],
  isDone: (pod: PodObject) => boolean,
): Promise<readonly NotRun[]> {
  const done = keysOf(pods.filter(isDone));
  const missing = wanted.filter(({ node, role }) => !done.has(`${role} ${node}`));
  if (missing.length === 0) return [];
  const { kubectl, namespace, signal } = waiting;
  const args = ['get', 'events', '--namespace', namespace, '--field-selector=type=Warning', '--output=json'];
  const result = await kubectl.patiently(() => kubectl.run(args, { signal }), signal);
  const events = result.exitCode === 0 ? (JSON.parse(result.stdout) as ObjectList<EventObject>).items : [];
  const lost = await nodesInTrouble(waiting);
  return missing.map(({ node, role }) => {
    const pod = pods.findLast((one) => roleOf(one) === role && nodeOf(one) === node && !isDone(one));
    const trouble = lost.get(node) ?? waiting.nodes.find((one) => one.name === node)?.notReady ?? '';
    const why = pod === undefined ? (events.find((one) => one.reason === 'FailedCreate')?.message ?? 'no pod was created for it') : podReason(pod, events).text;
    return { node, requirement: role, reason: trouble === '' ? why : `${trouble}; ${why}` };
  });
}

/** Nodes that are not ready by now, with their words; none where the API does not tell. */
async function nodesInTrouble(waiting: Pick<Waiting, 'kubectl' | 'signal'>): Promise<ReadonlyMap<string, string>> {
  const nodes = await readNodes(waiting);
  return new Map(nodes.filter((node) => !isReady(node)).map((node) => [node.metadata.name, nodeReason(node).text]));
}

/**
 * Those among `waiting.nodes` that have become ready, or not ready, since they were read: what Services lead to has changed with each of them. A remark on what is
 * known by now: none where the API does not answer.
 *
 * @throws {LabError} INTERRUPTED
 */
export async function unsteadyNodes(waiting: Pick<Waiting, 'kubectl' | 'signal' | 'nodes'>): Promise<readonly string[]> {
  const nodes = await readNodes(waiting).catch((error: unknown): readonly NodeObject[] => {
    if (error instanceof LabError && error.code !== 'INTERRUPTED') return [];
    throw error;
  });
  const now = new Map(nodes.map((node) => [node.metadata.name, nodeFacts(node).readyChangedAt]));
  return waiting.nodes.flatMap(({ name, readyChangedAt }) => {
    const later = now.get(name);
    return readyChangedAt === undefined || later === undefined || later === readyChangedAt ? [] : [name];
  });
}

async function readNodes({ kubectl, signal }: Pick<Waiting, 'kubectl' | 'signal'>): Promise<readonly NodeObject[]> {
  const { exitCode, stdout } = await kubectl.patiently(() => kubectl.run(['get', '--raw', '/api/v1/nodes'], { signal }), signal);
  return exitCode === 0 ? (JSON.parse(stdout) as ObjectList<NodeObject>).items : [];
}

/** The pod of a Job that runs is not expected to be ready, but to end. */
function waitsFor(pod: PodObject): Reason {
  const probing = isRequirement(roleOf(pod)) && pod.status?.phase === 'Running';
  return probing ? { text: `pod ${pod.metadata.name} on ${nodeOf(pod)} probes`, stuck: false } : podReason(pod);
}

interface Wanted {
  readonly node: string;
  readonly role: Role;
}

/** `r1 worker1`: the role and the node of each. */
export function keysOf(pods: readonly PodObject[]): ReadonlySet<string> {
  return new Set(pods.map((pod) => `${roleOf(pod) ?? ''} ${nodeOf(pod)}`));
}

const DONE = { responders: 'responders are ready', jobs: 'Jobs have ended' } as const;

async function poll(waiting: Waiting, wanted: readonly Wanted[], isDone: (pod: PodObject) => boolean, what: keyof typeof DONE): Promise<readonly PodObject[]> {
  const { kubectl, namespace, signal, deadlineMs, onProgress } = waiting;
  const started = performance.now();
  const { slowness } = kubectl;
  let told = '';
  let stuckSince: number | null = null;
  let lost: ReadonlyMap<string, string> = new Map();
  let nodesAt = started;
  for (;;) {
    if (signal.aborted) throw interrupted();
    const asked = performance.now();
    const ask = (): Promise<ObjectList<PodObject>> => kubectl.json(['get', '--raw', `/api/v1/namespaces/${namespace}/pods`], { signal });
    const { items } = await kubectl.patiently(ask, signal);
    const done = keysOf(items.filter(isDone));
    const missing = wanted.filter(({ node, role }) => !done.has(`${role} ${node}`));
    const now = performance.now();
    if (missing.length === 0 || now - started > deadlineMs) return items;
    const open = new Map(items.filter((pod) => !isDone(pod)).map((pod) => [`${roleOf(pod) ?? ''} ${nodeOf(pod)}`, waitsFor(pod)]));
    if (asked - nodesAt > NODES_MS) {
      lost = await nodesInTrouble(waiting);
      nodesAt = asked;
    }
    const reasons = missing.map(({ node, role }) => {
      const trouble = lost.get(node);
      if (trouble !== undefined) return { text: trouble, stuck: true };
      return open.get(`${role} ${node}`) ?? { text: `no pod of ${role} on ${node} yet`, stuck: false };
    });
    if (!reasons.every((one) => one.stuck)) stuckSince = null;
    else if (now - (stuckSince ??= now) > STUCK_MS * slowness) return items;
    const text = `${wanted.length - missing.length} of ${wanted.length} ${DONE[what]}; ${(reasons.find((one) => one.stuck) ?? reasons[0])?.text ?? ''}`;
    if (text !== told) onProgress(text);
    told = text;
    // A list of thousands of pods takes its time: half of it is left to the API server.
    await sleep(Math.max(POLL_MS[what] - (now - asked), Math.min(now - asked, 5_000) - POLL_MS[what], 0), undefined, { signal }).catch(() => {});
  }
}
