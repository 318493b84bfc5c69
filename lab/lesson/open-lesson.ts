/** A running lab and its lesson, opened. */
import { LabError } from '../../topology/errors.ts';
import type { LessonSpec } from '../../topology/lesson/lesson.ts';
import type { LessonContext } from '../../verify/lesson/check.ts';
import { valuesOf } from '../../verify/lesson/values.ts';
import { findTargets, resolveTarget } from '../exec.ts';
import type { LabState, LessonProgress } from '../lab-state.ts';
import { loadEngine, type LoadEngine } from '../load-engine.ts';
import { readLab } from '../read.ts';
import { writeState } from '../state-file.ts';
import { verify } from '../verify.ts';
import { withLabState, withSession } from '../with-lab.ts';

export interface LessonOptions {
  /** Stops between two commands. */
  readonly signal?: AbortSignal;
  /** @default the engines of this package */
  readonly loadEngine?: LoadEngine;
}

/** A lab's lesson and the lab, to be asked. */
export interface OpenLesson {
  readonly lab: string;
  readonly createdAt: string;
  readonly lesson: LessonSpec;
  readonly progress: LessonProgress;
  readonly context: LessonContext;
}

const NOTHING_YET: LessonProgress = { steps: 0, exercise: null };

/** @throws LabError LESSON_MISSING */
function lessonOf({ name, spec }: LabState): LessonSpec {
  if (spec.lesson !== undefined) return spec.lesson;
  throw new LabError({
    code: 'LESSON_MISSING',
    message: `lab ${name} has no lesson`,
    hint: '`cnilab labs` lists the labs that have one; docs/lessons.md says how to write one',
  });
}

/** An exercise that the lab file has no more, since a later `up`, is not under way. */
export function progressIn({ exercises = [] }: LessonSpec, progress: LessonProgress = NOTHING_YET): LessonProgress {
  return exercises.some((one) => one.name === progress.exercise?.name) ? progress : { ...progress, exercise: null };
}

/**
 * Does something with a running lab and its lesson. The lab is not locked: who follows a lesson works in the lab at the same time.
 *
 * @throws LabError LAB_UNKNOWN; LAB_LOST; LESSON_MISSING
 */
export async function withLesson<T>(name: string, options: LessonOptions, work: (open: OpenLesson) => Promise<T>): Promise<T> {
  const load = options.loadEngine ?? loadEngine;
  const state = await readLab(name, { loadEngine: load });
  const lesson = lessonOf(state);
  return await withSession(state, { loadEngine: load }, async (session, plan, now) => {
    // Where a cluster names its pods, as they are now.
    const present = state.observed === undefined ? state : { ...state, observed: plan };
    const context: LessonContext = {
      session,
      plan,
      values: valuesOf(now),
      placeOf: (word) => resolveTarget(present, word),
      findPlace: (word) => findTargets(present, word)[0] ?? null,
      verify: async (asked) => await verify(name, { ...asked, loadEngine: load }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    };
    return await work({ lab: name, createdAt: state.createdAt, lesson, progress: progressIn(lesson, state.lesson), context });
  });
}

/** Writes down how far the lesson is, in the state as it is then. */
export async function updateProgress(name: string, options: LessonOptions, change: (progress: LessonProgress) => LessonProgress): Promise<void> {
  await withLabState(name, 'lesson', options, async ({ status: _status, ...state }) => {
    await writeState({ ...state, lesson: change(state.lesson ?? NOTHING_YET) });
  });
}
