/** What the processes of a lab get as environment: the search path, and nothing of the user's that could change what they do. */
import { cacheDirectory } from '../own-directories.ts';
import { SYSTEM_PATH } from '../executables.ts';

export function agentEnvironment(): Record<string, string> {
  const passed = ['HOME', 'CNI_PATH', 'NODE_V8_COVERAGE'] as const;
  return {
    PATH: SYSTEM_PATH,
    LC_ALL: 'C',
    CNILAB_CACHE: cacheDirectory(),
    ...Object.fromEntries(passed.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))),
  };
}
