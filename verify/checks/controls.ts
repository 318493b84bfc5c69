import type { Endpoint, Outcome, ProbeProtocol, ProbeRecord } from '../../engines/port.ts';
import { addressesFromTheEnd, parseCidr } from '../../topology/cidr.ts';
import type { NodePlan } from '../../topology/plan.ts';
import type { Family } from '../../topology/spec.ts';
import { answerers, askers, podsOnNode, speaks, type ClusterEnds } from '../endpoints.ts';
import { endFailure, pairFailure, type ProbedFailure } from '../failure.ts';
import { isAsked } from '../cast.ts';
import { CLOSED_PORT, PROBE_PORT } from '../../topology/probing.ts';
import { bitOf, isDead, type PairTable } from '../pair-table.ts';
import { isPermitted } from '../policy/stand.ts';
import { probeRequest, type Pair } from '../probe-plan.ts';
import type { Run } from '../run.ts';
import { concludeCheck, type Check } from './check.ts';

/** Silence within this time is accepted as silence: nobody answers in a lab after that long. */
export const SILENCE_MS = 150;
/** What an address that nobody has may do: nothing, or a router or neighbour says so. */
const NOBODY: ReadonlySet<Outcome> = new Set<Outcome>(['silent', 'no-host', 'unreachable', 'no-route']);
/** connect() to a route of type blackhole answers EINVAL at once. */
const EINVAL = 22;

/**
 * Probes that must fail. A matrix that is all green proves nothing when the probe cannot see red: a closed port must be refused (while
 * the open one on the same pod answers), and an address inside the pod network that no pod has must not answer.
 */
export const controls: Check = {
  id: 'controls',
  title: 'what must fail does fail',
  suite: 'network',
  requirement: null,
  pairs: [],
  run: async (run) => {
    const found: Found = { passed: 0, failures: [], unknown: [], planned: 0 };
    const { tables } = await run.mesh();
    for (const table of tables) {
      for (const family of run.options.families.filter((one) => table.cluster.plan.families.includes(one))) {
        for (const protocol of run.options.protocols) if (protocol !== 'icmp') await closedPorts(run, table, family, protocol, found);
        await unassigned(run, table.cluster, family, found);
      }
    }
    const { planned, passed, failures, unknown } = found;
    return concludeCheck(controls, {
      pairs: { planned, passed, failed: failures.length, inconclusive: unknown.length },
      counts: { ok: passed, failed: failures.length, inconclusive: unknown.length },
      failures,
      reasons: unknown,
      nothing: 'no pod has an interface of its own',
    });
  },
};

interface Found {
  planned: number;
  passed: number;
  readonly failures: ProbedFailure[];
  readonly unknown: string[];
}

/** A pod of every node, asked from a pod of another node and from its own: by the node itself where no second pod is. */
function controlPairs(cluster: ClusterEnds, family: Family): readonly Pair[] {
  const pods = cluster.nodeIds.map((_, node) => podsOnNode(cluster, node).filter((pod) => speaks(cluster.ends[pod], family)));
  return pods.flatMap((own, node): Pair[] => {
    const server = answerers(cluster, own)[0];
    if (server === undefined) return [];
    const near = askers(cluster, own, 'asksAll').find((pod) => pod !== server) ?? cluster.nodes[node];
    const far = otherAsker(cluster, pods, node);
    return [near, far].flatMap((client): Pair[] => (client === undefined || client === server ? [] : [[client, server]]));
  });
}

/** A pod that asks from the next node that may ask; undefined when no other node has one. */
function otherAsker(cluster: ClusterEnds, pods: readonly (readonly number[])[], node: number): number | undefined {
  for (let step = 1; step < pods.length; step++) {
    const other = (node + step) % pods.length;
    const [asker] = askers(cluster, pods[other] ?? [], 'asksAll');
    if (asker !== undefined && isAsked(cluster.cast, other, node, pods.length)) return asker;
  }
  return undefined;
}

async function closedPorts(run: Run, table: PairTable, family: Family, protocol: ProbeProtocol, found: Found): Promise<void> {
  const { cluster } = table;
  const all = controlPairs(cluster, family).filter(([client, server]) =>
    [PROBE_PORT, CLOSED_PORT].every((port) => isPermitted(cluster, client, server, protocol, family, port)),
  );
  const pairs = all.filter(([client, server]) => !isDead(table, client, server, bitOf(protocol, family)));
  found.planned += all.length;
  for (const [client, server] of all) {
    if (isDead(table, client, server, bitOf(protocol, family)))
      found.unknown.push(`${cluster.ends[client]?.id ?? ''} to ${cluster.ends[server]?.id ?? ''}: ${protocol} does not answer on the open port either`);
  }
  if (pairs.length === 0) return;
  const base = { attempts: 1, deadlineMs: await run.followUpMs() };
  const open = await collect(run, cluster, family, protocol, pairs, base, 'open port');
  const closed = await collect(run, cluster, family, protocol, pairs, { ...base, responders: 'none', port: CLOSED_PORT }, 'closed port');
  for (const [client, server] of pairs) {
    const name = `${cluster.ends[client]?.id ?? ''} to ${cluster.ends[server]?.id ?? ''}, ${protocol} port ${CLOSED_PORT}`;
    const outcome = closed.get(`${client}>${server}`)?.outcome ?? 'not-run';
    const openOutcome = open.get(`${client}>${server}`)?.outcome ?? 'not-run';
    if (outcome === 'ok' || outcome === 'stalled') {
      found.failures.push(
        pairFailure(run.plan, cluster, {
          check: controls.id,
          client,
          server,
          protocol,
          family,
          attempt: 0,
          class: 'unexpected-answer',
          saw: `port ${CLOSED_PORT}, on which nothing listens, was answered`,
          expected: 'connection refused',
        }),
      );
    } else if (openOutcome !== 'ok') {
      found.unknown.push(`${name}: the open port does not answer either (${openOutcome})`);
    } else if (outcome !== 'refused') {
      found.unknown.push(`the probe cannot see a failure: ${name} is closed and ended as "${outcome}", not as refused`);
    } else {
      found.passed++;
    }
  }
}

type Rest = { attempts: number; deadlineMs: number; responders?: 'none'; port?: number };

async function collect(
  run: Run,
  cluster: ClusterEnds,
  family: Family,
  protocol: ProbeProtocol,
  pairs: readonly Pair[],
  rest: Rest,
  title: string,
): Promise<ReadonlyMap<string, ProbeRecord>> {
  const records = new Map<string, ProbeRecord>();
  await run.probe(probeRequest(cluster, protocol, family, { kind: 'list', pairs }, rest), `${cluster.plan.name} ${title}`, (batch) => {
    for (let row = 0; row < batch.length; row++) {
      const record = batch.at(row);
      records.set(`${record.client}>${record.server}`, record);
    }
  });
  return records;
}

/** One address of every node's share of the pod network that nobody has, all in one request: servers that exist only as addresses. */
async function unassigned(run: Run, cluster: ClusterEnds, family: Family, found: Found): Promise<void> {
  const pods = cluster.nodeIds.map((_, node) => podsOnNode(cluster, node).filter((pod) => speaks(cluster.ends[pod], family)));
  const endpoints: Endpoint[] = [...cluster.endpoints];
  const pairs: Pair[] = [];
  const nodeOf: number[] = [];
  cluster.plan.nodes.forEach((node, index) => {
    const address = unassignedAddress(cluster, node, family);
    const client = otherAsker(cluster, pods, index) ?? askers(cluster, pods[index] ?? [], 'asksAll')[0];
    if (address === null || client === undefined) return;
    endpoints.push({ id: `nobody on ${node.id}`, kind: 'pod', netns: node.netns, addresses: [{ family, address }] });
    pairs.push([client, endpoints.length - 1]);
    nodeOf.push(index);
  });
  if (pairs.length === 0) return;
  // The Jobs of a cast ask addresses of nobody by TCP alone.
  const protocol = cluster.cast === null ? (run.options.protocols[0] ?? 'tcp') : 'tcp';
  const request = {
    ...probeRequest(
      cluster,
      protocol,
      family,
      { kind: 'list', pairs },
      { attempts: 1, deadlineMs: Math.min(SILENCE_MS, run.options.deadlineMs), responders: 'none' },
    ),
    endpoints,
  };
  const records = new Map<number, ProbeRecord>();
  await run.probe(request, `${cluster.plan.name} unassigned addresses`, (batch) => {
    for (let row = 0; row < batch.length; row++) records.set(batch.server[row] ?? 0, batch.at(row));
  });
  pairs.forEach(([client, server], at) => {
    const end = cluster.ends[client];
    const address = endpoints[server]?.addresses[0]?.address ?? '';
    const record = records.get(server);
    const outcome = record?.outcome ?? 'not-run';
    found.planned++;
    if (NOBODY.has(outcome) || (outcome === 'error' && record?.errno === EINVAL)) found.passed++;
    else if (outcome === 'not-run' || outcome === 'error' || end === undefined)
      found.unknown.push(`${end?.id ?? ''} to ${address}, which nobody has: ${outcome}`);
    else {
      const node = cluster.nodeIds[nodeOf[at] ?? 0] ?? '';
      const answered = endFailure(run.plan, end, {
        check: controls.id,
        family,
        class: 'unexpected-answer',
        saw: `${address} on ${node}, which no pod has, answered ${protocol} (${outcome})`,
        expected: 'silence, or "no such host"',
      });
      found.failures.push({ ...answered, failure: { ...answered.failure, protocol, serverNode: node } });
    }
  });
}

/** The highest address of the node's share that the plan gives to nobody; null when all are taken. */
function unassignedAddress(cluster: ClusterEnds, node: NodePlan, family: Family): string | null {
  if (cluster.cast !== null) return cluster.cast.nobody.get(node.id)?.find((address) => address.includes(':') === (family === 'ipv6')) ?? null;
  const texts = node.blocks.length > 0 ? node.blocks : node.podCIDRs;
  const taken = new Set([...cluster.byAddress.keys(), ...node.gateways]);
  for (const range of texts.map(parseCidr).filter((one) => one.family === family)) {
    for (const address of addressesFromTheEnd(range)) if (!taken.has(address)) return address;
  }
  return null;
}
