/** Reports of a class, read back. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from '../../topology/errors.ts';
import { GRADE_SCHEMA, type GradeReport } from '../../verify/lesson/grade-report.ts';

export interface Grades {
  /** By learner, lab and exercise, the older first. */
  readonly reports: readonly GradeReport[];
  /** Files that are no reports, and why. */
  readonly refused: readonly { readonly file: string; readonly reason: string }[];
}

const VERDICTS: readonly unknown[] = ['pass', 'fail', 'inconclusive'];
const isText = (value: unknown): boolean => typeof value === 'string';
const isCount = (value: unknown): boolean => typeof value === 'number' && Number.isInteger(value) && value >= 0;
const isTime = (value: unknown): boolean => typeof value === 'string' && !Number.isNaN(Date.parse(value));

/** What each field must be; the checks themselves are for whoever reads the report. */
const FIELDS: Readonly<Record<Exclude<keyof GradeReport, 'schema' | 'checks'>, (value: unknown) => boolean>> = {
  lab: isText,
  exercise: (value) => value === null || isText(value),
  learner: isText,
  startedAt: isTime,
  finishedAt: isTime,
  hints: isCount,
  verdict: (value) => VERDICTS.includes(value),
  passed: isCount,
  total: isCount,
};

/** @throws Error that says why a text is no report */
function parseReport(text: string): GradeReport {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('it is no object');
  const fields = value as Readonly<Record<string, unknown>>;
  if (fields['schema'] !== GRADE_SCHEMA) throw new Error(`its schema is ${JSON.stringify(fields['schema'])}, not ${GRADE_SCHEMA}`);
  const wrong = Object.entries(FIELDS).find(([name, is]) => !is(fields[name]));
  if (wrong !== undefined) throw new Error(`its ${wrong[0]} is ${JSON.stringify(fields[wrong[0]])}`);
  return value as GradeReport;
}

const order = (a: GradeReport, b: GradeReport): number =>
  a.learner.localeCompare(b.learner) ||
  a.lab.localeCompare(b.lab) ||
  (a.exercise ?? '').localeCompare(b.exercise ?? '') ||
  a.finishedAt.localeCompare(b.finishedAt);

/**
 * All reports of a folder: its files that end in .json.
 *
 * @throws LabError USAGE for a folder that cannot be read
 */
export async function readGrades(directory: string): Promise<Grades> {
  const names = await readdir(directory).catch((cause: unknown) => {
    throw new LabError({
      code: 'USAGE',
      message: `${directory} cannot be read: ${(cause as Error).message}`,
      hint: 'name the folder with the reports that `cnilab check -o` wrote',
      cause,
    });
  });
  const reports: GradeReport[] = [];
  const refused: Grades['refused'][number][] = [];
  for (const file of names.filter((name) => name.endsWith('.json')).sort()) {
    try {
      reports.push(parseReport(await readFile(join(directory, file), 'utf8')));
    } catch (error) {
      refused.push({ file, reason: (error as Error).message });
    }
  }
  return { reports: reports.sort(order), refused };
}
