import { randomBytes } from 'node:crypto';
import { access, open, readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from '../topology/errors.ts';
import { isLabName, labDirectory, labsDirectory, makePrivateDirectory } from './directories.ts';
import { STATE_SCHEMA, type LabState } from './lab-state.ts';

/** What is found of a lab on disk. `partial`: a directory without a state, from a run that was killed before it wrote one. */
export type StateFile =
  | { readonly kind: 'none' }
  | { readonly kind: 'partial' }
  | { readonly kind: 'broken'; readonly error: LabError }
  | { readonly kind: 'state'; readonly state: LabState };

const stateFile = (name: string): string => join(labDirectory(name), 'state.json');

/** Is there while `down` works on a lab, and stays when it is interrupted: cheaper than writing a large state once more. */
export function removalMark(name: string): string {
  return join(labDirectory(name), 'removing');
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Writes a file so that at every moment it holds the old or the new content, whole, whatever is killed: a file beside it, fsync, rename,
 * fsync of the directory (rename(2), fsync(2)). 0600.
 */
export async function writeAtomically(directory: string, fileName: string, text: string | Uint8Array): Promise<void> {
  const draft = join(directory, `.${fileName}.${randomBytes(6).toString('hex')}`);
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
    await handle.close();
    await rename(draft, join(directory, fileName));
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(draft, { force: true });
    throw error;
  }
  await syncDirectory(directory);
}

/** Writes the state of a lab; its directory is made when it is not there. */
export async function writeState(state: LabState): Promise<void> {
  const directory = labDirectory(state.name);
  await makePrivateDirectory(directory);
  await writeAtomically(directory, 'state.json', JSON.stringify(state));
}

function broken(name: string, why: string, cause?: unknown): StateFile {
  return {
    kind: 'broken',
    error: new LabError({
      code: 'STATE_BROKEN',
      message: `the state of lab ${name} cannot be read: ${why}`,
      hint: `\`cnilab down ${name}\` cleans the lab without it`,
      details: { file: stateFile(name) },
      cause,
    }),
  };
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The state in a text, checked as far as everything here relies on it. */
function parseState(name: string, text: string): StateFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return broken(name, (error as SyntaxError).message, error);
  }
  if (!isRecord(value)) return broken(name, 'it is no object');
  const { schema, writtenBy } = value;
  if (typeof schema === 'number' && schema > STATE_SCHEMA) {
    return {
      kind: 'broken',
      error: new LabError({
        code: 'STATE_NEWER',
        message: `the state of lab ${name} has schema ${schema}; this version reads up to ${STATE_SCHEMA}`,
        hint: `use cnilab ${String(writtenBy)}, which wrote it`,
        details: { schema, writtenBy },
      }),
    };
  }
  if (schema !== STATE_SCHEMA) return broken(name, `its schema is ${JSON.stringify(schema)}`);
  const missing = ['engine', 'phase', 'plan', 'directory', 'source'].find((field) => value[field] === undefined);
  if (missing !== undefined) return broken(name, `it has no ${missing}`);
  if (value['name'] !== name) return broken(name, `it is the state of ${JSON.stringify(value['name'])}`);
  return { kind: 'state', state: value as unknown as LabState };
}

/** What is on disk of the lab `name`. Never throws for what it finds there. */
export async function readStateFile(name: string): Promise<StateFile> {
  try {
    const found = parseState(name, await readFile(stateFile(name), 'utf8'));
    const removing = await access(removalMark(name)).then(
      () => true,
      () => false,
    );
    return found.kind === 'state' && removing ? { kind: 'state', state: { ...found.state, phase: 'removing' } } : found;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return broken(name, (error as Error).message, error);
  }
  try {
    await readdir(labDirectory(name));
    return { kind: 'partial' };
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? { kind: 'none' } : broken(name, (error as Error).message, error);
  }
}

/** Names of all labs that have a directory, in alphabetical order. */
export async function labNames(): Promise<readonly string[]> {
  try {
    const entries = await readdir(labsDirectory(), { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && isLabName(entry.name))
      .map((entry) => entry.name)
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** The private directories of the incarnations of a lab that are on disk, absolute. */
export async function runDirectories(name: string): Promise<readonly string[]> {
  const directory = labDirectory(name);
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && entry.name.startsWith('run-'))
      .map((entry) => join(directory, entry.name))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Makes the private directory of a new incarnation: run-<random>, 0700. */
export async function makeRunDirectory(name: string): Promise<string> {
  const directory = join(labDirectory(name), `run-${randomBytes(4).toString('hex')}`);
  await makePrivateDirectory(directory);
  return directory;
}

/** Removes everything on disk of a lab. */
export async function removeLabDirectory(name: string): Promise<void> {
  await rm(labDirectory(name), { recursive: true, force: true });
}
