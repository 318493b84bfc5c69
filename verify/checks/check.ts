import type { LabPlan } from '../../topology/plan.ts';
import type { PairClass } from '../pair-table.ts';
import type { ProbedFailure } from '../failure.ts';
import { FAILURE_LIMIT, type CheckResult, type RequirementId, type Verdict } from '../report.ts';
import type { Run } from '../run.ts';
import type { Suite } from '../suites.ts';

/** One thing that a verification establishes. A check is one file here and one line in `index.ts`. */
export interface Check {
  readonly id: string;
  readonly title: string;
  readonly suite: Suite;
  /** The requirement whose verdict it takes part in; null: the report's alone. */
  readonly requirement: RequirementId | null;
  /** Kinds of pairs that must be probed for it. */
  readonly pairs: readonly PairClass[];
  /** Has the lab what it looks at? Else no report tells of it. @default always */
  readonly concerns?: (plan: LabPlan) => boolean;
  run(run: Run): Promise<CheckOutcome>;
}

/** Probes by what became of them. */
export interface ProbeCounts {
  readonly ok: number;
  readonly failed: number;
  readonly inconclusive: number;
}

export interface CheckOutcome {
  readonly result: CheckResult;
  readonly counts: ProbeCounts;
  /** The failures of `result`, in its order. */
  readonly failures: readonly ProbedFailure[];
  /** What works, but worse than planned: no failure, and explained like one. */
  readonly remarks: readonly ProbedFailure[];
}

/** What a check found, before its verdict. */
export interface Tally {
  readonly pairs: CheckResult['pairs'];
  readonly counts: ProbeCounts;
  readonly failures: readonly ProbedFailure[];
  /** @default none */
  readonly remarks?: readonly ProbedFailure[];
  /** @default the number of failures */
  readonly failuresTotal?: number;
  readonly reasons?: readonly string[];
  readonly lost?: number;
  readonly latencyUs?: CheckResult['latencyUs'];
  /** Reported, and not judged: the verdict is skip, with this reason. */
  readonly observedOnly?: string;
  /** Why there was nothing to do; used when nothing was planned. */
  readonly nothing?: string;
}

/** Draws the verdict: a failure outranks an inconclusive result, nothing planned is a skip with its reason. */
export function concludeCheck(check: Pick<Check, 'id' | 'title' | 'requirement'>, tally: Tally): CheckOutcome {
  const { pairs, counts } = tally;
  const failures = tally.failures.slice(0, FAILURE_LIMIT);
  const verdict: Verdict =
    tally.observedOnly !== undefined
      ? 'skip'
      : pairs.failed > 0 || failures.length > 0
        ? 'fail'
        : pairs.inconclusive > 0
          ? 'inconclusive'
          : pairs.planned === 0
            ? 'skip'
            : 'pass';
  const reason =
    verdict === 'inconclusive'
      ? joinReasons(tally.reasons ?? []) || 'answers are missing'
      : verdict === 'skip'
        ? (tally.observedOnly ?? tally.nothing ?? 'nothing to probe')
        : '';
  return {
    counts,
    failures,
    remarks: (tally.remarks ?? []).slice(0, FAILURE_LIMIT),
    result: {
      id: check.id,
      title: check.title,
      requirement: check.requirement,
      verdict,
      reason,
      pairs,
      probes: counts.ok + counts.failed + counts.inconclusive,
      lost: tally.lost ?? 0,
      latencyUs: tally.latencyUs ?? null,
      failures: failures.map((one) => one.failure),
      failuresTotal: Math.max(tally.failuresTotal ?? tally.failures.length, failures.length),
    },
  };
}

/** Counts of a check that sent no probes. */
export const NO_PROBES: ProbeCounts = { ok: 0, failed: 0, inconclusive: 0 };

function joinReasons(reasons: readonly string[]): string {
  const shown = reasons.slice(0, 3).join('; ');
  return reasons.length > 3 ? `${shown}; and ${reasons.length - 3} more` : shown;
}
