/** The plan and the snapshot of a lab, indexed once, for the rules of the inventory. */
import type { NamespaceSnapshot, Snapshot } from '../../engines/port.ts';
import { cidrContains, parseCidr } from '../../topology/cidr.ts';
import { nodeDevices } from '../../topology/node-devices.ts';
import type { ClusterPlan, LabPlan, MachinePlan, NodePlan, PodPlan } from '../../topology/plan.ts';
import type { Family } from '../../topology/spec.ts';
import { shellWord } from '../../topology/shell-word.ts';

/** A pod or a node, or a host beside the clusters, as one end of a flow. */
export interface EndpointView {
  readonly id: string;
  readonly kind: 'pod' | 'node' | 'host';
  readonly netns: string;
  /** Of a host: the node that takes its packets in. */
  readonly node: NodePlan;
  /** null for nodes and for pods on the host network. */
  readonly pod: PodPlan | null;
}

/** One family's planned address of an endpoint. */
export interface OwnedAddress {
  readonly family: Family;
  readonly address: string;
}

export interface LabView {
  readonly plan: LabPlan;
  readonly snapshot: Snapshot;
  /** Counters before the failing probes were repeated; null when they were not read. */
  readonly before: Snapshot | null;
  readonly nodes: readonly NodePlan[];
  readonly pods: readonly PodPlan[];
  readonly routers: readonly MachinePlan[];
  readonly endpoints: ReadonlyMap<string, EndpointView>;
  readonly clusters: ReadonlyMap<string, ClusterPlan>;
}

/** Indexes a plan and what was read from its lab. */
export function viewLab(plan: LabPlan, snapshot: Snapshot, before: Snapshot | null = null): LabView {
  const nodes = plan.clusters.flatMap((cluster) => cluster.nodes);
  const pods = plan.clusters.flatMap((cluster) => cluster.pods);
  const endpoints = new Map<string, EndpointView>();
  for (const node of nodes) endpoints.set(node.id, { id: node.id, kind: 'node', netns: node.netns, node, pod: null });
  for (const pod of pods) {
    const node = nodes.find((candidate) => candidate.cluster === pod.cluster && candidate.name === pod.node);
    if (node === undefined) continue;
    endpoints.set(pod.id, { id: pod.id, kind: pod.hostNetwork ? 'node' : 'pod', netns: pod.netns, node, pod: pod.hostNetwork ? null : pod });
  }
  return {
    plan,
    snapshot,
    before,
    nodes,
    pods,
    endpoints,
    routers: plan.machines.filter((machine) => machine.kind === 'router'),
    clusters: new Map(plan.clusters.map((cluster) => [cluster.name, cluster])),
  };
}

/** What was read from a namespace; undefined when it was not read or is gone. */
export function namespaceOf(view: LabView, netns: string): NamespaceSnapshot | undefined {
  return view.snapshot.namespaces[netns];
}

/** The ranges that a node's pods live in: calico's blocks, else its share of the pod CIDR. */
export function podRanges(node: NodePlan): readonly string[] {
  return node.blocks.length > 0 ? node.blocks : node.podCIDRs;
}

/** The nodes whose pods live inside a range. */
export function ownersOfRange(view: LabView, range: string): readonly NodePlan[] {
  const outer = parseCidr(range);
  return view.nodes.filter((node) => podRanges(node).some((inner) => cidrContains(outer, inner)));
}

/** The families that a machine passes on: those of a node's cluster, and of the networks that a router joins. Clusters of one lab may differ. */
export function familiesOf({ clusters, endpoints }: LabView, machine: MachinePlan): readonly Family[] {
  const cluster = clusters.get(endpoints.get(machine.id)?.node.cluster ?? '');
  return cluster?.families ?? [...new Set(machine.interfaces.flatMap((one) => one.addresses.map(({ family }) => family)))];
}

/** All pods of a cluster in one L2 domain: nothing is routed between nodes (weave's data path). */
export function isOneSegment(view: LabView, node: NodePlan): boolean {
  return view.clusters.get(node.cluster)?.cni.type === 'weave';
}

/** Pods of one node are joined by routes and not by a bridge (calico's data path). */
export function isRoutedPerPod(view: LabView, node: NodePlan): boolean {
  const cni = view.clusters.get(node.cluster)?.cni.type;
  return cni === 'calico' || cni === 'kindnet';
}

/** The pods of a node that have a namespace of their own. */
export function podsOn(view: LabView, node: NodePlan): readonly PodPlan[] {
  return view.pods.filter((pod) => pod.cluster === node.cluster && pod.node === node.name && !pod.hostNetwork);
}

/** The planned address by which others reach an endpoint. */
export function addressOf(endpoint: EndpointView, family: Family): string | null {
  const all = endpoint.pod?.interface?.addresses ?? endpoint.node.interfaces.flatMap((one) => one.addresses);
  return all.find((one) => one.family === family)?.address ?? null;
}

/** Every planned address of a node: underlay, bridge and overlay. */
export function nodeAddresses(node: NodePlan): readonly OwnedAddress[] {
  return nodeDevices(node).flatMap((one): readonly OwnedAddress[] => one.addresses);
}

/** The family of an address or CIDR text. */
export function familyOf(text: string): Family {
  return text.includes(':') ? 'ipv6' : 'ipv4';
}

/** The name by which the command line takes a machine: short where it is the only one. */
export function targetName(view: LabView, machine: MachinePlan): string {
  const same = [...view.nodes, ...view.plan.machines].filter((one) => one.name === machine.name);
  return same.length > 1 ? machine.id : machine.name;
}

/** `cnilab exec LAB NODE -- argv…`, quoted for a POSIX shell. */
export function execCommand(view: LabView, machine: MachinePlan, argv: readonly string[]): string {
  return ['cnilab', 'exec', view.plan.name, targetName(view, machine), '--', ...argv].map(shellWord).join(' ');
}

/** As {@link execCommand}, in a pod or container. */
export function execInPod(view: LabView, pod: Pick<PodPlan, 'id'>, argv: readonly string[]): string {
  return ['cnilab', 'exec', view.plan.name, pod.id, '--', ...argv].map(shellWord).join(' ');
}

/** What only who programs a lab's nodes can write, it writes when the lab is built: a second `up` of the same file changes nothing. */
export function rebuildLab(view: LabView): string {
  return `cnilab down ${view.plan.name}; cnilab up LAB-FILE`;
}
