import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { LabError } from '../topology/errors.ts';
import { moduleExtension } from './installation.ts';
import type { LoadedBy, LoadFailure, LoadReport } from './load-report.ts';

const place = (file: string, line: number, column = 0): string => [file, ...(line > 0 ? [line] : []), ...(line > 0 && column > 0 ? [column] : [])].join(':');

/** Node's own place of a syntax error in plain JavaScript, which an import does not give: `node --check` prints `file:line` first. */
async function placeOfSyntaxError(path: string): Promise<string> {
  const check = spawn(process.execPath, ['--check', path], { stdio: ['ignore', 'ignore', 'pipe'] });
  let text = '';
  for await (const chunk of check.stderr) text += String(chunk);
  const line = /:(\d+)$/.exec(text.split('\n')[0] ?? '')?.[1];
  return place(path, Number(line ?? 0));
}

async function errorOf(path: string, failure: LoadFailure): Promise<LabError> {
  switch (failure.kind) {
    case 'syntax': {
      const where = failure.file === '' ? await placeOfSyntaxError(path) : place(failure.file, failure.line, failure.column);
      return new LabError({
        code: 'LAB_FILE_SYNTAX',
        message: `${where}: ${failure.message}`,
        hint: 'mend the syntax at this place',
        details: { file: failure.file || path, line: failure.line, column: failure.column },
      });
    }
    case 'throws':
      return new LabError({
        code: 'LAB_FILE_THROWS',
        message: `${place(failure.file || path, failure.line, failure.column)}: ${failure.message}`,
        hint: 'the lab file threw this while it was loaded; mend it at this place',
        details: { file: failure.file || path, line: failure.line, column: failure.column, stack: failure.stack },
      });
    case 'exits':
      return new LabError({
        code: 'LAB_FILE_THROWS',
        message: `${place(failure.file || path, failure.line, failure.column)}: ends its process with code ${failure.exitCode} before there is a lab`,
        hint: 'a lab file describes a lab and returns; remove the call that exits',
        details: { file: failure.file || path, line: failure.line, exitCode: failure.exitCode },
      });
    case 'waits':
      return new LabError({
        code: 'LAB_FILE_TIMEOUT',
        message: `${path}: waits for something that never happens (an await at its top level, or in the function that it exports)`,
        hint: 'find the promise that nothing resolves',
        details: { file: path },
      });
    case 'exports':
      return new LabError({ code: 'LAB_FILE_EXPORTS_NOTHING', message: `${path}: ${failure.message}`, hint: failure.hint, details: { file: path } });
  }
}

/** The first line that comes out of a stream; null when it ends without one. */
async function firstLine(stream: Readable): Promise<string | null> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) {
    const bytes = chunk as Buffer;
    const end = bytes.indexOf(10);
    chunks.push(end === -1 ? bytes : bytes.subarray(0, end));
    if (end !== -1) return Buffer.concat(chunks).toString('utf8');
  }
  return null;
}

/**
 * Loads a TypeScript or JavaScript lab file in a process of its own. What the file prints goes to stderr.
 *
 * @throws LabError LAB_FILE_THROWS, LAB_FILE_SYNTAX, LAB_FILE_EXPORTS_NOTHING, or LAB_FILE_TIMEOUT after `timeoutMs`, when the process is killed
 */
export async function loadTypeScript(path: string, timeoutMs: number): Promise<{ readonly input: unknown; readonly by: LoadedBy }> {
  const entry = fileURLToPath(new URL(`./load-child.${moduleExtension}`, import.meta.url));
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx/esm'), entry, path, String(process.pid)], { stdio: ['ignore', 2, 2, 'pipe'] });
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  const ended = new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(signal === null ? `with code ${code ?? 0}` : `by ${signal}`));
  });
  try {
    const line = await Promise.race([
      firstLine(child.stdio[3] as Readable),
      ended.then(
        () => new Promise<null>(() => undefined),
        (error: unknown) => {
          throw error;
        },
      ),
    ]);
    if (line !== null) {
      const report = JSON.parse(line) as LoadReport;
      if (report.ok) return report;
      throw await errorOf(path, report.failure);
    }
    const end = await ended;
    if (timedOut) {
      throw new LabError({
        code: 'LAB_FILE_TIMEOUT',
        message: `${path}: was still loading after ${timeoutMs / 1000} s and was killed`,
        hint: 'a lab file describes a lab and returns: look for a loop or an await that does not end',
        details: { file: path, timeoutMs },
      });
    }
    throw new LabError({
      code: 'LAB_FILE_THROWS',
      message: `${path}: its process ended ${end} before there was a lab`,
      hint: 'run the file with node to see why',
      details: { file: path },
    });
  } finally {
    clearTimeout(timer);
    child.kill('SIGKILL');
    child.unref();
  }
}
