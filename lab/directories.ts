import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { stateDirectory } from '../engines/own-directories.ts';
import { LabError } from '../topology/errors.ts';

/** Every lab has a directory here. */
export function labsDirectory(): string {
  return join(stateDirectory(), 'labs');
}

const LAB_NAME = /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/;

/** Could this be the name of a lab? Anything else must not become part of a path. */
export function isLabName(name: string): boolean {
  return LAB_NAME.test(name);
}

/**
 * The directory of one lab, existing or not.
 *
 * @throws LabError LAB_UNKNOWN for what can be no lab's name, such as `../x`
 */
export function labDirectory(name: string): string {
  if (!isLabName(name)) {
    throw new LabError({
      code: 'LAB_UNKNOWN',
      message: `${JSON.stringify(name)} cannot be the name of a lab`,
      hint: 'a name is at most 40 lower-case letters, digits and dashes; `cnilab ls` lists the labs',
    });
  }
  return join(labsDirectory(), name);
}

/** The lock of one lab. It is beside the lab's directory, which comes and goes. */
export function lockFile(name: string): string {
  labDirectory(name);
  return join(stateDirectory(), 'locks', `${name}.lock`);
}

/** Makes a directory and its parents, for this user only (0700). */
export async function makePrivateDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
}
