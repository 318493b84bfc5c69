import { readFile, realpath, stat } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { LabError } from '../topology/errors.ts';
import type { LabSpec } from '../topology/spec.ts';
import { readLoadCache, sha256, writeLoadCache, type Positions } from './load-cache.ts';

export interface Position {
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}

/** A lab file, read; its shape is not checked yet. */
export interface LoadedLab {
  /** Absolute. */
  readonly path: string;
  /** Of the file's bytes. */
  readonly sha256: string;
  readonly kind: 'typescript' | 'yaml' | 'json';
  /** What the file says, as plain JSON of any shape. */
  readonly input: unknown;
  /** The same, for who needs names of elements in messages; unchecked. */
  readonly spec: LabSpec;
  /** Place of a path of the lab in the file, or of its nearest parent that has one; null for a TypeScript lab. */
  positionOf(path: readonly (string | number)[]): Position | null;
}

export interface LoadOptions {
  /** After that a TypeScript lab that has not ended is killed. @default 20000 */
  readonly timeoutMs?: number;
  /** Use and keep what an unchanged file gave the last time. @default true */
  readonly cache?: boolean;
}

const KINDS: Readonly<Record<string, LoadedLab['kind']>> = {
  '.ts': 'typescript',
  '.mts': 'typescript',
  '.cts': 'typescript',
  '.js': 'typescript',
  '.mjs': 'typescript',
  '.cjs': 'typescript',
  '.yaml': 'yaml',
  '.yml': 'yaml',
  '.json': 'json',
};

/** What a folder's lab is called, as `init` writes it. */
const IN_FOLDER = ['lab.ts', 'lab.yaml', 'lab.yml', 'lab.json'] as const;

async function notFound(path: string): Promise<LabError> {
  const { nearFiles } = await import('./near-files.ts');
  const near = await nearFiles(path);
  return new LabError({
    code: 'LAB_FILE_NOT_FOUND',
    message: `there is no lab file ${path}`,
    hint: near.length === 0 ? '`cnilab labs` lists the lab files of a folder; `cnilab init my-lab` writes one' : `did you mean ${near.join(' or ')}?`,
    details: { file: path, near },
  });
}

async function findFile(path: string): Promise<string> {
  const found = await stat(path).catch(() => null);
  if (found === null) throw await notFound(path);
  if (!found.isDirectory()) return realpath(path);
  for (const name of IN_FOLDER) {
    const inside = join(path, name);
    if ((await stat(inside).catch(() => null))?.isFile() === true) return realpath(inside);
  }
  throw new LabError({
    code: 'LAB_FILE_NOT_FOUND',
    message: `the folder ${path} has no ${IN_FOLDER.join(', ')}`,
    hint: 'name the lab file itself',
    details: { file: path },
  });
}

function kindOf(path: string): LoadedLab['kind'] {
  const kind = KINDS[extname(path).toLowerCase()];
  if (kind !== undefined) return kind;
  throw new LabError({
    code: 'USAGE',
    message: `${path} is no lab file: it ends in ${extname(path) || 'nothing'}`,
    hint: `lab files end in ${Object.keys(KINDS).join(' ')}`,
  });
}

function positionIn(positions: Positions | null, path: readonly (string | number)[]): Position | null {
  if (positions === null) return null;
  for (let length = path.length; length >= 0; length -= 1) {
    const found = positions[JSON.stringify(path.slice(0, length))];
    if (found !== undefined) return { line: found[0], column: found[1] };
  }
  return null;
}

interface Contents {
  readonly input: unknown;
  readonly positions: Positions | null;
}

async function readContents(path: string, bytes: Uint8Array, kind: LoadedLab['kind'], options: LoadOptions): Promise<Contents> {
  const cache = options.cache ?? true;
  const cached = cache ? readLoadCache(path) : null;
  if (cached !== null) return cached;
  const startedAt = Date.now();
  if (kind === 'typescript') {
    const { loadTypeScript } = await import('./load-typescript.ts');
    const { input, by } = await loadTypeScript(path, options.timeoutMs ?? 20_000);
    if (cache) await writeLoadCache(path, { input, positions: null, by, startedAt });
    return { input, positions: null };
  }
  const { loadData } = await import('./load-data.ts');
  const data = await loadData(new TextDecoder().decode(bytes), path, kind);
  const by = { ownFiles: [path], packageFiles: [], environment: [], workingDirectory: false, unrepeatable: [] };
  if (cache) await writeLoadCache(path, { ...data, by, startedAt });
  return data;
}

/**
 * Reads a lab file. TypeScript and JavaScript are run, in a process of their own; YAML and JSON are data.
 *
 * An unchanged file is not read again: its result is kept, by the content of the file and of everything that it imports, and by the environment
 * variables that it read. A file that reads other files, runs programs or uses the network is always loaded anew; the clock and Math.random
 * are not watched.
 *
 * @param path the file, or a folder with a lab.ts, lab.yaml or lab.json
 * @throws LabError LAB_FILE_NOT_FOUND, LAB_FILE_SYNTAX, LAB_FILE_THROWS, LAB_FILE_EXPORTS_NOTHING, LAB_FILE_TIMEOUT; USAGE for other files
 */
export async function loadLab(path: string, options: LoadOptions = {}): Promise<LoadedLab> {
  const file = await findFile(resolve(path));
  const kind = kindOf(file);
  const bytes = await readFile(file);
  const { input, positions } = await readContents(file, bytes, kind, options);
  return { path: file, sha256: sha256(bytes), kind, input, spec: input as LabSpec, positionOf: (at) => positionIn(positions, at) };
}
