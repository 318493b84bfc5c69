/** The verifier's proof: every fault of the library is put into scratch labs, one at a time, and must be found by its name; and healthy labs must pass. */
import type { EngineSession, OnEvent } from '../engines/port.ts';
import { EnvironmentError, LabError } from '../topology/errors.ts';
import { planLab } from '../topology/plan-lab.ts';
import type { LabPlan } from '../topology/plan.ts';
import { faultApplies, faults as library, type Fault } from '../verify/faults/index.ts';
import { isClean, isFine, readTraces, tryFault, type Trial } from '../verify/faults/trial.ts';
import { killMatrix, SELFTEST_SCHEMA, selfTestVerdict, type SelfTestReport, type TestedLab } from '../verify/faults/kill-matrix.ts';
import type { Report } from '../verify/report.ts';
import { verifyLab } from '../verify/run-verification.ts';
import { asLoaded, type LabInput } from './api.ts';
import { inTurns } from './in-turns.ts';
import type { LoadedLab } from './load-lab.ts';
import { readLab } from './read.ts';
import { removeLeftScratchLabs, type ScratchOptions, withScratchLab } from './scratch-lab.ts';
import { healthyLabs, selfTestLabs } from './selftest-labs.ts';

export interface SelfTestOptions extends ScratchOptions {
  /** A lab in place of the self-test's own: a running one by its name (it is copied, never broken), or one that was read. */
  readonly lab?: string | LoadedLab;
  /** Each fault in every lab that can show it. @default in two of the self-test's own labs; in all of `lab` */
  readonly everywhere?: boolean;
  /** In place of the faults: that many verifications, which must all pass. */
  readonly clean?: number;
  /** Labs that are up at the same time. @default 4: a verification mostly waits */
  readonly width?: number;
  /** @default the library */
  readonly faults?: readonly Fault[];
  readonly onEvent?: OnEvent;
  /** @default the verification of a lab */
  readonly verify?: typeof verifyLab;
}

interface LabOutcome {
  readonly lab: TestedLab;
  readonly trials: readonly Trial[];
}

/**
 * Tests the verifier on scratch labs, which are taken down again, as are those that a run which was killed has left. What is not found is a result, not an
 * error.
 *
 * @throws LabError LAB_UNKNOWN; USAGE; INTERRUPTED; ENVIRONMENT_LACKS when no lab can run here; EngineError
 */
export async function selfTest(options: SelfTestOptions = {}): Promise<SelfTestReport> {
  const startedAt = performance.now();
  const { clean, width = 4, onEvent = (): void => undefined } = options;
  await removeLeftScratchLabs(onEvent, options.loadEngine);
  const labs = await labsOf(options);
  const wanted = clean === undefined ? shareOut(labs, options) : [];
  // What a lab that is left out would have had goes to those after it.
  let owed = clean ?? 0;
  const outcomes = await inTurns(labs, width, async (lab, at): Promise<LabOutcome | null> => {
    const share = clean === undefined ? null : Math.ceil(owed / (labs.length - at));
    if (share === 0) return null;
    owed -= share ?? 0;
    const step = `lab ${lab.spec.name}`;
    const begun = performance.now();
    onEvent({ step, phase: 'start' });
    const outcome = await leavingOut(lab, labs.length > 1, () => (share === null ? breakLab(lab, wanted[at] ?? [], options) : watchLab(lab, share, options)));
    const seconds = Math.round(performance.now() - begun) / 1000;
    const { status, detail } = outcome.lab;
    if (status === 'left out') owed += share ?? 0;
    onEvent({ step, phase: status === 'broken' ? 'failed' : 'end', ms: seconds * 1000, ...(status === 'tested' ? {} : { detail: `${status}: ${detail}` }) });
    return { ...outcome, lab: { ...outcome.lab, seconds } };
  });
  const done = outcomes.filter((outcome) => outcome !== null);
  const tested = done.map((outcome) => outcome.lab);
  if (tested.every((lab) => lab.status === 'left out'))
    throw new EnvironmentError({
      code: 'ENVIRONMENT_LACKS',
      message: `no lab can run here: ${tested[0]?.detail ?? ''}`,
      hint: '`cnilab doctor` says what is missing',
    });
  const all = done.flatMap((outcome) => outcome.trials);
  const trials = faultsOf(options).flatMap((fault) => all.filter((trial) => trial.fault === fault.id));
  return {
    schema: SELFTEST_SCHEMA,
    verdict: selfTestVerdict(tested, trials),
    labs: tested,
    matrix: killMatrix(trials),
    trials,
    untried: clean === undefined ? untried(labs, trials, options) : [],
    elapsedMs: Math.round(performance.now() - startedAt),
  };
}

const faultsOf = ({ faults = library }: SelfTestOptions): readonly Fault[] => faults;

async function labsOf({ lab, clean, loadEngine }: SelfTestOptions): Promise<readonly LoadedLab[]> {
  if (lab === undefined) return await Promise.all((clean === undefined ? selfTestLabs : healthyLabs).map((spec) => asLoaded(spec)));
  if (typeof lab !== 'string') return [lab];
  const { spec, source } = await readLab(lab, loadEngine === undefined ? {} : { loadEngine });
  return [{ ...(await asLoaded(spec satisfies LabInput)), path: source.path }];
}

/** Labs that each fault of the library is tried in, unless it is everywhere. */
const COPIES = 2;

/** The faults of each lab: in the order of the library, each where the fewest are so far. */
function shareOut(labs: readonly LoadedLab[], options: SelfTestOptions): readonly (readonly Fault[])[] {
  const copies = options.everywhere === true ? labs.length : COPIES;
  const shares = labs.map(({ spec }) => ({ plan: planLab(spec), faults: [] as Fault[] }));
  for (const fault of faultsOf(options)) {
    const able = shares.filter(({ plan }) => faultApplies(fault, plan) === true);
    for (const share of able.toSorted((a, b) => a.faults.length - b.faults.length).slice(0, copies)) share.faults.push(fault);
  }
  return shares.map((share) => share.faults);
}

/** A lab that this machine cannot run is left out of several, and is the error of the only one. */
async function leavingOut(lab: LoadedLab, several: boolean, work: () => Promise<LabOutcome>): Promise<LabOutcome> {
  try {
    return await work();
  } catch (error) {
    if (!several || !(error instanceof LabError) || error.code !== 'ENVIRONMENT_LACKS') throw error;
    return { lab: { name: lab.spec.name, status: 'left out', detail: error.message, verifications: 0, seconds: 0 }, trials: [] };
  }
}

/** One fault after the other. A lab that is not what it was afterwards is taken down, and the next fault gets a new one. */
async function breakLab(lab: LoadedLab, faults: readonly Fault[], options: SelfTestOptions): Promise<LabOutcome> {
  const { verify = verifyLab, signal, onEvent: tell } = options;
  const { name } = lab.spec;
  const trials: Trial[] = [];
  let rest = faults;
  let verifications = 0;
  let state: Pick<TestedLab, 'status' | 'detail'> = { status: 'tested', detail: '' };
  const verifyClean = async (session: EngineSession, plan: LabPlan): Promise<void> => {
    verifications += 1;
    state = stateOf(await verify(session, plan, signal === undefined ? {} : { signal }));
  };
  do {
    await withScratchLab(lab, options, async (session, plan) => {
      await verifyClean(session, plan);
      if (state.status !== 'tested') return;
      const before = await readTraces(session, plan);
      for (let fault = rest[0]; fault !== undefined; fault = rest[0]) {
        rest = rest.slice(1);
        const trial = { ...(await tryFault(session, plan, fault, before, options)), lab: name };
        trials.push(trial);
        verifications += 1;
        tell?.({
          step: `${fault.id} in ${name}`,
          phase: isFine(trial) ? 'end' : 'failed',
          ms: trial.seconds * 1000,
          detail: trial.verdict === 'found' ? trial.diagnosis : `${trial.verdict}: ${trial.detail}`,
        });
        if (!isClean(trial)) return;
      }
      await verifyClean(session, plan);
      if (state.status !== 'tested') state = { ...state, detail: `after every fault was undone: ${state.detail}` };
    });
  } while (state.status === 'tested' && rest.length > 0);
  return { lab: { name, ...state, verifications, seconds: 0 }, trials };
}

/** Verifies a healthy lab again and again. */
async function watchLab(lab: LoadedLab, times: number, options: SelfTestOptions): Promise<LabOutcome> {
  const { verify = verifyLab, signal } = options;
  const found = await withScratchLab(lab, options, async (session, plan) => {
    const states: Pick<TestedLab, 'status' | 'detail'>[] = [];
    for (let at = 0; at < times; at++) states.push(stateOf(await verify(session, plan, signal === undefined ? {} : { signal })));
    return states;
  });
  const bad = found.filter((one) => one.status !== 'tested');
  const status = bad.some((one) => one.status === 'broken') ? 'broken' : (bad[0]?.status ?? 'tested');
  const detail = bad.length === 0 ? '' : `${bad.length} of ${times} verifications: ${[...new Set(bad.map((one) => one.detail))].slice(0, 3).join(' | ')}`;
  return { lab: { name: lab.spec.name, status, detail, verifications: times, seconds: 0 }, trials: [] };
}

/** A healthy lab passes, and nothing is named. */
function stateOf(report: Report): Pick<TestedLab, 'status' | 'detail'> {
  const names = report.diagnoses.map((one) => `${one.name} at ${one.where.join(', ')}`);
  if (report.verdict === 'pass' && names.length === 0) return { status: 'tested', detail: '' };
  const failures = report.checks.flatMap((check) =>
    check.failures.map(
      (one) => `${check.id}: ${one.client}${one.server === '' ? '' : ` to ${one.server}`}${one.protocol === null ? '' : ` ${one.protocol}`}: ${one.saw}`,
    ),
  );
  const reasons = report.checks.filter((check) => check.verdict === 'inconclusive').map((check) => `${check.id}: ${check.reason}`);
  return { status: report.verdict === 'inconclusive' ? 'inconclusive' : 'broken', detail: [...names, ...failures, ...reasons].slice(0, 3).join('; ') };
}

function untried(labs: readonly LoadedLab[], trials: readonly Trial[], options: SelfTestOptions): SelfTestReport['untried'] {
  const [lab, ...others] = labs;
  // Of several labs it is not said which lacks what.
  const plan = lab === undefined || others.length > 0 ? null : planLab(lab.spec);
  return faultsOf(options)
    .filter((fault) => !trials.some((trial) => trial.fault === fault.id))
    .map((fault) => {
      const reason = plan === null ? true : faultApplies(fault, plan);
      return { fault: fault.id, reason: reason === true ? 'no lab that can show it was tested' : reason };
    });
}
