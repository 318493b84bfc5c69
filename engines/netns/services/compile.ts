/** What the proxy of a node leaves in its kernel, as ops: the part of kube-proxy that the network sees. Pure. */
import type { ClusterPlan, NodePlan } from '../../../topology/plan.ts';
import { iptablesServiceRules } from '../../../topology/services/proxy/iptables-rules.ts';
import { IPVS_DEVICE, ipvsServiceRules } from '../../../topology/services/proxy/ipvs-rules.ts';
import { nftablesServiceRules, PROXY_TABLE } from '../../../topology/services/proxy/nftables-rules.ts';
import { userspacePortals, userspaceServiceRules } from '../../../topology/services/proxy/userspace-rules.ts';
import type { ProxyMode } from '../../../topology/spec.ts';
import type { Op } from '../ops.ts';

const MODES: Readonly<Record<ProxyMode, (cluster: ClusterPlan, node: NodePlan) => Op[]>> = {
  iptables: (cluster, node) =>
    cluster.families.map((family): Op => ({ op: 'rules', ns: node.netns, family, text: iptablesServiceRules(cluster, node, family) })),
  nftables: (cluster, node) =>
    cluster.families.map(
      (family): Op => ({
        op: 'nft',
        ns: node.netns,
        family: family === 'ipv4' ? 'ip' : 'ip6',
        table: PROXY_TABLE,
        text: nftablesServiceRules(cluster, node, family),
      }),
    ),
  ipvs: (cluster, node) => {
    const ns = node.netns;
    const rules = cluster.families.map((family) => ({ family, ...ipvsServiceRules(cluster, node, family) }));
    return [
      { op: 'dummy', ns, name: IPVS_DEVICE },
      ...rules.flatMap(({ family, addresses }) =>
        addresses.map((address): Op => ({ op: 'address', ns, dev: IPVS_DEVICE, address, prefixLength: family === 'ipv6' ? 128 : 32 })),
      ),
      // Before the rules, which name its sets.
      {
        op: 'ipvs',
        ns,
        sets: rules.flatMap(({ sets }) => sets),
        servers: rules.flatMap(({ servers }) => servers),
        sysctls: IPVS_SYSCTLS.map((key) => ({ key, value: '1' })),
      },
      ...rules.map(({ family, rules: text }): Op => ({ op: 'rules', ns, family, text })),
    ];
  },
  userspace: (cluster, node) => [
    ...cluster.families.map((family): Op => ({ op: 'rules', ns: node.netns, family, text: userspaceServiceRules(cluster, node, family) })),
    { op: 'proxy', ns: node.netns, portals: cluster.families.flatMap((family) => userspacePortals(cluster, node, family)) },
  ],
  none: () => [],
};

/** kube-proxy sets them: replies are un-translated by connection tracking, and connections to servers that are gone end. */
const IPVS_SYSCTLS = ['net/ipv4/vs/conntrack', 'net/ipv4/vs/expire_nodest_conn', 'net/ipv4/vs/expire_quiescent_template'] as const;

/** Rules of the Services of a cluster on one node; none in mode none. */
export function serviceOps(cluster: ClusterPlan, node: NodePlan): Op[] {
  return MODES[cluster.kubeProxy.mode](cluster, node);
}
