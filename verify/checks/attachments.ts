import type { Outcome } from '../../engines/port.ts';
import type { Family } from '../../topology/spec.ts';
import { dialledAddress, endsOfNetwork, speaks, type ClusterEnds } from '../endpoints.ts';
import { execLine, pairFailure, type ProbedFailure } from '../failure.ts';
import { inventoryAttachments } from '../inventory/attachments.ts';
import { viewLab } from '../inventory/lab-view.ts';
import { probePairs } from '../mesh.ts';
import { createPairTable, type PairTable } from '../pair-table.ts';
import { probeRequest, type Pair } from '../probe-plan.ts';
import type { Run } from '../run.ts';
import { concludeCheck, type Check } from './check.ts';
import { SILENCE_MS } from './controls.ts';
import { countFailure, countUnknown, startCount, type Count } from './count.ts';
import { tallyPairs } from './pairs-of-mesh.ts';
import { findingFailure } from './static-check.ts';

/**
 * Second networks: each pod that asks has its interface on the bridge of its node, with its address; over it the pods of a node reach each other, and see each
 * other's addresses there unchanged; and the pods of two nodes do not, since no wire joins their bridges. Policies are not asked: they are about the first network.
 * The pairs of its result are interfaces, pairs of pods of one node, and one pair of pods for each two nodes.
 */
export const attachments: Check = {
  id: 'attachments',
  title: 'pods of one node, and no others, reach each other over their second networks',
  suite: 'network',
  requirement: null,
  pairs: [],
  concerns: ({ clusters }) => clusters.some(({ networks = [] }) => networks.length > 0),
  run: async (run) => {
    // What is looked at besides the pairs of one node.
    const found = startCount();
    await lookAt(run, found);
    const tables: PairTable[] = [];
    const bridges = new Map<ClusterEnds, string>();
    // A cast is of the first network.
    for (const cluster of run.clusters.filter(({ cast }) => cast === null)) {
      for (const { name, bridge } of cluster.plan.networks ?? []) {
        const ends = endsOfNetwork(cluster, name);
        const table = createPairTable(ends);
        tables.push(table);
        bridges.set(ends, bridge);
        await probeNear(run, table, name);
        await probeFar(run, ends, name, found);
        observe(run, table, name, bridge);
      }
    }
    const near = tallyPairs(run, attachments, 'pod-to-pod', tables);
    return concludeCheck(attachments, {
      ...near,
      pairs: {
        planned: near.pairs.planned + found.planned,
        passed: near.pairs.passed + found.passed,
        failed: near.pairs.failed + found.failed,
        inconclusive: near.pairs.inconclusive + found.inconclusive,
      },
      failures: [...found.failures, ...near.failures.map((one) => withBridge(run, one, bridges))],
      failuresTotal: near.failuresTotal + found.failures.length,
      reasons: [...near.reasons, ...found.reasons],
      nothing: 'no pod asks for a second network',
    });
  },
};

/** The interfaces themselves, as the kernels have them: a pod that is alone in a network of its node has nobody to call. */
async function lookAt(run: Run, found: Count): Promise<void> {
  const pods = run.plan.clusters.flatMap((cluster) => cluster.pods.filter((pod) => (pod.attachments ?? []).length > 0));
  const nodes = run.plan.clusters.flatMap((cluster) => cluster.nodes.filter((node) => (node.networks ?? []).length > 0));
  const snapshot = await run.session.snapshot(
    [...nodes, ...pods].map(({ netns }) => netns),
    { rules: false },
  );
  const broken = inventoryAttachments(viewLab(run.plan, snapshot));
  const places = new Set(broken.flatMap(({ where }) => where));
  for (const pod of pods) {
    const count = pod.attachments?.length ?? 0;
    found.planned += count;
    if (snapshot.namespaces[pod.netns] === undefined) countUnknown(found, count, `${pod.id}: its interfaces could not be read`);
    else if (places.has(pod.id) || places.has(`${pod.cluster}/${pod.node}`)) found.failed += count;
    else found.passed += count;
  }
  found.failures.push(...broken.map((finding) => findingFailure(attachments.id, 'the planned interface, on the bridge of its network', finding)));
}

const sameNode = (ends: ClusterEnds, client: number, server: number): boolean => ends.ends[client]?.node === ends.ends[server]?.node;

/** Every ordered pair of pods of one node. */
async function probeNear(run: Run, table: PairTable, network: string): Promise<void> {
  const { cluster } = table;
  const { sample } = run.options;
  for (const family of familiesOf(run, cluster)) {
    const all = cluster.pods.flatMap((client) =>
      cluster.pods.filter((server) => server !== client && sameNode(cluster, client, server)).map((server): Pair => [client, server]),
    );
    const pairs = sample === null ? all : all.slice(0, sample);
    if (pairs.length < all.length) run.notLookedAt.push(`network ${network} of ${cluster.plan.name}: ${all.length - pairs.length} pairs of pods were left out`);
    if (pairs.length === 0) continue;
    for (const protocol of run.options.protocols) await probePairs(run, table, { kind: 'list', pairs }, protocol, family, `${cluster.plan.name} ${network}`);
  }
}

/** One pod of each node asks one of each other node, where somebody listens: nobody must be reached. */
async function probeFar(run: Run, ends: ClusterEnds, network: string, found: Count): Promise<void> {
  const first = ends.nodeIds.flatMap((_, node) => ends.pods.find((pod) => ends.ends[pod]?.node === node) ?? []);
  const pairs = first.flatMap((client) => first.filter((server) => server !== client).map((server): Pair => [client, server]));
  const [protocol = 'tcp'] = run.options.protocols;
  for (const family of pairs.length === 0 ? [] : familiesOf(run, ends)) {
    const outcomes = new Map<string, Outcome>();
    const request = { attempts: 1, deadlineMs: Math.min(SILENCE_MS, run.options.deadlineMs) };
    await run.probe(probeRequest(ends, protocol, family, { kind: 'list', pairs }, request), `${ends.plan.name} ${network} between nodes`, (batch) => {
      for (let row = 0; row < batch.length; row++) {
        const { client, server, outcome } = batch.at(row);
        outcomes.set(`${client}>${server}`, outcome);
      }
    });
    for (const [client, server] of pairs) {
      const outcome = outcomes.get(`${client}>${server}`) ?? 'not-run';
      const [from, to] = [ends.ends[client], ends.ends[server]];
      found.planned++;
      if (outcome === 'not-run' || outcome === 'error') countUnknown(found, 1, `${from?.id ?? ''} to ${to?.id ?? ''} in network ${network}: ${outcome}`);
      else if (outcome !== 'ok' && outcome !== 'stalled') found.passed++;
      else {
        const saw = `${to === undefined ? '' : dialledAddress(to, family)} of network ${network} answered ${protocol} from another node`;
        const expected = 'no way: the bridges of two nodes are not joined';
        countFailure(found, () =>
          pairFailure(run.plan, ends, { check: attachments.id, client, server, protocol, family, attempt: 0, class: 'unexpected-answer', saw, expected }),
        );
      }
    }
  }
}

function familiesOf(run: Run, ends: ClusterEnds): readonly Family[] {
  return run.options.families.filter((family) => ends.ends.some((end) => speaks(end, family)));
}

/** What to look at next is the bridge, and not the routes. */
function withBridge(run: Run, one: ProbedFailure, bridges: ReadonlyMap<ClusterEnds, string>): ProbedFailure {
  const bridge = one.again === null ? undefined : bridges.get(one.again.cluster);
  const next = bridge === undefined ? one.failure.next : execLine(run.plan, one.failure.serverNode, ['ip', 'link', 'show', 'master', bridge]);
  return { ...one, failure: { ...one.failure, next } };
}

function observe(run: Run, { cluster, expected }: PairTable, network: string, bridge: string): void {
  const pairs = expected.reduce((sum, probes) => sum + (probes > 0 ? 1 : 0), 0);
  run.observations.push({
    id: `network-${cluster.plan.name}-${network}`,
    title: `second network ${network} of ${cluster.plan.name}`,
    value: `${cluster.ends.length} interfaces on ${bridge} of ${new Set(cluster.ends.map(({ node }) => node)).size} nodes, ${pairs} pairs of pods of one node`,
  });
}
