/**
 * What must become of a connection to a Service, from the documented behaviour of kube-proxy and written apart from what programs the rules. Pure.
 * Sources: https://kubernetes.io/docs/reference/networking/virtual-ips/ (traffic policies, traffic distribution),
 * https://kubernetes.io/docs/tutorials/services/source-ip/
 */
import { cidrContains, parseCidr } from '../../topology/cidr.ts';
import type { ClusterPlan } from '../../topology/plan.ts';
import type { EndpointPlan, ServicePlan, ServicePortPlan } from '../../topology/services/service-plan.ts';
import { ZONE_LABEL } from '../../topology/services/traffic-distribution.ts';
import type { Family } from '../../topology/spec.ts';

export type Via = 'cluster-ip' | 'node-port' | 'external-ip' | 'load-balancer';

/** An address and port at which a Service is asked for. */
export interface Door {
  readonly via: Via;
  readonly address: string;
  readonly port: number;
  /** The node whose address it is, or that takes its packets in from the outside; null where no single one does. */
  readonly node: string | null;
}

/** Who asks. */
export interface Caller {
  readonly kind: 'pod' | 'node' | 'outside';
  /** Identity of a pod; null for others. */
  readonly pod: string | null;
  /** Name of the node that it is on or is; null outside. */
  readonly node: string | null;
  /** The address that it asks from. */
  readonly address: string;
}

/** As whom the endpoint may see the client. */
export interface SourceRule {
  /** By the client's own address. */
  readonly kept: boolean;
  /** By an address of one of these nodes. */
  readonly nodes: readonly string[];
}

export interface Candidate {
  readonly endpoint: EndpointPlan;
  readonly port: number;
  readonly source: SourceRule;
}

export type Expectation =
  /** Each candidate is as likely as the others. `proxy`: the node that chooses. */
  | { readonly fate: 'served'; readonly proxy: string; readonly candidates: readonly Candidate[]; readonly because: 'cluster' | 'local-policy' | 'hints' }
  | { readonly fate: 'refused' | 'dropped'; readonly because: 'no-endpoints' | 'no-local-endpoints' | 'source-ranges' }
  | { readonly fate: 'unjudged'; readonly because: string };

/** As whom a pod's packets leave its node for what is no pod. */
export function leavesAs(cluster: Pick<ClusterPlan, 'cni'>): 'node' | 'pod' | 'unknown' {
  const { cni } = cluster;
  switch (cni.type) {
    case 'bridge':
      return cni.masquerade ? 'node' : 'pod';
    case 'calico':
      return cni.natOutgoing ? 'node' : 'pod';
    case 'flannel':
    case 'weave':
    case 'kindnet':
      return 'node';
    case 'raw':
    case 'observed':
      return 'unknown';
  }
}

export interface UsableEndpoint {
  readonly endpoint: EndpointPlan;
  readonly port: number;
}

/** Endpoints that may be chosen: ready ones of the family that have the port. */
export function usableEndpoints(service: ServicePlan, port: ServicePortPlan, family: Family): readonly UsableEndpoint[] {
  return service.endpoints.flatMap((endpoint) => {
    const target = endpoint.ports.find((has) => has.name === port.name && has.protocol === port.protocol);
    const usable = endpoint.family === family && endpoint.ready;
    return usable && target !== undefined ? [{ endpoint, port: target.port }] : [];
  });
}

/**
 * Of ready endpoints those that the proxy of a node prefers, and by which hints: its node's, else its zone's. Hints of a kind count where every endpoint has
 * one and some endpoint has that of the node; with neither all endpoints are used.
 */
export function preferredEndpoints(
  { nodes }: Pick<ClusterPlan, 'nodes'>,
  ready: readonly UsableEndpoint[],
  proxy: string,
): { readonly by: 'node' | 'zone' | null; readonly endpoints: readonly UsableEndpoint[] } {
  const zone = nodes.find((node) => node.name === proxy)?.labels[ZONE_LABEL] ?? '';
  for (const [by, kind, place] of [['node', 'nodes', proxy] as const, ['zone', 'zones', zone] as const]) {
    const hinted = ready.filter(({ endpoint }) => (endpoint.hints?.[kind].length ?? 0) > 0);
    const endpoints = hinted.filter(({ endpoint }) => endpoint.hints?.[kind].includes(place));
    if (hinted.length === ready.length && endpoints.length > 0) return { by, endpoints };
  }
  return { by: null, endpoints: ready };
}

/** How a packet stands before the proxy that handles it. */
type Standing = 'own-pod' | 'own-node' | 'stranger' | 'foreign-pod' | 'unknown';

function standingAt(cluster: ClusterPlan, proxy: string, caller: Caller): Standing {
  if (caller.kind === 'outside') return 'stranger';
  if (caller.kind === 'node') return caller.node === proxy ? 'own-node' : 'stranger';
  if (caller.node === proxy) return 'own-pod';
  const leaves = leavesAs(cluster);
  return leaves === 'node' ? 'stranger' : leaves === 'pod' ? 'foreign-pod' : 'unknown';
}

/**
 * What a client must get from a Service at a door. Policies of the network are not asked here.
 */
export function expectService(cluster: ClusterPlan, service: ServicePlan, port: ServicePortPlan, family: Family, caller: Caller, door: Door): Expectation {
  // A node port belongs to the node that is dialled; any other address is translated where the client is.
  const proxy = door.via === 'node-port' || caller.node === null ? door.node : caller.node;
  if (proxy === null) return { fate: 'unjudged', because: `no node of the cluster takes ${door.address} in` };
  const all = usableEndpoints(service, port, family);
  const ranged = door.via === 'load-balancer' && service.loadBalancerSourceRanges.length > 0;
  if (ranged && !service.loadBalancerSourceRanges.some((range) => cidrContains(parseCidr(range), caller.address)))
    return all.length === 0
      ? { fate: 'unjudged', because: 'without endpoints a client beyond the source ranges is dropped or refused, by mode' }
      : { fate: 'dropped', because: 'source-ranges' };
  if (all.length === 0) return { fate: 'refused', because: 'no-endpoints' };
  const standing = standingAt(cluster, proxy, caller);
  const internal = door.via === 'cluster-ip';
  const local = internal ? service.internalTrafficPolicy === 'Local' : service.externalTrafficPolicy === 'Local';
  if (!internal && local && (standing === 'foreign-pod' || standing === 'unknown'))
    return { fate: 'unjudged', because: 'whether the node sees the pod or its node is the network’s choice, and decides which endpoints are used' };
  // Under a Local policy for the outside, the pods and the node of the proxy itself still use all endpoints.
  const confined = local && (internal || standing === 'stranger');
  const preferred = preferredEndpoints(cluster, all, proxy);
  const chosen = confined ? all.filter(({ endpoint }) => endpoint.node === proxy) : preferred.endpoints;
  if (chosen.length === 0) return { fate: 'dropped', because: 'no-local-endpoints' };
  const masqueraded = internal ? caller.kind !== 'pod' : !local || standing === 'own-node';
  const candidates = chosen.map(
    ({ endpoint, port: target }): Candidate => ({
      endpoint,
      port: target,
      source: masqueraded || isSelf(caller, endpoint) ? { kept: false, nodes: [proxy] } : unmasqueraded(cluster, caller, endpoint, standing, proxy),
    }),
  );
  return { fate: 'served', proxy, candidates, because: local ? 'local-policy' : preferred.by === null ? 'cluster' : 'hints' };
}

/** A pod that gets itself: without masquerade it would answer itself directly, and wait for an answer from the Service. */
function isSelf(caller: Caller, endpoint: EndpointPlan): boolean {
  return caller.kind === 'pod' && caller.pod === endpoint.pod && caller.address === endpoint.address;
}

/** The proxy leaves the source alone; the pod network may change it on the way to what is no pod, or from what is none. */
function unmasqueraded(cluster: ClusterPlan, caller: Caller, endpoint: EndpointPlan, standing: Standing, proxy: string): SourceRule {
  const toPod = cluster.podCIDRs.some((range) => cidrContains(parseCidr(range), endpoint.address));
  if (standing === 'stranger') {
    const enters = toPod ? entersAs(cluster) : 'itself';
    if (enters === 'node') return { kept: false, nodes: [proxy] };
    const came = caller.kind === 'pod' && caller.node !== null ? [caller.node] : [];
    return { kept: came.length === 0, nodes: enters === 'unknown' ? [...came, proxy] : came };
  }
  if (caller.kind !== 'pod' || caller.node === null || toPod || endpoint.node === caller.node) return { kept: true, nodes: [] };
  const leaves = leavesAs(cluster);
  return { kept: leaves !== 'node', nodes: leaves === 'pod' ? [] : [caller.node] };
}

/** As whom what is no pod enters the pod network: weave masquerades it, others leave it alone on the node that has the pod. */
function entersAs({ cni }: Pick<ClusterPlan, 'cni'>): 'itself' | 'node' | 'unknown' {
  return cni.type === 'weave' ? 'node' : cni.type === 'raw' || cni.type === 'observed' ? 'unknown' : 'itself';
}
