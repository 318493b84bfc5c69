/** Programs and CNI plugins of this machine. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The user's PATH with the folders of system programs, which a user's shell often lacks. */
export const SYSTEM_PATH: string = [
  ...new Set([...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']),
]
  .filter((folder) => folder.startsWith('/'))
  .join(delimiter);

/** Folders of distributions and installers, after the lab's own and $CNI_PATH. */
export function pluginFolders(own: readonly string[] = []): readonly string[] {
  const named = (process.env['CNI_PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...new Set([...own, ...named, '/opt/cni/bin', '/usr/lib/cni', '/usr/libexec/cni'])];
}

/** First executable file of that name; null when there is none. A name with a slash is no plugin. */
export function findPlugin(name: string, own: readonly string[] = []): string | null {
  return name.includes('/') ? null : firstExecutable(pluginFolders(own).map((folder) => join(folder, name)));
}

/** First of `names` in PATH (with the folders of system programs) and in `folders`, which go first. */
export function findProgram(names: readonly string[], folders: readonly string[] = []): string | null {
  return firstExecutable(names.flatMap((name) => [...folders, ...SYSTEM_PATH.split(delimiter)].map((folder) => join(folder, name))));
}

/** The first of these files that can be executed; null when none can. */
export function firstExecutable(paths: readonly string[]): string | null {
  return (
    paths.find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return statSync(path).isFile();
      } catch {
        return false;
      }
    }) ?? null
  );
}
