import { gatewayOf } from '../allocate.ts';
import { formatCidr } from '../cidr.ts';
import { macFor, stableHash } from '../names.ts';
import type { CniPlan } from '../plan.ts';
import type { WeaveCniSpec } from '../spec.ts';
import type { CniPlanner } from './cni.ts';
import { underlayAddress } from './routed.ts';

type WeavePlan = Extract<CniPlan, { type: 'weave' }>;

const DEVICE = 'vxlan-6784';

/** Weave Net 2.9 (fork): one L2 domain over the cluster. The mesh is VXLAN with head-end replication; there is no relaying and no sleeve. */
export const weave: CniPlanner<WeaveCniSpec, WeavePlan> = {
  traits: {
    title: 'Weave Net',
    plugins: [],
    kernel: ['veth', 'bridge', 'br_netfilter', 'vxlan', 'netfilter-nat'],
    programs: [],
    overheadBytes: { vxlan: 50 },
    ports: ['tcp 6783', 'udp 6783', 'udp 6784 (vxlan)'],
    enforcesNetworkPolicy: true,
    proxyModes: ['iptables', 'none'],
    families: ['ipv4'],
    version: '2.9.0',
    experimental: 'the original project is archived, its fork has had no release since 2024-12-22, and no run against Kubernetes 1.33 or newer is known',
  },
  ranges: 'ring',
  firstPodIndex: 2n,
  resolve: (spec, { podCIDRs }) => ({
    type: 'weave',
    range: spec.range ?? formatCidr(podCIDRs[0] ?? { family: 'ipv4', base: 0n, prefixLength: 0, bits: 32 }),
    ...(spec.mode === 'sleeve' ? { sleeve: true } : {}),
    port: 6784,
    vni: 6784,
    password: spec.password ?? '',
    version: spec.version ?? '2.9.0',
    mtuBytes: spec.mtu ?? 1376,
  }),
  node: (context, node) => {
    const range = node.ranges[0];
    const gateway = range === undefined ? '' : gatewayOf(range);
    const prefixLength = Number(context.cni.range.split('/')[1]);
    const local = underlayAddress(node, 'ipv4');
    return {
      gateways: [gateway],
      bridge: {
        name: 'weave',
        mac: macFor(`${node.id}#weave`),
        mtuBytes: context.cni.mtuBytes,
        addresses: [{ family: 'ipv4', address: gateway, prefixLength }],
      },
      vxlans:
        local === null
          ? []
          : [
              {
                family: 'ipv4',
                name: DEVICE,
                mac: macFor(`${node.id}#${DEVICE}`),
                mtuBytes: context.cni.mtuBytes,
                vni: context.cni.vni,
                port: context.cni.port,
                local,
                dev: node.interface.name,
                addresses: [],
                master: 'weave',
                learning: true,
                peers: context.nodes
                  .filter((peer) => peer.id !== node.id)
                  .flatMap((peer) => {
                    const underlay = underlayAddress(peer, 'ipv4');
                    return underlay === null ? [] : [{ node: peer.id, mac: null, address: null, underlay }];
                  }),
              },
            ],
      ipip: null,
      bgp: null,
      podRoutes: [],
      conflist: null,
    };
  },
  routers: () => new Map(),
  podInterface: (context, _node, network, podId, addresses) => ({
    name: 'eth0',
    mac: macFor(podId),
    mtuBytes: context.cni.mtuBytes,
    // Weave gives pods the mask of the whole range: the cluster is one subnet.
    addresses: addresses.map((address) => ({ family: 'ipv4', address, prefixLength: Number(context.cni.range.split('/')[1]) })),
    gateways: network.gateways,
    hostName: `vethwepl${stableHash(podId, 7)}`,
    hostMac: macFor(`${podId}#host`),
  }),
};
