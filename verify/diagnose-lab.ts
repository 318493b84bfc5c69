/**
 * A diagnosis from end to end: the state of all kernels against the plan; then the ladder of probes, rung by rung, until one breaks; then the counters around one
 * probe of a pair that fails; then its packets, captured. Changes nothing.
 */
import type { Capture, CapturedPacket, EngineSession, OnEvent, Snapshot } from '../engines/port.ts';
import { containersOf, ownsNetns } from '../topology/docker/places.ts';
import type { LabPlan } from '../topology/plan.ts';
import type { Check, CheckOutcome } from './checks/check.ts';
import { checks } from './checks/index.ts';
import { risesBetween } from './diagnosis/counters.ts';
import { explainFailures, explainFindings, joinDiagnoses } from './diagnosis/diagnose.ts';
import { DIAGNOSIS_SCHEMA, type CaptureReading, type CounterRise, type DiagnosisReport, type InventoryStage, type Rung } from './diagnosis/document.ts';
import { packetsOfPair, readCapture, type CapturedPair } from './diagnosis/read-capture.ts';
import { SNAP_BYTES } from './evidence/pcapng.ts';
import type { ProbedFailure } from './failure.ts';
import { machineNamespaces, probeAgain, unreadNodes } from './find-causes.ts';
import { type LabView, viewLab } from './inventory/lab-view.ts';
import { takeStaticInventory } from './inventory/static.ts';
import { ladderBetween, wholeLadder, type Between, type RungPlan } from './ladder.ts';
import { settleOptions } from './options.ts';
import type { PairClass } from './pair-table.ts';
import { worst } from './report-builder.ts';
import { requireKernels } from './require-kernels.ts';
import type { Diagnosis, Failure } from './report.ts';
import { createRun, type Run } from './run.ts';
import { wayOf, type Way } from './way.ts';

export interface DiagnoseOptions {
  /** Absent: the whole mesh. */
  readonly between?: Between;
  /** One common deadline per set of probes, 10 to 60000. @default 250 for one way, 1000 for its names and for the whole mesh */
  readonly deadlineMs?: number;
  readonly onProgress?: OnEvent;
  /** Stops between two sets of probes. */
  readonly signal?: AbortSignal;
  readonly engine?: string;
}

export interface LabDiagnosis {
  readonly report: DiagnosisReport;
  /** The packets of the failing pair as they were captured, each with its place; empty where nothing failed. */
  readonly packets: readonly CapturedPacket[];
}

/** Of one way: inside one kernel an answer takes microseconds. */
const DEADLINE_MS = 250;
/** As long as a verification waits: of a whole mesh, and of names, which programs ask and answer that a busy machine keeps waiting. */
const PATIENT_MS = 1000;
const ALL_CHECKS = Object.values(checks);

const PACKETS = 500;

/**
 * Finds out what is wrong with a running lab, or with one way through it.
 *
 * @throws {LabError} USAGE for options that make no sense, ENGINE_UNSUPPORTED where the kernels of the lab cannot be read, INTERRUPTED, and what the session throws
 */
export async function diagnoseLab(session: EngineSession, plan: LabPlan, options: DiagnoseOptions = {}): Promise<LabDiagnosis> {
  requireReadable(session, plan, options.engine);
  const started = { at: new Date(), ms: performance.now() };
  const progress = options.onProgress ?? (() => {});
  const { view, stage, read } = await inStep(progress, 'read the kernels', () => takeStage(session, plan));
  const climbed = session.sight.probes === false ? notClimbed(plan) : await climb(session, plan, options);
  const { between } = options;
  const broken =
    climbed.broken === null ? null : await inStep(progress, 'follow a failing probe', () => followFailures(session, view, climbed, between !== undefined));
  const diagnoses = joinDiagnoses(broken?.diagnoses ?? [], read);
  return {
    packets: broken?.packets ?? [],
    report: {
      schema: DIAGNOSIS_SCHEMA,
      lab: plan.name,
      engine: options.engine ?? 'netns',
      from: between?.from ?? null,
      to: between?.to.id ?? null,
      startedAt: started.at.toISOString(),
      elapsedMs: Math.round(performance.now() - started.ms),
      found: climbed.broken !== null || read.length > 0,
      inventory: stage,
      ladder: climbed.rungs,
      checks: climbed.outcomes.map(({ result }) => ({
        ...result,
        failures: result.failures.map((failure) => ({ ...failure, diagnosis: broken?.names.get(failure) ?? '' })),
      })),
      counters: broken?.counters ?? [],
      capture: broken?.capture ?? null,
      diagnoses,
      notLookedAt: [...new Set([...unreadNodes(plan, view.snapshot), ...climbed.notLookedAt])],
    },
  };
}

/** @throws {LabError} ENGINE_UNSUPPORTED where the kernels of the lab cannot be read */
export function requireReadable(session: EngineSession, { name }: LabPlan, engine = 'kind'): void {
  requireKernels(session, name, engine, `\`cnilab verify ${name}\` asks from inside of the cluster; \`cnilab evidence ${name}\` collects what its nodes say`);
}

export interface Stage {
  readonly view: LabView;
  readonly stage: InventoryStage;
  readonly read: readonly Diagnosis[];
}

/** Every kernel once: nodes and routers with their packet filters, pods without. */
export async function takeStage(session: EngineSession, plan: LabPlan): Promise<Stage> {
  const started = performance.now();
  const snapshot = await readLabKernels(session, plan);
  const view = viewLab(plan, snapshot);
  const rules = takeStaticInventory(view);
  const sure = rules.flatMap(({ findings }) => findings.filter(({ certainty }) => certainty !== 'possible'));
  return {
    view,
    read: explainFindings(view, sure),
    stage: {
      namespaces: Object.keys(snapshot.namespaces).length,
      elapsedMs: Math.round(performance.now() - started),
      rules: rules.map(({ id, findings }) => ({
        id,
        findings: findings.filter((finding) => sure.includes(finding)).length,
        remarks: findings
          .filter((finding) => !sure.includes(finding))
          .map(({ name, where, evidence }) => `${name} at ${where.join(', ')}: ${evidence[0] ?? ''}`),
      })),
    },
  };
}

/** The state of all kernels of a lab: of nodes and machines with their packet filters, of pods and containers without. */
export async function readLabKernels(session: Pick<EngineSession, 'snapshot'>, plan: LabPlan): Promise<Snapshot> {
  const machines = machineNamespaces(plan);
  const pods = plan.clusters.flatMap((cluster) => cluster.pods.filter((pod) => !pod.hostNetwork).map((pod) => pod.netns));
  const containers = containersOf(plan).filter(ownsNetns);
  const listed = await session.snapshot(machines, { rules: true });
  const others = await session.snapshot([...pods, ...containers.map(({ netns }) => netns)], { rules: false });
  return { takenAt: listed.takenAt, namespaces: { ...others.namespaces, ...listed.namespaces } };
}

interface Climbed {
  readonly rungs: readonly Rung[];
  readonly outcomes: readonly CheckOutcome[];
  readonly notLookedAt: readonly string[];
  /** The run of the rung that broke; null when none did. */
  readonly broken: Run | null;
}

/** Probes are sent by others: what the kernels say is all there is. */
function notClimbed({ name }: LabPlan): Climbed {
  return {
    rungs: [],
    outcomes: [],
    broken: null,
    notLookedAt: [`the ladder, counters and packets: \`cnilab verify ${name}\` probes from inside of the cluster, and names causes`],
  };
}

async function climb(session: EngineSession, plan: LabPlan, options: DiagnoseOptions): Promise<Climbed> {
  const ladder = options.between === undefined ? wholeLadder(plan) : ladderBetween(plan, options.between);
  const rungs: Rung[] = [];
  const outcomes: CheckOutcome[] = [];
  const notLookedAt: string[] = [];
  let broken: Run | null = null;
  for (const rung of ladder) {
    const { id, title } = rung;
    if (broken !== null) {
      rungs.push({ id, title, verdict: 'skip', detail: 'not climbed: it stands on the one below', elapsedMs: 0, unclimbed: true });
      continue;
    }
    const started = performance.now();
    const run = createRungRun(session, plan, options, rung);
    const results: CheckOutcome[] = [];
    for (const check of checksOf(plan, rung)) {
      const failed = results.some(({ result }) => result.verdict === 'fail');
      if (!(failed && REPEATING.has(check.id))) results.push(await check.run(run));
    }
    const kept = options.between?.to.kind === 'node' ? results.map(withoutMasquerade) : results;
    outcomes.push(...kept.filter(({ result }) => options.between === undefined || result.verdict !== 'skip'));
    notLookedAt.push(...run.notLookedAt);
    const verdict = worst(kept.map(({ result }) => result.verdict)) ?? 'skip';
    rungs.push({
      id,
      title,
      verdict,
      detail: verdict === 'skip' && run.notLookedAt.length > 0 ? [...new Set(run.notLookedAt)].join('; ') : describe(kept, verdict),
      elapsedMs: Math.round(performance.now() - started),
    });
    if (verdict === 'fail') broken = run;
  }
  return { rungs, outcomes, notLookedAt, broken };
}

function createRungRun(session: EngineSession, plan: LabPlan, options: DiagnoseOptions, rung: RungPlan): Run {
  const { suite, casts, profile } = rung;
  const { onProgress, signal } = options;
  const deadlineMs = options.deadlineMs ?? (options.between === undefined || suite === 'dns' ? PATIENT_MS : DEADLINE_MS);
  const settled = settleOptions(
    plan,
    { suites: [suite], deadlineMs, casts, profile, ...(onProgress === undefined ? {} : { onProgress }), ...(signal === undefined ? {} : { signal }) },
    ALL_CHECKS,
    session.sight,
  );
  return createRun(session, plan, settled, new Set<PairClass>(checksOf(plan, rung).flatMap((check) => check.pairs)));
}

function checksOf(plan: LabPlan, { suite, checks: chosen }: RungPlan): readonly Check[] {
  return ALL_CHECKS.filter((check) => check.suite === suite && (chosen?.some((id) => id === check.id) ?? true) && (check.concerns?.(plan) ?? true));
}

/** Where the ladder of the DNS has failed, these would fail the same way, name by name, each as late as a resolver gives up. */
const REPEATING: ReadonlySet<string> = new Set(['dns-records', 'dns-search']);

/** CNIs masquerade by design what pods send to nodes: as whom a node sees a pod is no failure here. */
function withoutMasquerade(outcome: CheckOutcome): CheckOutcome {
  const lost = outcome.failures.filter(({ failure }) => failure.class !== 'rewritten' && failure.class !== 'hidden-nat');
  if (outcome.result.id !== 'r2-pod-to-node' || lost.length === outcome.failures.length) return outcome;
  const { pairs } = outcome.result;
  const result = lost.length > 0 ? {} : { verdict: 'pass' as const, pairs: { ...pairs, passed: pairs.planned, failed: 0 } };
  return { ...outcome, failures: lost, result: { ...outcome.result, ...result, failures: lost.map(({ failure }) => failure), failuresTotal: lost.length } };
}

function describe(outcomes: readonly CheckOutcome[], verdict: Rung['verdict']): string {
  const told = outcomes.filter(({ result }) => result.verdict === verdict);
  if (verdict === 'pass') return told.map(({ result }) => `${result.id} ${result.pairs.passed}/${result.pairs.planned}`).join(', ');
  if (verdict === 'fail') return told.map(({ result }) => `${result.id}: ${result.failuresTotal} failures`).join(', ');
  return [...new Set(told.map(({ result }) => result.reason))].join('; ');
}

interface Followed {
  readonly diagnoses: readonly Diagnosis[];
  readonly names: ReadonlyMap<Failure, string>;
  readonly counters: readonly CounterRise[];
  readonly capture: CaptureReading | null;
  readonly packets: readonly CapturedPacket[];
}

/** Sends failing probes once more between readings of the kernels, and captures those of one pair. `alone`: all failures are of one way. */
async function followFailures(session: EngineSession, view: LabView, { broken: run, outcomes }: Climbed, alone: boolean): Promise<Followed> {
  const failures = outcomes.flatMap((outcome) => outcome.failures);
  const [first] = failures;
  if (run === null || first === undefined) return { diagnoses: [], names: new Map(), counters: [], capture: null, packets: [] };
  const machines = machineNamespaces(run.plan);
  const early = alone ? null : await session.snapshot(machines, { rules: false });
  if (!alone) await probeAgain(run, failures);
  const way = wayOf(view, first.failure);
  const netns = way.places.map((place) => place.netns);
  const before = await session.snapshot(netns, { rules: true });
  const captured = await captureOf(session, view, way, first, () => resend(run, first));
  const after = await session.snapshot([...new Set([...machines, ...netns])], { rules: true });
  const given = failures.map(({ failure }) => failure);
  const snapshot = { takenAt: after.takenAt, namespaces: { ...view.snapshot.namespaces, ...after.namespaces } };
  const explained = explainFailures({ plan: view.plan, failures: given, conntrack: run.conntrack, snapshot, countersBefore: early ?? before });
  return {
    ...captured,
    diagnoses: explained.diagnoses,
    names: new Map(given.map((failure, index) => [failure, explained.names[index] ?? ''])),
    counters: way.places.flatMap((place) => risesBetween(place.name, before.namespaces[place.netns], after.namespaces[place.netns])),
  };
}

/** One probe, as it failed. */
async function resend(run: Run, first: ProbedFailure): Promise<void> {
  await probeAgain(run, [first]);
  await first.resend?.(run);
}

async function captureOf(
  session: EngineSession,
  view: LabView,
  way: Way,
  { failure }: ProbedFailure,
  send: () => Promise<void>,
): Promise<Pick<Followed, 'capture' | 'packets'>> {
  if (session.capture === undefined || way.places.length === 0) {
    await send();
    return { capture: null, packets: [] };
  }
  const capture: Capture = await session.capture({ namespaces: way.places.map((place) => place.netns), packets: PACKETS, bytes: SNAP_BYTES }, send);
  const overlayPorts = new Set(view.nodes.flatMap((node) => node.vxlans.map((device) => device.port)));
  const pair: CapturedPair = {
    client: failure.client,
    server: failure.server === '' ? 'the DNS' : failure.server,
    addresses: way.addresses,
    way: way.places,
    overlayPorts,
  };
  return { capture: readCapture(capture, pair), packets: packetsOfPair(capture, pair) };
}

export async function inStep<T>(onProgress: OnEvent, step: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  onProgress({ step, phase: 'start' });
  try {
    const made = await work();
    onProgress({ step, phase: 'end', ms: performance.now() - started });
    return made;
  } catch (error) {
    onProgress({ step, phase: 'failed' });
    throw error;
  }
}
