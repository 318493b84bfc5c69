/** A file that is there while kind creates containers, and stays when it was killed at it: then some may appear later, without anybody waiting for them. */
import { rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const MARK = 'creating';

export async function markCreating(directory: string): Promise<void> {
  await writeFile(join(directory, MARK), '', { mode: 0o600 });
}

export async function unmarkCreating(directory: string): Promise<void> {
  await rm(join(directory, MARK), { force: true });
}

/** Milliseconds since kind began; null when it ended by itself, or never began. */
export async function creatingSince(directory: string): Promise<number | null> {
  const found = await stat(join(directory, MARK)).catch(() => null);
  return found === null ? null : Math.max(0, Date.now() - found.mtimeMs);
}
