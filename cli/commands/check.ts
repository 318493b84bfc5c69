import { resolve } from 'node:path';
import { renderChecks } from '../../report/lesson/check-text.ts';
import { exitCodeOfVerdict } from '../exit-codes.ts';
import { flag, given, operand, textOption, type RunCommand } from '../invocation.ts';
import { refuseUnwritable, writeWhole } from '../write-whole.ts';

/** Grades a lesson, or the exercise under way. */
export const run: RunCommand = async (invocation) => {
  const { lab, output, signal, streams } = invocation;
  const name = operand(invocation, 0);
  const out = textOption(invocation, 'out');
  const path = out === undefined ? null : resolve(streams.cwd, out);
  // Found out before the work, not after it.
  if (out !== undefined && path !== null) await refuseUnwritable(path, out, flag(invocation, 'force'));
  const { report, why } = await lab.checkLesson(name, { ...given('learner', textOption(invocation, 'learner')), signal });
  if (path !== null) await writeWhole(path, `${JSON.stringify(report, null, 2)}\n`);
  output.document(report);
  const { style, columns } = output;
  output.data(renderChecks(report.checks, { style, columns }));
  output.data(`${report.passed} of ${report.total} hold${report.exercise === null ? '' : `, exercise ${report.exercise}`}`);
  if (why !== null) output.data(`${style.pass('solved')}: ${why.trim()}`);
  if (out !== undefined) output.note(`wrote ${out}`);
  if (report.exercise !== null && why === null) output.next(`cnilab exercise ${name} --hint`);
  else if (report.verdict === 'pass') output.next(`cnilab exercise ${name}`);
  return exitCodeOfVerdict(report.verdict);
};
