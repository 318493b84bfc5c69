import { createHash } from 'node:crypto';
import { ARTIFACTS_SCHEMA, type ArtifactSet } from '../../topology/artifacts.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { UpstreamObjects } from '../../topology/upstream.ts';
import { HOST_KEY_ALIAS } from '../../topology/vm-machines.ts';
import { manifestText } from './manifest-file.ts';
import type { VmSecrets } from './vm/kubeadm-config.ts';
import { vmCluster } from './vm/vm-cluster.ts';
import { vmReadme } from './vm/vm-readme.ts';

export interface VmSynthesisInput {
  /** The objects of other projects' manifests, by URL, their digests verified. */
  readonly upstream: UpstreamObjects;
  readonly secrets: VmSecrets;
}

/** Where ssh and the API server answer on 127.0.0.1 when the machines are run by hand. */
const SSH_FROM = 22_001;
const API_FROM = 16_443;

const sortedOnce = (texts: readonly string[]): readonly string[] => [...new Set(texts)].sort();

/**
 * Every file that engine vm is given for a lab, and a README that says how to use them by hand. Pure: the same plan with the same secrets gives the same bytes.
 *
 * @throws LabError of the CNI whose upstream manifest is missing or does not have what is to be patched
 */
export function synthesizeVm(plan: LabPlan, { upstream, secrets }: VmSynthesisInput): ArtifactSet {
  const clusters = plan.clusters.map((cluster, i) =>
    vmCluster({
      plan,
      cluster,
      folder: plan.clusters.length > 1 ? `${cluster.name}/` : '',
      upstream,
      secrets,
      firstPorts: { ssh: SSH_FROM + plan.clusters.slice(0, i).reduce((sum, one) => sum + one.nodes.length, 0), api: API_FROM + i },
    }),
  );
  const images = sortedOnce(clusters.flatMap((cluster) => cluster.images));
  const texts = new Map([
    ['README.md', vmReadme(plan, clusters, images)],
    ['key', secrets.client.privatePem],
    ['known_hosts', `${HOST_KEY_ALIAS} ${secrets.host.publicLine}\n`],
    ...clusters.flatMap((cluster) => [...[...cluster.files].map(([path, objects]) => [path, manifestText(objects)] as const), ...cluster.texts]),
  ]);
  return {
    schema: ARTIFACTS_SCHEMA,
    lab: plan.name,
    engine: 'vm',
    files: [...texts]
      .map(([path, content]) => ({ path, content, sha256: createHash('sha256').update(content, 'utf8').digest('hex') }))
      .sort((a, b) => (a.path < b.path ? -1 : 1)),
    clusters: clusters.map((cluster) => cluster.artifacts),
    images,
    nodeImages: sortedOnce(clusters.flatMap((cluster) => cluster.nodeImages)),
  };
}
