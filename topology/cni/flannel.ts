import { formatAddress, formatCidr } from '../cidr.ts';
import { gatewayOf } from '../allocate.ts';
import { macFor } from '../names.ts';
import type { CniPlan, RoutePlan, TunPlan, VxlanPlan } from '../plan.ts';
import type { Family, FlannelCniSpec } from '../spec.ts';
import type { CniContext, CniNode, CniPlanner } from './cni.ts';
import { bridgedPodInterface, gatewayBridge, hostLocal, PORTMAP, underlayAddress, underlayRoutes } from './routed.ts';

type FlannelPlan = Extract<CniPlan, { type: 'flannel' }>;

/** Bytes that VXLAN adds: outer Ethernet is not counted, inner is; IPv4 20 + UDP 8 + VXLAN 8 + Ethernet 14; IPv6 has 20 more. */
export const VXLAN_OVERHEAD: Readonly<Record<Family, number>> = { ipv4: 50, ipv6: 70 };

/** Bytes that backend udp adds: IPv4 20 + UDP 8. */
export const UDP_OVERHEAD = 28;

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
      addresses: [{ family, address: own, prefixLength: cni.docker === true ? (context.podCIDRs[0]?.prefixLength ?? 32) : family === 'ipv4' ? 32 : 128 }],
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

/** As flannel's `udp_network_amd64.go`: an address of its own for what the node sends, and one route for the pods of all nodes. */
function tun(context: CniContext<FlannelPlan>, node: CniNode): TunPlan | null {
  const { cni } = context;
  const local = underlayAddress(node, 'ipv4');
  const own = vtepAddress(node, 'ipv4');
  const network = context.podCIDRs.find(({ family }) => family === 'ipv4');
  if (local === null || own === null || network === undefined) return null;
  return {
    name: 'flannel0',
    mtuBytes: cni.mtuBytes,
    port: cni.port,
    local,
    addresses: [{ family: 'ipv4', address: own, prefixLength: 32 }],
    network: formatCidr(network),
    peers: context.nodes
      .filter((peer) => peer.id !== node.id)
      .flatMap((peer) => {
        const underlay = underlayAddress(peer, 'ipv4');
        return underlay === null ? [] : peer.ranges.map((range) => ({ node: peer.id, to: formatCidr(range), underlay }));
      }),
  };
}

function podRoutes(context: CniContext<FlannelPlan>, node: CniNode): readonly RoutePlan[] {
  // One range for all is on the wire of the device: no routes to single nodes.
  if (context.cni.backend === 'udp' || context.cni.docker === true) return [];
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

const overheadOf = (backend: FlannelPlan['backend'], families: readonly Family[]): number => {
  switch (backend) {
    case 'vxlan':
      return Math.max(...families.map((f) => VXLAN_OVERHEAD[f]));
    case 'host-gw':
      return 0;
    case 'udp':
      return UDP_OVERHEAD;
  }
};

/** The field where there is such a device. */
function tunOf(context: CniContext<FlannelPlan>, node: CniNode): { readonly tun?: TunPlan } {
  const device = context.cni.backend === 'udp' ? tun(context, node) : null;
  return device === null ? {} : { tun: device };
}

const bridgeName = ({ docker }: FlannelPlan): string => (docker === true ? 'docker0' : 'cni0');

/** flannel 0.28: vxlan (flannel.1, on-link routes, permanent neighbours and FDB), host-gw or udp; and as it fed Docker until about 2016. */
export const flannel: CniPlanner<FlannelCniSpec, FlannelPlan> = {
  traits: {
    title: 'flannel',
    plugins: ['bridge', 'host-local', 'loopback', 'portmap'],
    kernel: ['veth', 'bridge', 'br_netfilter', 'vxlan', 'netfilter-nat'],
    programs: [],
    overheadBytes: { vxlan: 50, 'host-gw': 0, udp: UDP_OVERHEAD },
    ports: ['udp 8472 (vxlan)', 'udp 8285 (udp)'],
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
    return {
      type: 'flannel',
      backend,
      ...(spec.docker === true ? { docker: true } : {}),
      vni: spec.vni ?? 1,
      port: spec.port ?? (backend === 'udp' ? 8285 : 8472),
      directRouting: backend === 'vxlan' && (spec.directRouting ?? false),
      version: spec.version ?? '0.28.9',
      mtuBytes: (spec.mtu ?? underlayMtu) - overheadOf(backend, families),
    };
  },
  node: (context, node) => ({
    gateways: node.ranges.map(gatewayOf),
    bridge: gatewayBridge(node, bridgeName(context.cni), context.cni.mtuBytes),
    vxlans: context.cni.backend === 'vxlan' ? context.families.flatMap((family) => vxlan(context, node, family)) : [],
    ipip: null,
    ...tunOf(context, node),
    bgp: null,
    podRoutes: podRoutes(context, node),
    // What flannel's plugin hands to bridge: its delegate section completed from subnet.env (ipMasq is flanneld's, routes for the Network only).
    conflist: {
      cniVersion: '1.0.0',
      name: 'cbr0',
      plugins: [
        {
          type: 'bridge',
          bridge: bridgeName(context.cni),
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
