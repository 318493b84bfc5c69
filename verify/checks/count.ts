import type { ProbedFailure } from '../failure.ts';
import { FAILURE_LIMIT } from '../report.ts';
import { concludeCheck, type Check, type CheckOutcome, type ProbeCounts } from './check.ts';

/** What a check has seen so far, of what it looks at one by one. */
export interface Count {
  planned: number;
  passed: number;
  failed: number;
  inconclusive: number;
  /** The first ones. */
  readonly failures: ProbedFailure[];
  /** Why something is inconclusive. */
  readonly reasons: string[];
}

export function startCount(): Count {
  return { planned: 0, passed: 0, failed: 0, inconclusive: 0, failures: [], reasons: [] };
}

/** One that failed; `failure` is called for those that are kept. */
export function countFailure(count: Count, failure: () => ProbedFailure): void {
  count.failed++;
  if (count.failures.length < FAILURE_LIMIT) count.failures.push(failure());
}

/** `times` of which nothing can be said. */
export function countUnknown(count: Count, times: number, reason: string): void {
  count.inconclusive += times;
  count.reasons.push(reason);
}

/** The verdict. `nothing`: why there was nothing to do. @param counts unless each of them is one probe */
export function concludeCount(check: Pick<Check, 'id' | 'title' | 'requirement'>, count: Count, nothing: string, counts?: ProbeCounts): CheckOutcome {
  const { failures, reasons, ...pairs } = count;
  const { passed: ok, failed, inconclusive } = pairs;
  return concludeCheck(check, { pairs, counts: counts ?? { ok, failed, inconclusive }, failures, failuresTotal: failed, reasons, nothing });
}
