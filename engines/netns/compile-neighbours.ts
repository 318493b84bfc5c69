/**
 * Permanent neighbour entries. The kernel's neighbour table has one limit for all network namespaces together (gc_thresh3, 1024 by default), and permanent
 * entries do not count against it: a plan above its budget writes every entry that ARP or ND would have learned.
 */
import type { AddressPlan, ClusterPlan, LabPlan, NodePlan } from '../../topology/plan.ts';
import type { AttachedPod } from './compile-data-path.ts';
import { allMachines } from './compile-machines.ts';
import { dataPaths } from './cni/index.ts';
import type { Op } from './ops.ts';

interface Station {
  readonly ns: string;
  readonly dev: string;
  readonly mac: string;
  readonly addresses: readonly AddressPlan[];
}

/** Every machine knows every other machine of its segments. */
export function underlayNeighbourOps(plan: LabPlan): Op[] {
  const machines = allMachines(plan);
  return plan.segments.flatMap((segment) => everyPair(machines.flatMap((machine) => machine.interfaces
    .filter((i) => i.segment === segment.name)
    .map((i): Station => ({ ns: machine.netns, dev: i.name, mac: i.mac, addresses: i.addresses })))));
}

/** Every pod knows its gateway and whoever shares its link layer, and they know the pod. */
export function podNeighbourOps(cluster: ClusterPlan): Op[] {
  const scope = dataPaths[cluster.cni.type].linkScope;
  const pods = cluster.pods.filter((pod): pod is AttachedPod => pod.interface !== null && !pod.hostNetwork);
  const podsOf = new Map<string, AttachedPod[]>(cluster.nodes.map((node) => [node.name, []]));
  for (const pod of pods) podsOf.get(pod.node)?.push(pod);
  if (scope === 'link') return cluster.nodes.flatMap((node) => pointToPoint(node, podsOf.get(node.name) ?? []));
  const lans = cluster.nodes.map((node) => [...bridgeStation(node), ...(podsOf.get(node.name) ?? []).map(podStation)]);
  return scope === 'cluster' ? everyPair(lans.flat()) : lans.flatMap(everyPair);
}

function podStation(pod: AttachedPod): Station {
  return { ns: pod.netns, dev: pod.interface.name, mac: pod.interface.mac, addresses: pod.interface.addresses };
}

function bridgeStation(node: NodePlan): Station[] {
  return node.bridge === null ? []
    : [{ ns: node.netns, dev: node.bridge.name, mac: node.bridge.mac, addresses: node.bridge.addresses }];
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
