import type { ClusterArtifacts } from '../../topology/artifacts.ts';
import { KIND_BALANCER_IMAGE, kindNodeImage } from '../../topology/kind-images.ts';
import type { ClusterPlan, LabPlan } from '../../topology/plan.ts';
import type { KubernetesObject } from '../../topology/spec.ts';
import type { UpstreamObjects } from '../../topology/upstream.ts';
import { AGNHOST_IMAGE } from '../../topology/workloads.ts';
import { cniManifests } from './cni/index.ts';
import { kindConfig } from './kind-config.ts';
import { kindApiServer, kindName, kindNodes } from './kind-names.ts';
import { ATTEMPTS, CLUSTER_DEADLINE_MS, targetsPerNode } from '../../topology/probing.ts';
import { manifestText } from './manifest-file.ts';
import { imagesOf, mapImage } from './pod-spec.ts';
import { verificationObjects } from './verification/index.ts';
import { workloadObjects } from './workloads.ts';

/** The namespace of a verification that is run by hand; `cnilab verify` uses one of its own for each run. */
export const VERIFY_NAMESPACE = 'cnilab-verify';

/** The files of one cluster, and what `up` and the README have to know of them. */
export interface KindCluster {
  readonly artifacts: ClusterArtifacts;
  /** Path → what is in it. */
  readonly files: ReadonlyMap<string, readonly object[]>;
  readonly workloads: readonly KubernetesObject[];
  readonly images: readonly string[];
  readonly nodeImages: readonly string[];
}

/** `07`: as many digits as the longest number has, two at least. */
const numbered = (index: number, count: number): string => String(index).padStart(Math.max(2, String(count - 1).length), '0');

/** A part of a file's name: Kubernetes names may hold `:`. */
const fileName = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9.-]/g, '-');

/**
 * Synthesizes one cluster of a lab for kind.
 *
 * @param folder '' or `NAME/`
 */
export function kindCluster(plan: LabPlan, cluster: ClusterPlan, folder: string, upstream: UpstreamObjects): KindCluster {
  const nodes = kindNodes(plan, cluster);
  const cni = cniManifests({ plan, cluster, nodes, apiServer: kindApiServer(plan, cluster), upstream });
  const workloads = workloadObjects(plan, cluster);
  const agnhost = mapImage(AGNHOST_IMAGE, plan.images);
  const verification = verificationObjects({
    lab: plan.name,
    namespace: VERIFY_NAMESPACE,
    nodes: nodes.map((node) => node.name),
    families: cluster.families,
    attempts: ATTEMPTS,
    deadlineMs: CLUSTER_DEADLINE_MS,
    image: agnhost,
    profile: 'classic',
    perNode: targetsPerNode(nodes.length),
    shardSize: null,
  });
  const config: readonly [string, readonly object[]] = [`${folder}kind.yaml`, [kindConfig(plan, cluster, cni.plugins)]];
  const cniFiles = cni.files.map(({ name, objects }, i) => [`${folder}cni/${numbered(i, cni.files.length)}-${name}.yaml`, objects] as const);
  const workloadFiles = workloads.map(
    (object, i) => [`${folder}workloads/${numbered(i, workloads.length)}-${fileName(object.kind)}-${fileName(object.metadata.name)}.yaml`, [object]] as const,
  );
  const verifyFiles = [
    [`${folder}verify/00-namespace.yaml`, [verification.namespace]],
    [`${folder}verify/01-responders.yaml`, verification.responders],
    [`${folder}verify/02-probe.yaml`, [verification.script]],
    [`${folder}verify/03-jobs.yaml`, verification.jobs],
    [`${folder}verify/permissions.yaml`, verification.permissions],
  ] as const;
  const paths = (files: readonly (readonly [string, unknown])[]): readonly string[] => files.map(([path]) => path);
  const image = kindNodeImage(cluster);
  const balanced = cluster.nodes.filter((node) => node.role === 'control-plane').length > 1;
  return {
    artifacts: {
      name: cluster.name,
      engineName: kindName(plan, cluster),
      config: config[0],
      cni: paths(cniFiles),
      workloads: paths(workloadFiles),
      verify: paths(verifyFiles),
      cniRollouts: cni.rollouts,
      nodes,
      plugins: cni.plugins,
    },
    files: new Map<string, readonly object[]>([config, ...cniFiles, ...workloadFiles, ...verifyFiles]),
    workloads,
    images: [...cni.images, ...imagesOf(workloads), agnhost],
    nodeImages: [...(image === null ? [] : [image]), ...(balanced ? [KIND_BALANCER_IMAGE] : [])],
  };
}

/** The text of every file of a cluster. */
export function textsOf(cluster: KindCluster): ReadonlyMap<string, string> {
  return new Map([...cluster.files].map(([path, objects]) => [path, manifestText(objects)]));
}
