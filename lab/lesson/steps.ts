/** The steps of a lesson that builds its lab by hand. */
import { LabError } from '../../topology/errors.ts';
import type { StepSpec } from '../../topology/lesson/lesson.ts';
import { runCheck, type LessonCheckResult } from '../../verify/lesson/check.ts';
import { runCommand, type Ran } from '../../verify/lesson/run-command.ts';
import { fill } from '../../verify/lesson/fill.ts';
import { commandFailed } from './act.ts';
import { updateProgress, withLesson, type LessonOptions, type OpenLesson } from './open-lesson.ts';

export interface StepTaken {
  /** From 1. */
  readonly number: number;
  readonly title: string;
  readonly text: string;
  readonly on: string;
  /** As it was typed, or would have been. */
  readonly run: string;
  /** null: it was done already, by hand. */
  readonly ran: Ran | null;
  /** null: the step has none. */
  readonly check: LessonCheckResult | null;
}

export interface StepsTaken {
  readonly lab: string;
  readonly total: number;
  /** Steps that are done now. */
  readonly done: number;
  readonly taken: readonly StepTaken[];
  readonly verdict: LessonCheckResult['verdict'];
}

export interface StepOptions extends LessonOptions {
  /** All that are left, up to the first whose check does not hold. @default the next one */
  readonly all?: boolean;
  /** Called for each as it is done. */
  readonly onStep?: (step: StepTaken) => void;
}

/** @throws LabError LESSON_MISSING for a lesson without steps */
export function stepsOf({ lab, lesson: { steps = [] } }: OpenLesson): readonly StepSpec[] {
  if (steps.length > 0) return steps;
  throw new LabError({
    code: 'LESSON_MISSING',
    message: `lab ${lab} is built by \`up\`: its lesson has no steps`,
    hint: `\`cnilab check ${lab}\` asks its checks`,
  });
}

/**
 * Takes the next step of a lesson: its command, then its check. A step whose check holds before was done by hand, and is counted.
 *
 * @throws LabError LAB_UNKNOWN; LAB_LOST; LESSON_MISSING for a lesson without steps; LESSON_COMMAND_FAILED with the output: the step is not done
 */
export async function takeSteps(name: string, options: StepOptions = {}): Promise<StepsTaken> {
  return await withLesson(name, options, async (open) => {
    const steps = stepsOf(open);
    const taken: StepTaken[] = [];
    let done = open.progress.steps;
    for (const [i, step] of steps.entries()) {
      if (i < done) continue;
      if (taken.length > 0 && options.all !== true) break;
      options.signal?.throwIfAborted();
      const one = await takeStep(open, step, i + 1);
      taken.push(one);
      options.onStep?.(one);
      if (one.check !== null && one.check.verdict !== 'pass') break;
      done = i + 1;
      await updateProgress(name, options, (progress) => ({ ...progress, steps: done }));
    }
    return { lab: name, total: steps.length, done, taken, verdict: taken.at(-1)?.check?.verdict ?? 'pass' };
  });
}

async function takeStep({ lab, context }: OpenLesson, step: StepSpec, number: number): Promise<StepTaken> {
  const { title, text, check } = step;
  const about = { number, title, text, on: fill(step.on, context.values), run: fill(step.run, context.values) };
  const before = check === undefined ? null : await runCheck(context, check, 0);
  if (before?.verdict === 'pass') return { ...about, ran: null, check: before };
  const ran = await runCommand(context, step);
  if (ran.exitCode !== 0)
    throw commandFailed(ran, `look with \`cnilab shell ${lab} ${about.on}\`; \`cnilab down ${lab}\` and \`cnilab up\` begin anew where a step went wrong`);
  return { ...about, ran, check: check === undefined ? null : await runCheck(context, check) };
}
