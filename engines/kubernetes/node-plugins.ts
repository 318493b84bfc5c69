/** CNI plugins that the images of nodes lack: looked for on this machine, copied into the incarnation's folder. */
import { chmod, copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { LabPlan } from '../../topology/plan.ts';
import { pluginsLacking } from '../../topology/upstream.ts';
import { cacheDirectory } from '../own-directories.ts';
import { findPlugin, pluginFolders } from '../executables.ts';
import type { Finding } from '../port.ts';

/** Finds a CNI plugin of this machine by its name. */
interface Finder {
  readonly findPlugin: (name: string) => string | null;
}

/** Where plugins can be put for cnilab alone. */
export function ownPluginFolder(): string {
  return join(cacheDirectory(), 'cni');
}

/** Path of a plugin of this machine, $CNI_PATH first; null when it has none. */
export function findNodePlugin(name: string): string | null {
  return findPlugin(name) ?? findPlugin(name, [ownPluginFolder()]);
}

export function pluginsNeeded(plan: LabPlan): readonly string[] {
  return [...new Set(plan.clusters.flatMap(({ cni }) => pluginsLacking(cni)))];
}

/** Is a plugin on this machine? */
export function judgePlugin(deps: Finder, name: string): Finding {
  const path = deps.findPlugin(name);
  if (path !== null) return { ok: true, detail: path, remedy: '' };
  const folder = ownPluginFolder();
  return {
    ok: false,
    detail: `not in ${[...pluginFolders(), folder].join(', ')}`,
    remedy: `cnilab lock FILE   # pins the release of containernetworking, which \`up\` then fetches; or install containernetworking-plugins; or put it into ${folder}`,
  };
}

/** Copies plugins to `bin/`, executable: what a node runs does not change when this machine is upgraded. */
export async function copyPlugins(deps: Finder, names: readonly string[], directory: string): Promise<void> {
  await mkdir(join(directory, 'bin'), { recursive: true });
  for (const name of new Set(names)) {
    const from = deps.findPlugin(name);
    if (from === null) continue;
    const to = join(directory, 'bin', name);
    await copyFile(from, to);
    await chmod(to, 0o755);
  }
}
