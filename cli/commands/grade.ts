import { resolve } from 'node:path';
import { gradesCsv } from '../../report/lesson/grades-csv.ts';
import { exitCodes } from '../exit-codes.ts';
import { flag, operand, textOption, type RunCommand } from '../invocation.ts';
import { refuseUnwritable, writeWhole } from '../write-whole.ts';

/** Makes one table of the reports of a class. */
export const run: RunCommand = async (invocation) => {
  const { lab, output, streams } = invocation;
  const out = textOption(invocation, 'out');
  const path = out === undefined ? null : resolve(streams.cwd, out);
  if (out !== undefined && path !== null) await refuseUnwritable(path, out, flag(invocation, 'force'));
  const grades = await lab.readGrades(resolve(streams.cwd, operand(invocation, 0)));
  output.document(grades);
  const csv = gradesCsv(grades.reports);
  if (path === null) output.data(csv);
  else {
    await writeWhole(path, csv);
    output.note(`wrote ${out ?? ''}: ${grades.reports.length} reports`);
  }
  for (const { file, reason } of grades.refused) output.warn(`${file} is no report: ${reason}`);
  return grades.refused.length === 0 ? exitCodes.ok : exitCodes.checkFailed;
};
