import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { makePrivateDirectory } from './directories.ts';
import { cacheDirectory } from '../engines/own-directories.ts';
import { installationFingerprint } from './installation.ts';
import { writeAtomically } from './state-file.ts';
import type { LoadedBy } from './load-report.ts';

/** A loaded lab, and everything that it was made from, by content. */
interface CacheEntry {
  readonly made: string;
  readonly files: Readonly<Record<string, string>>;
  /** Files of packages, which do not change without their size or time. */
  readonly stats: Readonly<Record<string, string>>;
  /** Hashes of the values of environment variables, never the values; null where there was none. */
  readonly environment: Readonly<Record<string, string | null>>;
  readonly workingDirectory: string | null;
  readonly input: unknown;
  readonly positions: Positions | null;
}

/** Place of each path of a YAML or JSON lab: JSON of the path → [line, column], both from 1. */
export type Positions = Readonly<Record<string, readonly [line: number, column: number]>>;

/** sha256 in hexadecimal. */
export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

const entryFile = (labFile: string): string => `${sha256(labFile).slice(0, 32)}.json`;
const directory = (): string => join(cacheDirectory(), 'labs');
const hashOfFile = (path: string): string => sha256(readFileSync(path));

function statOf(path: string): string {
  const { size, mtimeMs } = statSync(path);
  return `${size} ${mtimeMs}`;
}

function hashOfVariable(name: string): string | null {
  const value = process.env[name];
  return value === undefined ? null : sha256(value);
}

const holds = <T>(recorded: Readonly<Record<string, T>>, now: (key: string) => T): boolean =>
  Object.entries(recorded).every(([key, value]) => now(key) === value);
const recordOf = <T>(keys: readonly string[], value: (key: string) => T): Record<string, T> => Object.fromEntries(keys.map((key) => [key, value(key)]));

function isFresh(entry: CacheEntry): boolean {
  return (
    entry.made === installationFingerprint() &&
    (entry.workingDirectory === null || entry.workingDirectory === process.cwd()) &&
    holds(entry.environment, hashOfVariable) &&
    holds(entry.stats, statOf) &&
    holds(entry.files, hashOfFile)
  );
}

/** What the lab file gave the last time, when nothing that it was made from has changed; else null. A cache that cannot be read is no cache. */
export function readLoadCache(labFile: string): { readonly input: unknown; readonly positions: Positions | null } | null {
  try {
    const entry = JSON.parse(readFileSync(join(directory(), entryFile(labFile)), 'utf8')) as CacheEntry;
    return isFresh(entry) ? { input: entry.input, positions: entry.positions } : null;
  } catch {
    return null;
  }
}

export interface Loaded {
  readonly input: unknown;
  readonly positions: Positions | null;
  readonly by: LoadedBy;
  /** When loading began, in milliseconds since the epoch: a file that was written since may not be what was loaded. */
  readonly startedAt: number;
}

/** Keeps what a lab file gave. A cache that cannot be written is done without. */
export async function writeLoadCache(labFile: string, { input, positions, by, startedAt }: Loaded): Promise<void> {
  if (by.unrepeatable.length > 0) return;
  try {
    if (by.ownFiles.some((path) => Math.floor(statSync(path).mtimeMs) > startedAt)) return;
    const entry: CacheEntry = {
      made: installationFingerprint(),
      files: recordOf(by.ownFiles, hashOfFile),
      stats: recordOf(by.packageFiles, statOf),
      environment: recordOf(by.environment, hashOfVariable),
      workingDirectory: by.workingDirectory ? process.cwd() : null,
      input,
      positions,
    };
    await makePrivateDirectory(directory());
    await writeAtomically(directory(), entryFile(labFile), JSON.stringify(entry));
  } catch {
    // A full or read-only disk: the lab is loaded anew next time.
  }
}
