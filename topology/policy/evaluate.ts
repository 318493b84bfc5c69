/**
 * What NetworkPolicies say of one connection, after the documentation of networking.k8s.io/v1 (https://kubernetes.io/docs/concepts/services-networking/network-policies/).
 * The oracle: it looks at one flow and the policies as written, and shares nothing but the model's types with what compiles them to packet filters.
 */
import { cidrContains } from '../cidr.ts';
import type { Family } from '../spec.ts';
import type { NetworkPolicy, PolicyDirection, PolicyPeer, PolicyPod, PolicyPort, PolicyProtocol, PolicyRule, PolicyWorld } from './model.ts';
import { selects } from './select.ts';

/**
 * One end of a connection. A node or an outside machine is the address that the other end sees, and so is a pod in its node's network: which of the node's
 * addresses that is, the underlay's or the overlay's, the route decides. A pod of its own network needs none.
 */
export type FlowEnd =
  | { readonly kind: 'pod'; readonly id: string; readonly address?: string }
  | { readonly kind: 'node'; readonly name: string; readonly address: string }
  | { readonly kind: 'outside'; readonly address: string };

/** The first packet of a connection; its replies are never asked about. */
export interface Flow {
  readonly from: FlowEnd;
  readonly to: FlowEnd;
  readonly protocol: PolicyProtocol;
  /** Destination port, after Services have been translated. */
  readonly port: number;
  readonly family: Family;
}

export interface DirectionVerdict {
  /** Some policy selects the pod for this direction: only what policies allow passes. */
  readonly isolated: boolean;
  readonly allowed: boolean;
  /** `namespace/name` of the policies that let it through; where nothing does, of those that isolate. None where nothing is isolated. */
  readonly by: readonly string[];
}

export interface PolicyVerdict {
  readonly allowed: boolean;
  /** Why policies are not asked: a pod talks to itself, or to or from the node that it is on. Null where they are. */
  readonly exempt: 'self' | 'own-node' | null;
  /** As the sender's policies see it. */
  readonly egress: DirectionVerdict;
  /** As the receiver's policies see it. */
  readonly ingress: DirectionVerdict;
}

/** An end, looked up: the pod that policies see there (none for nodes and hostNetwork pods), its address and the node it is on or is. */
interface Party {
  readonly pod: PolicyPod | null;
  readonly address: string | null;
  readonly node: string | null;
}

const OPEN: DirectionVerdict = { isolated: false, allowed: true, by: [] };

/**
 * Decides whether the policies let a connection through: the egress policies of the sending pod and the ingress policies of the receiving one, each only
 * where some policy isolates that direction. A pod reaches itself, and its own node, always, and the node it.
 *
 * @throws RangeError for a pod that the world does not have, and for one in its node's network without an address
 */
export function evaluatePolicies(world: PolicyWorld, flow: Flow): PolicyVerdict {
  const from = partyOf(world, flow.from, flow.family);
  const to = partyOf(world, flow.to, flow.family);
  const exempt = exemption(from, to);
  if (exempt !== null) return { allowed: true, exempt, egress: OPEN, ingress: OPEN };
  const egress = directionVerdict(world, 'egress', from, to, to, flow);
  const ingress = directionVerdict(world, 'ingress', to, from, to, flow);
  return { allowed: egress.allowed && ingress.allowed, exempt: null, egress, ingress };
}

function partyOf(world: PolicyWorld, end: FlowEnd, family: Family): Party {
  if (end.kind === 'outside') return { pod: null, address: end.address, node: null };
  if (end.kind === 'node') return { pod: null, address: end.address, node: end.name };
  const pod = world.pods.find((p) => p.id === end.id);
  if (pod === undefined) throw new RangeError(`no pod ${end.id}`);
  if (pod.hostNetwork) {
    if (end.address === undefined) throw new RangeError(`pod ${end.id} is in its node's network: by which address is it seen?`);
    return { pod: null, address: end.address, node: pod.node };
  }
  const address = pod.addresses.find((a) => a.includes(':') === (family === 'ipv6')) ?? null;
  return { pod, address, node: pod.node };
}

function exemption(from: Party, to: Party): PolicyVerdict['exempt'] {
  if (from.pod !== null && from.pod === to.pod) return 'self';
  // One of them is the node itself (or a pod in its network namespace), the other is on it.
  return from.node !== null && from.node === to.node && (from.pod === null || to.pod === null) ? 'own-node' : null;
}

function directionVerdict(world: PolicyWorld, direction: PolicyDirection, subject: Party, peer: Party, destination: Party, flow: Flow): DirectionVerdict {
  const { pod } = subject;
  if (pod === null) return OPEN;
  const isolating = world.policies.filter((p) => p[direction] !== null && p.namespace === pod.namespace && selects(p.pods, pod.labels));
  if (isolating.length === 0) return OPEN;
  const allowing = isolating.filter((p) => (p[direction] ?? []).some((rule) => ruleAllows(world, p, rule, peer, destination, flow)));
  const allowed = allowing.length > 0;
  return { isolated: true, allowed, by: (allowed ? allowing : isolating).map((p) => p.id) };
}

function ruleAllows(world: PolicyWorld, policy: NetworkPolicy, rule: PolicyRule, peer: Party, destination: Party, flow: Flow): boolean {
  return (
    (rule.peers === null || rule.peers.some((candidate) => isPeer(world, policy, candidate, peer))) &&
    (rule.ports === null || rule.ports.some((port) => isPort(port, destination, flow)))
  );
}

function isPeer(world: PolicyWorld, policy: NetworkPolicy, candidate: PolicyPeer, { pod, address }: Party): boolean {
  if (candidate.kind === 'block') {
    return address !== null && cidrContains(candidate.cidr, address) && !candidate.except.some((range) => cidrContains(range, address));
  }
  if (pod === null || !selects(candidate.pods, pod.labels)) return false;
  return candidate.namespaces === null ? pod.namespace === policy.namespace : selects(candidate.namespaces, world.namespaces[pod.namespace] ?? {});
}

/** A name means the port of that name, and of this protocol, of the destination pod: what is no pod has none. */
function isPort({ protocol, port }: PolicyPort, destination: Party, flow: Flow): boolean {
  if (protocol !== flow.protocol) return false;
  if (port === null) return true;
  if (typeof port === 'string') {
    return (destination.pod?.ports ?? []).some((p) => p.name === port && p.protocol === flow.protocol && p.port === flow.port);
  }
  return flow.port >= port.first && flow.port <= port.last;
}
