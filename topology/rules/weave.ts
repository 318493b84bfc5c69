import { cidrContains, formatCidr, tryParseCidr } from '../cidr.ts';
import type { Diagnostic } from '../diagnostic.ts';
import { DEFAULTS } from '../draft.ts';
import { isAtLeast, parseKubernetesVersion } from '../kubernetes-version.ts';
import type { LabSpec } from '../spec.ts';
import { caution, problem } from './findings.ts';
import { clustersOf } from './lab-view.ts';

/** Weave: IPALLOC_RANGE lies in the pod CIDR (or kube-proxy would take pods for strangers); newer Kubernetes has not been tried with it. */
export function weave(spec: LabSpec): readonly Diagnostic[] {
  return clustersOf(spec).flatMap((cluster) => {
    const { cni } = cluster.spec;
    if (cni.type !== 'weave') return [];
    const found: Diagnostic[] = [];
    const range = cni.range === undefined ? null : tryParseCidr(cni.range);
    const pods = cluster.podCIDRs.find((p) => p.cidr.family === 'ipv4');
    if (range?.ok === true && range.cidr.family === 'ipv6') {
      found.push(
        problem(
          'WEAVE_RANGE_OUTSIDE',
          [...cluster.path, 'cni', 'range'],
          `weave's range ${formatCidr(range.cidr)} is IPv6; weave knows IPv4 only`,
          'use an IPv4 range inside the pod CIDR',
        ),
      );
    } else if (range?.ok === true && pods !== undefined && !cidrContains(pods.cidr, range.cidr)) {
      found.push(
        problem(
          'WEAVE_RANGE_OUTSIDE',
          [...cluster.path, 'cni', 'range'],
          `weave's range ${formatCidr(range.cidr)} is not inside ${formatCidr(pods.cidr)}, the pod CIDR of cluster ${cluster.name}${pods.isDefault ? ' by default' : ''}`,
          `set podCIDR: ${formatCidr(range.cidr)} and leave range out`,
        ),
      );
    }
    const text = cluster.spec.kubernetesVersion ?? DEFAULTS.kubernetesVersion;
    const version = parseKubernetesVersion(text);
    if (version !== null && isAtLeast(version, '1.33')) {
      found.push(
        caution(
          'WEAVE_UNTESTED_VERSION',
          [...cluster.path, 'cni', 'type'],
          `no run of Weave Net 2.9.0 (archived; a fork without a release since 2024) against Kubernetes 1.33 or newer is known; this is ${text}`,
          'use flannel or calico for work, weave for learning',
        ),
      );
    }
    return found;
  });
}
