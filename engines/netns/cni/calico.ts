/**
 * Calico's data path: a /32 pod behind 169.254.1.1, a host route per pod on cali*, proxy ARP, blackhole routes for own blocks, the other nodes' blocks
 * by VXLAN, IPIP, bare routes or BIRD.
 * Source: projectcalico/calico felix (dataplane/linux), cni-plugin (dataplane/linux).
 */
import type { ClusterPlan, NodePlan } from '../../../topology/plan.ts';
import { addressOps, deviceOps, type AttachedPod, type DataPath } from '../compile-data-path.ts';
import { portmapOps } from '../compile-portmap.ts';
import { ofFamily, rulesOp } from '../compile-rules.ts';
import type { Op } from '../ops.ts';

export const calico: DataPath = {
  linkScope: 'link',
  node: (cluster, node) => [...deviceOps(node), ...gatewayRoute(node), ...rules(cluster, node)],
  pod: (cluster, node, pod) => [...attach(node, pod), ...portmapOps(cluster, node, pod)],
};

/**
 * The kernel answers ARP for 169.254.1.1 on cali* only when it has a route for it that leaves by another interface (arp_fwd_proxy in net/ipv4/arp.c).
 * Usually that is the default route; a node without one gets a host route.
 */
function gatewayRoute(node: NodePlan): Op[] {
  const uplink = node.interfaces[0];
  if (uplink === undefined || node.routes.some((r) => r.to === '0.0.0.0/0')) return [];
  return node.gateways
    .filter((g) => !g.includes(':'))
    .map((gateway) => ({ op: 'route', ns: node.netns, to: `${gateway}/32`, via: null, dev: uplink.name, onlink: false, type: 'unicast' }));
}

function attach(node: NodePlan, pod: AttachedPod): Op[] {
  const { name, mac, mtuBytes: mtu, addresses, gateways, hostName, hostMac } = pod.interface;
  if (hostName === null) return [];
  const host = { ns: node.netns, name: hostName };
  return [
    { op: 'veth', ...host, mac: hostMac, mtu, master: null, hairpin: false, peer: { ns: pod.netns, name, mac, mtu } },
    { op: 'sysctl', ns: node.netns, key: `net/ipv4/conf/${hostName}/proxy_arp`, value: '1' },
    // Proxy answers are delayed by up to 0.8 s otherwise.
    { op: 'sysctl', ns: node.netns, key: `net/ipv4/neigh/${hostName}/proxy_delay`, value: '0' },
    ...addressOps(pod.netns, name, addresses),
    ...gateways.flatMap((gateway): Op[] => [
      { op: 'route', ns: pod.netns, to: `${gateway}/32`, via: null, dev: name, onlink: false, type: 'unicast' },
      { op: 'route', ns: pod.netns, to: '0.0.0.0/0', via: gateway, dev: name, onlink: false, type: 'unicast' },
    ]),
    ...addresses.map(({ address }): Op => ({ op: 'route', ns: node.netns, to: `${address}/32`, via: null, dev: hostName, onlink: false, type: 'unicast' })),
  ];
}

/** Felix' chain names; its ipsets of pools are written as the pool itself, its per-workload policy chains do not exist without policies. */
function rules(cluster: ClusterPlan, node: NodePlan): Op[] {
  const natOutgoing = cluster.cni.type === 'calico' && cluster.cni.natOutgoing;
  return cluster.families.flatMap((family) => {
    const pools = ofFamily(cluster.podCIDRs, family);
    return rulesOp(node.netns, family, [
      {
        table: 'nat',
        chains: ['cali-POSTROUTING', 'cali-nat-outgoing'],
        rules: natOutgoing
          ? [
              'POSTROUTING -j cali-POSTROUTING',
              'cali-POSTROUTING -j cali-nat-outgoing',
              ...pools.map((pool) => `cali-nat-outgoing -s ${pool} ! -d ${pool} -j MASQUERADE`),
            ]
          : [],
      },
      { table: 'filter', chains: ['cali-FORWARD'], rules: ['FORWARD -j cali-FORWARD', 'cali-FORWARD -i cali+ -j ACCEPT', 'cali-FORWARD -o cali+ -j ACCEPT'] },
    ]);
  });
}
