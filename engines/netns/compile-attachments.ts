/** Second networks: a bridge on every node, and a cable from it to each pod that asks. By netlink, as the plugins bridge and host-local would leave it. */
import type { ClusterPlan, NodePlan } from '../../topology/plan.ts';
import { addressOps, bridgeOps } from './compile-data-path.ts';
import type { Op } from './ops.ts';

/** The bridges of a node's second networks, whether or not a pod of it asks for them. */
export function networkOps({ netns, networks = [] }: NodePlan): Op[] {
  return networks.flatMap(({ bridge }) => bridgeOps(netns, bridge));
}

/** net1, net2, … of the pods of a cluster. No route but that of the address: what is not of the node's share leaves by the first network. */
export function attachmentOps({ nodes, pods }: ClusterPlan): Op[] {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  return pods.flatMap((pod) =>
    (pod.attachments ?? []).flatMap(({ network, name, mac, mtuBytes: mtu, addresses, hostName, hostMac }): Op[] => {
      const node = byName.get(pod.node);
      const master = node?.networks?.find((one) => one.network === network)?.bridge.name;
      if (node === undefined || master === undefined) return [];
      return [
        // The plugin's default: hairpinMode false. Nothing on such a network sends a pod what it sent.
        { op: 'veth', ns: node.netns, name: hostName, mac: hostMac, mtu, master, hairpin: false, peer: { ns: pod.netns, name, mac, mtu } },
        ...addressOps(pod.netns, name, addresses),
      ];
    }),
  );
}
