/** Enters a batch of records into a pair table. The loop reads columns; a record becomes an object only when it deviates. */
import type { ProbeBatch, ProbeProtocol } from '../engines/port.ts';
import { OUTCOMES } from '../topology/outcome.ts';
import type { Family } from '../topology/spec.ts';
import { addLatency, createHistogram, type Histogram } from './latency.ts';
import { judgeProbe, OK, rowAgrees, type JudgeContext } from './oracle.ts';
import { bitOf, CELL_NODES, cellOf, classOf, keepDeviation, noteReason, type PairTable } from './pair-table.ts';

/** One request's worth of bookkeeping. */
export interface Account {
  readonly table: PairTable;
  readonly protocol: ProbeProtocol;
  readonly family: Family;
  readonly attempts: number;
  /** `pair * attempts + attempt` → source port of the client; null when nobody will ask. */
  readonly ports: Uint16Array | null;
  /** A round trip of a second means that a SYN was sent again; false where programs are slow to start. */
  readonly clock: boolean;
}

/** A TCP round trip that took this long had its SYN sent again (RFC 6298: the first retransmission comes after one second). */
const LATE_US = 950_000;
const SILENT: number = OUTCOMES.indexOf('silent');
const STALLED: number = OUTCOMES.indexOf('stalled');

/** Counts and judges every record of a batch. */
export function accountBatch(account: Account, batch: ProbeBatch): void {
  const { table, protocol, ports, attempts } = account;
  const { cluster, width } = table;
  const { ends } = cluster;
  const bit = bitOf(protocol, account.family);
  const icmp = protocol === 'icmp';
  const hasLatencyCells = cluster.nodeIds.length <= CELL_NODES;
  let client = -1;
  let local = -1;
  let owned = false;
  let role: { near: number; far: number } | null = null;
  let sourceNoted = false;
  for (let row = 0; row < batch.length; row++) {
    const rowClient = batch.client[row] ?? 0;
    const server = batch.server[row] ?? 0;
    const rowLocal = batch.localAddress[row] ?? 0;
    if (rowClient !== client || rowLocal !== local) {
      client = rowClient;
      local = rowLocal;
      const address = batch.addresses[local] ?? '';
      owned = ends[client]?.roles.has(address) ?? false;
      role = owned && ends[client]?.kind === 'node' ? nodeRole(table, ends[client]?.roles.get(address) ?? '') : null;
      sourceNoted = ends[client]?.kind !== 'pod';
    }
    const pair = client * width + server;
    const kind = classOf(cluster, client, server);
    const tally = table.tallies[kind];
    table.seen[pair] = (table.seen[pair] ?? 0) + 1;
    tally.probes++;
    if (ports !== null) ports[pair * attempts + (batch.attempt[row] ?? 0)] = batch.localPort[row] ?? 0;
    if (!(owned && rowAgrees(batch, row, icmp)) && !passesAlone(account, batch, row)) continue;
    const rtt = batch.rttUs[row] ?? 0;
    const near = ends[client]?.node === ends[server]?.node;
    // Of a connection that a declared proxy made anew the server saw the proxy.
    if (!sourceNoted && client !== server && batch.seenSourceAddress[row] === rowLocal) {
      noteSource(table, client, batch.addresses[batch.seenSourceAddress[row] ?? 0] ?? '');
      sourceNoted = true;
    }
    tally.passed++;
    table.answered[pair] = (table.answered[pair] ?? 0) | bit;
    // Zero: not measured.
    if (rtt !== 0) {
      addLatency(tally.latency, rtt);
      if (client !== server) addLatency(near ? table.near : table.far, rtt);
      if (hasLatencyCells) addLatency(cellLatency(table, cellOf(cluster, client, server)), rtt);
    }
    if (account.clock && protocol === 'tcp' && rtt > LATE_US) late(account, pair, kind);
    if (role !== null && kind === 'node-to-pod') role[near ? 'near' : 'far']++;
    const ttl = batch.seenTtl[row] ?? 0;
    if (ttl !== 0 && kind === 'pod-to-pod') countHops(table, ttl, near);
  }
}

/** Judges one record by itself; true when it passes after all. */
function passesAlone(account: Account, batch: ProbeBatch, row: number): boolean {
  const { table, protocol, family } = account;
  const record = batch.at(row);
  const judgement = judgeProbe(record, contextOf(account, record.client));
  if (judgement.verdict === 'pass') return true;
  const pair = record.client * table.width + record.server;
  const bit = bitOf(protocol, family);
  const kind = classOf(table.cluster, record.client, record.server);
  const tally = table.tallies[kind];
  if (judgement.verdict === 'inconclusive') {
    tally.inconclusive++;
    table.inconclusive[pair] = (table.inconclusive[pair] ?? 0) | bit;
    noteReason(table, kind, `${table.cluster.ends[record.client]?.id ?? ''}: ${judgement.reason}`);
    return false;
  }
  const outcome = batch.outcome[row];
  if (outcome === SILENT || outcome === STALLED) {
    tally.lost++;
    table.lost[pair] = (table.lost[pair] ?? 0) | bit;
  } else if (outcome === OK) {
    table.answered[pair] = (table.answered[pair] ?? 0) | bit;
  }
  tally.failed++;
  table.failing[pair] = (table.failing[pair] ?? 0) + 1;
  table.failed[pair] = (table.failed[pair] ?? 0) | bit;
  if (
    record.seenSourceAddress !== '' &&
    record.answeredBy === record.server &&
    table.cluster.ends[record.client]?.kind === 'pod' &&
    record.client !== record.server &&
    // A program in the server's own namespace called, not the client.
    table.cluster.ends[record.server]?.roles.has(record.seenSourceAddress) !== true
  ) {
    noteSource(table, record.client, record.seenSourceAddress);
  }
  const { client, server, attempt } = record;
  keepDeviation(table, { client, server, attempt, judgement, protocol, family, attempts: 1, conntrack: [] });
  return false;
}

/** What the oracle needs to know about a client of this request. */
export function contextOf(account: { readonly table: Pick<PairTable, 'cluster'>; readonly protocol: ProbeProtocol }, client: number): JudgeContext {
  const { ends } = account.table.cluster;
  return {
    protocol: account.protocol,
    ownsSource: (address) => ends[client]?.roles.has(address) ?? false,
    nameOf: (index) => ends[index]?.id ?? `endpoint ${index}`,
    isOwnProxy: (server, address) => {
      const end = ends[server];
      return end?.pod?.proxied === true && (end.roles.has(address) || address.startsWith('127.') || address === '::1');
    },
  };
}

function late(account: Account, pair: number, kind: keyof PairTable['tallies']): void {
  const { table } = account;
  table.tallies[kind].late++;
  table.lost[pair] = (table.lost[pair] ?? 0) | bitOf(account.protocol, account.family);
}

function noteSource(table: PairTable, client: number, address: string): void {
  const known = table.sources.get(client);
  if (known === undefined) table.sources.set(client, new Set([address]));
  else if (known.size < 8) known.add(address);
}

function nodeRole(table: PairTable, role: string): { near: number; far: number } {
  const known = table.nodeRoles.get(role);
  if (known !== undefined) return known;
  const created = { near: 0, far: 0 };
  table.nodeRoles.set(role, created);
  return created;
}

function countHops(table: PairTable, ttl: number, near: boolean): void {
  const known = table.hops.get(ttl);
  if (known !== undefined) known[near ? 'near' : 'far']++;
  else table.hops.set(ttl, { near: near ? 1 : 0, far: near ? 0 : 1 });
}

function cellLatency(table: PairTable, cell: number): Histogram {
  const known = table.cells[cell];
  if (known !== null && known !== undefined) return known;
  const created = createHistogram();
  table.cells[cell] = created;
  return created;
}
