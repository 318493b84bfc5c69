/** One fault in one running lab: injected, looked for, judged, undone, and nothing left of it. */
import type { EngineSession } from '../../engines/port.ts';
import { LabError } from '../../topology/errors.ts';
import { FABRIC_NETNS, type LabPlan } from '../../topology/plan.ts';
import { checks } from '../checks/index.ts';
import type { Report } from '../report.ts';
import { isTunnelled } from '../run.ts';
import { verifyLab, type VerifyOptions } from '../run-verification.ts';
import type { Suite } from '../suites.ts';
import type { Fault, FaultLayer } from './fault.ts';
import { injectFault, undoFault } from './index.ts';
import { leftBehind, type Traces, tracesOf } from './traces.ts';

/**
 * found: its check fails and it is named first. survived: its check does not fail. misnamed: the check fails, under another name or without evidence.
 * left-behind: found, and the lab is not what it was after the undo. broken-off: it could not be injected, looked for or undone. lacking: this
 * machine or its kernel cannot show it.
 */
export type TrialVerdict = 'found' | 'survived' | 'misnamed' | 'left-behind' | 'broken-off' | 'lacking';

/** What became of one fault in one lab; a row of the kill matrix. */
export interface Trial {
  readonly lab: string;
  readonly fault: string;
  readonly layer: FaultLayer;
  /** Identity of the node that it was at; '' when it could not be injected. */
  readonly where: string;
  /** The check that must fail, and the name that must be said. */
  readonly check: string;
  readonly diagnosis: string;
  readonly verdict: TrialVerdict;
  /** Checks that failed, in the order of the report. */
  readonly failed: readonly string[];
  /** Names that the report gives, those of failures first. */
  readonly named: readonly string[];
  /** Why it is no plain `found`; '' otherwise. */
  readonly detail: string;
  /** State of the kernel that the undo did not bring back. */
  readonly left: readonly string[];
  /** From the injection to the proof that nothing is left. */
  readonly seconds: number;
}

/** Is the lab as it was before? Else nothing can be said of the next fault in it. */
export function isClean(trial: Pick<Trial, 'verdict' | 'left'>): boolean {
  return trial.left.length === 0 && trial.verdict !== 'broken-off';
}

/** Does the trial speak for the verifier, or at least not against it? */
export function isFine({ verdict }: Pick<Trial, 'verdict'>): boolean {
  return verdict === 'found' || verdict === 'lacking';
}

/** How a trial looks, besides its lab. */
export interface TrialOptions {
  /** For unanswered probes, in milliseconds. @default 250: inside one kernel an answer takes microseconds; 1000 where a process passes every packet on */
  readonly deadlineMs?: number;
  /** Leaves checks out that are not the fault's own. @default none */
  readonly skip?: RegExp;
  readonly signal?: AbortSignal;
  /** @default the verification of this room */
  readonly verify?: typeof verifyLab;
}

/** Programs that ask names have to start first; their answers are not there in microseconds. */
const DEADLINE_MS: Readonly<Record<Suite, number>> = { network: 250, services: 250, dns: 2000, policy: 500 };

/** Where a process passes every packet on, an answer takes as long as it waits for a processor. */
const TUNNEL_DEADLINE_MS = 1000;
const patient = (plan: LabPlan, options: TrialOptions): TrialOptions => (isTunnelled(plan) ? { deadlineMs: TUNNEL_DEADLINE_MS, ...options } : options);

/** What a verification must look at to catch the fault: the network, and the suite of its check. */
export function optionsFor(fault: Pick<Fault, 'check'>, options: TrialOptions = {}): VerifyOptions {
  const suite = Object.values(checks).find((check) => check.id === fault.check)?.suite ?? 'network';
  const { skip, signal } = options;
  const left = skip === undefined ? [] : Object.keys(checks).filter((id) => id !== fault.check && skip.test(id));
  return {
    suites: suite === 'network' ? [suite] : ['network', suite],
    deadlineMs: options.deadlineMs ?? DEADLINE_MS[suite],
    ...(left.length === 0 ? {} : { skip: new RegExp(`^(${left.join('|')})$`) }),
    ...(signal === undefined ? {} : { signal }),
  };
}

/** Does the report catch the fault, by its check and under its name? */
export function judgeTrial(
  fault: Pick<Fault, 'check' | 'diagnosis' | 'severity'>,
  report: Pick<Report, 'checks' | 'diagnoses'>,
): Pick<Trial, 'verdict' | 'detail'> {
  const { severity = 'fail' } = fault;
  const named = report.diagnoses.find((one) => one.name === fault.diagnosis && one.severity === severity);
  const failed = failedChecks(report);
  if (severity === 'fail' && !failed.includes(fault.check))
    return { verdict: 'survived', detail: `${fault.check} does not fail${failed.length === 0 ? '' : `, ${failed.join(', ')} do`}` };
  // What works, but worse than planned, is one warning among others, and fails nothing.
  if (severity === 'warn' && (named === undefined || failed.length > 0))
    return { verdict: named === undefined ? 'survived' : 'misnamed', detail: named === undefined ? 'no warning names it' : `${failed.join(', ')} fail` };
  const ranked = report.diagnoses.filter((one) => one.severity === severity).map((one) => one.name);
  const first = ranked.find((name) => name === fault.diagnosis || OTHER_SIDE[name] !== fault.diagnosis);
  if (named === undefined || (severity === 'fail' && first !== fault.diagnosis))
    return { verdict: 'misnamed', detail: `named ${first ?? 'nothing'}${named === undefined ? '' : `, and ${fault.diagnosis} after it`}` };
  if (named.evidence.length === 0) return { verdict: 'misnamed', detail: `${fault.diagnosis} without evidence` };
  return { verdict: 'found', detail: '' };
}

/** One route that is gone breaks both directions: each is named for its own. */
const OTHER_SIDE: Readonly<Record<string, string>> = {
  'no-route-to-pod-cidr': 'no-return-route',
  'no-return-route': 'no-route-to-pod-cidr',
};

function failedChecks(report: Pick<Report, 'checks'>): readonly string[] {
  return report.checks.filter((check) => check.verdict === 'fail').map((check) => check.id);
}

/** The state of every namespace of the lab, to be compared with a later one. */
export async function readTraces(session: EngineSession, plan: LabPlan): Promise<Traces> {
  const netns = plan.clusters.flatMap((cluster) => [...cluster.nodes, ...cluster.pods].map((one) => one.netns));
  const all = new Set([...netns, ...plan.machines.map((machine) => machine.netns), FABRIC_NETNS]);
  return tracesOf(await session.snapshot([...all], { rules: true }));
}

/**
 * Injects the fault, verifies, judges, undoes, and compares the kernel with what it was. An error of any step is a verdict, not an exception: the
 * other faults are still to be tried.
 *
 * @param before of the lab as it is now
 * @throws LabError INTERRUPTED; the fault is undone before, as far as that is possible
 */
export async function tryFault(session: EngineSession, plan: LabPlan, fault: Fault, before: Traces, options: TrialOptions = {}): Promise<Trial> {
  const startedAt = performance.now();
  const outcome = await attempt(session, plan, fault, before, options);
  const { id, layer, check, diagnosis } = fault;
  return { lab: plan.name, fault: id, layer, check, diagnosis, ...outcome, seconds: Math.round(performance.now() - startedAt) / 1000 };
}

type Outcome = Pick<Trial, 'where' | 'verdict' | 'failed' | 'named' | 'detail' | 'left'>;

async function attempt(session: EngineSession, plan: LabPlan, fault: Fault, before: Traces, options: TrialOptions): Promise<Outcome> {
  const { verify = verifyLab } = options;
  let outcome: Outcome = { where: '', verdict: 'broken-off', failed: [], named: [], detail: '', left: [] };
  try {
    const undo = await injectFault(session, plan, fault.id);
    outcome = { ...outcome, where: undo.where };
    try {
      const report = await verify(session, plan, optionsFor(fault, patient(plan, options)));
      const named = report.diagnoses.map((one) => (one.severity === 'fail' ? one.name : `${one.name} (warning)`));
      outcome = { ...outcome, failed: failedChecks(report), named, ...judgeTrial(fault, report) };
    } finally {
      await undoFault(session, undo);
    }
    const left = leftBehind(before, await readTraces(session, plan));
    if (left.length === 0 || outcome.verdict !== 'found') return { ...outcome, left };
    const more = left.length > 5 ? `; and ${left.length - 5} more` : '';
    return { ...outcome, left, verdict: 'left-behind', detail: `left behind: ${left.slice(0, 5).join('; ')}${more}` };
  } catch (error) {
    const code = error instanceof LabError ? error.code : null;
    if (options.signal?.aborted === true || code === 'INTERRUPTED') throw error;
    return { ...outcome, verdict: code === 'FAULT_NOT_APPLICABLE' ? 'lacking' : 'broken-off', detail: error instanceof Error ? error.message : String(error) };
  }
}
