import { isAtLeast, parseKubernetesVersion } from './kubernetes-version.ts';
import type { ClusterPlan } from './plan.ts';

/** The node images that the release notes of kind 0.33.0 list, newest first: https://github.com/kubernetes-sigs/kind/releases/tag/v0.33.0 */
export const KIND_NODE_IMAGES: Readonly<Record<string, string>> = {
  '1.37.0': 'kindest/node:v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5',
  '1.36.4': 'kindest/node:v1.36.4@sha256:099e049362a1526b2db71494e1947aae99bd16290d7c895f2b7ea312e3cbfaed',
  '1.35.8': 'kindest/node:v1.35.8@sha256:07b2536e30b803ed61d1677a79df6115f798ce64c80f9e22f6ed45afd09323c0',
  '1.34.11': 'kindest/node:v1.34.11@sha256:44e222ee2132dab25ff87301682f89eb82c7880ea3a1bf543bfe9708fd08d67d',
};

/** What kind 0.33 puts in front of several control planes (pkg/cluster/internal/loadbalancer/const.go). */
export const KIND_BALANCER_IMAGE = 'docker.io/envoyproxy/envoy:v1.36.2';

/** The file of a lab's folder that says whose the nodes are, and where they show it: kind.yaml mounts the first as the second. */
export const OWNER_FILE = 'owner';
export const OWNER_MOUNT = '/etc/cnilab-owner';

/** `1.34.4` of `kindest/node:v1.34.4@sha256:…`; null where the tag is no version. */
export function versionOfImage(image: string): string | null {
  return /:v?(\d+\.\d+\.\d+)(?:@|$)/.exec(image)?.[1] ?? null;
}

/** The listed version that a lab means: itself, or for `major.minor` the one of that minor; null when none is listed. */
function listedKindVersion(kubernetesVersion: string): string | null {
  return Object.keys(KIND_NODE_IMAGES).find((listed) => listed === kubernetesVersion || listed.startsWith(`${kubernetesVersion}.`)) ?? null;
}

/** The image of a cluster's nodes: the author's choice, else the one listed for its version; null when none is. */
export function kindNodeImage(cluster: Pick<ClusterPlan, 'nodeImage' | 'kubernetesVersion'>): string | null {
  const listed = listedKindVersion(cluster.kubernetesVersion);
  return cluster.nodeImage ?? (listed === null ? null : (KIND_NODE_IMAGES[listed] ?? null));
}

/**
 * The kubeadm API that kind writes for a version (pkg/cluster/internal/kubeadm/config.go): v1beta3 before 1.36, v1beta4 since. A patch of another API
 * version would be passed over without a word.
 */
export function kubeadmApi(kubernetesVersion: string): 'v1beta3' | 'v1beta4' {
  const version = parseKubernetesVersion(kubernetesVersion);
  return version !== null && isAtLeast(version, '1.36') ? 'v1beta4' : 'v1beta3';
}
