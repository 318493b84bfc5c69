/** Files that are there whole or not at all. */
import { constants } from 'node:fs';
import { access, open, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LabError } from '../topology/errors.ts';
import { usageError } from './invocation.ts';

/** May files be made in this folder? */
export async function canWriteInto(directory: string): Promise<boolean> {
  try {
    await access(directory, constants.W_OK | constants.X_OK);
    return (await stat(directory)).isDirectory();
  } catch {
    return false;
  }
}

/**
 * Finds out before the work whether `--out` can be written. `out` is how the user called `path`.
 *
 * @throws LabError USAGE for a folder, or a place that cannot be written into; OUTPUT_REFUSED for a file that exists
 */
export async function refuseUnwritable(path: string, out: string, force: boolean): Promise<void> {
  if (!(await canWriteInto(dirname(path)))) throw usageError(`--out: cannot write into ${dirname(out)}`, 'name a file in a folder that exists');
  const existing = await stat(path).catch(() => null);
  if (existing?.isDirectory() === true) throw usageError(`--out: ${out} is a folder`, 'name a file');
  if (existing?.isFile() === true && !force)
    throw new LabError({ code: 'OUTPUT_REFUSED', message: `${out} exists`, hint: '--force writes over it, or name another file by -o' });
}

/** Writes by a temporary file beside it, fsync and rename. What is no regular file (/dev/stdout, a pipe) is written to as it is. */
export async function writeWhole(path: string, text: string | Uint8Array): Promise<void> {
  const target = await realpath(path).catch(() => path);
  const existing = await stat(target).catch(() => null);
  if (existing !== null && !existing.isFile()) return writeFile(target, text);
  const temporary = `${target}.${String(process.pid)}.tmp`;
  try {
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
