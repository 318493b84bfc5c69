import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchUpstream } from '../lab/upstream.ts';
import type { LabPlan } from '../topology/plan.ts';
import { upstreamFiles, type UpstreamObjects } from '../topology/upstream.ts';

/** Why the manifests of other projects cannot be looked at here, or null. They are not part of this repository. */
export const noUpstream: string | null =
  process.env['CNILAB_UPSTREAM_MANIFESTS'] === undefined ? 'CNILAB_UPSTREAM_MANIFESTS names no folder with the upstream manifests' : null;

/** The manifests that plans need, from the folder that CNILAB_UPSTREAM_MANIFESTS names: found by their digests, read as `up` reads them. */
export async function upstreamHere(plans: readonly LabPlan[]): Promise<UpstreamObjects> {
  const folder = process.env['CNILAB_UPSTREAM_MANIFESTS'];
  if (folder === undefined) return new Map();
  const cache = mkdtempSync(join(tmpdir(), 'cnilab-upstream-'));
  try {
    mkdirSync(join(cache, 'upstream'));
    for (const name of readdirSync(folder)) {
      const bytes = readFileSync(join(folder, name));
      writeFileSync(join(cache, 'upstream', createHash('sha256').update(bytes).digest('hex')), bytes);
    }
    const files = new Map(plans.flatMap(upstreamFiles).map((file) => [file.url, file]));
    return await fetchUpstream([...files.values()], { lock: null, offline: true, cacheDirectory: cache });
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
}
