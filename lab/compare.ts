import type { EngineSession, OnEvent } from '../engines/port.ts';
import { step } from '../engines/step.ts';
import { LabError } from '../topology/errors.ts';
import type { LabPlan } from '../topology/plan.ts';
import { compareLabs } from '../verify/compare/compare.ts';
import { COMPARISON_SCHEMA, type Comparison } from '../verify/compare/document.ts';
import { measureInTurns, ROUNDS } from '../verify/compare/measure.ts';
import { waysOf } from '../verify/compare/ways.ts';
import type { Report } from '../verify/report.ts';
import type { LoadEngine } from './load-engine.ts';
import { readLab, type ReadLab } from './read.ts';
import { requireUp } from './require-up.ts';
import { shippedLab } from './shipped.ts';
import { verify } from './verify.ts';
import { withSession } from './with-lab.ts';

export interface CompareOptions {
  /** Of streaming on each of a lab's two ways, 0.2 to 10. @default 1 */
  readonly seconds?: number;
  /** Also verifies every lab first. @default false */
  readonly verify?: boolean;
  readonly onEvent?: OnEvent;
  readonly signal?: AbortSignal;
  /** @default the engines of this package */
  readonly loadEngine?: LoadEngine;
}

/**
 * Puts running labs side by side: what they are, how packets travel, and what was measured on this machine in turns over the labs. Nothing is brought up.
 *
 * @throws LabError USAGE for fewer than two labs, one that is named twice, and seconds out of range; LAB_UNKNOWN; LAB_LOST; INTERRUPTED; EngineError. What a lab
 * has no pods for, and what its network does not carry, is an answer.
 */
export async function compare(names: readonly string[], options: CompareOptions = {}): Promise<Comparison> {
  const { seconds = 1, onEvent = (): void => undefined, signal } = options;
  refuseUnusable(names, seconds);
  const started = performance.now();
  const startedAt = new Date().toISOString();
  const labs: ReadLab[] = [];
  for (const name of names) labs.push(await readRunning(name, options));
  const given = { ...(signal === undefined ? {} : { signal }), ...(options.loadEngine === undefined ? {} : { loadEngine: options.loadEngine }) };
  const reports = new Map<string, Report>();
  if (options.verify === true) for (const { name } of labs) reports.set(name, await step(onEvent, 'verify', name, async () => await verify(name, given)));
  return await withSessions(labs, options, async (opened) => {
    const sides = opened.map((one) => ({ ...one, ways: waysOf(one.now) }));
    const measured = await step(onEvent, 'measure', `${ROUNDS} rounds`, async (progress) => {
      const onRound = (round: number): void => progress(`round ${round} of ${ROUNDS}`);
      return await measureInTurns(
        sides.map(({ lab, session, ways }) => ({ engine: lab.engine, session, ...ways })),
        { seconds, onRound, ...(signal === undefined ? {} : { signal }) },
      );
    });
    const lookedAt = sides.flatMap(({ lab, now, ways }, index) => {
      const own = measured[index];
      return own === undefined ? [] : [{ name: lab.name, engine: lab.engine, plan: lab.plan, now, ways, measured: own, report: reports.get(lab.name) ?? null }];
    });
    return { schema: COMPARISON_SCHEMA, startedAt, elapsedMs: performance.now() - started, rounds: ROUNDS, seconds, labs: compareLabs(lookedAt) };
  });
}

const MIN_SECONDS = 0.2;
const MAX_SECONDS = 10;

function refuseUnusable(names: readonly string[], seconds: number): void {
  const usage = (message: string, hint: string): LabError => new LabError({ code: 'USAGE', message, hint });
  if (names.length < 2) throw usage('a comparison takes two labs or more', 'name them: `cnilab compare LAB LAB`; `cnilab ls` lists those that run');
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw usage(`${twice} is named twice`, 'name each lab once');
  if (!(seconds >= MIN_SECONDS && seconds <= MAX_SECONDS))
    throw usage(`${seconds} seconds are out of range`, `give a number from ${MIN_SECONDS} to ${MAX_SECONDS}`);
}

/** @throws LabError LAB_UNKNOWN for one that is not up, with the command that brings it up */
async function readRunning(name: string, options: CompareOptions): Promise<ReadLab> {
  try {
    const lab = await readLab(name, options);
    requireUp(lab);
    return lab;
  } catch (error) {
    if (!(error instanceof LabError) || error.code !== 'LAB_UNKNOWN') throw error;
    const shipped = shippedLab(name) !== null;
    throw new LabError({
      code: 'LAB_UNKNOWN',
      message: shipped ? `lab ${name} is not up` : error.message,
      hint: shipped ? `\`cnilab up ${name}\` first: a comparison is of labs that run` : error.hint,
      details: error.details,
      cause: error,
    });
  }
}

interface Opened {
  readonly lab: ReadLab;
  readonly session: EngineSession;
  readonly now: LabPlan;
}

/** Opens all labs for as long as the work takes, one inside of the other. */
async function withSessions<T>(
  labs: readonly ReadLab[],
  options: CompareOptions,
  work: (opened: readonly Opened[]) => Promise<T>,
  opened: readonly Opened[] = [],
): Promise<T> {
  const [lab, ...others] = labs;
  if (lab === undefined) return await work(opened);
  return await withSession(lab, options, async (session, _plan, now) => await withSessions(others, options, work, [...opened, { lab, session, now }]));
}
