/** What the NetworkPolicies of a cluster say of a connection between two of its ends. Pure; asks the evaluator, and only about ends that policies isolate. */
import type { ProbeProtocol } from '../../engines/port.ts';
import { evaluatePolicies, type Flow, type FlowEnd, type PolicyVerdict } from '../../topology/policy/evaluate.ts';
import type { PolicyPod, PolicyWorld } from '../../topology/policy/model.ts';
import { selects } from '../../topology/policy/select.ts';
import type { Family } from '../../topology/spec.ts';
import { dialledAddress, type ClusterEnds, type End } from '../endpoints.ts';
import { enforcesPolicies } from './enforcement.ts';
import { worldOf } from './world.ts';

export type Stand =
  | { readonly stand: 'open' | 'blocked'; readonly verdict: PolicyVerdict }
  /** Addresses of a node are treated differently, and which of them a packet has is the route's choice; or what policies do to ICMP is not defined. */
  | { readonly stand: 'unsure' };

const OPEN: PolicyVerdict = {
  allowed: true,
  exempt: null,
  egress: { isolated: false, allowed: true, by: [] },
  ingress: { isolated: false, allowed: true, by: [] },
};
const FREE: Stand = { stand: 'open', verdict: OPEN };
const UNSURE: Stand = { stand: 'unsure' };

interface Isolation {
  readonly world: PolicyWorld;
  /** Identities of the pods that some policy isolates, by direction. */
  readonly ingress: ReadonlySet<string>;
  readonly egress: ReadonlySet<string>;
}

const isolations = new WeakMap<ClusterEnds['plan'], Isolation>();

function isolationOf(plan: ClusterEnds['plan']): Isolation {
  const known = isolations.get(plan);
  if (known !== undefined) return known;
  const world = worldOf(plan);
  const isolated = (direction: 'ingress' | 'egress', pod: PolicyPod): boolean =>
    world.policies.some((policy) => policy[direction] !== null && policy.namespace === pod.namespace && selects(policy.pods, pod.labels));
  const ids = (direction: 'ingress' | 'egress'): ReadonlySet<string> => new Set(world.pods.filter((pod) => isolated(direction, pod)).map((pod) => pod.id));
  const made = { world, ingress: ids('ingress'), egress: ids('egress') };
  isolations.set(plan, made);
  return made;
}

/** What the policies say, whether or not anything enforces them. */
export function policyStand(cluster: ClusterEnds, client: number, server: number, protocol: ProbeProtocol, family: Family, port: number): Stand {
  const { world, ingress, egress } = isolationOf(cluster.plan);
  const from = cluster.ends[client];
  const to = cluster.ends[server];
  if (from === undefined || to === undefined || client === server || !(egress.has(from.id) || ingress.has(to.id))) return FREE;
  const verdicts = endsOf(cluster, from, family).flatMap((sender) =>
    endsOf(cluster, to, family).map((receiver) =>
      evaluatePolicies(world, { from: sender, to: receiver, family, port, protocol: protocol === 'udp' ? 'UDP' : 'TCP' } satisfies Flow),
    ),
  );
  const [first] = verdicts;
  if (first === undefined || first.exempt !== null) return FREE;
  if (protocol === 'icmp' || verdicts.some((verdict) => verdict.allowed !== first.allowed)) return UNSURE;
  return { stand: first.allowed ? 'open' : 'blocked', verdict: first };
}

/** May the connection be expected to work? Where nobody says whether policies are enforced, only what they leave open may. */
export function isPermitted(cluster: ClusterEnds, client: number, server: number, protocol: ProbeProtocol, family: Family, port: number): boolean {
  return enforcesPolicies(cluster.plan) === false || policyStand(cluster, client, server, protocol, family, port).stand === 'open';
}

/** A pod by its name; a host by its address, a node by each of its addresses. */
function endsOf({ plan }: ClusterEnds, end: End, family: Family): readonly FlowEnd[] {
  if (end.pod !== null) return [{ kind: 'pod', id: end.id }];
  if (end.kind === 'host') return [{ kind: 'outside', address: dialledAddress(end, family) }];
  const name = plan.nodes[end.node]?.name ?? '';
  return [...end.roles.keys()].filter((address) => address.includes(':') === (family === 'ipv6')).map((address) => ({ kind: 'node', name, address }));
}
