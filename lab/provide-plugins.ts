import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { UpstreamFile } from '../topology/artifacts.ts';
import { EnvironmentError } from '../topology/errors.ts';
import type { LabPlan } from '../topology/plan.ts';
import { pluginArchive, pluginsLacking } from '../topology/upstream.ts';
import { fileOfArchive } from './archive-file.ts';
import { cacheDirectory } from '../engines/own-directories.ts';
import { pinnedDigest, readLock } from './lock-file.ts';
import { architecture } from './pin-upstream.ts';
import { fetchUpstreamFile } from './upstream.ts';

export interface ProvideOptions {
  /** Nothing may be fetched. */
  readonly offline: boolean;
  /** Where the digest of the release is pinned. */
  readonly lockFile?: string;
  readonly signal?: AbortSignal;
  /** Is a plugin on this machine already? @default as the engine kind looks for it */
  readonly isHere?: (name: string) => boolean;
}

/**
 * Brings the CNI plugins that a real cluster's nodes lack to where the engine looks for them: out of the pinned release, when neither the machine nor
 * the cache has them. A release that nobody pinned is left alone: what is missing then is the engine's to say, with the ways out of it.
 *
 * @returns the plugins that were unpacked
 * @throws EnvironmentError UPSTREAM_MISSING, UPSTREAM_DIGEST, and UPSTREAM_UNEXPECTED for a release without the plugin
 */
export async function providePlugins(plan: LabPlan, { offline, lockFile, signal, isHere }: ProvideOptions): Promise<readonly string[]> {
  const lacking = [...new Set(plan.clusters.flatMap(({ cni }) => pluginsLacking(cni)))];
  if (lacking.length === 0) return [];
  const { findNodePlugin, ownPluginFolder } = await import('../engines/kubernetes/node-plugins.ts');
  const missing = lacking.filter((name) => !(isHere?.(name) ?? findNodePlugin(name) !== null));
  const archive = missing.length === 0 ? null : pluginArchive(plan, architecture());
  const lock = archive === null || lockFile === undefined ? null : await readLock(lockFile);
  if (archive === null || pinnedDigest(archive, lock) === null) return [];
  const bytes = await fetchUpstreamFile(archive, { lock, offline, cacheDirectory: cacheDirectory(), ...(signal === undefined ? {} : { signal }) });
  for (const name of missing) await unpack(archive, bytes, name, ownPluginFolder());
  return missing;
}

/** Whole or not at all: another run may be at the same. */
async function unpack(archive: UpstreamFile, bytes: Buffer, name: string, folder: string): Promise<void> {
  const plugin = fileOfArchive(bytes, name);
  if (plugin === null) {
    throw new EnvironmentError({
      code: 'UPSTREAM_UNEXPECTED',
      message: `${archive.what} (${archive.url}) holds no plugin ${name}`,
      hint: 'look at the archive; if the lock file pins something else, delete its entry and run `cnilab lock` again',
      details: { url: archive.url, plugin: name },
    });
  }
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const draft = join(folder, `.${name}.${process.pid}`);
  try {
    await writeFile(draft, plugin);
    await chmod(draft, 0o755);
    await rename(draft, join(folder, name));
  } finally {
    await rm(draft, { force: true });
  }
}
