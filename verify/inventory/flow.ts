/** Who wanted to talk to whom: the failures of a verification, with both ends looked up. */
import type { Outcome, ProbeProtocol } from '../../engines/port.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { isClusterDns } from '../../topology/services/cluster-services.ts';
import type { Family } from '../../topology/spec.ts';
import type { Failure } from '../report.ts';
import type { EndpointView, LabView } from './lab-view.ts';

/** A failure whose client is known; `server` is null for findings about one thing. */
export interface Flow {
  readonly failure: Failure;
  readonly client: EndpointView;
  readonly server: EndpointView | null;
  readonly family: Family;
  readonly protocol: ProbeProtocol;
}

/** A flow with two ends. */
export interface PairFlow extends Flow {
  readonly server: EndpointView;
}

/** Looks both ends of each failure up; a failure about something that is no endpoint of the plan is left out. Questions for names go to the cluster's DNS. */
export function flowsOf(view: LabView, failures: readonly Failure[]): readonly Flow[] {
  return failures.flatMap((failure) => {
    const client = view.endpoints.get(failure.client) ?? hostOf(view, failure);
    if (client === undefined) return [];
    const family = failure.family ?? primaryFamily(view.plan);
    const server = failure.server === '' ? nameServer(view, failure, client, family) : (view.endpoints.get(failure.server) ?? null);
    return [{ failure, client, server, family, protocol: failure.protocol ?? (asksForNames(failure) ? 'udp' : 'tcp') }];
  });
}

function hostOf(view: LabView, failure: Failure): EndpointView | undefined {
  const machine = view.plan.machines.find((one) => one.id === failure.client);
  const node = view.nodes.find((one) => one.id === failure.serverNode);
  return machine === undefined || node === undefined ? undefined : { id: machine.id, kind: 'host', netns: machine.netns, node, pod: null };
}

/** Is it about a question for a name, to whichever address? */
export function asksForNames(failure: Failure): boolean {
  return failure.check.startsWith('dns-') && failure.check !== 'dns-resolv-conf';
}

/** The pods that serve the names of a cluster, as the plan has them. */
export function nameServers(view: LabView, cluster: string, family: Family): readonly EndpointView[] {
  const service = view.clusters.get(cluster)?.services.find(isClusterDns);
  const pods = (service?.endpoints ?? []).flatMap((endpoint) => (endpoint.family === family && endpoint.ready && endpoint.pod !== null ? [endpoint.pod] : []));
  return [...new Set(pods)].flatMap((pod) => view.endpoints.get(pod) ?? []);
}

/** The server behind the address that was asked, where there is one only. */
function nameServer(view: LabView, failure: Failure, client: EndpointView, family: Family): EndpointView | null {
  const servers = asksForNames(failure) ? nameServers(view, client.node.cluster, family) : [];
  return servers.length === 1 ? (servers[0] ?? null) : null;
}

/** Does the flow have two ends? */
export function isPair(flow: Flow): flow is PairFlow {
  return flow.server !== null;
}

const LOST: ReadonlySet<string> = new Set<Outcome>(['silent', 'no-route', 'unreachable', 'no-host', 'stalled', 'error']);

/** The probe did not come back. */
export function isLost(flow: Flow): boolean {
  return LOST.has(flow.failure.class);
}

/** Nothing came back, or a refusal. */
export function isDead(flow: Flow): boolean {
  return isLost(flow) || flow.failure.class === 'refused';
}

/** The probe came back, or was seen, with other addresses or ports. */
export function isRewritten(flow: Flow): boolean {
  return flow.failure.class === 'rewritten' || flow.failure.class === 'hidden-nat';
}

/** Do the packets of the flow leave their node? */
export function crossesNodes(flow: PairFlow): boolean {
  return flow.client.node.id !== flow.server.node.id;
}

/** Is the flow between these two nodes, from the first to the second? */
export function goes(flow: Flow, from: string, to: string): boolean {
  return flow.client.node.id === from && flow.server?.node.id === to;
}

/** Is the flow between these two nodes, either way? */
export function joins(flow: Flow, one: string, other: string): boolean {
  return goes(flow, one, other) || goes(flow, other, one);
}

/** Is the thing one of the ends? */
export function touches(flow: Flow, id: string): boolean {
  return flow.client.id === id || flow.server?.id === id;
}

/** Is one of the ends on the node (or the node itself)? */
export function touchesNode(flow: Flow, node: string): boolean {
  return flow.client.node.id === node || flow.server?.node.id === node;
}

function primaryFamily(plan: LabPlan): Family {
  return plan.families[0] ?? 'ipv4';
}
