import { deviationFailure, type ProbedFailure } from '../failure.ts';
import { createHistogram, mergeLatency, summariseLatency } from '../latency.ts';
import { cellOf, classOf, pairVerdict, type Deviation, type PairClass, type PairTable } from '../pair-table.ts';
import { FAILURE_LIMIT } from '../report.ts';
import type { Run } from '../run.ts';
import { concludeCheck, type Check, type CheckOutcome, type Tally } from './check.ts';

/** Judges one kind of pairs of the mesh: a pair passes when every attempt of every protocol and family of it passed. */
export async function judgePairs(run: Run, check: Check, kind: PairClass, nothing: string): Promise<CheckOutcome> {
  const { tables } = await run.mesh();
  const forbidden = tables.some((table) => table.forbidden.has(kind));
  return concludeCheck(check, { ...tallyPairs(run, check, kind, tables), nothing: forbidden ? 'policies leave no pair of this kind open' : nothing });
}

type PairTally = Required<Omit<Tally, 'remarks' | 'observedOnly' | 'nothing'>>;

/** One kind of pairs of some tables, added up. */
export function tallyPairs(run: Run, check: Pick<Check, 'id'>, kind: PairClass, tables: readonly PairTable[]): PairTally {
  const pairs = { planned: 0, passed: 0, failed: 0, inconclusive: 0 };
  const counts = { ok: 0, failed: 0, inconclusive: 0 };
  const latency = createHistogram();
  const reasons: string[] = [];
  const failures: ProbedFailure[] = [];
  let failuresTotal = 0;
  let lost = 0;
  for (const table of tables) {
    const tally = table.tallies[kind];
    counts.ok += tally.passed;
    counts.failed += tally.failed;
    counts.inconclusive += tally.inconclusive;
    lost += tally.lost;
    mergeLatency(latency, tally.latency);
    reasons.push(...(table.reasons.get(kind) ?? []));
    failuresTotal += countPairs(table, kind, pairs);
    for (const deviation of spread(table, kind)) {
      if (failures.length < FAILURE_LIMIT) failures.push(deviationFailure(run.plan, table.cluster, check.id, deviation, run.options.attempts));
    }
  }
  return { pairs, counts, failures, failuresTotal, reasons, lost, latencyUs: summariseLatency(latency) };
}

/** Adds the pairs of a kind up; returns how many failures there are, one per pair, protocol and family. */
function countPairs(table: PairTable, kind: PairClass, pairs: { planned: number; passed: number; failed: number; inconclusive: number }): number {
  let failures = 0;
  for (let pair = 0; pair < table.expected.length; pair++) {
    const verdict = pairVerdict(table, pair);
    if (verdict === null || classOf(table.cluster, Math.floor(pair / table.width), pair % table.width) !== kind) continue;
    pairs.planned++;
    if (verdict === 'pass') pairs.passed++;
    else if (verdict === 'inconclusive') pairs.inconclusive++;
    else {
      pairs.failed++;
      failures += bitCount(table.failed[pair] ?? 0);
    }
  }
  return failures;
}

/** The deviations of a kind, round robin over the pairs of nodes, so that a bounded list shows every place. */
function spread(table: PairTable, kind: PairClass): readonly Deviation[] {
  const cells = new Map<number, Deviation[]>();
  for (const deviation of table.deviations.values()) {
    if (classOf(table.cluster, deviation.client, deviation.server) !== kind) continue;
    const cell = cellOf(table.cluster, deviation.client, deviation.server);
    const known = cells.get(cell);
    if (known === undefined) cells.set(cell, [deviation]);
    else known.push(deviation);
  }
  const spread: Deviation[] = [];
  for (let round = 0; spread.length < FAILURE_LIMIT; round++) {
    const before = spread.length;
    for (const list of cells.values()) {
      const deviation = list[round];
      if (deviation !== undefined) spread.push(deviation);
    }
    if (spread.length === before) break;
  }
  return spread;
}

function bitCount(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++;
  return count;
}
