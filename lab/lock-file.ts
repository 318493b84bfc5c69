import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { UpstreamFile } from '../topology/artifacts.ts';
import { LabError } from '../topology/errors.ts';

export const LOCK_SCHEMA = 'cnilab.lock/1';

export interface LockedFile {
  readonly url: string;
  /** Of its bytes, lower-case hex. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** The digests of upstream files that a folder of labs was tried with. Sorted by URL, so that it can be kept under version control. */
export interface LockFile {
  readonly schema: typeof LOCK_SCHEMA;
  readonly files: readonly LockedFile[];
}

/** Where the lock file of a lab file is: beside it, shared by the labs of the folder. */
export function lockPathFor(labFile: string): string {
  return join(dirname(labFile), 'cnilab.lock.json');
}

type Json = Readonly<Record<string, unknown>>;
const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

function invalid(path: string, why: string, cause?: unknown): LabError {
  return new LabError({
    code: 'LOCK_INVALID',
    message: `the lock file ${path} cannot be used: ${why}`,
    hint: 'restore it, or delete it and run `cnilab lock` again',
    details: { file: path },
    cause,
  });
}

function lockedFile(value: unknown): LockedFile | null {
  if (!isRecord(value)) return null;
  const { url, sha256, sizeBytes } = value;
  if (typeof url !== 'string' || typeof sha256 !== 'string' || typeof sizeBytes !== 'number') return null;
  return /^[0-9a-f]{64}$/.test(sha256) ? { url, sha256, sizeBytes } : null;
}

/**
 * Reads a lock file; null when there is none.
 *
 * @throws LabError LOCK_INVALID for one that is broken, or written by a version with another schema
 */
export async function readLock(path: string): Promise<LockFile | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw invalid(path, (error as Error).message, error);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(path, (error as Error).message, error);
  }
  if (!isRecord(value) || value['schema'] !== LOCK_SCHEMA) {
    throw invalid(path, `its schema is ${JSON.stringify(isRecord(value) ? (value['schema'] ?? null) : null)}, not ${LOCK_SCHEMA}`);
  }
  const files: readonly unknown[] = Array.isArray(value['files']) ? value['files'] : [null];
  return {
    schema: LOCK_SCHEMA,
    files: files.map((file, i) => {
      const locked = lockedFile(file);
      if (locked === null) throw invalid(path, `entry ${i + 1} of files is not { url, sha256, sizeBytes }`);
      return locked;
    }),
  };
}

/** A lock with these entries besides its other ones. */
export function withLocked(lock: LockFile | null, entries: readonly LockedFile[]): LockFile {
  const files = new Map([...(lock?.files ?? []), ...entries].map((file) => [file.url, file]));
  return { schema: LOCK_SCHEMA, files: [...files.values()].sort((a, b) => (a.url < b.url ? -1 : 1)) };
}

/** The text of a lock file. */
export function lockText(lock: LockFile): string {
  return `${JSON.stringify(lock, null, 2)}\n`;
}

/**
 * The digest that a file must have: this package's, or the lock's; null when neither knows it.
 *
 * @throws LabError UPSTREAM_DIGEST when they contradict each other: neither may silently outvote the other
 */
export function pinnedDigest(file: UpstreamFile, lock: LockFile | null): string | null {
  const locked = lock?.files.find((entry) => entry.url === file.url)?.sha256 ?? null;
  if (file.sha256 !== null && locked !== null && file.sha256 !== locked) {
    throw new LabError({
      code: 'UPSTREAM_DIGEST',
      message: `the lock file pins ${file.what} (${file.url}) to SHA-256 ${locked}, this version of cnilab to ${file.sha256}`,
      hint: 'find out which of the two is right; `cnilab lock` takes the one of this version',
      details: { url: file.url, locked, known: file.sha256 },
    });
  }
  return file.sha256 ?? locked;
}
