import { parseCidr } from '../cidr.ts';
import type { CniPlan, RoutePlan } from '../plan.ts';
import type { BridgeCniSpec } from '../spec.ts';
import { gatewayOf } from '../allocate.ts';
import type { CniContext, CniNode, CniPlanner } from './cni.ts';
import { bridgedPodInterface, gatewayBridge, hostLocal, PORTMAP, routerRoutesToNodes, underlayRoutes } from './routed.ts';

type BridgePlanOptions = Extract<CniPlan, { type: 'bridge' }>;

function podRoutes(context: CniContext<BridgePlanOptions>, node: CniNode): readonly RoutePlan[] {
  if (context.cni.routesOn === 'router') return [];
  return context.nodes.filter((peer) => peer.id !== node.id).flatMap((peer) => underlayRoutes(context, node, peer));
}

/** The bridge plugin with host-local, and plain routes between the nodes (or on their router). */
export const bridge: CniPlanner<BridgeCniSpec, BridgePlanOptions> = {
  traits: {
    title: 'bridge + routes',
    plugins: ['bridge', 'host-local', 'loopback', 'portmap'],
    kernel: ['veth', 'bridge', 'br_netfilter', 'netfilter-nat'],
    programs: [],
    overheadBytes: { none: 0 },
    ports: [],
    enforcesNetworkPolicy: false,
    proxyModes: ['iptables', 'nftables', 'ipvs', 'userspace', 'none'],
    families: ['ipv4', 'ipv6'],
    version: 'plugins 1.9.1',
    experimental: '',
  },
  ranges: 'node-mask',
  firstPodIndex: 2n,
  resolve: (spec, { underlayMtu }) => ({
    type: 'bridge',
    bridge: spec.bridge ?? 'cni0',
    routesOn: spec.routesOn ?? 'nodes',
    mtuBytes: spec.mtu ?? underlayMtu,
    masquerade: spec.masquerade ?? true,
  }),
  node: (context, node) => ({
    gateways: node.ranges.map(gatewayOf),
    bridge: gatewayBridge(node, context.cni.bridge, context.cni.mtuBytes),
    vxlans: [],
    ipip: null,
    bgp: null,
    podRoutes: podRoutes(context, node),
    // isGateway and the route, never isDefaultGateway with it: the plugin then fails on every ADD with "file exists".
    conflist: {
      cniVersion: '1.0.0',
      name: 'cnilab-bridge',
      plugins: [
        {
          type: 'bridge',
          bridge: context.cni.bridge,
          isGateway: true,
          hairpinMode: true,
          ipMasq: false,
          mtu: context.cni.mtuBytes,
          capabilities: { mac: true },
          ipam: hostLocal(
            node,
            node.ranges.map((r) => parseCidr(r.family === 'ipv4' ? '0.0.0.0/0' : '::/0')),
          ),
        },
        PORTMAP,
      ],
    },
  }),
  routers: routerRoutesToNodes,
  podInterface: (context, node, network, podId, addresses) => bridgedPodInterface(context.cni.mtuBytes, node, network, podId, addresses),
};
