import type { ClusterArtifacts } from '../../topology/artifacts.ts';
import type { ClusterPlan, LabPlan } from '../../topology/plan.ts';
import { ATTEMPTS, CLUSTER_DEADLINE_MS, targetsPerNode } from '../../topology/probing.ts';
import type { KubernetesObject } from '../../topology/spec.ts';
import type { UpstreamObjects } from '../../topology/upstream.ts';
import { AGNHOST_IMAGE } from '../../topology/workloads.ts';
import { cniManifests } from './cni/index.ts';
import { kubeadmCorefile } from './corefile.ts';
import type { NodeName } from './kind-names.ts';
import { imagesOf, mapImage } from './pod-spec.ts';
import { verificationObjects } from './verification/index.ts';
import { workloadObjects } from './workloads.ts';

/** The namespace of a verification that is run by hand; `cnilab verify` uses one of its own for each run. */
export const VERIFY_NAMESPACE = 'cnilab-verify';

/** The manifests of one cluster: what a real Kubernetes is given, whatever its nodes are. */
export interface ClusterManifests extends Pick<ClusterArtifacts, 'cni' | 'workloads' | 'verify' | 'cniRollouts' | 'plugins'> {
  /** Path → what is in it. */
  readonly files: ReadonlyMap<string, readonly object[]>;
  /** Files that are no manifests, and are applied by nobody: path → text. */
  readonly texts: ReadonlyMap<string, string>;
  readonly workloadObjects: readonly KubernetesObject[];
  readonly images: readonly string[];
}

export interface ClusterManifestsInput {
  readonly plan: LabPlan;
  readonly cluster: ClusterPlan;
  /** '' or `NAME/` */
  readonly folder: string;
  readonly upstream: UpstreamObjects;
  readonly nodes: readonly NodeName[];
  /** Where the API answers as seen from a node, before any Service works. */
  readonly apiServer: { readonly host: string; readonly port: number };
}

/** `07`: as many digits as the longest number has, two at least. */
const numbered = (index: number, count: number): string => String(index).padStart(Math.max(2, String(count - 1).length), '0');

/** A part of a file's name: Kubernetes names may hold `:`. */
const fileName = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9.-]/g, '-');

/** Synthesizes CNI, workloads and verification of one cluster. */
export function clusterManifests({ plan, cluster, folder, upstream, nodes, apiServer }: ClusterManifestsInput): ClusterManifests {
  const cni = cniManifests({ plan, cluster, nodes, apiServer, upstream });
  const workloads = workloadObjects(plan, cluster, nodes);
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
  return {
    cni: paths(cniFiles),
    workloads: paths(workloadFiles),
    verify: paths(verifyFiles),
    cniRollouts: cni.rollouts,
    plugins: cni.plugins,
    files: new Map<string, readonly object[]>([...cniFiles, ...workloadFiles, ...verifyFiles]),
    texts: new Map([[`${folder}Corefile`, kubeadmCorefile(cluster)]]),
    workloadObjects: workloads,
    images: [...cni.images, ...imagesOf(workloads), agnhost],
  };
}
