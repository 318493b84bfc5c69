import { dirname, resolve } from 'node:path';
import { renderDiagnosis } from '../../report/diagnosis-text.ts';
import { exitCodes } from '../exit-codes.ts';
import { given, numberOption, operand, textOption, usageError, type RunCommand } from '../invocation.ts';
import { canWriteInto, writeWhole } from '../write-whole.ts';

/** Names what is wrong with a running lab, with the evidence and the command that mends it. */
export const run: RunCommand = async (invocation) => {
  const { lab, operands, output, progress, signal, streams } = invocation;
  const name = operand(invocation, 0);
  const [, from, to] = operands;
  const pcap = textOption(invocation, 'pcap');
  // Found out before the work, not after it.
  if (pcap !== undefined && !(await canWriteInto(dirname(resolve(streams.cwd, pcap)))))
    throw usageError(`--pcap: cannot write into ${dirname(pcap)}`, 'name a file in a folder that exists');
  const { report, packets } = await lab.diagnose(name, {
    ...given('from', from),
    ...given('to', to),
    ...given('deadlineMs', numberOption(invocation, 'deadline')),
    onProgress: progress.onEvent,
    signal,
  });
  progress.stop();
  output.document(report);
  output.data(renderDiagnosis(report, { style: output.style, columns: output.columns }));
  if (pcap !== undefined && packets.length > 0) {
    const { pcapngOf } = await import('../../verify/evidence/pcapng.ts');
    await writeWhole(resolve(streams.cwd, pcap), pcapngOf(packets));
    output.note(`wrote ${pcap}`);
  } else if (pcap !== undefined) output.note('no packets: nothing failed that could be captured');
  const mend = report.diagnoses.find((one) => one.mend !== '')?.mend;
  if (!report.found) output.next(`cnilab verify ${report.lab}`);
  else output.next(mend ?? `cnilab evidence ${report.lab}`);
  if (report.found) return exitCodes.checkFailed;
  return report.ladder.some(({ verdict }) => verdict === 'inconclusive') ? exitCodes.inconclusive : exitCodes.ok;
};
