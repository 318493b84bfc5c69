/** Grades of a class as CSV (RFC 4180). */
import type { GradeReport } from '../../verify/lesson/grade-report.ts';

const COLUMNS = ['learner', 'lab', 'exercise', 'verdict', 'score', 'hints', 'minutes'] as const;
const MINUTE_MS = 60_000;

/** Spreadsheets run what begins like a formula; an apostrophe makes it text again. */
const asText = (text: string): string => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);

/** RFC 4180 2.6 and 2.7: quotes around what holds a comma, a quote or a line break; a quote inside is doubled. */
const quoted = (field: string): string => (/[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field);

function rowOf({ learner, lab, exercise, verdict, passed, total, hints, startedAt, finishedAt }: GradeReport): readonly string[] {
  const minutes = (Date.parse(finishedAt) - Date.parse(startedAt)) / MINUTE_MS;
  // Three decimals of a share; 1 where all hold.
  const score = total === 0 ? 0 : Math.round((passed / total) * 1000) / 1000;
  return [asText(learner), asText(lab), asText(exercise ?? ''), verdict, String(score), String(hints), minutes.toFixed(1)];
}

/** A header and a line for each report, each ended by CRLF. `score` is the share of checks that hold, `minutes` the time from the beginning of the exercise. */
export function gradesCsv(reports: readonly GradeReport[]): string {
  return [COLUMNS, ...reports.map(rowOf)].map((row) => `${row.map(quoted).join(',')}\r\n`).join('');
}
