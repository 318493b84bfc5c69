/** The Corefile of a real cluster, to be read beside its other files: kubeadm writes it, and no engine does. */
import { isAtLeast, parseKubernetesVersion } from '../../topology/kubernetes-version.ts';
import type { ClusterPlan } from '../../topology/plan.ts';
import { serverBlock } from '../../topology/services/corefile.ts';
import { TTL } from '../../topology/services/dns-records.ts';

const NOTE = `# What the CoreDNS of this cluster is configured with. kubeadm writes it into the ConfigMap kube-system/coredns;
# this file is for reading, and is applied by nobody. Of the lab file the cluster's domain (dnsDomain) shows in it.
# Names of other domains are asked of the resolvers in the node's /etc/resolv.conf.
`;

/** Since then kubeadm keeps the cluster's own names out of the cache (kubernetes/kubernetes#128359). */
const UNCACHED_SINCE = '1.32';

/**
 * The Corefile of a cluster that kubeadm of 1.22 or newer has set up, byte for byte under a comment.
 * Source: cmd/kubeadm/app/phases/addons/dns/manifests.go of Kubernetes; what the plugins do: https://coredns.io/plugins.
 */
export function kubeadmCorefile({ dnsDomain, kubernetesVersion }: Pick<ClusterPlan, 'dnsDomain' | 'kubernetesVersion'>): string {
  const version = parseKubernetesVersion(kubernetesVersion);
  const uncached = version !== null && isAtLeast(version, UNCACHED_SINCE) ? ['success', 'denial'] : [];
  return (
    NOTE +
    serverBlock(
      ['.:53'],
      [
        'errors',
        ['health', 'lameduck 5s'],
        'ready',
        [`kubernetes ${dnsDomain} in-addr.arpa ip6.arpa`, 'pods insecure', 'fallthrough in-addr.arpa ip6.arpa', `ttl ${TTL}`],
        'prometheus :9153',
        ['forward . /etc/resolv.conf', 'max_concurrent 1000'],
        ['cache 30', ...uncached.map((answers) => `disable ${answers} ${dnsDomain}`)],
        'loop',
        'reload',
        'loadbalance',
      ],
    )
  );
}
