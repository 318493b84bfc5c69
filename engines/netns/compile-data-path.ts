/** What a CNI's data path is made of; `cni/<name>.ts` has one per CNI, `cni/index.ts` lists them. */
import { resolve } from 'node:path';
import type { AddressPlan, BridgePlan, ClusterPlan, NodePlan, PodInterfacePlan, PodPlan, RoutePlan, TunPlan, VxlanPlan } from '../../topology/plan.ts';
import type { CompileOptions } from './compile-options.ts';
import type { Op } from './ops.ts';

/** A pod that has a namespace of its own. */
export type AttachedPod = PodPlan & { readonly interface: PodInterfacePlan };

export function isAttached(pod: PodPlan): pod is AttachedPod {
  return pod.interface !== null && !pod.hostNetwork;
}

export interface DataPath {
  /**
   * Who shares a link layer with a pod, for permanent neighbours: the pods of its node and the bridge, only its node (point-to-point), every pod
   * of the cluster, or unknown.
   */
  readonly linkScope: 'node' | 'link' | 'cluster';
  /** Devices, tables, routes, packet filter and files of one node, before it has pods. */
  node(cluster: ClusterPlan, node: NodePlan): readonly Op[];
  /** Joins one pod, whose namespace exists, to its node. */
  pod(cluster: ClusterPlan, node: NodePlan, pod: AttachedPod): readonly Op[];
}

/** Private folder of a node inside the holder's /run. */
export function nodeDirectory(node: NodePlan): string {
  return `/run/cnilab/${node.netns}`;
}

/** Where host-local keeps what it gave away on a node. */
export function leaseFolder({ netns }: Pick<NodePlan, 'netns'>): string {
  return `/run/cnilab/${netns}/networks`;
}

export function addressOps(ns: string, dev: string, addresses: readonly AddressPlan[]): Op[] {
  return addresses.map(({ address, prefixLength }) => ({ op: 'address', ns, dev, address, prefixLength }));
}

/** Routes that the plan writes itself; those of BGP are left to BIRD. */
export function routeOps(ns: string, routes: readonly RoutePlan[]): Op[] {
  return routes.filter((r) => r.origin === 'static').map(({ to, via, dev, onlink, type }) => ({ op: 'route', ns, to, via, dev, onlink, type }));
}

/** The bridge with an explicit MAC, made before its first port: a bridge without one takes the lowest of its ports, and changes it. */
export function bridgeOps(ns: string, bridge: BridgePlan): Op[] {
  return [{ op: 'bridge', ns, name: bridge.name, mac: bridge.mac, mtu: bridge.mtuBytes }, ...addressOps(ns, bridge.name, bridge.addresses)];
}

/** A VXLAN device (RFC 7348) and what its tables must know: next hop → VTEP MAC, VTEP MAC → outer address. */
export function vxlanOps(ns: string, vxlan: VxlanPlan): Op[] {
  const { name, mac, mtuBytes: mtu, vni, port, local, dev, learning, master } = vxlan;
  return [
    { op: 'vxlan', ns, name, mac, mtu, vni, port, local, dev, learning, master },
    ...addressOps(ns, name, vxlan.addresses),
    ...vxlan.peers.flatMap((peer): Op[] => [
      ...(peer.mac !== null && peer.address !== null ? [{ op: 'neigh', ns, dev: name, address: peer.address, mac: peer.mac } as const] : []),
      { op: 'fdb', ns, dev: name, mac: peer.mac ?? FLOOD_MAC, dst: peer.underlay },
    ]),
  ];
}

/** Head-end replication: frames for unknown, broadcast and multicast addresses go to every peer listed under it. */
const FLOOD_MAC = '00:00:00:00:00:00';

/** The device with its address, the one route into it, and the process behind it. */
function tunOps(ns: string, tun: TunPlan): Op[] {
  const { name, mtuBytes: mtu, port, local, network, peers } = tun;
  return [
    { op: 'tun', ns, name, mtu },
    ...addressOps(ns, name, tun.addresses),
    { op: 'route', ns, to: network, via: null, dev: name, onlink: false, type: 'unicast' },
    { op: 'tunnel', ns, device: name, mtu, port, local, peers: peers.map(({ to, underlay }) => ({ to, underlay })) },
  ];
}

/** Bridge, overlay devices and pod routes, in the order in which they depend on each other. */
export function deviceOps(node: NodePlan): Op[] {
  const ns = node.netns;
  return [
    ...(node.bridge === null ? [] : bridgeOps(ns, node.bridge)),
    ...node.vxlans.flatMap((vxlan) => vxlanOps(ns, vxlan)),
    ...(node.ipip === null ? [] : [{ op: 'ipip', ns, name: node.ipip.name, mtu: node.ipip.mtuBytes, local: node.ipip.local } as const]),
    ...(node.tun === undefined ? [] : tunOps(ns, node.tun)),
    ...routeOps(ns, node.podRoutes),
  ];
}

type Plugin = Readonly<Record<string, unknown>>;

/** The node's own list and plugins, where pods are attached by plugins. */
export function setupOps(cluster: ClusterPlan, node: NodePlan, options: CompileOptions): Op[] {
  if (node.conflist === null) return [];
  const list = privateList(node.conflist, leaseFolder(node));
  return [{ op: 'cni-setup', ns: node.netns, list, pluginDirs: pluginDirs(cluster, options) }];
}

function pluginDirs(cluster: ClusterPlan, options: CompileOptions): readonly string[] {
  const dirs = cluster.cni.type === 'raw' ? cluster.cni.pluginDirs : [];
  return dirs.map((dir) => resolve(options.sourceDirectory ?? '/', dir));
}

/** Attachment by the real plugins of the node's network configuration list. */
export function pluginOps(_cluster: ClusterPlan, node: NodePlan, pod: AttachedPod): Op[] {
  if (node.conflist === null) return [];
  const list = privateList(node.conflist, leaseFolder(node));
  const portMappings = hostPorts(pod);
  return [
    {
      op: 'cni',
      node: node.netns,
      ns: pod.netns,
      containerId: pod.containerId,
      ifname: pod.interface.name,
      configured: true,
      list,
      ips: pod.interface.addresses.map((a) => a.address),
      mac: pod.interface.mac,
      portMappings,
      pod: { namespace: pod.namespace, name: pod.name },
      lane: pluginsOf(list).some((plugin) => writesFilter(plugin, portMappings.length > 0)) ? node.netns : null,
    },
  ];
}

export function hostPorts(pod: PodPlan): Extract<Op, { readonly op: 'cni' }>['portMappings'] {
  return pod.ports.flatMap(({ hostPort, containerPort, protocol }) =>
    hostPort === null ? [] : [{ hostPort, containerPort, protocol: PORTMAP_PROTOCOLS[protocol] }],
  );
}

/** As the portmap plugin names them. */
const PORTMAP_PROTOCOLS = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' } as const;

/**
 * The list as it is, with one thing settled: host-local keeps its allocations under the node's folder in the holder's private /run. Its default,
 * /var/lib/cni/networks, is the machine's, would outlive the lab and would be shared by all nodes.
 */
export function privateList(list: Plugin, dataDir: string): Plugin {
  const plugins = pluginsOf(list).map((plugin) => {
    const ipam = plugin['ipam'];
    if (typeof ipam !== 'object' || ipam === null || !keepsOutside(ipam as Plugin)) return plugin;
    return { ...plugin, ipam: { ...ipam, dataDir } };
  });
  return { ...list, plugins };
}

function keepsOutside(ipam: Plugin): boolean {
  return ipam['type'] === 'host-local' && !String(ipam['dataDir']).startsWith('/run/cnilab/');
}

function pluginsOf(list: Plugin): readonly Plugin[] {
  return Array.isArray(list['plugins']) ? (list['plugins'] as readonly Plugin[]) : [];
}

/** Plugins that never touch iptables unless a key asks for it. */
const FILTER_FREE = new Set(['loopback', 'bridge', 'ptp', 'macvlan', 'ipvlan', 'vlan', 'host-device', 'tuning', 'static', 'sbr', 'vrf', 'bandwidth']);

/** iptables-nft checks and then creates: two plugins at once on one node fail with "File exists". An unknown plugin might be such a one. */
function writesFilter(plugin: Plugin, hasPorts: boolean): boolean {
  const type = String(plugin['type']);
  if (type === 'portmap') return hasPorts;
  return plugin['ipMasq'] === true || plugin['macspoofchk'] === true || !FILTER_FREE.has(type);
}
