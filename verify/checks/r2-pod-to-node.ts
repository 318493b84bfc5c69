import type { ProbeBatch, ProbeProtocol } from '../../engines/port.ts';
import { OUTCOMES } from '../../topology/outcome.ts';
import type { Family } from '../../topology/spec.ts';
import { isAsked } from '../cast.ts';
import { askers, speaks, type ClusterEnds } from '../endpoints.ts';
import { OK } from '../oracle.ts';
import { probeRequest, type Pair } from '../probe-plan.ts';
import { profiles } from '../requirements.ts';
import type { Run } from '../run.ts';
import { concludeCheck, NO_PROBES, type Check, type CheckOutcome } from './check.ts';
import { judgePairs } from './pairs-of-mesh.ts';

/** Above that many pairs a pod asks its own node and one other. */
const ALL_PAIRS = 1000;

/**
 * What a node sees of a pod that opens a connection to it. Bridge and flannel masquerade what leaves the pod network, by design: only
 * profile strict judges it, the others report it.
 */
export const r2PodToNode: Check = {
  id: 'r2-pod-to-node',
  title: 'pods reach nodes',
  suite: 'network',
  requirement: 'R2',
  pairs: ['pod-to-node'],
  run: (run) =>
    profiles[run.options.profile].podToNode === 'verdict' ? judgePairs(run, r2PodToNode, 'pod-to-node', 'no pod has an interface of its own') : observe(run),
};

/** Probes by where they went and what the node saw. */
interface Sight {
  pairs: number;
  seen: Map<string, number>;
}

async function observe(run: Run): Promise<CheckOutcome> {
  const near: Sight = { pairs: 0, seen: new Map() };
  const far: Sight = { pairs: 0, seen: new Map() };
  const protocol = run.options.protocols[0] ?? 'tcp';
  for (const cluster of run.clusters) {
    for (const family of run.options.families) {
      if (!cluster.plan.families.includes(family)) continue;
      await observeCluster(run, cluster, protocol, family, near, far);
    }
  }
  for (const [id, place, sight] of [
    ['near', 'their own node', near],
    ['far', 'another node', far],
  ] as const) {
    if (sight.pairs === 0) continue;
    const value = [...sight.seen]
      .sort((a, b) => b[1] - a[1])
      .slice(0, 6)
      .map(([what, count]) => `${what} (${count})`)
      .join(', ');
    run.observations.push({ id: `pod-to-node-source-${id}`, title: `what pods look like to ${place} (${protocol})`, value });
  }
  const hostNetwork = run.clusters.flatMap((cluster) => cluster.hostNetworkPods);
  if (hostNetwork.length > 0) {
    const names = hostNetwork
      .slice(0, 5)
      .map((pod) => pod.id)
      .join(', ');
    run.observations.push({
      id: 'host-network-pods',
      title: 'pods on the host network',
      value: `${hostNetwork.length}, probed as their nodes, whose namespace and address they have: ${names}${hostNetwork.length > 5 ? ', …' : ''}`,
    });
  }
  return concludeCheck(r2PodToNode, {
    pairs: { planned: 0, passed: 0, failed: 0, inconclusive: 0 },
    counts: NO_PROBES,
    failures: [],
    observedOnly: `profile ${run.options.profile} observes it and does not judge it`,
  });
}

async function observeCluster(run: Run, cluster: ClusterEnds, protocol: ProbeProtocol, family: Family, near: Sight, far: Sight): Promise<void> {
  const pairs = choosePairs(cluster, family);
  if (pairs.length === 0) return;
  const asked = cluster.pods.length * cluster.nodes.length;
  if (cluster.cast === null && pairs.length < asked)
    run.notLookedAt.push(`pod-to-node in ${cluster.plan.name}: ${pairs.length} of ${asked} pairs, each pod to its own node and to one other`);
  const request = probeRequest(cluster, protocol, family, { kind: 'list', pairs }, { attempts: 1, deadlineMs: await run.followUpMs() });
  await run.probe(request, `${cluster.plan.name} pods to nodes`, (batch) => {
    for (let row = 0; row < batch.length; row++) {
      const isNear = cluster.ends[batch.client[row] ?? 0]?.node === cluster.ends[batch.server[row] ?? 0]?.node;
      const sight = isNear ? near : far;
      const what = describeSource(cluster, batch, row);
      sight.pairs++;
      sight.seen.set(what, (sight.seen.get(what) ?? 0) + 1);
    }
  });
}

function choosePairs(cluster: ClusterEnds, family: Family): readonly Pair[] {
  const nodes = cluster.nodes.filter((node) => speaks(cluster.ends[node], family));
  const pods = askers(cluster, cluster.pods, 'asksAll').filter((pod) => speaks(cluster.ends[pod], family));
  if (cluster.cast !== null) {
    const nodeOf = (index: number): number => cluster.ends[index]?.node ?? 0;
    return pods.flatMap((pod) =>
      nodes.filter((node) => isAsked(cluster.cast, nodeOf(pod), nodeOf(node), cluster.nodeIds.length)).map((node): Pair => [pod, node]),
    );
  }
  if (pods.length * nodes.length <= ALL_PAIRS) return pods.flatMap((pod) => nodes.map((node): Pair => [pod, node]));
  return pods.flatMap((pod, turn): Pair[] => {
    const own = cluster.ends[pod]?.node ?? 0;
    const other = (own + 1 + (turn % Math.max(1, nodes.length - 1))) % nodes.length;
    return [...new Set([own, other])].flatMap((index): Pair[] => {
      const node = nodes[index];
      return node === undefined ? [] : [[pod, node]];
    });
  });
}

/** The source as a node saw it, by its role: the pod's own address, or an address of some machine. */
function describeSource(cluster: ClusterEnds, batch: ProbeBatch, row: number): string {
  const outcome = batch.outcome[row] ?? 0;
  if (outcome !== OK) return OUTCOMES[outcome] ?? 'error';
  const source = batch.seenSourceAddress[row] ?? 0;
  if (source === batch.localAddress[row]) return batch.seenSourcePort[row] === batch.localPort[row] ? "the pod's address" : "the pod's address, another port";
  const address = batch.addresses[source] ?? '';
  const owner = cluster.byAddress.get(address);
  const client = cluster.ends[batch.client[row] ?? 0];
  const end = owner === undefined ? undefined : cluster.ends[owner];
  if (end === undefined) return `another address, ${address}`;
  const role = end.roles.get(address) ?? '';
  return end.nodeId === client?.nodeId ? `masqueraded as its node's ${role}` : `as ${role} of ${end.id}`;
}
