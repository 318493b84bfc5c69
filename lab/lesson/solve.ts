/** The solution of the exercise under way. */
import { LabError } from '../../topology/errors.ts';
import type { ActionSpec } from '../../topology/lesson/lesson.ts';
import { runChecks, verdictOf, type LessonCheckResult } from '../../verify/lesson/check.ts';
import { fill, type Values } from '../../verify/lesson/fill.ts';
import { act } from './act.ts';
import { endExercise, exerciseOf, judgedBy, noneUnderWay } from './exercise-state.ts';
import { withLesson, type LessonOptions } from './open-lesson.ts';

export interface SolvedStep {
  /** Filled in. */
  readonly action: ActionSpec;
  /** Why it did not do what it should; ''. It may have been done by hand before. */
  readonly failed: string;
}

export interface Solved {
  readonly lab: string;
  readonly exercise: string;
  readonly steps: readonly SolvedStep[];
  readonly checks: readonly LessonCheckResult[];
  readonly verdict: LessonCheckResult['verdict'];
  readonly why: string;
}

function filled(action: ActionSpec, values: Values): ActionSpec {
  return 'run' in action ? { ...action, on: fill(action.on, values), run: fill(action.run, values) } : action;
}

/**
 * Does what the solution says and asks the checks; the exercise is over when they hold. A command that fails may have been typed by hand before, or mend what a
 * run that was killed did not break: the checks decide.
 *
 * @throws LabError LAB_UNKNOWN; LAB_LOST; LESSON_MISSING; EXERCISE_REFUSED when none is under way
 */
export async function solveExercise(name: string, options: LessonOptions = {}): Promise<Solved> {
  return await withLesson(name, options, async (open) => {
    const { lesson, progress, context } = open;
    if (progress.exercise === null) throw noneUnderWay(name);
    const exercise = exerciseOf(name, lesson, progress.exercise.name);
    const steps: SolvedStep[] = [];
    for (const action of exercise.solution) {
      options.signal?.throwIfAborted();
      const failed = await act(name, context, action, options, '').then(
        () => '',
        (error: unknown) => {
          if (!(error instanceof LabError) || error.code === 'LAB_LOST') throw error;
          const output = error.details['stderr'];
          return typeof output === 'string' && output.trim() !== '' ? output.trim() : error.message;
        },
      );
      steps.push({ action: filled(action, context.values), failed });
    }
    const checks = await runChecks(context, judgedBy(lesson, exercise));
    const verdict = verdictOf(checks);
    if (verdict === 'pass') await endExercise(open, exercise, options);
    return { lab: name, exercise: exercise.name, steps, checks, verdict, why: exercise.why };
  });
}
