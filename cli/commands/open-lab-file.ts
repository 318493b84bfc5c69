/** Reading the operand of a command: a lab file or the name of a running lab. */
import { existsSync } from 'node:fs';
import { extname, isAbsolute, resolve } from 'node:path';
import type { LoadedLab } from '../../lab/load-lab.ts';
import type { Invocation } from '../invocation.ts';

/** Loads a lab file, so that later errors point into it. */
export async function openLabFile({ lab, output, streams }: Invocation, path: string): Promise<LoadedLab> {
  const loaded = await lab.loadLab(resolve(streams.cwd, path));
  output.locate(loaded);
  return loaded;
}

/** A lab's name has no slash and no extension; what exists as a file is a file, unless a running lab is called so. */
export function isFileOperand(word: string, cwd: string): boolean {
  return word.includes('/') || isAbsolute(word) || extname(word) !== '' || (existsSync(resolve(cwd, word)) && !/^[a-z0-9-]+$/.test(word));
}
