import { gatewayOf } from '../allocate.ts';
import { formatCidr } from '../cidr.ts';
import type { BridgePlan, CniPlan } from '../plan.ts';
import type { RawCniSpec } from '../spec.ts';
import type { CniNode, CniPlanner } from './cni.ts';
import { bridgedPodInterface, gatewayBridge, routerRoutesToNodes, underlayRoutes } from './routed.ts';

type RawPlan = Extract<CniPlan, { type: 'raw' }>;
type Json = Readonly<Record<string, unknown>>;

function fill(value: unknown, variables: Readonly<Record<string, string>>, node: CniNode): unknown {
  if (typeof value === 'string') return value.replaceAll(/\$\{([a-zA-Z0-9]+)\}/g, (whole, name: string) => variables[name] ?? whole);
  if (Array.isArray(value)) return value.map((item) => fill(item, variables, node));
  if (typeof value !== 'object' || value === null) return value;
  const filled = Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, variables, node)]));
  // host-local would write under /var/lib/cni of this machine, and share it between nodes: its leases live with the lab instead.
  return filled['type'] === 'host-local' ? { ...filled, dataDir: `/run/cnilab/ipam/${node.id.replace('/', '.')}` } : filled;
}

function variablesOf(node: CniNode, mtuBytes: number): Readonly<Record<string, string>> {
  const of = (family: 'ipv4' | 'ipv6', suffix: string): Record<string, string> => {
    const range = node.ranges.find((r) => r.family === family);
    return range === undefined ? {} : { [`podCIDR${suffix}`]: formatCidr(range), [`gateway${suffix}`]: gatewayOf(range) };
  };
  return { ...of('ipv4', ''), ...of('ipv6', '6'), node: node.name, mtu: String(mtuBytes) };
}

function madeBeforehand(list: Json, node: CniNode, mtuBytes: number): BridgePlan | null {
  const plugins = Array.isArray(list['plugins']) ? (list['plugins'] as readonly Json[]) : [];
  const bridge = plugins.find((p) => p['type'] === 'bridge');
  if (bridge === undefined) return null;
  const made = gatewayBridge(node, typeof bridge['bridge'] === 'string' ? bridge['bridge'] : 'cni0', mtuBytes);
  return bridge['isGateway'] === true || bridge['isDefaultGateway'] === true ? made : { ...made, addresses: [] };
}

/** Any CNI list, or the author's own plugin; the engine adds the routes between nodes unless told not to. */
export const raw: CniPlanner<RawCniSpec, RawPlan> = {
  traits: {
    title: 'raw CNI list',
    plugins: [],
    kernel: ['veth', 'bridge', 'br_netfilter', 'netfilter-nat'],
    programs: [],
    overheadBytes: { none: 0 },
    ports: [],
    enforcesNetworkPolicy: false,
    proxyModes: ['iptables', 'nftables', 'ipvs', 'none'],
    families: ['ipv4', 'ipv6'],
    version: 'CNI 1.1.0',
    experimental: '',
  },
  ranges: 'node-mask',
  firstPodIndex: 2n,
  resolve: (spec, { underlayMtu }) => ({
    type: 'raw',
    pluginDirs: spec.pluginDirs ?? [],
    routesOn: spec.routesOn ?? 'nodes',
    mtuBytes: spec.mtu ?? underlayMtu,
    conflist: spec.conflist,
  }),
  node: (context, node) => {
    const list = fill(context.cni.conflist, variablesOf(node, context.cni.mtuBytes), node) as Json;
    return {
      gateways: node.ranges.map(gatewayOf),
      bridge: madeBeforehand(list, node, context.cni.mtuBytes),
      vxlans: [],
      ipip: null,
      bgp: null,
      podRoutes:
        context.cni.routesOn === 'none' ? [] : context.nodes.filter((peer) => peer.id !== node.id).flatMap((peer) => underlayRoutes(context, node, peer)),
      conflist: list,
    };
  },
  routers: (context) => (context.cni.routesOn === 'none' ? new Map() : routerRoutesToNodes(context)),
  podInterface: (context, node, network, podId, addresses) => bridgedPodInterface(context.cni.mtuBytes, node, network, podId, addresses),
};
