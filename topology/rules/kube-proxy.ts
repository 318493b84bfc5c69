import { isCniAtLeast, parseCniVersion } from '../cni-version.ts';
import { cniNames, traitsOf } from '../cni/index.ts';
import type { Diagnostic } from '../diagnostic.ts';
import { DEFAULTS } from '../draft.ts';
import { isAtLeast, parseKubernetesVersion } from '../kubernetes-version.ts';
import type { ClusterSpec, LabSpec } from '../spec.ts';
import { caution, problem, type Path } from './findings.ts';

/** The first Calico with rules as nftables (technical preview). */
const CALICO_NFTABLES = '3.29.0';

function ofVersion(cluster: ClusterSpec, path: Path): readonly Diagnostic[] {
  const text = cluster.kubernetesVersion ?? DEFAULTS.kubernetesVersion;
  const version = parseKubernetesVersion(text);
  if (version === null) return [];
  if (cluster.kubeProxy?.mode === 'ipvs') {
    if (isAtLeast(version, '1.43'))
      return [
        problem('IPVS_REMOVED', path, `kube-proxy mode ipvs is gone in Kubernetes ${text}: locked off since 1.43 (KEP-5495)`, 'use nftables, its successor'),
      ];
    if (isAtLeast(version, '1.40'))
      return [
        problem(
          'IPVS_REMOVED',
          path,
          `kube-proxy mode ipvs is off by default in Kubernetes ${text}: gate KubeProxyIPVS is false since 1.40 (KEP-5495)`,
          'use nftables, its successor',
        ),
      ];
    if (isAtLeast(version, '1.35'))
      return [
        caution(
          'IPVS_DEPRECATED',
          path,
          `kube-proxy mode ipvs is deprecated since Kubernetes 1.35, and off by default from 1.40 on (KEP-5495); this is ${text}`,
          'use nftables, its successor',
        ),
      ];
    return [];
  }
  if (cluster.kubeProxy?.mode === 'userspace' && isAtLeast(version, '1.26'))
    return [
      problem(
        'USERSPACE_REMOVED',
        path,
        `kube-proxy mode userspace ended with Kubernetes 1.25; this is ${text}`,
        "use iptables or nftables, or kubernetesVersion '1.25' for a lab about its history",
      ),
    ];
  if (cluster.kubeProxy?.mode === 'nftables') {
    if (!isAtLeast(version, '1.29'))
      return [
        problem(
          'NFTABLES_TOO_EARLY',
          path,
          `kube-proxy mode nftables came with Kubernetes 1.29 (alpha; beta 1.31, stable 1.33); this is ${text}`,
          'use iptables, or kubernetesVersion 1.31 or newer',
        ),
      ];
    if (!isAtLeast(version, '1.31'))
      return [
        caution(
          'NFTABLES_ALPHA',
          path,
          `kube-proxy mode nftables is alpha in Kubernetes ${text} (beta 1.31, stable 1.33)`,
          'switch its feature gate on in a real cluster, or use kubernetesVersion 1.31 or newer',
        ),
      ];
  }
  return [];
}

function ofCni(cluster: ClusterSpec, path: Path): readonly Diagnostic[] {
  const mode = cluster.kubeProxy?.mode ?? 'iptables';
  const traits = traitsOf(cluster.cni.type);
  const found: Diagnostic[] = [];
  if (!traits.proxyModes.includes(mode)) {
    const others = cniNames.filter((name) => traitsOf(name).proxyModes.includes(mode));
    found.push(
      problem(
        'PROXY_MODE_UNSUPPORTED',
        path,
        `${traits.title} does not work with kube-proxy mode ${mode}; it works with ${traits.proxyModes.join(', ')}`,
        `use ${traits.proxyModes[0] ?? 'iptables'}, or one of the CNIs ${others.join(', ')}`,
      ),
    );
  }
  const version = parseKubernetesVersion(cluster.kubernetesVersion ?? DEFAULTS.kubernetesVersion);
  if (cluster.cni.type === 'calico' && mode === 'nftables' && version !== null && isAtLeast(version, '1.29') && !isAtLeast(version, '1.31')) {
    found.push(
      problem(
        'PROXY_MODE_UNSUPPORTED',
        path,
        'calico works with kube-proxy mode nftables from Kubernetes 1.31 on',
        'use iptables, or kubernetesVersion 1.31 or newer',
      ),
    );
  }
  const release = 'version' in cluster.cni ? parseCniVersion(cluster.cni.version ?? '') : null;
  if (cluster.cni.type === 'calico' && mode === 'nftables' && release !== null && !isCniAtLeast(release.version, CALICO_NFTABLES)) {
    found.push(
      problem(
        'PROXY_MODE_UNSUPPORTED',
        path,
        `Calico ${release.version} writes iptables rules only, which kube-proxy mode nftables does not go with; its nftables data plane came with ${CALICO_NFTABLES}`,
        `use iptables, or version ${CALICO_NFTABLES} or newer`,
      ),
    );
  }
  if (mode === 'none') {
    found.push(
      caution(
        'SERVICES_UNSERVED',
        path,
        `without kube-proxy no Service of cluster ${cluster.name} can be reached, cluster DNS included: ${traits.title} does not stand in for it, nor does any CNI here`,
        'use iptables or nftables, or address pods directly',
      ),
    );
  }
  return found;
}

/** The proxy mode exists in the cluster's version, suits the CNI, and has only options of its own. */
export function kubeProxy(spec: LabSpec): readonly Diagnostic[] {
  return (spec.clusters ?? []).flatMap((cluster, i) => {
    const path = ['clusters', i, 'kubeProxy', 'mode'];
    const mode = cluster.kubeProxy?.mode ?? 'iptables';
    const scheduler = cluster.kubeProxy?.scheduler;
    const unused =
      scheduler === undefined || mode === 'ipvs'
        ? []
        : [
            problem(
              'SCHEDULER_UNUSED',
              ['clusters', i, 'kubeProxy', 'scheduler'],
              `scheduler ${scheduler} belongs to mode ipvs; this is ${mode}`,
              'remove scheduler, or use mode: ipvs',
            ),
          ];
    return [...ofVersion(cluster, path), ...ofCni(cluster, path), ...unused];
  });
}
