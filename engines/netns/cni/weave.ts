/**
 * Weave's data path without its router: one layer-2 domain over all nodes, made of the bridge `weave` and a VXLAN port (UDP 6784) that replicates to every
 * peer. Its rules are those of weave without its policy controller.
 * Source: weave `net/bridge.go` (configureIPTables), script `weave`.
 */
import type { ClusterPlan, NodePlan } from '../../../topology/plan.ts';
import { addressOps, deviceOps, type AttachedPod, type DataPath } from '../compile-data-path.ts';
import { portmapOps } from '../compile-portmap.ts';
import { MULTICAST, familyOf, rulesOp } from '../compile-rules.ts';
import type { Op } from '../ops.ts';

export const weave: DataPath = {
  linkScope: 'cluster',
  node: (cluster, node) => [...deviceOps(node), ...rules(cluster, node)],
  pod: (cluster, node, pod) => [...attach(node, pod), ...portmapOps(cluster, node, pod)],
};

function attach(node: NodePlan, pod: AttachedPod): Op[] {
  const { name, mac, mtuBytes: mtu, addresses, gateways, hostName, hostMac } = pod.interface;
  if (hostName === null || node.bridge === null) return [];
  return [
    // HAIRPIN_MODE is true by default.
    { op: 'veth', ns: node.netns, name: hostName, mac: hostMac, mtu, master: node.bridge.name, hairpin: true, peer: { ns: pod.netns, name, mac, mtu } },
    ...addressOps(pod.netns, name, addresses),
    ...gateways.map((via): Op => ({ op: 'route', ns: pod.netns, to: '0.0.0.0/0', via, dev: name, onlink: false, type: 'unicast' })),
  ];
}

function rules(cluster: ClusterPlan, node: NodePlan): Op[] {
  if (cluster.cni.type !== 'weave' || node.bridge === null) return [];
  const { range } = cluster.cni;
  const family = familyOf(range);
  const dev = node.bridge.name;
  return rulesOp(node.netns, family, [
    {
      table: 'nat',
      chains: ['WEAVE'],
      rules: [
        'POSTROUTING -j WEAVE',
        `WEAVE -d ${MULTICAST[family]} -j RETURN`,
        `WEAVE ! -s ${range} -d ${range} -j MASQUERADE`,
        `WEAVE -s ${range} ! -d ${range} -j MASQUERADE`,
      ],
    },
    {
      table: 'filter',
      chains: ['WEAVE-EXPOSE'],
      rules: [
        `FORWARD -i ${dev} -o ${dev} -j ACCEPT`,
        `FORWARD -o ${dev} -j WEAVE-EXPOSE`,
        `FORWARD -i ${dev} ! -o ${dev} -j ACCEPT`,
        `FORWARD -o ${dev} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
      ],
    },
  ]);
}
