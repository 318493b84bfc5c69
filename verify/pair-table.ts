/**
 * What is known about every ordered pair of a cluster, in columns: a thousand pods are a million pairs, so a pair is a few bytes and only
 * those that deviate become objects.
 */
import type { ConntrackEntry, ProbeProtocol } from '../engines/port.ts';
import type { Family } from '../topology/spec.ts';
import type { ClusterEnds } from './endpoints.ts';
import { createHistogram, type Histogram } from './latency.ts';
import type { Judgement } from './oracle.ts';

/** Kinds of ordered pairs; each is the subject of one check. */
export const PAIR_CLASSES = ['self', 'pod-to-pod', 'node-to-pod', 'pod-to-node'] as const;
export type PairClass = (typeof PAIR_CLASSES)[number];

/** A failing probe; one is kept per pair, protocol and family. */
export interface Deviation {
  readonly client: number;
  readonly server: number;
  /** Number of the first attempt that failed. */
  readonly attempt: number;
  readonly judgement: Extract<Judgement, { verdict: 'fail' }>;
  readonly protocol: ProbeProtocol;
  readonly family: Family;
  /** Failing attempts of this pair, protocol and family. */
  attempts: number;
  /** What nodes keep about it, where that is not symmetric. */
  conntrack: readonly ConntrackEntry[];
}

/** Counts of one kind of pairs; probes, not pairs. */
export interface ClassTally {
  probes: number;
  passed: number;
  failed: number;
  inconclusive: number;
  /** Silent or stalled. */
  lost: number;
  /** Answered only after a retransmission (TCP repeats a SYN after one second). */
  late: number;
  readonly latency: Histogram;
}

export interface PairTable {
  readonly cluster: ClusterEnds;
  /** Number of ends; a pair is `client * width + server`. */
  readonly width: number;
  /** Per pair: probes asked for, seen and passed. */
  readonly expected: Uint16Array;
  readonly seen: Uint16Array;
  /** Per pair: failing probes of the request under way. */
  readonly failing: Uint16Array;
  /** Per pair, one bit per protocol and family ({@link bitOf}). `answered`: some attempt came back, whatever the sockets saw. */
  readonly failed: Uint8Array;
  readonly inconclusive: Uint8Array;
  readonly answered: Uint8Array;
  readonly lost: Uint8Array;
  readonly tallies: Readonly<Record<PairClass, ClassTally>>;
  /** Latency per ordered pair of nodes; null where nothing was measured, all null above CELL_NODES nodes. */
  readonly cells: (Histogram | null)[];
  /** Latency within a node and between nodes. */
  readonly near: Histogram;
  readonly far: Histogram;
  /** Pod (index) → addresses that peers saw as its source. */
  readonly sources: Map<number, Set<string>>;
  /** Role of a node's source address as pods saw it → probes from their own node and from another one. */
  readonly nodeRoles: Map<string, { near: number; far: number }>;
  /** Hop limit at the server (UDP and ICMP) → probes within a node and between nodes. */
  readonly hops: Map<number, { near: number; far: number }>;
  /** `pair:bit` → deviation; bounded, see {@link keepDeviation}. */
  readonly deviations: Map<string, Deviation>;
  readonly kept: Uint16Array;
  /** Pairs that were not probed because policies forbid them, counted per protocol and family. */
  readonly forbidden: Map<PairClass, number>;
  /** Why pairs are inconclusive, each reason once, at most REASONS. */
  readonly reasons: Map<PairClass, Set<string>>;
}

/** Above that many nodes a report has no latency per pair of nodes: a histogram each would cost more than the probes. */
export const CELL_NODES = 100;
/** Deviations kept per ordered pair of nodes, and in all: enough of each kind for a report that is bounded anyway. */
const KEPT_PER_CELL = 40;
const KEPT = 4000;
const REASONS = 20;

const PROTOCOL_BIT: Readonly<Record<ProbeProtocol, number>> = { tcp: 1, udp: 2, icmp: 4 };

/** The bit of a protocol and family. */
export function bitOf(protocol: ProbeProtocol, family: Family): number {
  return PROTOCOL_BIT[protocol] << (family === 'ipv4' ? 0 : 3);
}

/** The protocols of a set of bits, families merged. */
export function protocolsOf(bits: number): readonly ProbeProtocol[] {
  return (['tcp', 'udp', 'icmp'] as const).filter((protocol) => (bits & (PROTOCOL_BIT[protocol] | (PROTOCOL_BIT[protocol] << 3))) !== 0);
}

/** An empty table. */
export function createPairTable(cluster: ClusterEnds): PairTable {
  const width = cluster.ends.length;
  const size = width * width;
  const nodes = cluster.nodeIds.length;
  return {
    cluster,
    width,
    expected: new Uint16Array(size),
    seen: new Uint16Array(size),
    failing: new Uint16Array(size),
    failed: new Uint8Array(size),
    inconclusive: new Uint8Array(size),
    answered: new Uint8Array(size),
    lost: new Uint8Array(size),
    tallies: { self: createTally(), 'pod-to-pod': createTally(), 'node-to-pod': createTally(), 'pod-to-node': createTally() },
    cells: new Array<Histogram | null>(nodes * nodes).fill(null),
    near: createHistogram(),
    far: createHistogram(),
    sources: new Map(),
    nodeRoles: new Map(),
    hops: new Map(),
    deviations: new Map(),
    kept: new Uint16Array(nodes * nodes),
    forbidden: new Map(),
    reasons: new Map(),
  };
}

function createTally(): ClassTally {
  return { probes: 0, passed: 0, failed: 0, inconclusive: 0, lost: 0, late: 0, latency: createHistogram() };
}

/** The kind of a pair; pairs of two nodes are never probed. */
export function classOf(cluster: ClusterEnds, client: number, server: number): PairClass {
  if (client === server) return 'self';
  if (cluster.ends[client]?.kind === 'node') return 'node-to-pod';
  return cluster.ends[server]?.kind === 'node' ? 'pod-to-node' : 'pod-to-pod';
}

/** Index of the ordered pair of nodes that a pair crosses. */
export function cellOf(cluster: ClusterEnds, client: number, server: number): number {
  return (cluster.ends[client]?.node ?? 0) * cluster.nodeIds.length + (cluster.ends[server]?.node ?? 0);
}

/** Keeps a deviation, or counts another attempt of one that is kept. A bound per pair of nodes keeps one loud place from hiding the others. */
export function keepDeviation(table: PairTable, deviation: Deviation): void {
  const { client, server } = deviation;
  const key = deviationKey(client * table.width + server, bitOf(deviation.protocol, deviation.family));
  const known = table.deviations.get(key);
  if (known !== undefined) {
    known.attempts += deviation.attempts;
    return;
  }
  const cell = cellOf(table.cluster, client, server);
  const kept = table.kept[cell] ?? 0;
  if (kept >= KEPT_PER_CELL || table.deviations.size >= KEPT) return;
  table.kept[cell] = kept + 1;
  table.deviations.set(key, deviation);
}

/** Key of {@link PairTable.deviations}. */
export function deviationKey(pair: number, bit: number): string {
  return `${pair}:${bit}`;
}

/** Notes why pairs of a kind are inconclusive. */
export function noteReason(table: PairTable, kind: PairClass, reason: string): void {
  const reasons = table.reasons.get(kind) ?? new Set<string>();
  table.reasons.set(kind, reasons);
  if (reasons.size < REASONS) reasons.add(reason);
}

/** Was the pair probed, and no attempt of that protocol and family came back? Probing it further only costs deadlines. */
export function isDead(table: PairTable, client: number, server: number, bit: number): boolean {
  const pair = client * table.width + server;
  return (table.expected[pair] ?? 0) > 0 && ((table.answered[pair] ?? 0) & bit) === 0;
}

/** What became of a pair once all is probed; null when it was not asked for. A pair of which records are missing never passes. */
export function pairVerdict(table: PairTable, pair: number): 'pass' | 'fail' | 'inconclusive' | null {
  const expected = table.expected[pair] ?? 0;
  if (expected === 0) return null;
  if (table.failed[pair] !== 0) return 'fail';
  if (table.inconclusive[pair] !== 0 || (table.seen[pair] ?? 0) < expected) return 'inconclusive';
  return 'pass';
}
