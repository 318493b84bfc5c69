/** CNI plugins that kind's node images lack: looked for on this machine, copied into the incarnation's folder, mounted from there. */
import { chmod, copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { CniName, LabPlan } from '../../topology/plan.ts';
import { cacheDirectory } from '../netns/agent-environment.ts';
import { pluginFolders } from '../netns/find-executable.ts';
import type { Finding } from './trials.ts';
import type { KindDeps } from './kind-deps.ts';

/** What is needed beside host-local, loopback, portmap and ptp, which every node image has (kind images/base/Dockerfile). */
const NEEDED: Readonly<Partial<Record<CniName | 'observed', readonly string[]>>> = { bridge: ['bridge'], flannel: ['bridge'] };

/** Where plugins can be put for cnilab alone. */
export function ownPluginFolder(): string {
  return join(cacheDirectory(), 'cni');
}

export function pluginsNeeded(plan: LabPlan): readonly string[] {
  return [...new Set(plan.clusters.flatMap((cluster) => NEEDED[cluster.cni.type] ?? []))];
}

/** Is a plugin on this machine? */
export function judgePlugin(deps: Pick<KindDeps, 'findPlugin'>, name: string): Finding {
  const path = deps.findPlugin(name);
  if (path !== null) return { ok: true, detail: path, remedy: '' };
  const folder = ownPluginFolder();
  return {
    ok: false,
    detail: `not in ${[...pluginFolders(), folder].join(', ')}`,
    remedy: `mkdir -p ${folder} && curl -fsSL https://github.com/containernetworking/plugins/releases/download/v1.9.1/cni-plugins-linux-$(dpkg --print-architecture)-v1.9.1.tgz | tar -xzC ${folder} ./${name}   # or your distribution's containernetworking-plugins, or CNI_PATH`,
  };
}

/** Copies plugins to `bin/`, executable: what a node runs does not change when this machine is upgraded. */
export async function copyPlugins(deps: Pick<KindDeps, 'findPlugin'>, names: readonly string[], directory: string): Promise<void> {
  await mkdir(join(directory, 'bin'), { recursive: true });
  for (const name of new Set(names)) {
    const from = deps.findPlugin(name);
    if (from === null) continue;
    const to = join(directory, 'bin', name);
    await copyFile(from, to);
    await chmod(to, 0o755);
  }
}
