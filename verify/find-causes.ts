/** After failures: sends some of the failing probes once more between two readings of the kernel, and asks for the causes. */
import type { Snapshot } from '../engines/port.ts';
import { FABRIC_NETNS, type LabPlan } from '../topology/plan.ts';
import type { CheckOutcome } from './checks/check.ts';
import type { Again, ProbedFailure } from './failure.ts';
import { crossedNamespaces, probeRequest, type Pair } from './probe-plan.ts';
import type { Diagnosis, Failure } from './report.ts';
import type { Run } from './run.ts';

export interface Causes {
  readonly diagnoses: readonly Diagnosis[];
  /** The diagnosis that explains a failure, by its name. */
  readonly names: ReadonlyMap<Failure, string>;
}

/** Failing pairs that are probed again; enough for counters to tell, few enough to cost one deadline. */
const AGAIN = 50;
const AGAIN_DEADLINE_MS = 300;
const PROXIES_AGAIN = 3;
/** Up to that many namespaces the packet filters of all are listed, each by a process; above, those of nodes, routers and failing pods. */
const LIST_ALL = 100;

/** The causes of the failures and remarks of all checks; none when there are none. */
export async function findCauses(run: Run, outcomes: readonly CheckOutcome[]): Promise<Causes> {
  const failures = outcomes.flatMap((outcome) => [...outcome.failures, ...outcome.remarks]);
  if (failures.length === 0) return { diagnoses: [], names: new Map() };
  const step = 'find causes';
  const started = performance.now();
  run.options.onProgress({ step, phase: 'start', detail: `${failures.length} failures` });
  const countersBefore = await run.session.snapshot(machineNamespaces(run.plan), { rules: false });
  await probeAgain(run, failures);
  for (const one of servicesAgain(failures)) await one.resend?.(run);
  const snapshot = await snapshotAll(run, failures);
  run.notLookedAt.push(...unreadNodes(run.plan, snapshot));
  const [{ explainFailures }, { hiddenBehind }] = await Promise.all([import('./diagnosis/diagnose.ts'), import('./diagnosis/hidden.ts')]);
  const given = failures.map((one) => one.failure);
  const found = explainFailures({ plan: run.plan, failures: given, conntrack: run.conntrack, snapshot, countersBefore });
  run.notLookedAt.push(
    ...hiddenBehind(
      found.diagnoses,
      given,
      found.names,
      outcomes.map((outcome) => outcome.result),
    ),
  );
  run.options.onProgress({ step, phase: 'end', ms: performance.now() - started });
  return { diagnoses: found.diagnoses, names: new Map(given.map((failure, index) => [failure, found.names[index] ?? ''])) };
}

/** Probes up to AGAIN failing pairs once more, each as it failed: protocol, family and size. Nothing is judged. */
export async function probeAgain(run: Run, failures: readonly ProbedFailure[]): Promise<void> {
  const groups = new Map<string, { readonly again: Again; readonly pairs: Map<string, Pair> }>();
  let chosen = 0;
  for (const again of inTurn(failures)) {
    const { cluster, client, server, protocol, family, payloadBytes } = again;
    const key = `${cluster.plan.name} ${protocol} ${family} ${payloadBytes}`;
    const group = groups.get(key) ?? { again, pairs: new Map<string, Pair>() };
    groups.set(key, group);
    if (group.pairs.has(`${client}>${server}`)) continue;
    group.pairs.set(`${client}>${server}`, [client, server]);
    if (++chosen >= AGAIN) break;
  }
  const deadlineMs = Math.min(run.options.deadlineMs, AGAIN_DEADLINE_MS);
  for (const { again, pairs } of groups.values()) {
    const size = again.payloadBytes === null ? {} : { payloadBytes: again.payloadBytes, df: true };
    const rest = { attempts: 1, deadlineMs, conntrack: crossedNamespaces(run.plan, again.cluster), ...size };
    await run.probe(
      probeRequest(again.cluster, again.protocol, again.family, { kind: 'list', pairs: [...pairs.values()] }, rest),
      'failing pairs again',
      () => {},
    );
  }
}

/** Of the flows to Services, one behind each of a few proxies: each is a request of its own. */
function servicesAgain(failures: readonly ProbedFailure[]): readonly ProbedFailure[] {
  const asked = failures.filter(({ failure, resend }) => failure.door !== undefined && resend !== undefined);
  return [...new Map(asked.toReversed().map((one) => [one.failure.serverNode, one])).values()].slice(-PROXIES_AGAIN);
}

/** What can be probed again, in turn over the checks, so that one check's failures do not use the bound up. */
function inTurn(failures: readonly ProbedFailure[]): readonly Again[] {
  const byCheck = new Map<string, Again[]>();
  for (const { failure, again } of failures) {
    if (again === null) continue;
    const list = byCheck.get(failure.check) ?? [];
    byCheck.set(failure.check, list);
    list.push(again);
  }
  const lists = [...byCheck.values()];
  const longest = Math.max(0, ...lists.map((list) => list.length));
  return Array.from({ length: longest }, (_, turn) => lists.flatMap((list) => list[turn] ?? [])).flat();
}

/** Nodes, hosts, routers and the switches between them. */
export function machineNamespaces(plan: LabPlan): readonly string[] {
  const nodes = plan.clusters.flatMap((cluster) => cluster.nodes);
  // Where nothing is plugged in, there is no switch.
  const switches = plan.segments.length === 0 ? [] : [FABRIC_NETNS];
  return [...new Set([...[...nodes, ...plan.machines].map((machine) => machine.netns), ...switches])];
}

/** For the list of what was not looked at: nodes that could not be read, as one that is stopped. */
export function unreadNodes({ clusters }: LabPlan, { namespaces }: Snapshot): readonly string[] {
  const unread = clusters.flatMap((cluster) => cluster.nodes).filter(({ netns }) => namespaces[netns] === undefined);
  return unread.map(({ id }) => `the kernel of ${id}: it could not be read`);
}

async function snapshotAll(run: Run, failures: readonly ProbedFailure[]): Promise<Snapshot> {
  const machines = machineNamespaces(run.plan);
  const pods = run.clusters.flatMap((cluster) =>
    cluster.pods.map((pod) => ({ id: cluster.ends[pod]?.id ?? '', netns: cluster.ends[pod]?.endpoint.netns ?? '' })),
  );
  if (machines.length + pods.length <= LIST_ALL) return run.session.snapshot([...machines, ...pods.map((pod) => pod.netns)], { rules: true });
  const failing = new Set(failures.flatMap(({ failure }) => [failure.client, failure.server]));
  const close = pods
    .filter((pod) => failing.has(pod.id))
    .slice(0, LIST_ALL)
    .map((pod) => pod.netns);
  const rest = pods.map((pod) => pod.netns).filter((netns) => !close.includes(netns));
  const listed = await run.session.snapshot([...machines, ...close], { rules: true });
  const others = await run.session.snapshot(rest, { rules: false });
  run.notLookedAt.push(`packet filters of ${rest.length} pods: only those of nodes, routers and failing pods were read`);
  return { takenAt: listed.takenAt, namespaces: { ...others.namespaces, ...listed.namespaces } };
}
