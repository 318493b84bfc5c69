import { dirname, resolve } from 'node:path';
import { renderJunit } from '../../report/junit.ts';
import { renderTerminal } from '../../report/terminal.ts';
import type { VerifyLabOptions } from '../../lab/verify.ts';
import type { ExistingCluster } from '../../lab/verify-existing.ts';
import type { Profile, Report } from '../../verify/report.ts';
import { exitCodeOfVerdict } from '../exit-codes.ts';
import { flag, given, listOption, numberOption, textOption, usageError, type Invocation, type RunCommand } from '../invocation.ts';
import { canWriteInto, writeWhole } from '../write-whole.ts';
import { labNamed } from './open-lab-file.ts';
import { shellWord } from '../../topology/shell-word.ts';

/** Proves the requirements on a running lab. */
export const run: RunCommand = async (invocation) => {
  const { operands, output } = invocation;
  const cluster = existingCluster(invocation);
  const [word] = operands;
  if ((cluster === null) === (word === undefined)) {
    throw word === undefined
      ? usageError('nothing to verify', 'name a running lab or its file, or a cluster by --kubeconfig; `cnilab ls` lists the labs')
      : usageError(`${word} and --kubeconfig or --context exclude each other`, 'name a lab, or a cluster');
  }
  if (cluster === null && invocation.options['probeImage'] !== undefined)
    throw usageError('--probe-image is of no lab', 'it goes with --kubeconfig or --context; `cnilab images LAB` lists what a lab runs');
  const name = word === undefined ? undefined : await labNamed(invocation, word);
  const report = await verifyWith(invocation, name === undefined ? { cluster: cluster ?? {} } : { name });
  output.document(report);
  showReport(report, invocation);
  return exitCodeOfVerdict(report.verdict);
};

const profiles: readonly Profile[] = ['classic', 'current', 'strict'];

/** The cluster that --kubeconfig and --context name; null without them. */
export function existingCluster(invocation: Invocation): ExistingCluster | null {
  const kubeconfig = textOption(invocation, 'kubeconfig');
  const context = textOption(invocation, 'context');
  if (kubeconfig === undefined && context === undefined) return null;
  return { ...given('kubeconfig', kubeconfig === undefined ? undefined : resolve(invocation.streams.cwd, kubeconfig)), ...given('context', context) };
}

/** Verifies a lab, and writes the JUnit file when one is asked for. */
export async function verifyLab(invocation: Invocation, name: string): Promise<Report> {
  return await verifyWith(invocation, { name });
}

async function verifyWith(invocation: Invocation, what: { readonly name: string } | { readonly cluster: ExistingCluster }): Promise<Report> {
  const { lab, output, progress, signal, streams } = invocation;
  const junit = textOption(invocation, 'junit');
  // Found out before the work, not after it.
  if (junit !== undefined && !(await canWriteInto(dirname(resolve(streams.cwd, junit)))))
    throw usageError(`--junit: cannot write into ${dirname(junit)}`, 'name a file in a folder that exists');
  const profile = profiles.find((known) => known === textOption(invocation, 'profile'));
  const only = textOption(invocation, 'only');
  const skip = textOption(invocation, 'skip');
  const options: VerifyLabOptions = {
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
    ...given(
      'suites',
      listOption(invocation, 'suite')?.filter((s) => s === 'network' || s === 'services' || s === 'dns' || s === 'policy'),
    ),
    ...given('only', only === undefined ? undefined : new RegExp(only)),
    ...given('skip', skip === undefined ? undefined : new RegExp(skip)),
    ...given('sample', numberOption(invocation, 'sample')),
    onProgress: progress.onEvent,
    signal,
  };
  const report =
    'name' in what
      ? await lab.verify(what.name, options)
      : await lab.verifyExisting(what.cluster, { ...options, ...given('image', textOption(invocation, 'probeImage')) });
  progress.stop();
  if (junit !== undefined) {
    await writeWhole(resolve(streams.cwd, junit), renderJunit(report));
    output.note(`wrote ${junit}`);
  }
  return report;
}

/** The command as it was typed, but for the order of its options. */
function retyped({ command, options }: Invocation): string {
  const words = Object.entries(options).flatMap(([name, value]) => {
    const word = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    if (value === undefined || value === false) return [];
    return value === true ? [word] : [word, Array.isArray(value) ? value.join(',') : String(value)];
  });
  return ['cnilab', command, ...words].map(shellWord).join(' ');
}

/** The report as text, and the command to type next. */
export function showReport(report: Report, invocation: Invocation): void {
  const { output } = invocation;
  output.data(renderTerminal(report, { style: output.style, columns: output.columns, pods: flag(invocation, 'pods') }));
  // There is no lab to inspect or to enter.
  if (existingCluster(invocation) !== null) {
    if (report.verdict !== 'pass') output.next(`${retyped(invocation)} --json`);
    return;
  }
  const next = report.checks.flatMap((check) => check.failures).find((failure) => failure.next !== '')?.next;
  const mend = report.diagnoses.find((diagnosis) => diagnosis.severity === 'fail' && diagnosis.mend !== '')?.mend;
  if (report.verdict === 'pass') output.next(`cnilab inspect ${report.lab}`);
  else output.next(mend ?? next ?? `cnilab verify ${report.lab} --json`);
}
