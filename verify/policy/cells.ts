/** The truth table: every client × server × port that policies could tell apart. Pure. */
import type { LabPlan } from '../../topology/plan.ts';
import type { Family } from '../../topology/spec.ts';
import { answerers, askers, speaks, type ClusterEnds } from '../endpoints.ts';
import { PROBE_PORT } from '../../topology/probing.ts';
import { isServed } from '../cast.ts';
import { isRoutedTo } from './hosts.ts';
import { policyStand, type Stand } from './stand.ts';
import { worldOf } from './world.ts';

export interface PolicyCell {
  readonly client: number;
  readonly server: number;
  readonly protocol: 'tcp' | 'udp';
  readonly family: Family;
  readonly port: number;
  readonly stand: Stand;
}

/** More ports than these are not tried: each is a responder per pod. */
export const MOST_PORTS = 16;

/**
 * Ports that are tried: container ports of the pods, both ends of each range in a policy and the ports beside it, and one that nobody names. All that
 * policies say changes between two of these.
 */
export function portsToTry(cluster: ClusterEnds, protocol: 'tcp' | 'udp'): readonly number[] {
  const { policies, pods } = worldOf(cluster.plan);
  const upper = protocol === 'tcp' ? 'TCP' : 'UDP';
  const named = policies
    .flatMap((policy) => [...(policy.ingress ?? []), ...(policy.egress ?? [])])
    .flatMap((rule) => rule.ports ?? [])
    .filter((port) => port.protocol === upper)
    .flatMap(({ port }) => (port === null || typeof port === 'string' ? [] : [port.first, port.last, port.first - 1, port.last + 1]));
  const served = pods.flatMap((pod) => pod.ports.filter((port) => port.protocol === upper).map((port) => port.port));
  return [...new Set([PROBE_PORT, ...served, ...named])].filter((port) => port >= 1 && port <= 65_535);
}

/** The cells of a cluster in one family and protocol; with hosts where these and the pod reach each other by their own addresses. */
export function cellsOf(cluster: ClusterEnds, plan: LabPlan, family: Family, protocol: 'tcp' | 'udp'): readonly PolicyCell[] {
  return placesOf(cluster, plan, family, protocol)
    .filter(({ served }) => served)
    .map(({ client, server, port }): PolicyCell => {
      return { client, server, protocol, family, port, stand: policyStand(cluster, client, server, protocol, family, port) };
    });
}

/** Ports of servers that are not tried, since nothing answers there that says who it is, and how many cells that leaves out. */
export function unservedPorts(
  cluster: ClusterEnds,
  plan: LabPlan,
  family: Family,
  protocol: 'tcp' | 'udp',
): { readonly cells: number; readonly ports: readonly number[] } {
  const left = placesOf(cluster, plan, family, protocol).filter(({ served }) => !served);
  return { cells: left.length, ports: [...new Set(left.map(({ port }) => port))] };
}

type Place = Pick<PolicyCell, 'client' | 'server' | 'port'> & { readonly served: boolean };

function placesOf(cluster: ClusterEnds, plan: LabPlan, family: Family, protocol: 'tcp' | 'udp'): readonly Place[] {
  const speaking = (index: number): boolean => speaks(cluster.ends[index], family);
  const clients = askers(cluster, [...cluster.pods, ...cluster.nodes], 'asks').filter(speaking);
  const servers = answerers(cluster, cluster.pods).filter(speaking);
  const hosts = cluster.ends.flatMap((end, index) =>
    end.kind === 'host' && speaks(end, family) && (cluster.cast?.machines?.has(end.id) ?? true) ? [index] : [],
  );
  const routed = (index: number): boolean => hosts.length > 0 && cluster.ends.slice(index, index + 1).some((pod) => isRoutedTo(plan, pod, family));
  const pairs = [
    ...clients.flatMap((client) => servers.filter((server) => server !== client).map((server) => [client, server] as const)),
    ...servers.filter(routed).flatMap((server) => hosts.map((host) => [host, server] as const)),
    ...clients.filter((client) => cluster.ends[client]?.kind === 'pod' && routed(client)).flatMap((client) => hosts.map((host) => [client, host] as const)),
  ];
  return portsToTry(cluster, protocol)
    .slice(0, MOST_PORTS)
    .flatMap((port) =>
      pairs.map(([client, server]): Place => ({ client, server, port, served: isServed(cluster.cast, addressOf(cluster, server, family), protocol, port) })),
    );
}

const addressOf = ({ ends }: ClusterEnds, index: number, family: Family): string =>
  ends[index]?.endpoint.addresses.find((one) => one.family === family)?.address ?? '';

/** Who decided, for people: `default/deny-all (ingress)`. */
export function decidedBy({ stand }: PolicyCell): string {
  if (stand.stand === 'unsure') return 'it depends on the address that the node takes';
  const { egress, ingress, exempt } = stand.verdict;
  if (exempt !== null) return 'policies are not asked on a node itself';
  const sides = (['egress', 'ingress'] as const).filter((side) => (stand.stand === 'blocked' ? !stand.verdict[side].allowed : stand.verdict[side].isolated));
  if (sides.length === 0) return !egress.isolated && !ingress.isolated ? 'no policy isolates either end' : '';
  return sides.map((side) => `${stand.verdict[side].by.join(', ')} (${side})`).join(' and ');
}
