/** Checks of a lesson, asked of a running lab. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { EngineSession } from '../../engines/port.ts';
import { InternalError, LabError } from '../../topology/errors.ts';
import type { CheckSpec } from '../../topology/lesson/lesson.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { Report } from '../report.ts';
import type { VerifyOptions } from '../options.ts';
import { checkOutput } from './check-output.ts';
import { checkReach } from './check-reach.ts';
import { checkVerdict } from './check-verdict.ts';
import { checkWire } from './check-wire.ts';
import type { Values } from './fill.ts';

/** A place of the lab, resolved. */
export interface Place {
  readonly id: string;
  readonly netns: string;
}

/** The lab that checks are asked of. */
export interface LessonContext {
  readonly session: EngineSession;
  readonly plan: LabPlan;
  readonly values: Values;
  /** @throws LabError TARGET_UNKNOWN */
  readonly placeOf: (word: string) => Place;
  /** Null where nothing can be called that. */
  readonly findPlace: (word: string) => Place | null;
  readonly verify: (options: VerifyOptions) => Promise<Report>;
  readonly signal?: AbortSignal;
}

/** What was found when a check was asked once. */
export interface Finding {
  readonly verdict: 'pass' | 'fail' | 'inconclusive';
  /** In words. */
  readonly expected: string;
  /** In words; why it cannot be judged, where it cannot. */
  readonly seen: string;
}

export interface LessonCheckResult extends Finding {
  readonly id: string;
  /** What is expected, as the lesson says it. */
  readonly says: string;
  /** How often it was asked. */
  readonly asked: number;
  /** Since the first check was asked. */
  readonly elapsedMs: number;
}

const WAIT_MS = 5000;
const PAUSE_MS = 200;

async function askOnce(context: LessonContext, check: CheckSpec): Promise<Finding> {
  switch (check.type) {
    case 'reach':
      return await checkReach(context, check);
    case 'output':
      return await checkOutput(context, check);
    case 'verdict':
      return await checkVerdict(context, check);
    case 'wire':
      return await checkWire(context, check);
  }
}

/** What stops a lab is the caller's; anything else is a reason why this one check says nothing. */
function unjudged(error: unknown): Finding {
  if (!(error instanceof LabError) || ['INTERRUPTED', 'TIMEOUT', 'LAB_LOST', 'ENGINE_GONE', 'INTERNAL'].includes(error.code)) throw error;
  return { verdict: 'inconclusive', expected: '', seen: error.message };
}

interface Asked extends Finding {
  readonly asked: number;
  readonly elapsedMs: number;
}

/**
 * Asks checks, one after the other: one may change what the next one sees (an ARP entry, a flow). Those that fail are asked again until they hold or their time is
 * over; the last finding counts. The time begins when all were asked once: a verification that takes longer than that on a busy machine would otherwise never be
 * asked again. What cannot be judged is inconclusive, never passed.
 * @param waitMs in place of the checks' own; 0: each is asked once
 * @throws LabError when the lab is gone, or the signal came
 */
export async function runChecks(context: LessonContext, checks: readonly CheckSpec[], waitMs?: number): Promise<readonly LessonCheckResult[]> {
  const startedAt = performance.now();
  const found = new Map<CheckSpec, Asked>();
  let answeredAt: number | null = null;
  let open = checks;
  for (let asked = 1; open.length > 0; asked += 1) {
    for (const check of open) {
      context.signal?.throwIfAborted();
      const finding = await askOnce(context, check).catch(unjudged);
      found.set(check, { ...finding, asked, elapsedMs: Math.round(performance.now() - startedAt) });
    }
    const now = performance.now();
    const waited = now - (answeredAt ??= now);
    open = open.filter((check) => found.get(check)?.verdict === 'fail' && waited < (waitMs ?? check.waitMs ?? WAIT_MS));
    if (open.length > 0) await sleep(PAUSE_MS);
  }
  return checks.flatMap((check) => {
    const last = found.get(check);
    return last === undefined ? [] : [{ id: check.id, says: check.says, ...last }];
  });
}

/** As {@link runChecks}, one. */
export async function runCheck(context: LessonContext, check: CheckSpec, waitMs?: number): Promise<LessonCheckResult> {
  const [result] = await runChecks(context, [check], waitMs);
  if (result === undefined) throw new InternalError(`check ${check.id} was not asked`);
  return result;
}

/** fail outranks inconclusive outranks pass. */
export function verdictOf(results: readonly Finding[]): Finding['verdict'] {
  return results.some(({ verdict }) => verdict === 'fail') ? 'fail' : results.every(({ verdict }) => verdict === 'pass') ? 'pass' : 'inconclusive';
}
