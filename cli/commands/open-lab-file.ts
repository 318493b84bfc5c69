/** Reading the operand of a command: a lab file or the name of a running lab. */
import { existsSync } from 'node:fs';
import { extname, isAbsolute, resolve } from 'node:path';
import { shippedLab } from '../../lab/shipped.ts';
import type { LoadedLab } from '../../lab/load-lab.ts';
import type { Invocation } from '../invocation.ts';

/** Loads a lab file, or the lab of that name that comes with the package, so that later errors point into it. */
export async function openLabFile({ lab, output, streams, timeoutMs }: Invocation, word: string): Promise<LoadedLab> {
  const loaded = await lab.loadLab(labFilePath(word, streams.cwd), loadLimit(timeoutMs));
  output.locate(loaded);
  return loaded;
}

/** Name of the lab that a word means: its own, or that of a lab file. */
export async function labNamed(invocation: Invocation, word: string): Promise<string> {
  return isFileOperand(word, invocation.streams.cwd) ? (await invocation.lab.planLabFile(await openLabFile(invocation, word))).name : word;
}

/** Path of the lab file that a word means: what exists here by that name, else the lab of the package. */
export function labFilePath(word: string, cwd: string): string {
  const here = resolve(cwd, word);
  return existsSync(here) ? here : (shippedLab(word) ?? here);
}

/** With --timeout a lab file that never ends is killed by its loader no later than the command gives up; else by the loader's own limit. */
export function loadLimit(timeoutMs: number | undefined): { readonly timeoutMs?: number } {
  return timeoutMs === undefined ? {} : { timeoutMs: Math.min(timeoutMs, LOAD_LIMIT_MS) };
}

const LOAD_LIMIT_MS = 20_000;

/** A lab's name has no slash and no extension; what exists as a file is a file, unless a running lab is called so. */
export function isFileOperand(word: string, cwd: string): boolean {
  return word.includes('/') || isAbsolute(word) || extname(word) !== '' || (existsSync(resolve(cwd, word)) && !/^[a-z0-9-]+$/.test(word));
}
