import { parseCidr } from '../cidr.ts';
import { gatewayOf } from '../allocate.ts';
import type { CniPlan } from '../plan.ts';
import type { KindnetCniSpec } from '../spec.ts';
import type { CniPlanner } from './cni.ts';
import { bridgedPodInterface, hostLocal, PORTMAP, routerRoutesToNodes, underlayRoutes } from './routed.ts';

type KindnetPlan = Extract<CniPlan, { type: 'kindnet' }>;

/**
 * kind's own default: the ptp plugin, so that every packet of a pod is routed, with host-local and plain routes between the nodes.
 *
 * @see https://github.com/kubernetes-sigs/kind/tree/main/images/kindnetd
 */
export const kindnet: CniPlanner<KindnetCniSpec, KindnetPlan> = {
  traits: {
    title: 'kindnet',
    plugins: ['ptp', 'host-local', 'loopback', 'portmap'],
    kernel: ['veth', 'netfilter-nat'],
    programs: [],
    overheadBytes: { none: 0 },
    ports: [],
    // kindnetd does, by kube-network-policies.
    enforcesNetworkPolicy: true,
    proxyModes: ['iptables', 'nftables', 'ipvs', 'none'],
    families: ['ipv4', 'ipv6'],
    version: 'kind 0.33',
    experimental: '',
  },
  ranges: 'node-mask',
  firstPodIndex: 2n,
  resolve: (spec, { underlayMtu }) => ({ type: 'kindnet', mtuBytes: spec.mtu ?? underlayMtu }),
  node: (context, node) => ({
    gateways: node.ranges.map(gatewayOf),
    bridge: null,
    vxlans: [],
    ipip: null,
    bgp: null,
    podRoutes: context.nodes.filter((peer) => peer.id !== node.id).flatMap((peer) => underlayRoutes(context, node, peer)),
    conflist: {
      cniVersion: '1.0.0',
      name: 'kindnet',
      plugins: [
        {
          type: 'ptp',
          ipMasq: false,
          mtu: context.cni.mtuBytes,
          ipam: hostLocal(
            node,
            node.ranges.map((range) => parseCidr(range.family === 'ipv4' ? '0.0.0.0/0' : '::/0')),
          ),
        },
        PORTMAP,
      ],
    },
  }),
  routers: routerRoutesToNodes,
  podInterface: (context, node, network, podId, addresses) => bridgedPodInterface(context.cni.mtuBytes, node, network, podId, addresses),
};
