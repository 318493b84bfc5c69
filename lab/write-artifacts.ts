import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { LabError } from '../topology/errors.ts';
import type { ArtifactSet } from '../topology/artifacts.ts';

/** Says of a folder which files in it were written here, and what was in them. */
export const ARTIFACTS_MARK = '.cnilab-artifacts.json';

export interface WriteArtifactsOptions {
  /** Write into a folder that holds something else, and over files that were changed. @default false */
  readonly force?: boolean;
}

/** What an earlier run wrote: path → digest. */
interface Mark {
  readonly lab: string;
  readonly files: Readonly<Record<string, string>>;
}

const digest = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

/** Paths inside of the folder, each with a digest: a mark that names anything else was not written here. */
function isOwnFiles(value: unknown): value is Mark['files'] {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).every(([path, written]) => typeof written === 'string' && !isAbsolute(path) && !path.split(/[\\/]/).includes('..'));
}

async function readMark(directory: string): Promise<Mark | null> {
  try {
    const value = JSON.parse(await readFile(join(directory, ARTIFACTS_MARK), 'utf8')) as Partial<Mark>;
    return typeof value.lab === 'string' && isOwnFiles(value.files) ? { lab: value.lab, files: value.files } : null;
  } catch {
    return null;
  }
}

function refused(message: string, files: readonly string[] = []): LabError {
  return new LabError({
    code: 'OUTPUT_REFUSED',
    message,
    hint: 'choose another folder, or `--force` to write over files of the same names; nothing else in it is touched',
    details: { files },
  });
}

/** Whatever is there and was not written by an earlier run of the same lab is somebody's own. */
async function requireOurs(artifacts: ArtifactSet, directory: string, mark: Mark | null): Promise<void> {
  if (mark === null) {
    const found = await readdir(directory);
    if (found.length === 0) return;
    throw refused(`the folder ${directory} holds other files: ${found.slice(0, 5).join(', ')}${found.length > 5 ? ', …' : ''}`, found);
  }
  if (mark.lab !== artifacts.lab) throw refused(`the folder ${directory} holds the files of lab ${mark.lab}`);
  const wanted = new Map(artifacts.files.map((file) => [file.path, file.sha256]));
  const changed: string[] = [];
  for (const path of new Set([...wanted.keys(), ...Object.keys(mark.files)])) {
    const content = await readFile(join(directory, path)).catch(() => null);
    if (content === null) continue;
    const found = digest(content);
    if (found !== mark.files[path] && found !== wanted.get(path)) changed.push(path);
  }
  if (changed.length > 0) throw refused(`files of ${directory} were changed since they were written: ${changed.join(', ')}`, changed);
}

async function writeAll(artifacts: ArtifactSet, directory: string): Promise<void> {
  for (const folder of new Set(artifacts.files.map((file) => dirname(file.path)))) await mkdir(join(directory, folder), { recursive: true });
  // A manifest may hold a Secret.
  for (const file of artifacts.files) await writeFile(join(directory, file.path), file.content, { mode: 0o600 });
  const mark: Mark = { lab: artifacts.lab, files: Object.fromEntries(artifacts.files.map((file) => [file.path, file.sha256])) };
  await writeFile(join(directory, ARTIFACTS_MARK), `${JSON.stringify(mark, null, 2)}\n`);
}

/** Moves what was written into a folder that is there; what an earlier run wrote besides goes. The mark is the last, so that a run that is cut off can be repeated. */
async function moveInto(artifacts: ArtifactSet, staging: string, directory: string, mark: Mark | null): Promise<void> {
  const paths = [...artifacts.files.map((file) => file.path), ARTIFACTS_MARK];
  for (const path of paths) {
    await mkdir(join(directory, dirname(path)), { recursive: true });
    if (path !== ARTIFACTS_MARK) await rename(join(staging, path), join(directory, path));
  }
  for (const [path, written] of Object.entries(mark?.lab === artifacts.lab ? mark.files : {})) {
    if (paths.includes(path)) continue;
    // What was changed since is somebody's own.
    const found = await readFile(join(directory, path)).catch(() => null);
    if (found !== null && digest(found) !== written) continue;
    await rm(join(directory, path), { force: true });
    await rmdir(join(directory, dirname(path))).catch(() => undefined); // holds something still
  }
  await rename(join(staging, ARTIFACTS_MARK), join(directory, ARTIFACTS_MARK));
}

function notWritten(directory: string, error: unknown): LabError {
  const { code, message } = error as NodeJS.ErrnoException;
  return new LabError({
    code: 'OUTPUT_FAILED',
    message: `the files cannot be written to ${directory}: ${code === 'ENOSPC' ? 'the disk is full' : message}`,
    hint:
      code === 'ENOSPC' ? 'free some space, or choose a folder on another disk; what was there before is unchanged' : 'choose a folder that can be written to',
    cause: error,
  });
}

/**
 * Writes the files of a lab into a folder. They are written beside it first and moved when all of them are there: a disk that runs full leaves
 * things as they were. Other files in the folder (a kubeconfig, plugins) stay.
 *
 * @returns the folder's absolute path
 * @throws LabError OUTPUT_REFUSED for a folder that holds something else, or files that were changed; OUTPUT_FAILED
 */
export async function writeArtifacts(artifacts: ArtifactSet, directory: string, options: WriteArtifactsOptions = {}): Promise<string> {
  const target = resolve(directory);
  let exists = true;
  await readdir(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw notWritten(target, error);
    exists = false;
  });
  const mark = exists ? await readMark(target) : null;
  if (exists && options.force !== true) await requireOurs(artifacts, target, mark);
  // Inside of a folder that is there: it may be a mount, and the one around it somebody else's.
  const staging = join(exists ? target : dirname(target), `.${randomBytes(6).toString('hex')}.cnilab`);
  let parents: string | undefined;
  try {
    parents = await mkdir(dirname(target), { recursive: true });
    await mkdir(staging);
    await writeAll(artifacts, staging);
    if (exists) await moveInto(artifacts, staging, target, mark);
    else await rename(staging, target);
    return target;
  } catch (error) {
    await rm(parents ?? staging, { recursive: true, force: true });
    throw notWritten(target, error);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}
