/** Exercises: a lab that somebody has broken, to be mended. */
import { LabError } from '../../topology/errors.ts';
import type { CheckSpec } from '../../topology/lesson/lesson.ts';
import { runChecks, verdictOf, type LessonContext } from '../../verify/lesson/check.ts';
import { runCommand, type Ran } from '../../verify/lesson/run-command.ts';
import type { LessonProgress } from '../lab-state.ts';
import { act } from './act.ts';
import { setAgents } from './agents.ts';
import { exerciseOf, judgedBy, noneUnderWay } from './exercise-state.ts';
import { progressIn, updateProgress, withLesson, type LessonOptions } from './open-lesson.ts';

export interface ExerciseSummary {
  readonly name: string;
  readonly title: string;
  readonly hints: number;
  readonly underWay: boolean;
}

/** An exercise that was begun. */
export interface BegunExercise {
  readonly lab: string;
  readonly name: string;
  readonly title: string;
  readonly symptom: string;
  /** Where the symptom is seen. */
  readonly see: Ran;
  /** How many hints there are. */
  readonly hints: number;
}

export interface GivenHint {
  readonly exercise: string;
  readonly hint: string;
  /** From 1, of so many. */
  readonly number: number;
  readonly of: number;
}

/**
 * The exercises of a lab.
 *
 * @throws LabError LAB_UNKNOWN; LAB_LOST; LESSON_MISSING
 */
export async function listExercises(name: string, options: LessonOptions = {}): Promise<readonly ExerciseSummary[]> {
  return await withLesson(name, options, ({ lesson, progress }) =>
    Promise.resolve(
      (lesson.exercises ?? []).map((one) => ({ name: one.name, title: one.title, hints: one.hints.length, underWay: progress.exercise?.name === one.name })),
    ),
  );
}

function refuseWhereUnderWay(lab: string, { exercise }: LessonProgress): void {
  if (exercise === null) return;
  throw new LabError({
    code: 'EXERCISE_REFUSED',
    message: `exercise ${exercise.name} is under way in lab ${lab}`,
    hint: `\`cnilab check ${lab}\` tells whether it is solved; \`cnilab solve ${lab}\` gives it up`,
  });
}

/** Does the lab stand as it should, before it is broken? */
async function refuseWhereBroken(lab: string, context: LessonContext, checks: readonly CheckSpec[], steps: { readonly left: number }): Promise<void> {
  const results = await runChecks(context, checks);
  if (verdictOf(results) === 'pass') return;
  const [first] = results.filter((one) => one.verdict !== 'pass');
  throw new LabError({
    code: 'EXERCISE_REFUSED',
    message: `lab ${lab} is not as it should be before the exercise: ${first?.says ?? ''} (${first?.verdict ?? ''}: ${first?.seen ?? ''})`,
    hint:
      steps.left > 0
        ? `build it first: \`cnilab step ${lab} --all\``
        : `\`cnilab check ${lab}\` says what does not hold; \`cnilab down ${lab}\` and \`cnilab up\` make it anew`,
    details: { checks: results },
  });
}

/**
 * Breaks the lab as the exercise says, and shows where it hurts. That it is under way is written down first: a run that is killed leaves an exercise that can be
 * solved.
 *
 * @throws LabError LAB_UNKNOWN; LAB_LOST; LESSON_MISSING; EXERCISE_REFUSED while another is under way, or where the checks do not hold before;
 * LESSON_COMMAND_FAILED
 */
export async function beginExercise(name: string, exerciseName: string, options: LessonOptions = {}): Promise<BegunExercise> {
  return await withLesson(name, options, async ({ lesson, progress, context }) => {
    const exercise = exerciseOf(name, lesson, exerciseName);
    refuseWhereUnderWay(name, progress);
    await refuseWhereBroken(name, context, judgedBy(lesson, exercise), { left: (lesson.steps ?? []).length - progress.steps });
    const startedAt = new Date().toISOString();
    await updateProgress(name, options, (was) => {
      // Another run may have begun one while the checks were asked.
      refuseWhereUnderWay(name, progressIn(lesson, was));
      return { ...was, exercise: { name: exercise.name, hints: 0, startedAt } };
    });
    await setAgents(context, 'stop');
    for (const action of exercise.break) await act(name, context, action, options, `\`cnilab solve ${name}\` brings the lab back`);
    const see = await runCommand(context, exercise.see);
    const { title, symptom, hints } = exercise;
    return { lab: name, name: exercise.name, title, symptom, see, hints: hints.length };
  });
}

/**
 * The next hint of the exercise under way; the last one again when all were given.
 *
 * @throws LabError LAB_UNKNOWN; LAB_LOST; LESSON_MISSING; EXERCISE_REFUSED when none is under way, or has no hints
 */
export async function giveHint(name: string, options: LessonOptions = {}): Promise<GivenHint> {
  return await withLesson(name, options, async ({ lesson, progress }) => {
    if (progress.exercise === null) throw noneUnderWay(name);
    const { name: exercise, hints: given } = progress.exercise;
    const { hints } = exerciseOf(name, lesson, exercise);
    const number = Math.min(given + 1, hints.length);
    const hint = hints[number - 1];
    if (hint === undefined)
      throw new LabError({ code: 'EXERCISE_REFUSED', message: `exercise ${exercise} has no hints`, hint: `\`cnilab solve ${name}\` shows the solution` });
    await updateProgress(name, options, (was) => ({ ...was, exercise: was.exercise === null ? null : { ...was.exercise, hints: number } }));
    return { exercise, hint, number, of: hints.length };
  });
}
