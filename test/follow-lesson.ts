/** A lesson followed on its running lab: each part answers with what is not as the lesson says, in words. */
import { setTimeout as sleep } from 'node:timers/promises';
import { beginExercise } from '../lab/lesson/exercise.ts';
import { judgedBy } from '../lab/lesson/exercise-state.ts';
import { withLesson } from '../lab/lesson/open-lesson.ts';
import { solveExercise } from '../lab/lesson/solve.ts';
import { takeSteps } from '../lab/lesson/steps.ts';
import type { ExerciseSpec, LessonSpec, LookSpec } from '../topology/lesson/lesson.ts';
import { runCheck, runChecks, type LessonCheckResult, type LessonContext } from '../verify/lesson/check.ts';
import { fill } from '../verify/lesson/fill.ts';
import { runCommand, type Ran } from '../verify/lesson/run-command.ts';
import { matchShown, type ShownMismatch } from '../verify/lesson/shown.ts';

/** Nobody types faster than that: devices and caches have settled by then. */
const SETTLED_MS = 3000;
/** How long a fault may take until a check notices it. */
const NOTICED_MS = 8000;

const wrong = (results: readonly LessonCheckResult[], what: string): readonly string[] =>
  results
    .filter(({ verdict }) => verdict !== 'pass')
    .map(({ id, verdict, expected, seen }) => `${what}, check ${id}: ${verdict}\n  expected ${expected}\n  seen     ${seen}`);

async function stepsOf(name: string, { steps = [] }: LessonSpec): Promise<readonly string[]> {
  if (steps.length === 0) return [];
  const { taken, verdict } = await takeSteps(name, { all: true });
  return [
    ...taken.filter(({ ran }) => ran === null).map(({ number, title }) => `step ${number} (${title}): its check holds before it is done`),
    ...(verdict === 'pass' ? [] : taken.flatMap(({ number, title, check }) => (check === null ? [] : wrong([check], `step ${number} (${title})`)))),
  ];
}

interface Looked {
  readonly ran: Ran;
  readonly mismatch: ShownMismatch | null;
}

async function looked(context: LessonContext, look: LookSpec): Promise<Looked> {
  const shown = look.shows.map((line) => fill(line, context.values));
  const end = performance.now() + SETTLED_MS;
  for (;;) {
    const ran = await runCommand(context, look);
    const mismatch = ran.exitCode === null ? { expected: 'an end', seen: 'it took too long' } : matchShown(shown, ran.output);
    if (mismatch === null || performance.now() > end) return { ran, mismatch };
    await sleep(200);
  }
}

export async function lookAt(context: LessonContext, look: LookSpec): Promise<readonly string[]> {
  const { ran, mismatch } = await looked(context, look);
  if (mismatch === null) return [];
  const told = [
    `look ${JSON.stringify(look.title)}: ${ran.on}: ${ran.run}`,
    `  expected ${mismatch.expected ?? 'nothing more'}`,
    `  seen     ${mismatch.seen ?? 'nothing more'}`,
    '  the whole output:',
    ...ran.output
      .trimEnd()
      .split('\n')
      .map((line) => `    ${line}`),
  ];
  return [told.join('\n')];
}

export async function checksOf(context: LessonContext, { checks = [] }: LessonSpec): Promise<readonly string[]> {
  return wrong(await runChecks(context, checks), 'as it comes up');
}

/** The checks of a lab, asked again and again until one of them fails: a fault may take a moment to show. */
async function noticed(context: LessonContext, lesson: LessonSpec, exercise: ExerciseSpec): Promise<boolean> {
  const end = performance.now() + NOTICED_MS;
  do {
    for (const check of judgedBy(lesson, exercise)) if ((await runCheck(context, check, 0)).verdict === 'fail') return true;
    await sleep(200);
  } while (performance.now() < end);
  return false;
}

/** Broken, noticed by its checks, solved. */
export async function exerciseOf(name: string, lesson: LessonSpec, exercise: ExerciseSpec): Promise<readonly string[]> {
  const what = `exercise ${exercise.name}`;
  const { see } = await beginExercise(name, exercise.name);
  const seen = await withLesson(name, {}, async ({ context }) => await noticed(context, lesson, exercise));
  const { steps, checks } = await solveExercise(name);
  return [
    ...(see.exitCode === null ? [`${what}: what shows the symptom does not end`] : []),
    ...(see.exitCode === 127 ? [`${what}: what shows the symptom is not here: ${see.output}`] : []),
    ...(seen ? [] : [`${what}: no check fails after the break`]),
    ...steps.filter(({ failed }) => failed !== '').map(({ action, failed }) => `${what}: the solution ${JSON.stringify(action)} fails: ${failed}`),
    ...wrong(checks, `${what}, after the solution`),
  ];
}

/** Follows the lesson of a lab that is up to its end: steps, looks, checks, and each exercise. @returns what is not as the lesson says */
export async function followLesson(name: string, lesson: LessonSpec): Promise<readonly string[]> {
  const problems: string[] = [...(await stepsOf(name, lesson))];
  await withLesson(name, {}, async ({ context }) => {
    for (const look of lesson.look ?? []) problems.push(...(await lookAt(context, look)));
    problems.push(...(await checksOf(context, lesson)));
  });
  for (const exercise of lesson.exercises ?? []) problems.push(...(await exerciseOf(name, lesson, exercise)));
  return problems;
}
