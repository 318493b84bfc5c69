import type { ClusterArtifacts } from '../../topology/artifacts.ts';
import { KIND_BALANCER_IMAGE, kindNodeImage } from '../../topology/kind-images.ts';
import type { ClusterPlan, LabPlan } from '../../topology/plan.ts';
import type { KubernetesObject } from '../../topology/spec.ts';
import type { UpstreamObjects } from '../../topology/upstream.ts';
import { clusterManifests } from './cluster-manifests.ts';
import { kindConfig } from './kind-config.ts';
import { kindApiServer, kindName, kindNodes } from './kind-names.ts';
import { manifestText } from './manifest-file.ts';

/** The files of one cluster, and what `up` and the README have to know of them. */
export interface KindCluster {
  /** '' or `NAME/` */
  readonly folder: string;
  readonly artifacts: ClusterArtifacts;
  /** Path → what is in it. */
  readonly files: ReadonlyMap<string, readonly object[]>;
  /** Files that are no manifests: path → text. */
  readonly texts: ReadonlyMap<string, string>;
  readonly workloads: readonly KubernetesObject[];
  readonly images: readonly string[];
  readonly nodeImages: readonly string[];
}

/**
 * Synthesizes one cluster of a lab for kind.
 *
 * @param folder '' or `NAME/`
 */
export function kindCluster(plan: LabPlan, cluster: ClusterPlan, folder: string, upstream: UpstreamObjects): KindCluster {
  const nodes = kindNodes(plan, cluster);
  const manifests = clusterManifests({ plan, cluster, folder, upstream, nodes, apiServer: kindApiServer(plan, cluster) });
  const { files, texts, workloadObjects, images, ...paths } = manifests;
  const config = `${folder}kind.yaml`;
  const image = kindNodeImage(cluster);
  const balanced = cluster.nodes.filter((node) => node.role === 'control-plane').length > 1;
  return {
    folder,
    artifacts: { name: cluster.name, engineName: kindName(plan, cluster), config, ...paths, nodes },
    files: new Map<string, readonly object[]>([[config, [kindConfig(plan, cluster, paths.plugins)]], ...files]),
    texts,
    workloads: workloadObjects,
    images,
    nodeImages: [...(image === null ? [] : [image]), ...(balanced ? [KIND_BALANCER_IMAGE] : [])],
  };
}

/** The text of every file of a cluster. */
export function textsOf(cluster: KindCluster): ReadonlyMap<string, string> {
  return new Map([...[...cluster.files].map(([path, objects]) => [path, manifestText(objects)] as const), ...cluster.texts]);
}
