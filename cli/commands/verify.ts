import { dirname, resolve } from 'node:path';
import { renderJunit } from '../../report/junit.ts';
import { renderTerminal } from '../../report/terminal.ts';
import type { Profile, Report } from '../../verify/report.ts';
import { exitCodeOfVerdict } from '../exit-codes.ts';
import { flag, given, listOption, numberOption, operand, textOption, usageError, type Invocation, type RunCommand } from '../invocation.ts';
import { canWriteInto, writeWhole } from '../write-whole.ts';
import { isFileOperand, openLabFile } from './open-lab-file.ts';

/** Proves the requirements on a running lab. */
export const run: RunCommand = async (invocation) => {
  const { lab, output, streams } = invocation;
  const word = operand(invocation, 0);
  const name = isFileOperand(word, streams.cwd) ? (await lab.planLabFile(await openLabFile(invocation, word))).name : word;
  const report = await verifyLab(invocation, name);
  output.document(report);
  showReport(report, invocation);
  return exitCodeOfVerdict(report.verdict);
};

const profiles: readonly Profile[] = ['classic', 'current', 'strict'];

/** Verifies, and writes the JUnit file when one is asked for. */
export async function verifyLab(invocation: Invocation, name: string): Promise<Report> {
  const { lab, output, progress, signal, streams } = invocation;
  const junit = textOption(invocation, 'junit');
  // Found out before the work, not after it.
  if (junit !== undefined && !(await canWriteInto(dirname(resolve(streams.cwd, junit)))))
    throw usageError(`--junit: cannot write into ${dirname(junit)}`, 'name a file in a folder that exists');
  const profile = profiles.find((known) => known === textOption(invocation, 'profile'));
  const only = textOption(invocation, 'only');
  const skip = textOption(invocation, 'skip');
  const report = await lab.verify(name, {
    ...given('profile', profile),
    ...given('attempts', numberOption(invocation, 'attempts')),
    ...given('deadlineMs', numberOption(invocation, 'deadline')),
    ...given(
      'protocols',
      listOption(invocation, 'protocol')?.filter((p) => p === 'tcp' || p === 'udp' || p === 'icmp'),
    ),
    ...given(
      'families',
      listOption(invocation, 'family')?.filter((f) => f === 'ipv4' || f === 'ipv6'),
    ),
    ...given('only', only === undefined ? undefined : new RegExp(only)),
    ...given('skip', skip === undefined ? undefined : new RegExp(skip)),
    ...given('sample', numberOption(invocation, 'sample')),
    onProgress: progress.onEvent,
    signal,
  });
  progress.stop();
  if (junit !== undefined) {
    await writeWhole(resolve(streams.cwd, junit), renderJunit(report));
    output.note(`wrote ${junit}`);
  }
  return report;
}

/** The report as text, and the command to type next. */
export function showReport(report: Report, invocation: Invocation): void {
  const { output } = invocation;
  output.data(renderTerminal(report, { style: output.style, columns: output.columns, pods: flag(invocation, 'pods') }));
  const next = report.checks.flatMap((check) => check.failures).find((failure) => failure.next !== '')?.next;
  const mend = report.diagnoses.find((diagnosis) => diagnosis.severity === 'fail' && diagnosis.mend !== '')?.mend;
  if (report.verdict === 'pass') output.next(`cnilab inspect ${report.lab}`);
  else output.next(mend ?? next ?? `cnilab verify ${report.lab} --json`);
}
