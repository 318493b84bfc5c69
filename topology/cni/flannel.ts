import { formatAddress, formatCidr } from '../cidr.ts';
import { gatewayOf } from '../allocate.ts';
import { macFor } from '../names.ts';
import type { CniPlan, RoutePlan, VxlanPlan } from '../plan.ts';
import type { Family, FlannelCniSpec } from '../spec.ts';
import type { CniContext, CniNode, CniPlanner } from './cni.ts';
import { bridgedPodInterface, gatewayBridge, hostLocal, PORTMAP, underlayAddress, underlayRoutes } from './routed.ts';

type FlannelPlan = Extract<CniPlan, { type: 'flannel' }>;

/** Bytes that VXLAN adds: outer Ethernet is not counted, inner is; IPv4 20 + UDP 8 + VXLAN 8 + Ethernet 14; IPv6 has 20 more. */
export const VXLAN_OVERHEAD: Readonly<Record<Family, number>> = { ipv4: 50, ipv6: 70 };

/** flannel's own rule: the VTEP has the base address of the node's subnet, as a single address. */
const vtepAddress = (node: CniNode, family: Family): string | null => {
  const range = node.ranges.find((r) => r.family === family);
  return range === undefined ? null : formatAddress(family, range.base);
};

const deviceName = (cni: FlannelPlan, family: Family): string => (family === 'ipv4' ? `flannel.${cni.vni}` : `flannel-v6.${cni.vni}`);
const bare = (cni: FlannelPlan, a: CniNode, b: CniNode): boolean => cni.backend === 'host-gw' || (cni.directRouting && a.segment === b.segment);

function vxlan(context: CniContext<FlannelPlan>, node: CniNode, family: Family): readonly VxlanPlan[] {
  const { cni } = context;
  const local = underlayAddress(node, family);
  const own = vtepAddress(node, family);
  if (local === null || own === null) return [];
  const name = deviceName(cni, family);
  return [
    {
      family,
      name,
      mac: macFor(`${node.id}#${name}`),
      mtuBytes: cni.mtuBytes,
      vni: cni.vni,
      port: cni.port,
      local,
      dev: node.interface.name,
      addresses: [{ family, address: own, prefixLength: family === 'ipv4' ? 32 : 128 }],
      master: null,
      learning: false,
      peers: context.nodes
        .filter((peer) => peer.id !== node.id && !bare(cni, node, peer))
        .flatMap((peer) => {
          const underlay = underlayAddress(peer, family);
          return underlay === null ? [] : [{ node: peer.id, mac: macFor(`${peer.id}#${name}`), address: vtepAddress(peer, family), underlay }];
        }),
    },
  ];
}

function podRoutes(context: CniContext<FlannelPlan>, node: CniNode): readonly RoutePlan[] {
  return context.nodes
    .filter((peer) => peer.id !== node.id)
    .flatMap((peer): readonly RoutePlan[] =>
      bare(context.cni, node, peer)
        ? underlayRoutes(context, node, peer)
        : peer.ranges.map((range) => ({
            family: range.family,
            to: formatCidr(range),
            via: formatAddress(range.family, range.base),
            dev: deviceName(context.cni, range.family),
            onlink: true,
            type: 'unicast',
            origin: 'static',
          })),
    );
}

/** flannel 0.28: vxlan (flannel.1, on-link routes, permanent neighbours and FDB) or host-gw. */
export const flannel: CniPlanner<FlannelCniSpec, FlannelPlan> = {
  traits: {
    title: 'flannel',
    plugins: ['bridge', 'host-local', 'loopback', 'portmap'],
    kernel: ['veth', 'bridge', 'br_netfilter', 'vxlan', 'netfilter-nat'],
    programs: [],
    overheadBytes: { vxlan: 50, 'host-gw': 0 },
    ports: ['udp 8472 (vxlan)'],
    enforcesNetworkPolicy: false,
    proxyModes: ['iptables', 'nftables', 'ipvs', 'userspace', 'none'],
    families: ['ipv4', 'ipv6'],
    version: '0.28.9',
    experimental: '',
  },
  ranges: 'node-mask',
  firstPodIndex: 2n,
  resolve: (spec, { underlayMtu, families }) => {
    const backend = spec.backend ?? 'vxlan';
    const overhead = backend === 'vxlan' ? Math.max(...families.map((f) => VXLAN_OVERHEAD[f])) : 0;
    return {
      type: 'flannel',
      backend,
      vni: spec.vni ?? 1,
      port: spec.port ?? 8472,
      directRouting: backend === 'vxlan' && (spec.directRouting ?? false),
      version: spec.version ?? '0.28.9',
      mtuBytes: (spec.mtu ?? underlayMtu) - overhead,
    };
  },
  node: (context, node) => ({
    gateways: node.ranges.map(gatewayOf),
    bridge: gatewayBridge(node, 'cni0', context.cni.mtuBytes),
    vxlans: context.cni.backend === 'vxlan' ? context.families.flatMap((family) => vxlan(context, node, family)) : [],
    ipip: null,
    bgp: null,
    podRoutes: podRoutes(context, node),
    // What flannel's plugin hands to bridge: its delegate section completed from subnet.env (ipMasq is flanneld's, routes for the Network only).
    conflist: {
      cniVersion: '1.0.0',
      name: 'cbr0',
      plugins: [
        {
          type: 'bridge',
          bridge: 'cni0',
          isDefaultGateway: true,
          hairpinMode: true,
          ipMasq: false,
          mtu: context.cni.mtuBytes,
          capabilities: { mac: true },
          ipam: hostLocal(node, context.podCIDRs),
        },
        PORTMAP,
      ],
    },
  }),
  routers: () => new Map(),
  podInterface: (context, node, network, podId, addresses) => bridgedPodInterface(context.cni.mtuBytes, node, network, podId, addresses),
};
