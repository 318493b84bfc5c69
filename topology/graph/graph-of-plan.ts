import { OUTSIDE_SEGMENT } from '../draft.ts';
import type { ContainerPlan } from '../docker/docker-plan.ts';
import type { AddressPlan, BridgePlan, ClusterPlan, LabPlan, MachinePlan, NodePlan, PodPlan } from '../plan.ts';
import { GRAPH_SCHEMA, type GraphDevice, type GraphMachine, type GraphOverlay, type GraphPod, type LabGraph } from './graph.ts';

/** Addresses as `ip addr` writes them. */
export function withPrefix(addresses: readonly AddressPlan[]): readonly string[] {
  return addresses.map(({ address, prefixLength }) => `${address}/${String(prefixLength)}`);
}

/** The picture of a plan: everything as it should be, nothing marked. */
export function graphOfPlan(plan: LabPlan): LabGraph {
  return {
    schema: GRAPH_SCHEMA,
    lab: plan.name,
    description: plan.description,
    source: 'plan',
    segments: plan.segments.map((segment) => ({ ...segment, outside: segment.name === OUTSIDE_SEGMENT, mark: null })),
    machines: [...plan.clusters.flatMap((cluster) => cluster.nodes.map((node) => nodeOf(cluster, node))), ...plan.machines.map(machineOf)],
    overlays: plan.clusters.flatMap((cluster) => [...vxlansOf(cluster), ...ipipOf(cluster), ...tunsOf(cluster), ...sessionsOf(cluster)]),
    pairs: [],
  };
}

function machineOf(machine: MachinePlan): GraphMachine {
  const { id, kind, role, netns, docker } = machine;
  const bridges = (docker?.networks ?? []).map((network) => bridgeDevice(network.bridge));
  const pods = (docker?.containers ?? []).map((one) => containerOf(machine, one));
  return { id, kind, role, netns, pods, devices: [...bridges, ...cablesOf(machine)], gateways: [], asNumber: null, mark: null };
}

function bridgeDevice({ name, addresses, mtuBytes }: BridgePlan): GraphDevice {
  return { ...UNMARKED, name, kind: 'bridge', addresses: withPrefix(addresses), mtuBytes };
}

function containerOf({ docker }: MachinePlan, { id, netns, network, interface: one, ports }: ContainerPlan): GraphPod {
  return {
    id,
    netns,
    device: one === null ? null : { name: one.name, addresses: withPrefix(one.addresses), mtuBytes: one.mtuBytes },
    instead: one !== null ? '' : network === 'host' ? 'host network' : network === 'none' ? 'no network' : `network of ${network.replace('container:', '')}`,
    bridge: one === null ? null : (docker?.networks.find(({ name }) => name === network)?.bridge.name ?? null),
    published: ports.map(({ hostPort, containerPort, protocol, listenAddress }) => {
      const at = listenAddress === '0.0.0.0' ? '' : `${listenAddress}:`;
      return `${at}${String(hostPort)} → ${String(containerPort)}/${protocol}`;
    }),
    hostEnd: one?.hostName ?? null,
    mark: null,
  };
}

const UNMARKED = { master: null, segment: null, mark: null } as const;

function cablesOf(machine: MachinePlan): readonly GraphDevice[] {
  return machine.interfaces.map(({ name, addresses, mtuBytes, segment }) => ({
    ...UNMARKED,
    name,
    kind: 'cable',
    addresses: withPrefix(addresses),
    mtuBytes,
    segment,
  }));
}

function nodeOf(cluster: ClusterPlan, node: NodePlan): GraphMachine {
  const { bridge, vxlans, ipip, tun } = node;
  return {
    ...machineOf(node),
    devices: [
      ...(bridge === null ? [] : [bridgeDevice(bridge)]),
      ...vxlans.map(({ name, addresses, mtuBytes, master }) => ({
        ...UNMARKED,
        name,
        kind: 'vxlan' as const,
        addresses: withPrefix(addresses),
        mtuBytes,
        master,
      })),
      // Calico's device has no address of its own in the plan.
      ...(ipip === null ? [] : [{ ...UNMARKED, name: ipip.name, kind: 'ipip' as const, addresses: [], mtuBytes: ipip.mtuBytes }]),
      ...(tun === undefined ? [] : [{ ...UNMARKED, name: tun.name, kind: 'tun' as const, addresses: withPrefix(tun.addresses), mtuBytes: tun.mtuBytes }]),
      ...(node.networks ?? []).map((one): GraphDevice => ({ ...bridgeDevice(one.bridge), kind: 'network' })),
      ...cablesOf(node),
    ],
    pods: cluster.pods.filter((pod) => pod.node === node.name).map((pod) => podOf(node, pod)),
    gateways: bridge === null ? node.gateways : [],
    asNumber: node.bgp?.asNumber ?? null,
  };
}

function podOf({ bridge, networks = [] }: NodePlan, { id, netns, interface: one, attachments }: PodPlan): GraphPod {
  return {
    id,
    netns,
    device: one === null ? null : { name: one.name, addresses: withPrefix(one.addresses), mtuBytes: one.mtuBytes },
    instead: one === null ? 'host network' : '',
    bridge: one === null ? null : (bridge?.name ?? null),
    published: [],
    hostEnd: one?.hostName ?? null,
    ...(attachments === undefined
      ? {}
      : {
          second: attachments.map(({ network, name, addresses, mtuBytes, hostName }) => ({
            network,
            name,
            addresses: withPrefix(addresses),
            mtuBytes,
            bridge: networks.find((each) => each.network === network)?.bridge.name ?? '',
            hostEnd: hostName,
          })),
        }),
    mark: null,
  };
}

/** One overlay per network: VNI, port and family of the outer packets. */
function vxlansOf(cluster: ClusterPlan): readonly GraphOverlay[] {
  const networks = new Map<string, GraphOverlay>();
  for (const node of cluster.nodes) {
    for (const { vni, port, family, name } of node.vxlans) {
      const title = `VXLAN ${String(vni)}`;
      const detail = `UDP ${String(port)}${family === 'ipv6' ? ', over IPv6' : ''}`;
      const { members } = networks.get(title + detail) ?? { members: [] };
      const member = { machine: node.id, device: name };
      networks.set(title + detail, { kind: 'vxlan', cluster: cluster.name, title, detail, members: [...members, member], hub: null, mark: null });
    }
  }
  return [...networks.values()];
}

function ipipOf(cluster: ClusterPlan): readonly GraphOverlay[] {
  const members = cluster.nodes.flatMap((node) => (node.ipip === null ? [] : [{ machine: node.id, device: node.ipip.name }]));
  return members.length === 0 ? [] : [{ kind: 'ipip', cluster: cluster.name, title: 'IPIP', detail: 'IP protocol 4', members, hub: null, mark: null }];
}

function tunsOf(cluster: ClusterPlan): readonly GraphOverlay[] {
  const tuns = cluster.nodes.flatMap(({ id, tun }) => (tun === undefined ? [] : [{ tun, member: { machine: id, device: tun.name } }]));
  const [first] = tuns;
  if (first === undefined) return [];
  const members = tuns.map(({ member }) => member);
  return [{ kind: 'udp', cluster: cluster.name, title: `UDP ${String(first.tun.port)}`, detail: 'by flannel’s processes', members, hub: null, mark: null }];
}

/** A full mesh is one overlay; with route reflectors each of them is one, with those that it serves. */
function sessionsOf(cluster: ClusterPlan): readonly GraphOverlay[] {
  const speakers = cluster.nodes.flatMap((node) => (node.bgp === null ? [] : [{ node, bgp: node.bgp }]));
  const [first] = speakers;
  if (first === undefined) return [];
  const common = { kind: 'bgp', cluster: cluster.name, title: `BGP AS ${String(first.bgp.asNumber)}`, mark: null } as const;
  const member = (machine: string): GraphOverlay['members'][number] => ({ machine, device: null });
  const reflectors = speakers.filter(({ bgp }) => bgp.reflector);
  if (reflectors.length === 0) return [{ ...common, detail: 'full mesh, TCP 179', members: speakers.map(({ node }) => member(node.id)), hub: null }];
  return reflectors.map(({ node, bgp }, index) => {
    // The session of two reflectors is the first one's.
    const others = bgp.peers.filter((peer) => !reflectors.slice(0, index).some((before) => before.node.id === peer.node));
    return { ...common, detail: `reflector ${node.name}, TCP 179`, members: [node.id, ...others.map((peer) => peer.node)].map(member), hub: node.id };
  });
}
