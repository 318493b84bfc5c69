/** Files of the lab in the holder's private /run. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, normalize } from 'node:path';
import { EngineError } from '../../../topology/errors.ts';

export const LAB_FOLDER = '/run/cnilab';

/** Writes a file and its folders. @throws EngineError when `path` is not under /run/cnilab/ */
export function writeLabFile(path: string, text: string): void {
  const target = checked(path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
}

/** Fine when it is gone. */
export function removeLabFile(path: string): void {
  rmSync(checked(path), { force: true });
}

/** Text of a lab file, null when there is none. */
export function readLabFile(path: string): string | null {
  const target = checked(path);
  return existsSync(target) ? readFileSync(target, 'utf8') : null;
}

function checked(path: string): string {
  if (path.startsWith(`${LAB_FOLDER}/`) && normalize(path) === path) return path;
  throw new EngineError({
    code: 'ENGINE_STEP_FAILED',
    message: `${JSON.stringify(path)} is outside the lab's own folder`,
    hint: `files of a lab are under ${LAB_FOLDER}/`,
  });
}
