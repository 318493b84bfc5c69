import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { UpstreamFile } from '../topology/artifacts.ts';
import { EnvironmentError } from '../topology/errors.ts';
import type { KubernetesObject } from '../topology/spec.ts';
import type { UpstreamObjects } from '../topology/upstream.ts';
import { makePrivateDirectory } from './directories.ts';
import { sha256 } from './load-cache.ts';
import { pinnedDigest, withLocked, type LockFile } from './lock-file.ts';
import { writeAtomically } from './state-file.ts';

export interface FetchOptions {
  /** Digests besides those of this package. */
  readonly lock: LockFile | null;
  /** Nothing may be fetched: what is not in the cache is missing. */
  readonly offline: boolean;
  /** Files are kept in its folder `upstream`, each under its digest. */
  readonly cacheDirectory: string;
  /** For one file, redirections included. @default 120000 */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const DEFAULT_TIMEOUT_MS = 120_000;

/** Where what was fetched is kept, each file under its digest. */
export const upstreamFolder = (options: Pick<FetchOptions, 'cacheDirectory'>): string => join(options.cacheDirectory, 'upstream');

/** Where a file is kept, and where it can be put by hand. */
const placeOf = (digest: string, options: FetchOptions): string => join(upstreamFolder(options), digest);

function missing(file: UpstreamFile, digest: string | null, options: FetchOptions, why: string, cause?: unknown): EnvironmentError {
  const place = digest === null ? null : placeOf(digest, options);
  return new EnvironmentError({
    code: 'UPSTREAM_MISSING',
    message: `${file.what} is not in the cache, and ${why}: ${file.url}`,
    hint: place === null ? 'run `cnilab lock` where that address can be reached' : `fetch it elsewhere (SHA-256 ${digest ?? ''}) and put it at ${place}`,
    details: { url: file.url, sha256: digest, place },
    cause,
  });
}

/** What `fetch` says when nothing answers is in the cause of its error. */
export function fetchFailure(error: unknown): string {
  const { cause, message } = error as Error;
  return cause instanceof Error && cause.message !== '' ? cause.message : message;
}

async function download(file: UpstreamFile, digest: string | null, options: FetchOptions): Promise<Buffer> {
  if (options.offline) throw missing(file, digest, options, 'nothing may be fetched (--offline)');
  const limit = AbortSignal.timeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  try {
    const response = await fetch(file.url, { signal: options.signal === undefined ? limit : AbortSignal.any([limit, options.signal]) });
    if (!response.ok) throw new Error(`the server answered ${response.status} ${response.statusText}`.trim());
    return Buffer.from(await response.arrayBuffer());
  } catch (error) {
    options.signal?.throwIfAborted();
    throw missing(file, digest, options, `fetching it failed (${fetchFailure(error)})`, error);
  }
}

/** A cache that cannot be written is done without. */
async function keep(bytes: Buffer, digest: string, options: FetchOptions): Promise<void> {
  try {
    await makePrivateDirectory(upstreamFolder(options));
    await writeAtomically(upstreamFolder(options), digest, bytes);
  } catch {
    // A full or read-only disk: the file is fetched again next time.
  }
}

/**
 * The bytes of an upstream file: from the cache, else fetched into it. They are what their digest says, or there are none.
 *
 * @throws EnvironmentError UPSTREAM_UNPINNED when nobody knows its digest; UPSTREAM_MISSING when it is not at hand; UPSTREAM_DIGEST when it is another file
 */
export async function fetchUpstreamFile(file: UpstreamFile, options: FetchOptions): Promise<Buffer> {
  const digest = pinnedDigest(file, options.lock);
  if (digest === null) {
    throw new EnvironmentError({
      code: 'UPSTREAM_UNPINNED',
      message: `the digest of ${file.what} is not known, so nobody can tell whether ${file.url} gives what it should`,
      hint: 'look at that file, then run `cnilab lock FILE` to pin it beside the lab file',
      details: { url: file.url },
    });
  }
  const cached = await readFile(placeOf(digest, options)).catch(() => null);
  if (cached !== null && sha256(cached) === digest) return cached;
  const bytes = await download(file, digest, options);
  const actual = sha256(bytes);
  if (actual !== digest) {
    throw new EnvironmentError({
      code: 'UPSTREAM_DIGEST',
      message: `${file.what} is not the file it was: ${file.url} has SHA-256 ${actual} instead of ${digest}`,
      hint: 'find out who changed it; a proxy that answers with a page of its own looks like this, too',
      details: { url: file.url, expected: digest, actual, sizeBytes: bytes.length },
    });
  }
  await keep(bytes, digest, options);
  return bytes;
}

const isObject = (value: unknown): value is KubernetesObject =>
  typeof value === 'object' && value !== null && 'apiVersion' in value && 'kind' in value && 'metadata' in value;

/** The objects of a manifest in its order, lists taken apart. YAML 1.1, as kubectl reads it: `0755` is octal. */
function objectsOf(file: UpstreamFile, text: string): readonly KubernetesObject[] {
  const unexpected = (why: string): EnvironmentError =>
    new EnvironmentError({
      code: 'UPSTREAM_UNEXPECTED',
      message: `${file.what} (${file.url}) is no Kubernetes manifest: ${why}`,
      hint: 'look at the file; if the lock file pins something else, delete its entry and run `cnilab lock` again',
      details: { url: file.url },
    });
  return parseAllDocuments(text, { version: '1.1' }).flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw unexpected(error.message);
    const value: unknown = document.toJS();
    if (value === null) return [];
    const items: unknown = typeof value === 'object' && 'items' in value && 'kind' in value && value.kind === 'List' ? value.items : [value];
    return (Array.isArray(items) ? items : [null]).map((item: unknown) => {
      if (!isObject(item)) throw unexpected('a document of it has no apiVersion, kind and metadata');
      return item;
    });
  });
}

/**
 * The objects of upstream manifests, checked against their digests.
 *
 * @throws EnvironmentError UPSTREAM_UNPINNED, UPSTREAM_MISSING, UPSTREAM_DIGEST, UPSTREAM_UNEXPECTED
 */
export async function fetchUpstream(files: readonly UpstreamFile[], options: FetchOptions): Promise<UpstreamObjects> {
  return new Map(await Promise.all(files.map(async (file) => [file.url, objectsOf(file, (await fetchUpstreamFile(file, options)).toString('utf8'))] as const)));
}

/**
 * The lock with an entry for each of the files: what is pinned already is checked, what is not is fetched and pinned as it is now. The digests of this
 * package replace others.
 *
 * @throws EnvironmentError UPSTREAM_MISSING, UPSTREAM_DIGEST
 */
export async function lockUpstream(files: readonly UpstreamFile[], options: FetchOptions): Promise<LockFile> {
  const entries = await Promise.all(
    files.map(async (file) => {
      const lock = file.sha256 === null ? options.lock : null;
      const pinned = pinnedDigest(file, lock);
      const bytes = pinned === null ? await download(file, null, options) : await fetchUpstreamFile(file, { ...options, lock });
      const digest = sha256(bytes);
      if (pinned === null) await keep(bytes, digest, options);
      return { url: file.url, sha256: digest, sizeBytes: bytes.length };
    }),
  );
  return withLocked(options.lock, entries);
}
