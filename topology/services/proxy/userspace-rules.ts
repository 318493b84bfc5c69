/**
 * kube-proxy's mode userspace, which Kubernetes 1.26 removed: rules lead each Service port to a port of the node, where a process takes connections and opens
 * its own ones to endpoints. Shape, comments and names: Kubernetes 1.25 pkg/proxy/userspace/proxier.go. It listens where the kernel lets it; here from
 * {@link FIRST_PORT} on, so that a plan says where.
 */
import type { ClusterPlan, NodePlan } from '../../plan.ts';
import type { Family } from '../../spec.ts';
import { proxiedPorts, type ProxiedPort } from './proxied-ports.ts';

const FIRST_PORT = 53407;

/** One port of the node behind which the process serves one port of a Service. */
export interface Portal {
  readonly protocol: 'tcp' | 'udp';
  readonly family: Family;
  /** Where it listens. @default every address */
  readonly address?: string;
  readonly listen: number;
  /** It takes them in turn, and the next one where one does not answer. */
  readonly endpoints: readonly { readonly address: string; readonly port: number }[];
  /** A client keeps its endpoint; null: it does not. */
  readonly affinitySeconds: number | null;
}

/** The portals of a node, in the order of the plan, those of the cluster's own Services last. SCTP was never served. */
export function userspacePortals(cluster: ClusterPlan, node: NodePlan, family: Family): readonly Portal[] {
  return served(cluster, node, family).map(({ proxied, listen }) => ({
    family,
    listen,
    protocol: proxied.protocol === 'udp' ? 'udp' : 'tcp',
    endpoints: proxied.usable.map(({ address, port }) => ({ address, port })),
    affinitySeconds: proxied.service.affinitySeconds,
  }));
}

/** Table nat of one node for `iptables-restore --noflush`; the text declares only chains of kube-proxy. */
export function userspaceServiceRules(cluster: ClusterPlan, node: NodePlan, family: Family): string {
  const nodeIP = node.interfaces[0]?.addresses.find((one) => one.family === family)?.address ?? '';
  const rules = served(cluster, node, family).flatMap(({ proxied, listen }) => {
    const { name, protocol, clusterIP, externalIPs, loadBalancerIPs, port } = proxied;
    const match = (to: string, number: number): string => `${to}-p ${protocol} -m comment --comment "${name}" -m ${protocol} --dport ${number}`;
    // From elsewhere the packet is on its way into the node; from the node itself it has to be sent to it.
    const pair = (chain: 'PORTALS' | 'NODEPORT', what: string): readonly string[] => [
      `-A KUBE-${chain}-CONTAINER ${what} -j REDIRECT --to-ports ${listen}`,
      `-A KUBE-${chain}-HOST ${what} -j DNAT --to-destination ${family === 'ipv6' ? `[${nodeIP}]` : nodeIP}:${listen}`,
    ];
    const addresses = [clusterIP, ...externalIPs, ...loadBalancerIPs];
    return [
      ...addresses.flatMap((address) => pair('PORTALS', match(`-d ${address}/${family === 'ipv6' ? 128 : 32} `, port.port))),
      ...(port.nodePort === null ? [] : pair('NODEPORT', match('', port.nodePort))),
    ];
  });
  return ['*nat', ...CHAINS.map((chain) => `:${chain} - [0:0]`), ...JUMPS, ...rules, 'COMMIT', ''].join('\n');
}

const CHAINS = ['KUBE-PORTALS-CONTAINER', 'KUBE-PORTALS-HOST', 'KUBE-NODEPORT-CONTAINER', 'KUBE-NODEPORT-HOST'] as const;
const LAST = '-m addrtype --dst-type LOCAL -m comment --comment "handle service NodePorts; NOTE: this must be the last rule in the chain"';
const FIRST = '-m comment --comment "handle ClusterIPs; NOTE: this must be before the NodePort rules"';
const JUMPS = [
  `-A PREROUTING ${FIRST} -j KUBE-PORTALS-CONTAINER`,
  `-A PREROUTING ${LAST} -j KUBE-NODEPORT-CONTAINER`,
  `-A OUTPUT ${FIRST} -j KUBE-PORTALS-HOST`,
  `-A OUTPUT ${LAST} -j KUBE-NODEPORT-HOST`,
] as const;

function served(cluster: ClusterPlan, node: NodePlan, family: Family): readonly { readonly proxied: ProxiedPort; readonly listen: number }[] {
  const all = proxiedPorts(cluster, node, family).filter(({ protocol }) => protocol !== 'sctp');
  const own = (port: ProxiedPort): boolean => port.service.name === 'kubernetes' || port.service.namespace === 'kube-system';
  return [...all.filter((port) => !own(port)), ...all.filter(own)].map((proxied, index) => ({ proxied, listen: FIRST_PORT + index }));
}
