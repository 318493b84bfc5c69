/** Probes every pair that the selected checks want, once, and enters what came back into one table per cluster. */
import type { ConntrackReading, ProbeProtocol } from '../engines/port.ts';
import type { Family } from '../topology/spec.ts';
import { accountBatch } from './account-batch.ts';
import type { ClusterEnds } from './endpoints.ts';
import { describeTranslation, translatedFlows } from './hidden-nat.ts';
import { PROBE_PORT } from '../topology/probing.ts';
import { bitOf, classOf, createPairTable, deviationKey, keepDeviation, noteReason, type PairTable } from './pair-table.ts';
import { permittedPairs } from './policy/permitted-pairs.ts';
import { crossedNamespaces, eachPair, planPairs, probeRequest, type Pairs } from './probe-plan.ts';
import { profiles } from './requirements.ts';
import type { Run } from './run.ts';

export interface Mesh {
  /** One per cluster, in the order of the plan. */
  readonly tables: readonly PairTable[];
}

/** Above that many probes of one set their source ports are not kept, and hidden translation is not looked for. */
const PORTS_KEPT = 32 * 1024 * 1024;

/** Sends the probes of all pairs: per cluster, family and protocol. */
export async function probeMesh(run: Run): Promise<Mesh> {
  const judged = new Set(run.kinds);
  if (profiles[run.options.profile].podToNode === 'observation') judged.delete('pod-to-node');
  const tables: PairTable[] = [];
  for (const cluster of run.clusters) {
    const table = createPairTable(cluster);
    tables.push(table);
    for (const family of run.options.families) {
      if (!cluster.plan.families.includes(family)) continue;
      const { sets, left } = planPairs(cluster, family, judged, run.options);
      for (const line of left) if (!run.notLookedAt.includes(line)) run.notLookedAt.push(line);
      for (const pairs of sets) {
        for (const protocol of run.options.protocols) await probeSet(run, table, pairs, protocol, family);
      }
    }
  }
  return { tables };
}

async function probeSet(run: Run, table: PairTable, all: Pairs, protocol: ProbeProtocol, family: Family): Promise<void> {
  const { cluster } = table;
  const { pairs, forbidden } = permittedPairs(cluster, all, protocol, family, PROBE_PORT);
  for (const [kind, count] of forbidden) {
    table.forbidden.set(kind, (table.forbidden.get(kind) ?? 0) + count);
    run.notLookedAt.push(
      `${kind} in ${cluster.plan.name}: ${count} pairs that policies do not leave open to ${protocol} ${family} (policy-matrix judges TCP and UDP)`,
    );
  }
  if (forbidden.size > 0 && pairs.kind === 'list' && pairs.pairs.length === 0) return;
  await probePairs(run, table, pairs, protocol, family, cluster.plan.name);
}

/** Probes a set of pairs and enters what came back into their table, whatever policies say. */
export async function probePairs(run: Run, table: PairTable, pairs: Pairs, protocol: ProbeProtocol, family: Family, title: string): Promise<void> {
  const { cluster, width } = table;
  const { attempts, deadlineMs } = run.options;
  eachPair(pairs, (client, server) => {
    const pair = client * width + server;
    table.expected[pair] = (table.expected[pair] ?? 0) + attempts;
  });
  table.failing.fill(0);
  const ports = width * width * attempts <= PORTS_KEPT ? new Uint16Array(width * width * attempts) : null;
  if (ports === null) run.notLookedAt.push(`connection tracking of ${protocol}: too many probes to tell them apart by source port`);
  const conntrack = crossedNamespaces(run.plan, cluster);
  const account = { table, protocol, family, attempts, ports, clock: run.session.sight.clock };
  const summary = await run.probe(probeRequest(cluster, protocol, family, pairs, { attempts, deadlineMs, conntrack }), title, (batch) =>
    accountBatch(account, batch),
  );
  if (ports !== null) accountTranslations(table, summary.conntrack, protocol, family, ports, attempts);
  setAside(table, summary.unusable, pairs, bitOf(protocol, family));
  for (const reading of summary.conntrack) {
    if (reading.error !== null) run.notLookedAt.push(`connection tracking of ${protocol} in ${reading.netns}: ${reading.error}`);
  }
}

/** Turns what connection tracking alone can see into failures of class hidden-nat, and adds its entries to failures that sockets saw. */
export function accountTranslations(
  table: PairTable,
  readings: readonly ConntrackReading[],
  protocol: ProbeProtocol,
  family: Family,
  ports: Uint16Array,
  attempts: number,
): void {
  const bit = bitOf(protocol, family);
  for (const flow of translatedFlows(table.cluster, readings, protocol, PROBE_PORT, ports, attempts)) {
    const { client, server } = flow;
    const pair = client * table.width + server;
    if ((table.expected[pair] ?? 0) === 0) continue;
    const known = table.deviations.get(deviationKey(pair, bit));
    if (known !== undefined) known.conntrack = flow.entries;
    if (((table.failed[pair] ?? 0) & bit) !== 0) continue;
    const count = flow.attempts.size;
    const tally = table.tallies[classOf(table.cluster, client, server)];
    tally.passed -= count;
    tally.failed += count;
    table.failed[pair] = (table.failed[pair] ?? 0) | bit;
    table.failing[pair] = (table.failing[pair] ?? 0) + count;
    keepDeviation(table, {
      client,
      server,
      attempt: Math.min(...flow.attempts),
      protocol,
      family,
      attempts: count,
      conntrack: flow.entries,
      judgement: {
        verdict: 'fail',
        class: 'hidden-nat',
        saw: `both sockets agree, but ${describeTranslation(flow)}`,
        expected: 'a reply that is the exact reverse of the original, on every node',
      },
    });
  }
}

/** Pairs of an endpoint whose responder failed its self test prove nothing: neither a pass nor a failure. */
export function setAside(table: PairTable, unusable: Readonly<Record<string, string>>, pairs: Pairs, bit: number): void {
  const reasons = endsById(table.cluster, unusable);
  if (reasons.size === 0) return;
  eachPair(pairs, (client, server) => {
    const reason = reasons.get(server) ?? reasons.get(client);
    if (reason === undefined) return;
    const pair = client * table.width + server;
    const kind = classOf(table.cluster, client, server);
    const failing = table.failing[pair] ?? 0;
    table.tallies[kind].failed -= failing;
    table.tallies[kind].inconclusive += failing;
    table.failed[pair] = (table.failed[pair] ?? 0) & ~bit;
    table.lost[pair] = (table.lost[pair] ?? 0) & ~bit;
    table.inconclusive[pair] = (table.inconclusive[pair] ?? 0) | bit;
    table.deviations.delete(deviationKey(pair, bit));
    noteReason(table, kind, reason);
  });
}

function endsById(cluster: ClusterEnds, unusable: Readonly<Record<string, string>>): ReadonlyMap<number, string> {
  const reasons = new Map<number, string>();
  cluster.ends.forEach((end, index) => {
    const reason = unusable[end.id];
    if (reason !== undefined) reasons.set(index, `${end.id}: ${reason}`);
  });
  return reasons;
}
