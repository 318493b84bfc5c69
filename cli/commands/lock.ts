import { resolve } from 'node:path';
import { counted } from '../../report/layout.ts';
import { given, operand, textOption, type RunCommand } from '../invocation.ts';
import { shortPath } from '../output.ts';
import { writeWhole } from '../write-whole.ts';
import { openLabFile } from './open-lab-file.ts';

/** Pins every file of other projects that a lab needs on a real cluster. */
export const run: RunCommand = async (invocation) => {
  const { lab, output, signal, streams } = invocation;
  const word = operand(invocation, 0);
  const loaded = await openLabFile(invocation, word);
  const out = textOption(invocation, 'out');
  const { path, text, files } = await lab.pinUpstream(loaded, { ...given('path', out === undefined ? undefined : resolve(streams.cwd, out)), signal });
  if (files.length > 0) await writeWhole(path, text);
  output.document({ path: files.length === 0 ? null : path, files });
  output.data(files.map(({ sha256, url }) => `${sha256}  ${url}\n`).join(''));
  const added = files.filter((file) => file.isNew).length;
  output.note(
    files.length === 0
      ? 'the lab needs no file of another project: nothing to pin'
      : `${shortPath(path, streams.cwd)} pins ${counted(files.length, 'file')} for this lab, ${added === 0 ? 'all of them before' : `${added} of them new`}`,
  );
  output.next(`cnilab up ${word} --engine kind --verify`);
  return 0;
};
