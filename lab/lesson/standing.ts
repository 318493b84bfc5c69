/** How far somebody got with the lesson of a lab, for a look at the lab. */
import type { LabState } from '../lab-state.ts';
import { progressIn } from './open-lesson.ts';

export interface LessonStanding {
  readonly title: string;
  readonly steps: { readonly done: number; readonly total: number };
  /** The one under way. */
  readonly exercise: { readonly name: string; readonly hints: { readonly given: number; readonly total: number }; readonly startedAt: string } | null;
  /** Names of all of them. */
  readonly exercises: readonly string[];
}

/** Null for a lab without a lesson. */
export function lessonStanding({ spec, lesson: progress }: LabState): LessonStanding | null {
  const { lesson } = spec;
  if (lesson === undefined) return null;
  const { steps, exercise } = progressIn(lesson, progress);
  const { steps: all = [], exercises = [] } = lesson;
  const total = exercises.find(({ name }) => name === exercise?.name)?.hints.length ?? 0;
  return {
    title: lesson.title,
    // A lab file that changed may have fewer.
    steps: { done: Math.min(steps, all.length), total: all.length },
    exercise: exercise === null ? null : { name: exercise.name, hints: { given: exercise.hints, total }, startedAt: exercise.startedAt },
    exercises: exercises.map(({ name }) => name),
  };
}
