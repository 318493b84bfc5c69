/** Grading: the checks of the exercise under way, or of the lesson. */
import { userInfo } from 'node:os';
import { LabError } from '../../topology/errors.ts';
import { runChecks, verdictOf } from '../../verify/lesson/check.ts';
import { GRADE_SCHEMA, type GradeReport } from '../../verify/lesson/grade-report.ts';
import { endExercise, exerciseOf, judgedBy } from './exercise-state.ts';
import { withLesson, type LessonOptions } from './open-lesson.ts';

export interface CheckLessonOptions extends LessonOptions {
  /** @default the name of the user */
  readonly learner?: string;
}

/** A report, and of an exercise that is solved why it was so. */
export interface Checked {
  readonly report: GradeReport;
  readonly why: string | null;
}

const userName = (): string => {
  try {
    return userInfo().username;
  } catch {
    // A uid without a line in /etc/passwd.
    return String(process.getuid?.() ?? '');
  }
};

/**
 * Asks the checks of the exercise under way, which is over when all of them hold; without one the checks of the lesson.
 *
 * @throws LabError LAB_UNKNOWN; LAB_LOST; LESSON_MISSING for a lesson without checks. What does not hold is a verdict, not an error.
 */
export async function checkLesson(name: string, options: CheckLessonOptions = {}): Promise<Checked> {
  return await withLesson(name, options, async (open) => {
    const { lesson, progress, context, createdAt } = open;
    const exercise = progress.exercise === null ? null : exerciseOf(name, lesson, progress.exercise.name);
    const checks = exercise === null ? (lesson.checks ?? []) : judgedBy(lesson, exercise);
    if (checks.length === 0)
      throw new LabError({ code: 'LESSON_MISSING', message: `the lesson of lab ${name} has no checks`, hint: `\`cnilab verify ${name}\` verifies the lab` });
    const results = await runChecks(context, checks);
    const verdict = verdictOf(results);
    const report: GradeReport = {
      schema: GRADE_SCHEMA,
      lab: name,
      exercise: exercise?.name ?? null,
      learner: options.learner ?? userName(),
      startedAt: progress.exercise?.startedAt ?? createdAt,
      finishedAt: new Date().toISOString(),
      hints: progress.exercise?.hints ?? 0,
      verdict,
      passed: results.filter((one) => one.verdict === 'pass').length,
      total: results.length,
      checks: results,
    };
    const solved = exercise !== null && verdict === 'pass';
    if (solved) await endExercise(open, exercise, options);
    return { report, why: solved ? exercise.why : null };
  });
}
