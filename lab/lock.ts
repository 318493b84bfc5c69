import { randomBytes } from 'node:crypto';
import { link, readFile, readdir, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from '../topology/errors.ts';
import { lockFile, makePrivateDirectory } from './directories.ts';
import { isAlive, ownIdentity, type ProcessIdentity } from './process-identity.ts';

interface LockRecord extends ProcessIdentity {
  /** Of this acquisition; no two are equal. */
  readonly id: string;
  /** What its owner does: up, down. */
  readonly doing: string;
}

/** A lock that is held, to be released by its holder. */
export interface Lock {
  release(): Promise<void>;
}

export interface LockOptions {
  /** What the lock is taken for, shown to who must wait: `up`, `down`. */
  readonly doing: string;
  /** How long a live owner is waited for, in milliseconds. @default 0 */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

const POLL_MS = 25;
const UNREADABLE = 'unreadable';

const isCode = (error: unknown, code: string): boolean => (error as NodeJS.ErrnoException | null)?.code === code;

async function ignoring(code: string, work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (isCode(error, code)) return false;
    throw error;
  }
}

/** Makes `path` hold `record`, unless it exists. By link(2), so that nobody ever reads half a record. */
async function claim(path: string, record: LockRecord): Promise<boolean> {
  const draft = `${path}.${record.id}`;
  await writeFile(draft, JSON.stringify(record), { mode: 0o600, flag: 'wx' });
  try {
    return await ignoring('EEXIST', link(draft, path));
  } finally {
    await unlink(draft);
  }
}

/** The record of a lock; null when there is no such file. A file that cannot be read as a record has no living owner. */
async function readRecord(path: string): Promise<LockRecord | null> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    const record = value as Partial<LockRecord> | null;
    if (typeof record?.pid === 'number' && typeof record.startTime === 'string' && typeof record.boot === 'string' && typeof record.id === 'string')
      return record as LockRecord;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null;
    if (!(error instanceof SyntaxError)) throw error;
  }
  return { pid: 0, startTime: '0', boot: UNREADABLE, id: UNREADABLE, doing: '' };
}

/**
 * Takes a lock over from a dead owner. Only who holds the claim on this very record may replace it, so that two processes which find the same
 * dead owner never both succeed, and a lock that was taken meanwhile is left alone.
 */
async function takeOver(path: string, dead: LockRecord, own: LockRecord): Promise<boolean> {
  const claimFile = `${path}.after-${dead.id}`;
  if (!(await claim(claimFile, own))) {
    const claimer = await readRecord(claimFile);
    if (claimer !== null && !isAlive(claimer)) await ignoring('ENOENT', unlink(claimFile));
    return false;
  }
  try {
    if ((await readRecord(path))?.id !== dead.id) return false;
    const draft = `${path}.${own.id}`;
    await writeFile(draft, JSON.stringify(own), { mode: 0o600, flag: 'wx' });
    await rename(draft, path);
    return true;
  } finally {
    await ignoring('ENOENT', unlink(claimFile));
  }
}

/**
 * Takes the lock of a lab. One whose owner is gone is taken over.
 *
 * @throws LabError LAB_LOCKED naming the owner, when it still lives after `waitMs`
 */
export async function lockLab(name: string, options: LockOptions): Promise<Lock> {
  const path = lockFile(name);
  const own: LockRecord = { ...ownIdentity(), id: randomBytes(8).toString('hex'), doing: options.doing };
  const giveUpAt = performance.now() + (options.waitMs ?? 0);
  await makePrivateDirectory(dirname(path));
  for (;;) {
    options.signal?.throwIfAborted();
    if (await claim(path, own)) break;
    const owner = await readRecord(path);
    if (owner === null) continue;
    if (!isAlive(owner)) {
      if (await takeOver(path, owner, own)) break;
    } else if (performance.now() >= giveUpAt) {
      throw new LabError({
        code: 'LAB_LOCKED',
        message: `lab ${name} is in use: \`${owner.doing}\` runs as process ${owner.pid}`,
        hint: `wait for process ${owner.pid} to end, or end it, and try again`,
        details: { pid: owner.pid, doing: owner.doing },
      });
    }
    await sleep(POLL_MS);
  }
  const release = async (): Promise<void> => {
    if ((await readRecord(path))?.id === own.id) await ignoring('ENOENT', unlink(path));
  };
  return { release };
}

/** Removes what processes that were killed while they took the lock of this lab have left beside it. */
export async function sweepLockDrafts(name: string): Promise<void> {
  const path = lockFile(name);
  const beside = (await readdir(dirname(path))).filter((file) => file.startsWith(`${basename(path)}.`)).map((file) => join(dirname(path), file));
  for (const file of beside) {
    const record = await readRecord(file);
    // One that cannot be read may be in the midst of being written.
    const age = record?.id === UNREADABLE ? Date.now() - ((await stat(file).catch(() => null))?.mtimeMs ?? 0) : Infinity;
    if (record !== null && age > 10_000 && !isAlive(record)) await ignoring('ENOENT', unlink(file));
  }
}
