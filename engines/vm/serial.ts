/** What a machine shows on its serial console: how far it is, and its last words. */
import { open } from 'node:fs/promises';
import { textWithoutSecrets } from '../../topology/secrets.ts';

/** Steps of the bootstrap script, as told by lines `cnilab: begin STEP`, `cnilab: done STEP`, `cnilab: failed STEP: WHY`. */
export interface ConsoleState {
  readonly begun: readonly string[];
  readonly done: readonly string[];
  readonly failed: string | null;
  /** The last line that kubeadm wrote. */
  readonly said: string;
}

const MARK = /^cnilab: (begin|done|failed) (.*)$/;

/** Reads the text of a console: pure. */
export function consoleState(text: string): ConsoleState {
  const begun: string[] = [];
  const done: string[] = [];
  let failed: string | null = null;
  let said = '';
  for (const raw of text.split('\n')) {
    const line = raw.replaceAll('\r', '').trim();
    const [, verb, rest = ''] = MARK.exec(line) ?? [];
    if (verb === 'begin') begun.push(rest);
    else if (verb === 'done') done.push(rest);
    else if (verb === 'failed') failed = rest;
    else if (line.startsWith('| ') && line.length > 2) said = line.slice(2).trim();
  }
  return { begun, done, failed, said };
}

/** More than that a console rarely has; the end is what counts. */
const READ_BYTES = 1_000_000;

/** The end of a file; '' where there is none. */
export async function readTail(path: string, bytes: number = READ_BYTES): Promise<string> {
  const file = await open(path, 'r').catch(() => null);
  if (file === null) return '';
  try {
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.min(size, bytes));
    await file.read(buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8');
  } finally {
    await file.close();
  }
}

/** ESC [ … letter, ESC c, and carriage returns. */
const CURSOR = new RegExp(`${String.fromCodePoint(27)}(?:\\[[0-9;?]*[A-Za-z]|c)|\r`, 'g');

/** The last lines of a console, without what moves a terminal's cursor. */
export function lastLines(text: string, count: number): readonly string[] {
  return text
    .replaceAll(CURSOR, '')
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .slice(-count);
}

/** A secret may have more lines than are shown: that many before them are read with them. */
const MARGIN_LINES = 100;

/** As {@link lastLines}, without what must stay secret. */
export function lastPublicLines(text: string, count: number): readonly string[] {
  return lastLines(textWithoutSecrets(lastLines(text, count + MARGIN_LINES).join('\n')), count);
}
