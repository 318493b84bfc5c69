/** The last step of a lesson, taken back. */
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from '../../topology/errors.ts';
import type { CheckSpec } from '../../topology/lesson/lesson.ts';
import { runCheck, type LessonCheckResult } from '../../verify/lesson/check.ts';
import { fill } from '../../verify/lesson/fill.ts';
import { runCommand, type Ran } from '../../verify/lesson/run-command.ts';
import { commandFailed } from './act.ts';
import { updateProgress, withLesson, type LessonOptions, type OpenLesson } from './open-lesson.ts';
import { stepsOf } from './steps.ts';

export interface StepUndone {
  readonly lab: string;
  /** From 1. */
  readonly number: number;
  readonly title: string;
  readonly ran: Ran;
  readonly total: number;
  /** Steps that are done now. */
  readonly done: number;
  /** The check of the step, which holds no more; one that still holds leaves the step done. null: the step has none. */
  readonly check: LessonCheckResult | null;
}

/** A program that was told to end takes its time. */
const WAIT_MS = 5000;
const PAUSE_MS = 200;

/**
 * Takes the last step that is done back, by the inverse that it declares. One whose inverse fails, and whose check holds no more, was taken back by hand.
 *
 * @throws LabError LAB_UNKNOWN; LAB_LOST; LESSON_MISSING for a lesson without steps; STEP_REFUSED where none is done, the step declares no inverse, or an exercise is
 * under way; LESSON_COMMAND_FAILED with the output: the step stays done
 */
export async function undoStep(name: string, options: LessonOptions = {}): Promise<StepUndone> {
  return await withLesson(name, options, async (open) => {
    const { progress, context } = open;
    const steps = stepsOf(open);
    if (progress.exercise !== null)
      throw refused(`exercise ${progress.exercise.name} is under way in lab ${name}`, `finish it first: \`cnilab solve ${name}\``);
    const number = Math.min(progress.steps, steps.length);
    const step = steps[number - 1];
    if (step === undefined) throw refused(`no step of lab ${name} is done`, `\`cnilab step ${name}\` takes the first one`);
    const { title, undo, check: asked, ...command } = step;
    if (undo === undefined)
      throw refused(
        `step ${number} (${title}) cannot be taken back: it declares no inverse`,
        `undo it by hand with \`cnilab shell ${name} ${fill(step.on, context.values)}\`, or begin anew: \`cnilab down ${name}\`, \`cnilab up\``,
      );
    const ran = await runCommand(context, { ...command, run: undo });
    const check = asked === undefined ? null : await holdsNoMore(open, asked, ran.exitCode === 0 ? (asked.waitMs ?? WAIT_MS) : 0);
    const held = check?.verdict === 'pass';
    if (ran.exitCode !== 0 && (check === null || held)) throw commandFailed(ran, `look with \`cnilab shell ${name} ${ran.on}\``);
    const done = held ? number : number - 1;
    await updateProgress(name, options, (now) => ({ ...now, steps: done }));
    return { lab: name, number, title, ran, done, check, total: steps.length };
  });
}

/** Asks until it does not hold, or the time is over. */
async function holdsNoMore({ context }: OpenLesson, check: CheckSpec, waitMs: number): Promise<LessonCheckResult> {
  const end = performance.now() + waitMs;
  for (;;) {
    const result = await runCheck(context, check, 0);
    if (result.verdict !== 'pass' || performance.now() >= end) return result;
    context.signal?.throwIfAborted();
    await sleep(PAUSE_MS);
  }
}

function refused(message: string, hint: string): LabError {
  return new LabError({ code: 'STEP_REFUSED', message, hint });
}
