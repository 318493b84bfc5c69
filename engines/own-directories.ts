/** Where cnilab keeps files. */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** The directory of an XDG variable; the specification has relative paths ignored. https://specifications.freedesktop.org/basedir-spec/latest/ */
function xdg(variable: string, ...otherwise: string[]): string {
  const value = process.env[variable];
  return value !== undefined && isAbsolute(value) ? value : join(homedir(), ...otherwise);
}

/** What must not be lost while labs run: $XDG_STATE_HOME/cnilab. */
export function stateDirectory(): string {
  return join(xdg('XDG_STATE_HOME', '.local', 'state'), 'cnilab');
}

/** What can be made again: $XDG_CACHE_HOME/cnilab. */
export function cacheDirectory(): string {
  return join(xdg('XDG_CACHE_HOME', '.cache'), 'cnilab');
}
