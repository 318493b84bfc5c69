/** Who takes part in a verification: the pods and nodes of each cluster, with what the plan knows about their addresses. */
import type { Endpoint } from '../engines/port.ts';
import type { ClusterPlan, LabPlan, NodePlan, PodPlan } from '../topology/plan.ts';
import type { Family } from '../topology/spec.ts';
import type { Cast } from './cast.ts';

/** A pod or a node, as one end of probes. */
export interface End {
  readonly id: string;
  /** A host is an end for policies alone. */
  readonly kind: 'pod' | 'node' | 'host';
  readonly endpoint: Endpoint;
  /** Index into {@link ClusterEnds.nodeIds}; -1 for hosts. */
  readonly node: number;
  readonly nodeId: string;
  /** Addresses it may use as a source, and what each of them is: `eth0`, `bridge cni0`, `underlay eth0`, `vtep flannel.1`. */
  readonly roles: Map<string, string>;
  /** Bytes; 0 where the plan has none. */
  readonly mtuBytes: number;
  /** null for nodes. */
  readonly pod: PodPlan | null;
  /** Sends probes; answers them. Both, without a cast. */
  readonly asks: boolean;
  /** Takes part in more than the mesh of pods: itself, nodes, controls, streams. */
  readonly asksAll: boolean;
  readonly answers: boolean;
}

/** The ends of one cluster: a network of its own, so pairs never span two of them. Pods first, then nodes. */
export interface ClusterEnds {
  readonly plan: ClusterPlan;
  readonly ends: readonly End[];
  readonly endpoints: readonly Endpoint[];
  /** Indexes into `ends`. */
  readonly pods: readonly number[];
  readonly nodes: readonly number[];
  readonly nodeIds: readonly string[];
  /** Pods that live in their node's namespace; probing the node is probing them. */
  readonly hostNetworkPods: readonly PodPlan[];
  /** Every planned address of a pod or a node → index into `ends`. */
  readonly byAddress: Map<string, number>;
  readonly cast: Cast | null;
}

/**
 * The ends of every cluster of a lab. A pod with `hostNetwork` has its node's namespace and address: no packet can tell it from its
 * node, so it is not an end of its own; as a server it belongs to pod-to-node, as a client to node-to-pod.
 */
export function clusterEnds(plan: LabPlan, casts: ReadonlyMap<string, Cast> = new Map()): readonly ClusterEnds[] {
  return plan.clusters.map((cluster) => endsOfCluster(cluster, casts.get(cluster.name) ?? null));
}

/** The pods with an interface of their own that stand on a node (index into `nodeIds`). */
export function podsOnNode(cluster: ClusterEnds, node: number): readonly number[] {
  return cluster.pods.filter((pod) => cluster.ends[pod]?.node === node);
}

/** Those of some ends that send probes to pods, and those that send all kinds of probes. */
export function askers(cluster: ClusterEnds, ends: readonly number[], kind: 'asks' | 'asksAll'): readonly number[] {
  return ends.filter((index) => cluster.ends[index]?.[kind] === true);
}

/** Those of some ends that answer probes. */
export function answerers(cluster: ClusterEnds, ends: readonly number[]): readonly number[] {
  return ends.filter((index) => cluster.ends[index]?.answers === true);
}

/** Has the end an address of the family? */
export function speaks(end: End | undefined, family: Family): boolean {
  return end?.endpoint.addresses.some((one) => one.family === family) ?? false;
}

/** The address that is dialled when the end is the server; '' where it has none of the family. */
export function dialledAddress(end: End, family: Family): string {
  return end.endpoint.addresses.find((one) => one.family === family)?.address ?? '';
}

/** The pods of a cluster in one of its second networks, each with the address that it has there. Nodes have none. */
export function endsOfNetwork(cluster: ClusterEnds, network: string): ClusterEnds {
  const ends = cluster.ends.flatMap((end): readonly End[] => {
    const face = end.pod?.attachments?.find((one) => one.network === network);
    if (face === undefined) return [];
    const addresses = face.addresses.map(({ family, address }) => ({ family, address }));
    const roles = new Map(addresses.map(({ address }) => [address, face.name]));
    return [{ ...end, mtuBytes: face.mtuBytes, roles, endpoint: { ...end.endpoint, addresses } }];
  });
  return {
    ...cluster,
    ends,
    endpoints: ends.map(({ endpoint }) => endpoint),
    pods: ends.map((_, index) => index),
    nodes: [],
    hostNetworkPods: [],
    byAddress: new Map(ends.flatMap(({ roles }, index) => [...roles.keys()].map((address) => [address, index] as const))),
  };
}

function endsOfCluster(plan: ClusterPlan, cast: Cast | null): ClusterEnds {
  const nodeIndex = new Map(plan.nodes.map((node, index) => [node.name, index]));
  const own = plan.pods.filter((pod) => !pod.hostNetwork && pod.interface !== null && nodeIndex.has(pod.node));
  const ends = [
    ...own.map((pod) => podEnd(pod, nodeIndex.get(pod.node) ?? 0, plan, cast)),
    ...plan.nodes.map((node, index) => nodeEnd(node, index, plan, cast)),
  ];
  const byAddress = new Map<string, number>();
  ends.forEach((end, index) => {
    for (const address of end.roles.keys()) byAddress.set(address, index);
  });
  return {
    plan,
    ends,
    byAddress,
    cast,
    endpoints: ends.map((end) => end.endpoint),
    pods: own.map((_, index) => index),
    nodes: plan.nodes.map((_, index) => own.length + index),
    nodeIds: plan.nodes.map((node) => node.id),
    hostNetworkPods: plan.pods.filter((pod) => pod.hostNetwork),
  };
}

function podEnd(pod: PodPlan, node: number, plan: ClusterPlan, cast: Cast | null): End {
  const addresses = (pod.interface?.addresses ?? []).map(({ family, address }) => ({ family, address }));
  return {
    id: pod.id,
    kind: 'pod',
    node,
    nodeId: plan.nodes[node]?.id ?? '',
    pod,
    asks: cast?.asks.has(pod.id) ?? true,
    asksAll: cast?.asksAll.has(pod.id) ?? true,
    answers: cast?.answers.has(pod.id) ?? true,
    mtuBytes: pod.interface?.mtuBytes ?? 0,
    endpoint: { id: pod.id, kind: 'pod', netns: pod.netns, node: plan.nodes[node]?.netns ?? '', addresses },
    roles: new Map(addresses.map((one) => [one.address, pod.interface?.name ?? ''])),
  };
}

function nodeEnd(node: NodePlan, index: number, plan: ClusterPlan, cast: Cast | null): End {
  const roles = new Map<string, string>();
  const add = (addresses: readonly { readonly address: string }[], role: string): void => {
    for (const one of addresses) if (!roles.has(one.address)) roles.set(one.address, role);
  };
  for (const device of node.interfaces) add(device.addresses, `underlay ${device.name}`);
  if (node.bridge !== null) add(node.bridge.addresses, `bridge ${node.bridge.name}`);
  for (const device of node.vxlans) add(device.addresses, `vtep ${device.name}`);
  if (node.tun !== undefined) add(node.tun.addresses, `tunnel ${node.tun.name}`);
  // What an author's own plugins make on a node is theirs; the gateway that the plan hands to them is what its pods must route to.
  if (plan.cni.type === 'raw' || plan.cni.type === 'kindnet' || plan.cni.type === 'observed')
    add(
      node.gateways.map((address) => ({ address })),
      'gateway of its pods',
    );
  const addresses = firstPerFamily(node);
  return {
    id: node.id,
    kind: 'node',
    node: index,
    nodeId: node.id,
    pod: null,
    asks: cast?.machines?.has(node.id) ?? true,
    asksAll: cast?.machines?.has(node.id) ?? true,
    answers: true,
    roles,
    mtuBytes: node.interfaces[0]?.mtuBytes ?? 0,
    endpoint: { id: node.id, kind: 'node', netns: node.netns, node: node.netns, addresses },
  };
}

function firstPerFamily(node: NodePlan): readonly { readonly family: Family; readonly address: string }[] {
  const found = new Map<Family, string>();
  for (const one of node.interfaces.flatMap((device) => device.addresses)) if (!found.has(one.family)) found.set(one.family, one.address);
  return [...found].map(([family, address]) => ({ family, address }));
}
