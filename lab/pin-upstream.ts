import type { LoadedLab } from './load-lab.ts';
import { pluginArchive, upstreamFiles } from '../topology/upstream.ts';
import { cacheDirectory } from '../engines/own-directories.ts';
import { lockPathFor, lockText, readLock, type LockedFile } from './lock-file.ts';
import { planLabFile } from './plan.ts';
import { lockUpstream } from './upstream.ts';

export interface PinOptions {
  /** The lock file. @default cnilab.lock.json beside the lab file */
  readonly path?: string;
  readonly signal?: AbortSignal;
}

export interface Pinned {
  /** Of the lock file, which is not written here. */
  readonly path: string;
  readonly text: string;
  /** The files that this lab needs. */
  readonly files: readonly (LockedFile & { readonly what: string; readonly isNew: boolean })[];
}

/** Go's name of this machine's architecture, as releases are named. */
export function architecture(): string {
  return process.arch === 'x64' ? 'amd64' : process.arch;
}

/**
 * The lock file of a lab with the digest of every file of other projects that a real cluster of it needs. What an existing lock file pins stays as it
 * is, for this lab and for others.
 *
 * @throws SpecError for an invalid lab; LabError LOCK_INVALID, UPSTREAM_MISSING, UPSTREAM_DIGEST
 */
export async function pinUpstream(file: LoadedLab, options: PinOptions = {}): Promise<Pinned> {
  const plan = planLabFile(file);
  const archive = pluginArchive(plan, architecture());
  const wanted = [...upstreamFiles(plan), ...(archive === null ? [] : [archive])];
  const path = options.path ?? lockPathFor(file.path);
  const before = await readLock(path);
  const lock = await lockUpstream(wanted, {
    lock: before,
    offline: false,
    cacheDirectory: cacheDirectory(),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const files = lock.files.flatMap((locked) => {
    const known = wanted.find((one) => one.url === locked.url);
    return known === undefined ? [] : [{ ...locked, what: known.what, isNew: before?.files.every((entry) => entry.url !== locked.url) ?? true }];
  });
  return { path, text: lockText(lock), files };
}
