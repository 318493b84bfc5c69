/** Files of other projects that real engines need: where they are, and what their bytes must be. */
import type { UpstreamFile } from './artifacts.ts';
import { traitsOf } from './cni/index.ts';
import type { CniPlan, LabPlan } from './plan.ts';
import type { KubernetesObject } from './spec.ts';

/** What was fetched, checked and parsed: URL → objects in the order of the file. */
export type UpstreamObjects = ReadonlyMap<string, readonly KubernetesObject[]>;

/** SHA-256 of the files that this package was written and tested against, by URL; other versions are pinned by a lock file. */
const PINNED: Readonly<Record<string, string>> = {
  'https://raw.githubusercontent.com/projectcalico/calico/v3.32.1/manifests/calico.yaml': 'a1df919d9721cf667accdc3e72848911b0cb25cfab7d2478ad0c996302c95744',
  'https://raw.githubusercontent.com/projectcalico/calico/v3.32.1/manifests/calico-vxlan.yaml':
    'c2ab4f9a4ecde01d66e6f040d6745cd7f174d5ded573164c809ffb9f40a9d566',
  'https://raw.githubusercontent.com/rajch/weave/v2.9.0/prog/weave-kube/weave-daemonset-k8s-1.11.yaml':
    '259a149a91143a9450280e733aa0e16455a2b268eaa62b5aab1eb7af9bf016ce',
};

/** Release of containernetworking/plugins whose binaries node images lack. */
export const PLUGINS_VERSION = '1.9.1';

const upstreamFile = (what: string, url: string): UpstreamFile => ({ what, url, sha256: PINNED[url] ?? null });

/** Calico's manifests by what carries the packets: BIRD and IPIP are in one of them, VXLAN without BIRD in the other. */
const CALICO_MANIFEST = { none: 'calico', ipip: 'calico', vxlan: 'calico-vxlan', crossSubnet: 'calico-vxlan' } as const;

/** The manifest that a CNI's project publishes and that is patched here; null for a CNI whose objects are all written here. */
export function upstreamManifest(cni: CniPlan): UpstreamFile | null {
  switch (cni.type) {
    case 'calico':
      return upstreamFile(
        `the manifest of Calico ${cni.version}`,
        `https://raw.githubusercontent.com/projectcalico/calico/v${cni.version}/manifests/${CALICO_MANIFEST[cni.encapsulation]}.yaml`,
      );
    case 'weave':
      return upstreamFile(
        `the manifest of Weave Net ${cni.version}`,
        `https://raw.githubusercontent.com/rajch/weave/v${cni.version}/prog/weave-kube/weave-daemonset-k8s-1.11.yaml`,
      );
    default:
      return null;
  }
}

/** The manifests that must be fetched before the lab's files can be made: each once, sorted by URL. */
export function upstreamFiles(plan: LabPlan): readonly UpstreamFile[] {
  const found = new Map<string, UpstreamFile>();
  for (const { cni } of plan.clusters) {
    const file = upstreamManifest(cni);
    if (file !== null) found.set(file.url, file);
  }
  return [...found.values()].sort((a, b) => (a.url < b.url ? -1 : 1));
}

/** The plugins that kind's node image brings (images/base/Dockerfile of kubernetes-sigs/kind). */
const KIND_PLUGINS: readonly string[] = ['host-local', 'loopback', 'portmap', 'ptp'];

/** The CNI plugins that a CNI calls, does not install itself, and does not find in kind's node image. */
export function pluginsLacking(cni: CniPlan): readonly string[] {
  return cni.type === 'observed' ? [] : traitsOf(cni.type).plugins.filter((plugin) => !KIND_PLUGINS.includes(plugin));
}

/** The release archive of the CNI plugins for an architecture as Go names it (`amd64`, `arm64`); null when no cluster lacks any. */
export function pluginArchive(plan: LabPlan, architecture: string): UpstreamFile | null {
  if (plan.clusters.every(({ cni }) => pluginsLacking(cni).length === 0)) return null;
  return upstreamFile(
    `the CNI plugins ${PLUGINS_VERSION} for ${architecture}`,
    `https://github.com/containernetworking/plugins/releases/download/v${PLUGINS_VERSION}/cni-plugins-linux-${architecture}-v${PLUGINS_VERSION}.tgz`,
  );
}
