import { createHash } from 'node:crypto';
import { ARTIFACTS_SCHEMA, type ArtifactSet } from '../../topology/artifacts.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { UpstreamObjects } from '../../topology/upstream.ts';
import { kindCluster, textsOf } from './kind-cluster.ts';
import { kindReadme } from './kind-readme.ts';

export interface KindSynthesisInput {
  /** The objects of other projects' manifests, by URL, their digests verified. */
  readonly upstream: UpstreamObjects;
}

const sortedOnce = (texts: readonly string[]): readonly string[] => [...new Set(texts)].sort();

/**
 * Every file that the engine kind is given for a lab, and a README that says how to use them by hand. Pure: the same plan gives the same bytes.
 * A lab of several clusters has a folder for each.
 *
 * @throws LabError of the CNI whose upstream manifest is missing or does not have what is to be patched
 */
export function synthesizeKind(plan: LabPlan, { upstream }: KindSynthesisInput): ArtifactSet {
  const clusters = plan.clusters.map((cluster) => kindCluster(plan, cluster, plan.clusters.length > 1 ? `${cluster.name}/` : '', upstream));
  const images = sortedOnce(clusters.flatMap((cluster) => cluster.images));
  const nodeImages = sortedOnce(clusters.flatMap((cluster) => cluster.nodeImages));
  const texts = new Map([['README.md', kindReadme(plan, clusters, { images, nodeImages })], ...clusters.flatMap((cluster) => [...textsOf(cluster)])]);
  return {
    schema: ARTIFACTS_SCHEMA,
    lab: plan.name,
    engine: 'kind',
    files: [...texts]
      .map(([path, content]) => ({ path, content, sha256: createHash('sha256').update(content, 'utf8').digest('hex') }))
      .sort((a, b) => (a.path < b.path ? -1 : 1)),
    clusters: clusters.map((cluster) => cluster.artifacts),
    images,
    nodeImages,
  };
}
