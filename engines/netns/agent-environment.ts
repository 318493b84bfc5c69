/** What the processes of a lab get as environment: the search path, and nothing of the user's that could change what they do. */
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** The user's PATH with the folders of system programs, which a user's shell often lacks. */
export const SYSTEM_PATH: string = [
  ...new Set([...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']),
]
  .filter((folder) => folder.startsWith('/'))
  .join(delimiter);

/** Folder for what cnilab unpacks for itself: $XDG_CACHE_HOME/cnilab. */
export function cacheDirectory(): string {
  const base = process.env['XDG_CACHE_HOME'];
  return join(base?.startsWith('/') === true ? base : join(homedir(), '.cache'), 'cnilab');
}

export function agentEnvironment(): Record<string, string> {
  const passed = ['HOME', 'CNI_PATH', 'NODE_V8_COVERAGE'] as const;
  return {
    PATH: SYSTEM_PATH,
    LC_ALL: 'C',
    CNILAB_CACHE: cacheDirectory(),
    ...Object.fromEntries(passed.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))),
  };
}
