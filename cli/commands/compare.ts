import { resolve } from 'node:path';
import { renderComparison } from '../../report/compare-text.ts';
import { worst } from '../../verify/report-builder.ts';
import { exitCodeOfVerdict } from '../exit-codes.ts';
import { flag, given, numberOption, textOption, type RunCommand } from '../invocation.ts';
import { refuseUnwritable, writeWhole } from '../write-whole.ts';
import { labNamed } from './open-lab-file.ts';

/** Puts running labs side by side. */
export const run: RunCommand = async (invocation) => {
  const { lab, operands, output, progress, signal, streams } = invocation;
  const out = textOption(invocation, 'out');
  const path = out === undefined ? null : resolve(streams.cwd, out);
  // Found out before the work, not after it.
  if (out !== undefined && path !== null) await refuseUnwritable(path, out, flag(invocation, 'force'));
  const names: string[] = [];
  for (const word of operands) names.push(await labNamed(invocation, word));
  const comparison = await lab.compare(names, {
    ...given('seconds', numberOption(invocation, 'seconds')),
    verify: flag(invocation, 'verify'),
    onEvent: progress.onEvent,
    signal,
  });
  progress.stop();
  if (path !== null) await writeWhole(path, `${JSON.stringify(comparison, null, 2)}\n`);
  output.document(comparison);
  output.data(renderComparison(comparison, { style: output.style, columns: output.columns }));
  if (out !== undefined) output.note(`wrote ${out}`);
  const verdicts = comparison.labs.map(({ verification }) => verification?.verdict ?? 'skip');
  const bad = comparison.labs[verdicts.indexOf('fail')];
  if (bad !== undefined) output.next(`cnilab diagnose ${bad.name}`);
  else if (!flag(invocation, 'verify')) output.next(`cnilab compare ${names.join(' ')} --verify`);
  return exitCodeOfVerdict(worst(verdicts) ?? 'pass');
};
