import { renderSelfTest } from '../../report/selftest-text.ts';
import { exitCodeOfVerdict } from '../exit-codes.ts';
import { flag, given, numberOption, textOption, type RunCommand } from '../invocation.ts';
import { isFileOperand, openLabFile } from './open-lab-file.ts';

/** Breaks scratch labs in every known way, and says which breaks were found by their names. */
export const run: RunCommand = async (invocation) => {
  const { lab, output, progress, signal, streams } = invocation;
  const word = textOption(invocation, 'lab');
  const chosen = word !== undefined && isFileOperand(word, streams.cwd) ? await openLabFile(invocation, word) : word;
  const report = await lab.selfTest({
    ...given('lab', chosen),
    ...given('clean', numberOption(invocation, 'clean')),
    everywhere: flag(invocation, 'everywhere'),
    onEvent: progress.onEvent,
    signal,
  });
  progress.stop();
  output.document(report);
  output.data(renderSelfTest(report, output.style, output.columns));
  const bad = report.trials.find(({ verdict }) => verdict !== 'found' && verdict !== 'lacking');
  if (bad !== undefined) output.next(`cnilab fault inject LAB ${bad.fault}`);
  return exitCodeOfVerdict(report.verdict);
};
