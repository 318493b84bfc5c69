import { resolve } from 'node:path';
import { flag, operand, type RunCommand } from '../invocation.ts';
import { shortPath } from '../output.ts';

/** Writes a folder to start from. */
export const run: RunCommand = async (invocation) => {
  const { lab, output, streams } = invocation;
  const directory = operand(invocation, 0);
  const files = await lab.initLab(resolve(streams.cwd, directory), { yaml: flag(invocation, 'yaml'), force: flag(invocation, 'force') });
  output.data(files.map((file) => shortPath(file, streams.cwd)).join('\n'));
  output.document({ directory: resolve(streams.cwd, directory), files });
  const labFile = files.find((file) => /lab\.(ts|yaml)$/.test(file));
  output.next(`cnilab up ${labFile === undefined ? directory : shortPath(resolve(streams.cwd, directory, labFile), streams.cwd)} --verify`);
  return 0;
};
