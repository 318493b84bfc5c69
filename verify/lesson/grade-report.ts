import type { LessonCheckResult } from './check.ts';

export const GRADE_SCHEMA = 'cnilab.grade/1';

/** What `cnilab check -o` writes, and `cnilab grade` reads. */
export interface GradeReport {
  readonly schema: typeof GRADE_SCHEMA;
  readonly lab: string;
  /** null: the lesson itself. */
  readonly exercise: string | null;
  readonly learner: string;
  /** ISO 8601: when the exercise was begun, or the lab came up. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly hints: number;
  /** fail outranks inconclusive outranks pass. */
  readonly verdict: LessonCheckResult['verdict'];
  readonly passed: number;
  readonly total: number;
  readonly checks: readonly LessonCheckResult[];
}
