import { resolve } from 'node:path';
import { counted } from '../../report/layout.ts';
import { flag, operand, textOption, type RunCommand } from '../invocation.ts';
import { diagnosticLines, shortPath } from '../output.ts';
import { imageOptions } from './image-options.ts';
import { openLabFile } from './open-lab-file.ts';

/** Writes the files that an engine is given for a lab; without --out it lists them. */
export const run: RunCommand = async (invocation) => {
  const { lab, output, streams } = invocation;
  const word = operand(invocation, 0);
  const loaded = await openLabFile(invocation, word);
  const engine = textOption(invocation, 'engine') === 'vm' ? 'vm' : 'kind';
  const { artifacts, findings } = await lab.synthesizeLab(loaded, engine, {
    ...imageOptions(invocation, engine),
    offline: flag(invocation, 'offline'),
    signal: invocation.signal,
  });
  const out = textOption(invocation, 'out');
  const folder = out === undefined ? null : await lab.writeArtifacts(artifacts, resolve(streams.cwd, out), { force: flag(invocation, 'force') });
  output.document(artifacts);
  if (!output.json && findings.length > 0) for (const line of await diagnosticLines(findings, loaded, streams.cwd)) output.note(line);
  const sizes = artifacts.files.map((file) => String(Buffer.byteLength(file.content)));
  const width = Math.max(...sizes.map((size) => size.length));
  output.data(artifacts.files.map((file, i) => `${(sizes[i] ?? '').padStart(width)}  ${file.sha256}  ${file.path}`).join('\n'));
  if (folder === null) {
    output.next(`cnilab synth ${word}${engine === 'kind' ? '' : ` --engine ${engine}`} -o ${artifacts.lab}`);
    return 0;
  }
  output.note(`wrote ${counted(artifacts.files.length, 'file')} to ${shortPath(folder, streams.cwd)}; README.md says how to use them by hand`);
  output.next(`cnilab up ${word} --engine ${engine} --verify`);
  return 0;
};
