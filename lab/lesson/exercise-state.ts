/** What beginning, grading and solving an exercise share. */
import { LabError } from '../../topology/errors.ts';
import type { CheckSpec, ExerciseSpec, LessonSpec } from '../../topology/lesson/lesson.ts';
import { undoFaults } from '../fault.ts';
import { setAgents } from './agents.ts';
import { updateProgress, type LessonOptions, type OpenLesson } from './open-lesson.ts';

/** @throws LabError LESSON_MISSING listing the exercises */
export function exerciseOf(lab: string, lesson: LessonSpec, name: string): ExerciseSpec {
  const all = lesson.exercises ?? [];
  const found = all.find((one) => one.name === name);
  if (found !== undefined) return found;
  throw new LabError({
    code: 'LESSON_MISSING',
    message: `the lesson of lab ${lab} has no exercise ${JSON.stringify(name)}`,
    hint: all.length === 0 ? 'it has none at all' : `there is: ${all.map((one) => one.name).join(', ')}`,
  });
}

/** The checks that must fail after its break and hold after its solution. */
export function judgedBy(lesson: LessonSpec, exercise: ExerciseSpec): readonly CheckSpec[] {
  return exercise.checks ?? lesson.checks ?? [];
}

/** @throws LabError EXERCISE_REFUSED */
export function noneUnderWay(lab: string): LabError {
  return new LabError({ code: 'EXERCISE_REFUSED', message: `no exercise is under way in lab ${lab}`, hint: `\`cnilab exercise ${lab}\` lists them` });
}

/**
 * An exercise that is solved is over. A fault that it injected and somebody mended by hand is undone all the same, for what it may have left besides.
 *
 * @throws LabError what undoing a fault throws: then it stays known, and the exercise under way
 */
export async function endExercise({ lab, context }: Pick<OpenLesson, 'lab' | 'context'>, exercise: ExerciseSpec, options: LessonOptions): Promise<void> {
  const injected = exercise.break.flatMap((action) => ('fault' in action ? [action.fault] : []));
  for (const id of injected) {
    await undoFaults(lab, id, options).catch((error: unknown) => {
      // `fault undo`, or the solution, was before.
      if (!(error instanceof LabError && error.code === 'FAULT_UNKNOWN')) throw error;
    });
  }
  await setAgents(context, 'resume');
  await updateProgress(lab, options, (progress) => ({ ...progress, exercise: null }));
}
