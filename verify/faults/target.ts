/** Which node and pods a fault is injected at: the ones asked for, or the first that can show it. */
import { cidrContains, cidrOf, parseAddress, parseCidr } from '../../topology/cidr.ts';
import type { ClusterPlan, LabPlan, NodePlan, PodInterfacePlan, PodPlan, VxlanPlan } from '../../topology/plan.ts';
import type { Family } from '../../topology/spec.ts';
import { podNames } from '../lesson/names.ts';

/** Name or identity of the node, and of the pod, to inject at. */
export interface TargetPick {
  readonly node?: string;
  readonly pod?: string;
}

/** A pod with a namespace of its own. */
export type NetworkedPod = PodPlan & { readonly interface: PodInterfacePlan };

export interface FaultTarget {
  readonly plan: LabPlan;
  readonly cluster: ClusterPlan;
  readonly family: Family;
  /** Where the fault is injected. */
  readonly node: NodePlan;
  readonly pod: NetworkedPod;
  /** Another pod of the node; null when it has one only. */
  readonly neighbour: NetworkedPod | null;
  /** The other side of the traffic that suffers. */
  readonly peer: NodePlan;
  readonly peerPod: NetworkedPod;
}

/** The targets of a plan in order of preference; empty when there is none, with the reason. */
export function targetsOf(plan: LabPlan, pick: TargetPick = {}): { readonly targets: readonly FaultTarget[]; readonly reason: string } {
  const targets = plan.clusters.flatMap((cluster) => {
    const podsOn = (node: NodePlan): readonly NetworkedPod[] =>
      cluster.pods.filter((pod): pod is NetworkedPod => pod.node === node.name && pod.interface !== null);
    const nodes = cluster.nodes.filter((node) => podsOn(node).length > 0);
    // Workers first: a control plane may be all that is left to manage a real cluster with.
    const ordered = [...nodes.filter((node) => node.role === 'worker'), ...nodes.filter((node) => node.role !== 'worker')];
    return ordered.flatMap((node) =>
      ordered
        .filter((peer) => peer.id !== node.id)
        .flatMap((peer): FaultTarget[] => {
          const here = podsOn(node);
          const chosen = pick.pod === undefined ? here[0] : here.find((pod) => podNames(pod).includes(pick.pod ?? ''));
          const [peerPod] = podsOn(peer);
          if (chosen === undefined || peerPod === undefined || (pick.node !== undefined && !names(node.id, pick.node))) return [];
          const neighbour = here.find((pod) => pod.id !== chosen.id) ?? null;
          return [{ plan, cluster, family: cluster.families[0] ?? 'ipv4', node, pod: chosen, neighbour, peer, peerPod }];
        }),
    );
  });
  return { targets, reason: whyNone(plan, pick) };
}

function whyNone({ clusters }: LabPlan, { node, pod }: TargetPick): string {
  const asked = pod ?? node;
  if (asked === undefined) return 'needs two nodes with a pod each';
  const named = clusters.flatMap(({ pods }) => pods).filter((one) => podNames(one).includes(pod ?? ''));
  if (node !== undefined && named.length > 0 && !named.some((one) => names(`${one.cluster}/${one.node}`, node))) return `${asked} is not on ${node}`;
  return `no pod of ${asked} has a pod on another node to talk to`;
}

/** `c1/worker1` is named by itself and by `worker1`. */
function names(id: string, text: string): boolean {
  return id === text || id.endsWith(`/${text}`);
}

/** The ranges of a node's pods in the family: calico's blocks, else its share of the pod CIDR. */
export function rangesOf(target: FaultTarget, node: NodePlan): readonly string[] {
  return (node.blocks.length > 0 ? node.blocks : node.podCIDRs).filter((range) => range.includes(':') === (target.family === 'ipv6'));
}

/** The address of a pod in the target's family. */
export function podAddress(target: FaultTarget, pod: NetworkedPod): string {
  return pod.interface.addresses.find((one) => one.family === target.family)?.address ?? '';
}

/** The prefix length of that address. */
export function podPrefixLength(target: FaultTarget, pod: NetworkedPod): number {
  return pod.interface.addresses.find((one) => one.family === target.family)?.prefixLength ?? (target.family === 'ipv4' ? 32 : 128);
}

/** The overlay device by which the node reaches its peer; null where it goes bare. */
export function overlayTo(target: FaultTarget): VxlanPlan | null {
  const { node, peer } = target;
  return (
    node.vxlans.find(
      (device) =>
        device.family === target.family &&
        device.peers.some((one) => one.node === peer.id) &&
        (device.master !== null ||
          hasOnWire(target, device) ||
          node.podRoutes.some((route) => route.dev === device.name && rangesOf(target, peer).includes(route.to))),
    ) ??
    node.vxlans.find(
      (device) =>
        device.peers.some((one) => one.node === peer.id) &&
        node.podRoutes.some((route) => route.dev === device.name && rangesOf(target, peer).includes(route.to)),
    ) ??
    null
  );
}

/** The pods of the peer are on the link of the device, without a route to them: flannel as it fed Docker. */
export function hasOnWire(target: FaultTarget, device: VxlanPlan): boolean {
  return device.addresses.some(({ address, prefixLength }) =>
    rangesOf(target, target.peer).some((range) => cidrContains(cidrOf(parseAddress(address), prefixLength), parseCidr(range))),
  );
}

/** All pods of the cluster share one layer-2 segment: nothing is routed between nodes. */
export function isOneSegment(target: FaultTarget): boolean {
  return target.cluster.cni.type === 'weave';
}

/** Each pod is routed by itself: pods of one node share no bridge. */
export function isRoutedPerPod(target: FaultTarget): boolean {
  return target.cluster.cni.type === 'calico' || target.cluster.cni.type === 'kindnet';
}
