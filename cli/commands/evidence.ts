import { resolve } from 'node:path';
import { flag, operand, textOption, type RunCommand } from '../invocation.ts';
import { refuseUnwritable, writeWhole } from '../write-whole.ts';

/** Writes an archive of what is needed to see what is wrong. */
export const run: RunCommand = async (invocation) => {
  const { lab, output, progress, signal, streams } = invocation;
  const name = operand(invocation, 0);
  const out = textOption(invocation, 'out') ?? `${name}-evidence.tgz`;
  const toStdout = out === '-';
  const path = resolve(streams.cwd, out);
  if (!toStdout) await refuseUnwritable(path, out, flag(invocation, 'force'));
  const { archive, files, cut } = await lab.collectEvidence(name, { onProgress: progress.onEvent, signal });
  progress.stop();
  if (toStdout) streams.stdout.write(archive);
  else {
    await writeWhole(path, archive);
    output.document({ lab: name, path: out, bytes: archive.length, files, cut });
    output.note(`wrote ${out}: ${files.length} files, ${Math.ceil(archive.length / 1024)} KiB${cut.length === 0 ? '' : `; cut: ${cut.join(', ')}`}`);
    output.next(`tar -tzf ${out}`);
  }
  return 0;
};
