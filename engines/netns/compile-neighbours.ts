/**
 * Permanent neighbour entries. The kernel's neighbour table has one limit for all network namespaces together (gc_thresh3, 1024 by default), and permanent
 * entries do not count against it: a plan above its budget writes every entry that ARP or ND would have learned.
 */
import type { AddressPlan, BridgePlan, ClusterPlan, LabPlan, NodePlan } from '../../topology/plan.ts';
import { type AttachedPod, isAttached } from './compile-data-path.ts';
import { allMachines } from './compile-machines.ts';
import { dataPathOf } from './cni/index.ts';
import type { Op } from './ops.ts';

interface Station {
  readonly ns: string;
  readonly dev: string;
  readonly mac: string;
  readonly addresses: readonly AddressPlan[];
}

/** Every machine knows every other machine of its segments. */
export function underlayNeighbourOps(plan: LabPlan): Op[] {
  return segmentDomains(plan).flatMap(everyPair);
}

/** Every pod knows its gateway and whoever shares its link layer, and they know the pod; the same in second networks, which have no gateway. */
export function podNeighbourOps(cluster: ClusterPlan): Op[] {
  const second = networkDomains(cluster).flatMap(everyPair);
  if (dataPathOf(cluster.cni).linkScope !== 'link') return [...podDomains(cluster).flatMap(everyPair), ...second];
  const podsOf = podsByNode(cluster);
  return [...cluster.nodes.flatMap((node) => pointToPoint(node, podsOf.get(node.name) ?? [])), ...second];
}

/** Every container knows its host's bridge and the containers of its network, and they know it. */
export function containerNeighbourOps(plan: LabPlan): Op[] {
  return containerDomains(plan).flatMap(everyPair);
}

/**
 * Entries that neighbours may have learned of who is gone or has another MAC now, in whoever stays: to be deleted, or an address that is given to
 * somebody new would be looked for at the old place until the entry ages. (In life, gratuitous ARP does it.)
 */
export function staleNeighbours(from: LabPlan, to: LabPlan): Op[] {
  const domains = (plan: LabPlan): Station[][] => [
    ...segmentDomains(plan),
    ...containerDomains(plan),
    ...plan.clusters.flatMap(podDomains),
    ...plan.clusters.flatMap(networkDomains),
  ];
  const now = new Map(
    domains(to)
      .flat()
      .map((station) => [`${station.ns} ${station.dev}`, station]),
  );
  return domains(from).flatMap((domain) => {
    const staying = domain.filter((station) => now.get(`${station.ns} ${station.dev}`)?.mac === station.mac);
    return domain.flatMap((old) => {
      const current = now.get(`${old.ns} ${old.dev}`);
      const gone = current?.mac === old.mac ? old.addresses.filter((a) => !current.addresses.some((b) => b.address === a.address)) : old.addresses;
      return gone.flatMap(({ address }) =>
        staying.filter((station) => station !== old).map(({ ns, dev }): Op => ({ op: 'neigh', ns, dev, address, mac: old.mac })),
      );
    });
  });
}

/** Who shares a link layer, on the underlay. */
function segmentDomains(plan: LabPlan): Station[][] {
  const machines = allMachines(plan);
  return plan.segments.map((segment) =>
    machines.flatMap((machine) =>
      machine.interfaces
        .filter((i) => i.segment === segment.name)
        .map((i): Station => ({ ns: machine.netns, dev: i.name, mac: i.mac, addresses: i.addresses })),
    ),
  );
}

/** Who shares a link layer, among pods and their nodes' bridges. */
function podDomains(cluster: ClusterPlan): Station[][] {
  const scope = dataPathOf(cluster.cni).linkScope;
  if (scope === 'link') return [];
  const podsOf = podsByNode(cluster);
  const lans = cluster.nodes.map((node) => [
    ...(node.bridge === null ? [] : [bridgeStation(node.netns, node.bridge)]),
    ...(podsOf.get(node.name) ?? []).map(podStation),
  ]);
  return scope === 'cluster' ? [lans.flat()] : lans;
}

/** Who shares a link layer, on the bridges of second networks. */
function networkDomains({ nodes, pods }: ClusterPlan): Station[][] {
  return nodes.flatMap(({ name: node, networks = [] }) =>
    networks.map(({ network }) =>
      pods
        .filter((pod) => pod.node === node)
        .flatMap(({ netns: ns, attachments = [] }) =>
          attachments.filter((one) => one.network === network).map(({ name: dev, mac, addresses }): Station => ({ ns, dev, mac, addresses })),
        ),
    ),
  );
}

/** Who shares a link layer, on Docker's bridges. */
function containerDomains({ machines }: LabPlan): Station[][] {
  return machines.flatMap(({ netns, docker }) =>
    (docker?.networks ?? []).map(({ name, bridge }) => [
      bridgeStation(netns, bridge),
      ...(docker?.containers ?? []).flatMap((container): Station[] => {
        const { interface: face } = container;
        return container.network !== name || face === null ? [] : [{ ns: container.netns, dev: face.name, mac: face.mac, addresses: face.addresses }];
      }),
    ]),
  );
}

function podsByNode(cluster: ClusterPlan): ReadonlyMap<string, readonly AttachedPod[]> {
  const podsOf = new Map<string, AttachedPod[]>(cluster.nodes.map((node) => [node.name, []]));
  for (const pod of cluster.pods) if (isAttached(pod)) podsOf.get(pod.node)?.push(pod);
  return podsOf;
}

function podStation(pod: AttachedPod): Station {
  return { ns: pod.netns, dev: pod.interface.name, mac: pod.interface.mac, addresses: pod.interface.addresses };
}

function bridgeStation(ns: string, { name, mac, addresses }: BridgePlan): Station {
  return { ns, dev: name, mac, addresses };
}

/** The pod knows only its gateway, which is the node's end of its cable. */
function pointToPoint(node: NodePlan, pods: readonly AttachedPod[]): Op[] {
  return pods.flatMap((pod) => {
    const { name, mac, addresses, gateways, hostName, hostMac } = pod.interface;
    if (hostName === null || hostMac === null) return [];
    return [
      ...gateways.map((address): Op => ({ op: 'neigh', ns: pod.netns, dev: name, address, mac: hostMac })),
      ...addresses.map(({ address }): Op => ({ op: 'neigh', ns: node.netns, dev: hostName, address, mac })),
    ];
  });
}

function everyPair(stations: readonly Station[]): Op[] {
  const ops: Op[] = [];
  for (const from of stations) {
    for (const to of stations) {
      if (from === to) continue;
      for (const { address } of to.addresses) ops.push({ op: 'neigh', ns: from.ns, dev: from.dev, address, mac: to.mac });
    }
  }
  return ops;
}
