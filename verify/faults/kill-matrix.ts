/** What a self-test found: faults × checks, each named or not. Versioned JSON. */
import type { FaultLayer } from './fault.ts';
import { isFine, type Trial, type TrialVerdict } from './trial.ts';

export const SELFTEST_SCHEMA = 'cnilab.selftest/1';

/** One fault, over all labs that it was tried in. */
export interface KillRow {
  readonly fault: string;
  readonly layer: FaultLayer;
  /** The check that must fail, and the name that must be said. */
  readonly check: string;
  readonly diagnosis: string;
  /** That of the trial that speaks most against the verifier. */
  readonly verdict: TrialVerdict;
  /** Checks that failed in any lab, in the order of the first trial. */
  readonly failed: readonly string[];
  /** Labs that it was tried in; those where it was not found have their verdict behind them. */
  readonly labs: readonly string[];
  /** Of the slowest trial: injected, found, undone, and proven gone. */
  readonly seconds: number;
}

/**
 * What a lab came to. left out: this machine lacks what it needs. broken: it does not verify while nothing is injected. inconclusive: it could not be
 * judged.
 */
export interface TestedLab {
  readonly name: string;
  readonly status: 'tested' | 'broken' | 'inconclusive' | 'left out';
  /** Why it is not `tested`; '' otherwise. */
  readonly detail: string;
  readonly verifications: number;
  readonly seconds: number;
}

export interface SelfTestReport {
  readonly schema: typeof SELFTEST_SCHEMA;
  readonly verdict: 'pass' | 'fail' | 'inconclusive';
  readonly labs: readonly TestedLab[];
  /** By fault in the order of the library. */
  readonly matrix: readonly KillRow[];
  /** By fault in the order of the library, then by lab. */
  readonly trials: readonly Trial[];
  /** Faults that were tried nowhere, with the reason. */
  readonly untried: readonly { readonly fault: string; readonly reason: string }[];
  readonly elapsedMs: number;
}

const WORST: readonly TrialVerdict[] = ['survived', 'misnamed', 'left-behind', 'broken-off', 'found', 'lacking'];

/** One row per fault, in the order in which the trials name them. */
export function killMatrix(trials: readonly Trial[]): readonly KillRow[] {
  return [...new Set(trials.map((trial) => trial.fault))].flatMap((id): readonly KillRow[] => {
    const all = trials.filter((trial) => trial.fault === id);
    const [first] = all;
    if (first === undefined) return [];
    const { fault, layer, check, diagnosis } = first;
    return [
      {
        fault,
        layer,
        check,
        diagnosis,
        verdict: WORST.find((verdict) => all.some((trial) => trial.verdict === verdict)) ?? first.verdict,
        failed: [...new Set(all.flatMap((trial) => trial.failed))],
        labs: all.map((trial) => (trial.verdict === 'found' ? trial.lab : `${trial.lab} (${trial.verdict})`)),
        seconds: Math.max(...all.map((trial) => trial.seconds)),
      },
    ];
  });
}

/** fail when a fault survives, is misnamed or leaves something, or a healthy lab fails; inconclusive when only a healthy lab could not be judged. */
export function selfTestVerdict(labs: readonly TestedLab[], trials: readonly Trial[]): SelfTestReport['verdict'] {
  if (labs.some((lab) => lab.status === 'broken') || !trials.every(isFine)) return 'fail';
  return labs.some((lab) => lab.status === 'inconclusive') ? 'inconclusive' : 'pass';
}
