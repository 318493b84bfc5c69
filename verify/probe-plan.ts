/** Which pairs are probed, in as few requests as possible: opening responders costs more than probing a small lab. */
import type { ProbeProtocol, ProbeRequest } from '../engines/port.ts';
import type { LabPlan } from '../topology/plan.ts';
import type { Family } from '../topology/spec.ts';
import { isAsked, type Cast } from './cast.ts';
import { answerers, askers, podsOnNode, speaks, type ClusterEnds } from './endpoints.ts';
import { PROBE_PORT } from '../topology/probing.ts';
import type { SettledOptions } from './options.ts';
import { classOf, type PairClass } from './pair-table.ts';
import { profiles } from './requirements.ts';

export type Pair = readonly [client: number, server: number];
export type Pairs = ProbeRequest['pairs'];

/** The pairs of a cluster in one family, for the kinds of pairs that checks want. `left` says what a sample leaves out. */
export interface PairPlan {
  readonly sets: readonly Pairs[];
  readonly left: readonly string[];
}

/**
 * Pairs for one family. Clients of self, pod-to-pod and node-to-pod share one matrix, so that the responders of the pods are opened once.
 * Two ends in one request never share a namespace, so the endpoint that answers is never in doubt.
 */
export function planPairs(cluster: ClusterEnds, family: Family, kinds: ReadonlySet<PairClass>, options: Pick<SettledOptions, 'profile' | 'sample'>): PairPlan {
  if (cluster.cast !== null) return castPairs(cluster, family, kinds, options);
  const pods = cluster.pods.filter((index) => speaks(cluster.ends[index], family));
  const nodes = cluster.nodes.filter((index) => speaks(cluster.ends[index], family));
  if (pods.length === 0) return { sets: [], left: [] };
  const own = profiles[options.profile].nodeToPod === 'own-node';
  const wants = { mesh: kinds.has('pod-to-pod'), self: kinds.has('self'), nodes: kinds.has('node-to-pod'), back: kinds.has('pod-to-node') };
  const tooMany = options.sample !== null && pods.length * (pods.length - 1) > options.sample;
  const sets: Pairs[] = [];
  const left: string[] = [];
  if (wants.mesh && !tooMany) {
    sets.push({ kind: 'matrix', clients: wants.nodes && !own ? [...pods, ...nodes] : pods, servers: pods, self: wants.self });
  } else {
    const pairs: Pair[] = [];
    if (wants.mesh) pairs.push(...sampled('pod-to-pod', cluster, pods, pods, options.sample ?? 0, left));
    if (wants.self) pairs.push(...pods.map((pod): Pair => [pod, pod]));
    if (wants.nodes && !own) pairs.push(...sampled('node-to-pod', cluster, nodes, pods, options.sample ?? Infinity, left));
    if (pairs.length > 0) sets.push({ kind: 'list', pairs });
  }
  if (wants.nodes && own) {
    const pairs = nodes.flatMap((node) =>
      podsOnNode(cluster, cluster.ends[node]?.node ?? 0)
        .filter((pod) => pods.includes(pod))
        .map((pod): Pair => [node, pod]),
    );
    if (pairs.length > 0) sets.push({ kind: 'list', pairs });
  }
  if (wants.back) sets.push({ kind: 'matrix', clients: pods, servers: nodes, self: false });
  return { sets, left };
}

/** The pairs that a cast plays, one set for the pods as servers and one for the nodes. */
function castPairs(cluster: ClusterEnds, family: Family, kinds: ReadonlySet<PairClass>, options: Pick<SettledOptions, 'profile'>): PairPlan {
  const { cast, nodeIds } = cluster;
  const speaking = (index: number): boolean => speaks(cluster.ends[index], family);
  if (cast?.pairs !== undefined)
    return { sets: pairSets(chosenPairs(cluster, cast.pairs, speaking).filter(([client, server]) => kinds.has(classOf(cluster, client, server)))), left: [] };
  const asking = askers(cluster, cluster.pods, 'asks').filter(speaking);
  const asksAll = askers(cluster, asking, 'asksAll');
  const answering = answerers(cluster, cluster.pods).filter(speaking);
  const nodes = cluster.nodes.filter(speaking);
  const askingNodes = askers(cluster, nodes, 'asks');
  const nodeOf = (index: number): number => cluster.ends[index]?.node ?? 0;
  const own = profiles[options.profile].nodeToPod === 'own-node';
  const pairsOf = (clients: readonly number[], servers: readonly number[], allowed: (client: number, server: number) => boolean): readonly Pair[] =>
    clients.flatMap((client) => servers.filter((server) => allowed(nodeOf(client), nodeOf(server))).map((server): Pair => [client, server]));
  const sampled = (client: number, server: number): boolean => isAsked(cast, client, server, nodeIds.length);
  const toPods = [
    ...(kinds.has('pod-to-pod') ? pairsOf(asking, answering, sampled) : []),
    ...(kinds.has('self') ? asksAll.map((pod): Pair => [pod, pod]) : []),
    ...(kinds.has('node-to-pod') ? pairsOf(askingNodes, answering, own ? (client, server) => client === server : sampled) : []),
  ];
  const toNodes = kinds.has('pod-to-node') ? pairsOf(asksAll, nodes, sampled) : [];
  const left =
    cast === null || cast.offsets === 'all'
      ? []
      : [
          `${cluster.plan.name}: each of ${nodeIds.length} nodes asked ${cast.offsets.length} (itself, and others at even distances), and was asked by as many; the other pairs of nodes were left out`,
        ];
  return { sets: pairSets(toPods, toNodes), left };
}

function pairSets(...sets: readonly (readonly Pair[])[]): readonly Pairs[] {
  return sets.filter((pairs) => pairs.length > 0).map((pairs) => ({ kind: 'list', pairs }));
}

/** The ends that a cast names, by their identities. */
function chosenPairs(cluster: ClusterEnds, pairs: NonNullable<Cast['pairs']>, speaking: (index: number) => boolean): readonly Pair[] {
  const index = new Map(cluster.ends.map((end, at) => [end.id, at]));
  return pairs.flatMap(([from, to]): readonly Pair[] => {
    const [client, server] = [index.get(from), index.get(to)];
    return client === undefined || server === undefined || !speaking(client) || !speaking(server) ? [] : [[client, server]];
  });
}

/** Calls `visit` for every pair of a set. */
export function eachPair(pairs: Pairs, visit: (client: number, server: number) => void): void {
  if (pairs.kind === 'list') {
    for (const [client, server] of pairs.pairs) visit(client, server);
    return;
  }
  for (const client of pairs.clients) {
    for (const server of pairs.servers) if (client !== server || pairs.self) visit(client, server);
  }
}

/** A request over a cluster's ends, with the ordinary port. */
export function probeRequest(
  cluster: ClusterEnds,
  protocol: ProbeProtocol,
  family: Family,
  pairs: Pairs,
  rest: Partial<ProbeRequest> & Pick<ProbeRequest, 'attempts' | 'deadlineMs'>,
): ProbeRequest {
  return { protocol, family, port: PROBE_PORT, endpoints: cluster.endpoints, pairs, responders: 'listen', conntrack: [], ...rest };
}

/** Namespaces in which a connection of the cluster could be translated: its nodes, and every router between segments. */
export function crossedNamespaces(plan: LabPlan, cluster: ClusterEnds): readonly string[] {
  return [...cluster.plan.nodes.map((node) => node.netns), ...plan.machines.filter((machine) => machine.kind === 'router').map((machine) => machine.netns)];
}

/** One pair for every ordered pair of nodes first, then pairs at an even stride until the bound. */
function sampled(
  kind: PairClass,
  cluster: ClusterEnds,
  clients: readonly number[],
  servers: readonly number[],
  bound: number,
  left: string[],
): readonly Pair[] {
  const all = clients.length * servers.length - (clients === servers ? clients.length : 0);
  const chosen = new Set<number>();
  const cells = new Set<number>();
  const width = servers.length;
  const take = (at: number): void => {
    if (clients[Math.floor(at / width)] !== servers[at % width]) chosen.add(at);
  };
  if (all <= bound) {
    for (let at = 0; at < clients.length * width; at++) take(at);
  } else {
    for (let at = 0; at < clients.length * width; at++) {
      const client = clients[Math.floor(at / width)] ?? 0;
      const server = servers[at % width] ?? 0;
      const cell = (cluster.ends[client]?.node ?? 0) * cluster.nodeIds.length + (cluster.ends[server]?.node ?? 0);
      if (client === server || cells.has(cell)) continue;
      cells.add(cell);
      chosen.add(at);
    }
    const stride = Math.max(1, Math.floor((clients.length * width) / bound));
    for (let at = 0; at < clients.length * width && chosen.size < bound; at += stride) take(at);
    left.push(`${kind} in ${cluster.plan.name}: ${chosen.size} of ${all} pairs were sampled, at least one for every ordered pair of nodes that has any`);
  }
  return [...chosen].map((at): Pair => [clients[Math.floor(at / width)] ?? 0, servers[at % width] ?? 0]);
}
