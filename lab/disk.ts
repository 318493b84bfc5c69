/** What a disk says that takes no files, in terms of what can be done about it. */
import { EnvironmentError } from '../topology/errors.ts';

/** errno names, as Node has them in `code`. */
const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: 'make room on the disk that holds it, or set XDG_STATE_HOME to a folder on another',
  EDQUOT: 'your quota is used up: remove files of yours, or set XDG_STATE_HOME to a folder on another disk',
  EROFS: 'the disk is mounted read-only: set XDG_STATE_HOME to a folder on another',
  EACCES: 'make the folder yours (`ls -ld` shows whose it is), or set XDG_STATE_HOME to a folder of yours',
};

/**
 * The EnvironmentError ENVIRONMENT_LACKS for an error of the file system that the user can mend; any other error as it is.
 *
 * @param directory what is named where the error names no path: writing to an open file does not
 * @param variable by which the folder is chosen
 */
export function refusedByDisk(error: unknown, directory: string, variable: 'XDG_STATE_HOME' | 'XDG_CACHE_HOME' = 'XDG_STATE_HOME'): unknown {
  if (!(error instanceof Error)) return error;
  const { code = '', path = directory, syscall = '' } = error as NodeJS.ErrnoException;
  const remedy = REMEDIES[code];
  // A program that must not be run is no matter of the disk.
  if (remedy === undefined || syscall.startsWith('spawn')) return error;
  return new EnvironmentError({
    code: 'ENVIRONMENT_LACKS',
    message: `${path} cannot be written: ${error.message}`,
    hint: remedy.replace('XDG_STATE_HOME', variable),
    details: { path, errno: code },
    cause: error,
  });
}
