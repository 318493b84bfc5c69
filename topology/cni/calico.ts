import { formatAddress, formatCidr } from '../cidr.ts';
import { macFor, stableHash } from '../names.ts';
import type { BgpPlan, CniPlan, RoutePlan, VxlanPlan } from '../plan.ts';
import type { CalicoCniSpec } from '../spec.ts';
import type { CniContext, CniNode, CniPlanner } from './cni.ts';
import { underlayAddress, underlayRoutes } from './routed.ts';

type CalicoPlan = Extract<CniPlan, { type: 'calico' }>;

/** Next hop of every calico pod: nobody has it, the node answers for it by proxy ARP. */
export const CALICO_GATEWAY = '169.254.1.1';
/** MAC of every calico host end, so that pods may move without relearning. */
const HOST_MAC = 'ee:ee:ee:ee:ee:ee';
const OVERHEAD = { none: 0, vxlan: 50, crossSubnet: 50, ipip: 20 } as const;
const DEVICE = 'vxlan.calico';

const base = (node: CniNode): string => formatAddress('ipv4', node.ranges[0]?.base ?? 0n);
const encapsulated = (cni: CalicoPlan, a: CniNode, b: CniNode): boolean =>
  cni.encapsulation === 'vxlan' || (cni.encapsulation === 'crossSubnet' && a.segment !== b.segment);
const others = (context: CniContext<CalicoPlan>, node: CniNode): readonly CniNode[] => context.nodes.filter((peer) => peer.id !== node.id);

function vxlan(context: CniContext<CalicoPlan>, node: CniNode): readonly VxlanPlan[] {
  const local = underlayAddress(node, 'ipv4');
  if (local === null || (context.cni.encapsulation !== 'vxlan' && context.cni.encapsulation !== 'crossSubnet')) return [];
  return [
    {
      family: 'ipv4',
      name: DEVICE,
      mac: macFor(`${node.id}#${DEVICE}`),
      mtuBytes: context.cni.mtuBytes,
      vni: context.cni.vni,
      port: context.cni.port,
      local,
      dev: node.interface.name,
      addresses: [{ family: 'ipv4', address: base(node), prefixLength: 32 }],
      master: null,
      learning: false,
      peers: others(context, node)
        .filter((peer) => encapsulated(context.cni, node, peer))
        .flatMap((peer) => {
          const underlay = underlayAddress(peer, 'ipv4');
          return underlay === null ? [] : [{ node: peer.id, mac: macFor(`${peer.id}#${DEVICE}`), address: base(peer), underlay }];
        }),
    },
  ];
}

/** iBGP: a full mesh of the nodes, or every client to every reflector and a mesh of the reflectors. One side of each pair waits. */
function bgp(context: CniContext<CalicoPlan>, node: CniNode): BgpPlan | null {
  const routerId = underlayAddress(node, 'ipv4');
  if (context.cni.encapsulation !== 'none' || routerId === null) return null;
  const reflectors = new Set(context.cni.routeReflectors);
  const order = new Map(context.nodes.map((n, i) => [n.id, i]));
  return {
    routerId,
    asNumber: context.cni.asNumber,
    reflector: reflectors.has(node.name),
    peers: others(context, node)
      .filter((peer) => reflectors.size === 0 || reflectors.has(peer.name) || reflectors.has(node.name))
      .flatMap((peer) => {
        const address = underlayAddress(peer, 'ipv4');
        return address === null
          ? []
          : [
              {
                node: peer.id,
                address,
                passive: (order.get(node.id) ?? 0) > (order.get(peer.id) ?? 0),
                reflectorClient: reflectors.has(node.name) && !reflectors.has(peer.name),
              },
            ];
      }),
    announces: node.ranges.map(formatCidr),
  };
}

function podRoutes(context: CniContext<CalicoPlan>, node: CniNode): readonly RoutePlan[] {
  const own = node.ranges.map(
    (range): RoutePlan => ({ family: 'ipv4', to: formatCidr(range), via: null, dev: null, onlink: false, type: 'blackhole', origin: 'static' }),
  );
  const { cni } = context;
  const remote = others(context, node).flatMap((peer): readonly RoutePlan[] => {
    if (encapsulated(cni, node, peer)) {
      return peer.ranges.map((range) => ({
        family: 'ipv4',
        to: formatCidr(range),
        via: base(peer),
        dev: DEVICE,
        onlink: true,
        type: 'unicast',
        origin: 'static',
      }));
    }
    if (cni.encapsulation === 'ipip') {
      const via = underlayAddress(peer, 'ipv4');
      return via === null
        ? []
        : peer.ranges.map((range) => ({ family: 'ipv4', to: formatCidr(range), via, dev: 'tunl0', onlink: true, type: 'unicast', origin: 'static' }));
    }
    return underlayRoutes(context, node, peer).map((route) => ({ ...route, origin: cni.encapsulation === 'none' ? ('bgp' as const) : ('static' as const) }));
  });
  return [...own, ...remote];
}

/** Calico 3.33: /32 pods behind proxy ARP, blocks announced by BIRD or carried by VXLAN or IPIP. */
export const calico: CniPlanner<CalicoCniSpec, CalicoPlan> = {
  traits: {
    title: 'Calico',
    plugins: [],
    kernel: ['veth', 'vxlan', 'netfilter-nat'],
    programs: ['bird'],
    overheadBytes: OVERHEAD,
    ports: ['tcp 179 (BGP)', 'udp 4789 (vxlan)', 'IP protocol 4 (ipip)'],
    enforcesNetworkPolicy: true,
    proxyModes: ['iptables', 'nftables', 'ipvs', 'none'],
    families: ['ipv4'],
    version: '3.33.1',
    experimental: '',
  },
  ranges: 'blocks',
  // The first address of a node's first block is its tunnel address.
  firstPodIndex: 1n,
  resolve: (spec, { underlayMtu }) => {
    const encapsulation = spec.encapsulation ?? 'vxlan';
    return {
      type: 'calico',
      encapsulation,
      blockSize: spec.blockSize ?? 26,
      routeReflectors: spec.routeReflectors ?? [],
      asNumber: spec.asNumber ?? 64512,
      version: spec.version ?? '3.32.1',
      natOutgoing: spec.natOutgoing ?? true,
      vni: 4096,
      port: 4789,
      mtuBytes: spec.mtu ?? underlayMtu - OVERHEAD[encapsulation],
    };
  },
  node: (context, node) => {
    const local = underlayAddress(node, 'ipv4');
    return {
      gateways: [CALICO_GATEWAY],
      bridge: null,
      vxlans: vxlan(context, node),
      ipip: context.cni.encapsulation === 'ipip' && local !== null ? { name: 'tunl0', mtuBytes: context.cni.mtuBytes, local, dev: node.interface.name } : null,
      bgp: bgp(context, node),
      podRoutes: podRoutes(context, node),
      conflist: null,
    };
  },
  routers: () => new Map(),
  podInterface: (context, _node, network, podId, addresses) => ({
    name: 'eth0',
    mac: macFor(podId),
    mtuBytes: context.cni.mtuBytes,
    addresses: addresses.map((address) => ({ family: 'ipv4', address, prefixLength: 32 })),
    gateways: network.gateways,
    hostName: `cali${stableHash(podId, 11)}`,
    hostMac: HOST_MAC,
  }),
};
