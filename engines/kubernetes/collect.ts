/** The run of a verification in a cluster: its objects are created, their evidence is read, and everything is removed again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError, LabError } from '../../topology/errors.ts';
import { PROBE_PORT } from '../../topology/probing.ts';
import type { KubernetesObject } from '../../topology/spec.ts';
import type { KubernetesAccess, OnEvent } from '../port.ts';
import { step } from '../step.ts';
import type { PodObject } from './api-objects.ts';
import { awaitProxies } from './await-proxies.ts';
import { awaitJobs, awaitResponders, keysOf, reasonsFor, unsteadyNodes, type NotRun, type Waiting } from './await-pods.ts';
import { conntrackReadings, conntrackScript, conntrackUnread, type RecordedConntrack } from './conntrack-text.ts';
import { parseEvidence, type ParsedEvidence } from './evidence.ts';
import type { ClusterFacts } from './facts.ts';
import { kubectlFor, type Kubectl } from './kubectl.ts';
import { DEADLINE_ANNOTATION, removeNamespace } from './namespaces.ts';
import { hasEnded, hasStarted, isRequirement, recordedPods, REQUIREMENTS, roleOf, type RecordedPod, type Requirement } from './recorded-pods.ts';
import { targetLines, type TargetLine } from './targets.ts';

/** The objects of a verification, as `constructs` makes them. */
export interface VerificationObjectsLike {
  readonly namespace: KubernetesObject;
  readonly responders: readonly KubernetesObject[];
  readonly script: KubernetesObject;
  readonly jobs: readonly KubernetesObject[];
}

export interface CollectInput {
  readonly access: KubernetesAccess;
  readonly facts: ClusterFacts;
  /** Round 0 is for all nodes; later ones are for nodes that did not report, with other names for the Jobs. */
  readonly objects: (round: { readonly onlyNodes?: readonly string[]; readonly round?: number }) => VerificationObjectsLike;
  readonly targets: (lines: readonly TargetLine[]) => KubernetesObject;
  /** Time for the responders to come up, with an image to be pulled. @default 120000 */
  readonly respondersMs?: number;
  readonly signal: AbortSignal;
  readonly onEvent: OnEvent;
  /**
   * What is asked besides of the network, settled before anything is created, with lines without responders: objects that the Jobs need, and pods to enter
   * after them, whose evidence is added. null: nothing. `objects` is asked once this is settled.
   */
  readonly beyond?: (targets: readonly TargetLine[]) => Promise<Beyond | null>;
  /** @default kubectl of this machine */
  readonly kubectl?: Kubectl;
}

export interface Beyond {
  readonly objects: readonly KubernetesObject[];
  /** Resolves to the lines that the pods printed. */
  readonly enter: () => Promise<string>;
  /** The longest that entering takes, in milliseconds. */
  readonly enterMs: number;
}

/** What a verification found, before it is judged. JSON but for `cleanup`. */
export interface Collected {
  readonly namespace: string;
  readonly evidence: ParsedEvidence;
  /** Responders that have an address, and one pod for each requirement and node: the one whose evidence counts. */
  readonly pods: readonly RecordedPod[];
  readonly targets: readonly TargetLine[];
  /** Flows to the probed port as the nodes track them; empty where nodes cannot be entered. */
  readonly conntrack: readonly RecordedConntrack[];
  /** What is missing, and why: pairs of it prove nothing. */
  readonly notRun: readonly NotRun[];
  /** Nodes that became ready, or not ready, while they were asked. */
  readonly unsteady: readonly string[];
  /** Nodes whose kube-proxy had not programmed all that it was told when probing began; none where Services were not asked for. */
  readonly behind: readonly string[];
  /** The removal of the namespace, under way. Await it before the command ends. @throws {EngineError} CLEANUP_FAILED */
  readonly cleanup: Promise<void>;
}

const RESPONDERS_MS = 120_000;
/** From the end of a Job's own time until the API tells that its pods have ended. */
const ENDING_MS = 3_000;
/** For what a verification does besides waiting for responders and Jobs: creating, reading, removing, each with patience. */
const BESIDES_MS = 180_000;
/** kubectl processes that read logs at once. */
const LANES = 3;
/** The logs of so many pods are read by one process, which asks for one after the other; those of more, or of a slow cluster, by several side by side. */
const FEW_PODS = 12;
const areFew = (pods: number, { slowness }: Kubectl): boolean => pods <= FEW_PODS && slowness === 1;

/**
 * Runs a verification: creates its namespace and responders, gives the Jobs the responders' addresses, waits for the Jobs, reads their logs and the
 * nodes' connection tracking. A node that does not take part is in `notRun`, and the others go on. The namespace is removed whatever happens; after
 * an error it is gone when this rejects.
 *
 * @throws {LabError} FORBIDDEN_BY_CLUSTER, NOT_READY when no responder comes up, INTERRUPTED, and what kubectl throws
 * @throws {EngineError} CLEANUP_FAILED, with the first error as its cause
 */
export async function collectVerification(input: CollectInput): Promise<Collected> {
  const kubectl = input.kubectl ?? kubectlFor(input.access);
  // What is asked decides how much time the Jobs have, and by when the namespace is gone.
  const beyond = (await input.beyond?.(targetLines(input.facts, []))) ?? null;
  const first = input.objects({});
  const namespace = first.namespace.metadata.name;
  try {
    const found = await run(input, kubectl, namespace, first, beyond);
    const cleanup = step(input.onEvent, `remove namespace ${namespace}`, '', () => removeNamespace(kubectl, namespace));
    // Whoever awaits it learns of a failure; until then it is no unhandled rejection.
    cleanup.catch(() => {});
    return { namespace, ...found, cleanup };
  } catch (error) {
    await step(input.onEvent, `remove namespace ${namespace}`, '', () => removeNamespace(kubectl, namespace)).catch((problem: unknown) => {
      if (!(problem instanceof LabError)) throw problem;
      const { code, hint, details } = problem;
      throw new EngineError({
        code,
        hint,
        details,
        message: `${problem.message}; before that: ${error instanceof Error ? error.message : String(error)}`,
        cause: error,
      });
    });
    throw error;
  }
}

async function run(
  input: CollectInput,
  kubectl: Kubectl,
  namespace: string,
  first: VerificationObjectsLike,
  beyond: Beyond | null,
): Promise<Omit<Collected, 'namespace' | 'cleanup'>> {
  const { access, facts, signal } = input;
  const waiting = (what: string, deadlineMs: number): Waiting => ({
    kubectl,
    namespace,
    nodes: facts.nodes,
    deadlineMs,
    signal,
    onProgress: (detail) => input.onEvent({ step: what, phase: 'progress', detail }),
  });
  const respondersMs = input.respondersMs ?? RESPONDERS_MS * kubectl.slowness;
  const owned = withDeadline(first.namespace, Date.now() + respondersMs + 2 * jobsMs(first.jobs) + BESIDES_MS + (beyond?.enterMs ?? 0));
  await step(input.onEvent, 'create responders', '', () => kubectl.create([owned, ...first.responders, first.script], { signal }));
  const responders = await step(input.onEvent, 'wait for responders', '', () => awaitResponders(waiting('wait for responders', respondersMs)));
  const unfit = new Set(responders.missing.filter((one) => one.requirement === 'responder').map((one) => one.node));
  // Services lead where kube-proxy has programmed them to: what it has not done yet is no fault of the network.
  const behind = beyond === null ? [] : await step(input.onEvent, 'wait for kube-proxy', '', () => awaitProxies(access, facts, signal));
  const up = recordedPods(responders.pods).filter((pod) => !responders.missing.some((one) => one.node === pod.node && one.requirement === pod.role));
  const targets = targetLines(
    facts,
    up.filter((pod) => pod.role === 'responder'),
  );
  if (targets.every((line) => line.pod === '')) throw noResponder(access, responders.missing);
  const fit = facts.nodes.filter((node) => node.ready && !unfit.has(node.name)).map((node) => node.name);
  const probe = async (objects: readonly KubernetesObject[], jobs: readonly KubernetesObject[], nodes: readonly string[], what: string): Promise<Round> => {
    const started = performance.now();
    const read = async (): Promise<ParsedEvidence> => parseEvidence(await readLogs(kubectl, namespace, jobs, signal));
    const [pods, early] = await step(input.onEvent, what, '', async () => {
      await kubectl.create([...objects, ...jobs], { signal });
      return await awaitReports(waiting(what, jobsMs(jobs)), requirementsOf(jobs), nodes, read);
    });
    const [evidence, conntrack] = await step(input.onEvent, 'read evidence', '', () => Promise.all([early ?? read(), readConntrack(access, nodes)]));
    return { pods, conntrack: conntrack.map((reading) => tooLate(reading, performance.now() - started)), evidence };
  };
  let round = await probe([input.targets(targets), ...(beyond?.objects ?? [])], first.jobs, fit, 'wait for Jobs');
  const again = toRunAgain(round, fit);
  if (again.length > 0) {
    const { jobs } = input.objects({ onlyNodes: again, round: 1 });
    round = joined(round, await probe([], jobs, again, 'wait for Jobs once more'));
  }
  const { pods, rejected } = choosePods(round);
  const entered = parseEvidence(beyond === null ? '' : await step(input.onEvent, 'ask from the pods of the lab', '', beyond.enter));
  const wanted = facts.nodes.flatMap((node) => REQUIREMENTS.map((role) => ({ node: node.name, role })));
  const reported = reportedPods(round.evidence);
  const [silent, unsteady] = await Promise.all([
    reasonsFor(waiting('', 0), round.pods, wanted, (pod) => reported.has(pod.metadata.name)),
    unsteadyNodes(waiting('', 0)),
  ]);
  return {
    evidence: both(
      {
        ...round.evidence,
        views: round.evidence.views.filter((line) => !rejected.has(line.pod)),
        probes: round.evidence.probes.filter((line) => !rejected.has(line.pod)),
        replies: round.evidence.replies.filter((line) => !rejected.has(line.pod)),
      },
      entered,
    ),
    pods: [...recordedPods(responders.pods).filter((pod) => pod.ips.length > 0), ...pods],
    targets,
    conntrack: round.conntrack,
    notRun: [...responders.missing, ...silent],
    unsteady,
    behind,
  };
}

/** A pod says that it is through seconds before the API does, on a machine that is busy. What few pods have said is little to read: it is looked at more often. */
const LOOKS = { few: 12, many: 4 } as const;
const LOOK_AGAIN_MS = 400;

/** Waits for Jobs until each pod has reported, with what they reported; or until they have ended or time is up, with null. */
async function awaitReports(
  waiting: Waiting,
  requirements: readonly Requirement[],
  nodes: readonly string[],
  read: () => Promise<ParsedEvidence>,
): Promise<readonly [pods: readonly PodObject[], evidence: ParsedEvidence | null]> {
  const until = performance.now() + waiting.deadlineMs;
  const jobs = async (isDone: (pod: PodObject) => boolean): Promise<readonly PodObject[]> =>
    await awaitJobs({ ...waiting, deadlineMs: Math.max(0, until - performance.now()) }, requirements, nodes, isDone);
  const wanted = nodes.flatMap((node) => requirements.map((role) => `${role} ${node}`));
  const pods = await jobs(hasStarted);
  const running = pods.some((pod) => isRequirement(roleOf(pod)) && !hasEnded(pod));
  const looks = areFew(wanted.length, waiting.kubectl) ? LOOKS.few : LOOKS.many;
  for (let look = 0; running && look < looks && performance.now() < until; look++) {
    const evidence = await read();
    const reported = reportedPods(evidence);
    const done = keysOf(pods.filter((pod) => reported.has(pod.metadata.name)));
    if (wanted.every((key) => done.has(key))) return [pods, evidence];
    await sleep(LOOK_AGAIN_MS, undefined, { signal: waiting.signal }).catch(() => {});
  }
  return [await jobs(hasEnded), null];
}

/** A UDP exchange is forgotten after 30 s (net.netfilter.nf_conntrack_udp_timeout): what is found then is true, and what is not proves nothing. */
const UDP_KEPT_MS = 25_000;

function tooLate(reading: RecordedConntrack, afterMs: number): RecordedConntrack {
  if (reading.protocol !== 'udp' || reading.error !== null || afterMs < UDP_KEPT_MS) return reading;
  return { ...reading, error: `read ${Math.round(afterMs / 1000)} s after the first probes, and the kernel forgets UDP flows after 30 s` };
}

/** Milliseconds until each of the Jobs has ended: by itself, or because its own time is up. */
function jobsMs(jobs: readonly KubernetesObject[]): number {
  const seconds = jobs.map((job) => (job['spec'] as { readonly activeDeadlineSeconds?: number } | undefined)?.activeDeadlineSeconds ?? 0);
  return Math.max(0, ...seconds) * 1000 + ENDING_MS;
}

/** Tells others who clean up that it is not a leftover yet. */
function withDeadline(namespace: KubernetesObject, atMs: number): KubernetesObject {
  const { metadata } = namespace;
  return { ...namespace, metadata: { ...metadata, annotations: { ...metadata.annotations, [DEADLINE_ANNOTATION]: new Date(atMs).toISOString() } } };
}

interface Round {
  readonly pods: readonly PodObject[];
  readonly conntrack: readonly RecordedConntrack[];
  readonly evidence: ParsedEvidence;
}

/** The API lists the pods of both rounds in the second one; a node that was asked twice is known by its second answer. */
function joined(first: Round, second: Round): Round {
  const asked = new Set(second.conntrack.map((one) => one.netns));
  return {
    pods: second.pods,
    conntrack: [...first.conntrack.filter((one) => !asked.has(one.netns)), ...second.conntrack],
    evidence: both(first.evidence, second.evidence),
  };
}

function both(a: ParsedEvidence, b: ParsedEvidence): ParsedEvidence {
  return {
    views: [...a.views, ...b.views],
    probes: [...a.probes, ...b.probes],
    replies: [...a.replies, ...b.replies],
    done: [...a.done, ...b.done],
    problems: [...a.problems, ...b.problems],
  };
}

/** Pods whose Job went through to its end. */
function reportedPods(evidence: ParsedEvidence): ReadonlySet<string> {
  return new Set(evidence.done.filter((line) => line.complete).map((line) => line.pod));
}

/** Nodes that can run pods and have not reported, without those where a pod waits to start: another one would wait as well. */
function toRunAgain({ pods, evidence }: Round, nodes: readonly string[]): readonly string[] {
  const done = new Set(evidence.done.filter((line) => line.complete).map((line) => `${line.requirement} ${line.node}`));
  const waiting = keysOf(pods.filter((pod) => pod.status?.phase === 'Pending' || pod.status?.phase === 'Running'));
  return nodes.filter((node) => REQUIREMENTS.some((one) => !done.has(`${one} ${node}`) && !waiting.has(`${one} ${node}`)));
}

/** One pod for each requirement and node: the last that reported all, else the last. */
function choosePods({ pods, evidence }: Round): { readonly pods: readonly RecordedPod[]; readonly rejected: ReadonlySet<string> } {
  const done = reportedPods(evidence);
  const jobs = recordedPods(pods).filter((pod) => isRequirement(pod.role));
  const chosen = new Map<string, RecordedPod>();
  for (const pod of jobs) {
    const known = chosen.get(`${pod.role} ${pod.node}`);
    if (known === undefined || done.has(pod.name) || !done.has(known.name)) chosen.set(`${pod.role} ${pod.node}`, pod);
  }
  const kept = [...chosen.values()];
  return { pods: kept, rejected: new Set(jobs.filter((pod) => !kept.includes(pod)).map((pod) => pod.name)) };
}

function requirementsOf(jobs: readonly KubernetesObject[]): readonly Requirement[] {
  return REQUIREMENTS.filter((one) => jobs.some((job) => job.metadata.name.startsWith(`${one}-`)));
}

/** The logs of all pods of these Jobs. As few processes as keep one output small: one, one for each requirement, or one for each Job that has many pods. */
async function readLogs(kubectl: Kubectl, namespace: string, jobs: readonly KubernetesObject[], signal: AbortSignal): Promise<string> {
  const names = jobs.map((job) => job.metadata.name);
  const sharded = jobs.some((job) => (job['spec'] as { readonly completionMode?: string } | undefined)?.completionMode === 'Indexed');
  const selectors = sharded
    ? names.map((name) => `job-name=${name}`)
    : areFew(names.length, kubectl)
      ? [`job-name in (${names.join(',')})`]
      : REQUIREMENTS.map((one) => `cnilab.dev/requirement=${one},job-name in (${names.filter((name) => name.startsWith(`${one}-`)).join(',')})`);
  const logs: string[] = [];
  const rest = selectors.values();
  await Promise.all(
    Array.from({ length: LANES }, async () => {
      for (const selector of rest) {
        const args = ['logs', '--namespace', namespace, `--selector=${selector}`, '--tail=-1', '--ignore-errors', '--max-log-requests=64'];
        const { stdout } = await kubectl.patiently(() => kubectl.run(args, { signal }), signal);
        logs.push(stdout);
      }
    }),
  );
  return logs.join('\n');
}

async function readConntrack(access: KubernetesAccess, nodes: readonly string[]): Promise<readonly RecordedConntrack[]> {
  const { onNode } = access;
  if (onNode === null) return [];
  const readings = await Promise.all(
    nodes.map(async (node) => {
      try {
        const { exitCode, stdout, stderr } = await onNode(node, ['sh', '-c', conntrackScript(PROBE_PORT)], { timeoutMs: 10_000 });
        return exitCode === 0
          ? conntrackReadings(node, stdout, PROBE_PORT)
          : conntrackUnread(node, stderr.trim().split('\n').at(-1) || `exit code ${exitCode}`);
      } catch (error) {
        return conntrackUnread(node, error instanceof Error ? error.message : String(error));
      }
    }),
  );
  return readings.flat();
}

function noResponder(access: KubernetesAccess, missing: readonly NotRun[]): EngineError {
  const reasons = missing.filter((one) => one.requirement === 'responder').map((one) => one.reason);
  return new EngineError({
    code: 'NOT_READY',
    message: `no responder came up in ${access.cluster}, so nothing can be probed: ${reasons.slice(0, 5).join('\n  ')}`,
    hint: 'mend the first reason; if pods cannot start at all, the CNI does not work',
    details: { cluster: access.cluster, reasons },
  });
}
