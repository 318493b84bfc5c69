import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gradesCsv } from '../../report/lesson/grades-csv.ts';
import type { GradeReport } from '../../verify/lesson/grade-report.ts';

const report: GradeReport = {
  schema: 'cnilab.grade/1',
  lab: 'switch',
  exercise: 'cut',
  learner: 'ada',
  startedAt: '2026-01-02T10:00:00.000Z',
  finishedAt: '2026-01-02T10:07:30.000Z',
  hints: 1,
  verdict: 'fail',
  passed: 2,
  total: 3,
  checks: [],
};

/** RFC 4180, read back: fields of each record. */
function parse(csv: string): readonly (readonly string[])[] {
  const records: string[][] = [[]];
  for (const [, quoted, plain = '', end] of csv.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/g)) {
    if (end === '') break;
    records.at(-1)?.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === '\r\n') records.push([]);
  }
  return records.slice(0, -1);
}

describe('grades as CSV', () => {
  it('have a header and a line for each report', () => {
    expect(gradesCsv([report, { ...report, exercise: null, verdict: 'pass', passed: 3 }])).toBe(
      'learner,lab,exercise,verdict,score,hints,minutes\r\nada,switch,cut,fail,0.667,1,7.5\r\nada,switch,,pass,1,1,7.5\r\n',
    );
    expect(gradesCsv([{ ...report, passed: 0, total: 0 }])).toContain(',fail,0,1,');
  });

  it('keep any name whole', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ', '=', 'é') }), (learner) => {
        const [, [name] = []] = parse(gradesCsv([{ ...report, learner }]));
        expect(name?.replace(/^'(?=[=+\-@\t\r])/, '')).toBe(learner);
      }),
    );
  });

  it('hold nothing that a spreadsheet would run', () => {
    expect(gradesCsv([{ ...report, learner: '=HYPERLINK("x")' }])).toContain(`\r\n"'=HYPERLINK(""x"")",switch`);
  });
});
