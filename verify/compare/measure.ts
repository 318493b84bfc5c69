/** Measures labs in turns: each round takes every way of every lab, so that what slows the machine down for a while slows all of them. */
import type { EngineSession, ProbeRecord } from '../../engines/port.ts';
import type { MeasuredWay, WaySample } from './figures.ts';
import type { Way, WayOrWhyNot } from './ways.ts';

export const ROUNDS = 10;
/** Round trips of each way in each round, by TCP. By echoes it is one in each second round: two programs start for each. */
const ROUND_TRIPS = 20;
const ROUNDS_FOR_ECHO = 2;
/** A SYN that is lost is sent again after a second. */
const DEADLINE_MS = 3000;

/** A lab to be measured. */
export interface Side {
  readonly engine: string;
  readonly session: EngineSession;
  readonly oneNode: WayOrWhyNot;
  readonly twoNodes: WayOrWhyNot;
}

export interface MeasuredSide {
  readonly oneNode: MeasuredWay;
  readonly twoNodes: MeasuredWay;
}

export interface MeasureOptions {
  /** Of streaming on each way, all rounds together. */
  readonly seconds: number;
  /** Called before each round, from 1. */
  readonly onRound?: (round: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Measures the ways of all sides, in {@link ROUNDS} rounds.
 *
 * @throws the signal's reason when it is aborted; EngineError. A way that carries nothing is a sample that says so.
 */
export async function measureInTurns(sides: readonly Side[], { seconds, onRound, signal }: MeasureOptions): Promise<readonly MeasuredSide[]> {
  const samples = sides.map(() => ({ oneNode: [] as WaySample[], twoNodes: [] as WaySample[] }));
  for (let round = 1; round <= ROUNDS; round++) {
    onRound?.(round);
    // There and back: who comes first in a round is not always the same.
    const order = round % 2 === 1 ? sides.keys() : [...sides.keys()].toReversed();
    for (const index of order) {
      const side = sides[index];
      if (side === undefined || (side.session.measure === undefined && round % ROUNDS_FOR_ECHO !== 0)) continue;
      for (const which of ['oneNode', 'twoNodes'] as const) {
        signal?.throwIfAborted();
        const way = side[which];
        if (typeof way === 'string') continue;
        const sample = await measureWay(side.session, way, (seconds * 1000) / ROUNDS);
        if (sample !== null) samples[index]?.[which].push(sample);
      }
    }
  }
  return sides.map((side, index) => ({
    oneNode: measured(side, side.oneNode, samples[index]?.oneNode ?? []),
    twoNodes: measured(side, side.twoNodes, samples[index]?.twoNodes ?? []),
  }));
}

function measured({ engine, session }: Side, way: WayOrWhyNot, samples: readonly WaySample[]): MeasuredWay {
  if (typeof way === 'string') return { from: '', to: '', samples: [], lacks: way, lacksThroughput: way };
  return {
    from: way.from.id,
    to: way.to.id,
    samples,
    lacks: samples.length === 0 ? `engine ${engine} sends no single probes between pods` : '',
    lacksThroughput: session.measure === undefined ? `on engine ${engine} no program of cnilab runs in the pods that could time a stream` : '',
  };
}

/** null: the session has nothing to measure by. */
async function measureWay(session: EngineSession, way: Way, streamMs: number): Promise<WaySample | null> {
  if (session.measure !== undefined) {
    const { roundTripsUs, streamedBytes, streamedMs, failed } = await session.measure({ ...way, roundTrips: ROUND_TRIPS, streamMs, deadlineMs: DEADLINE_MS });
    return { by: 'tcp', roundTripsUs, bitsPerSecond: streamedBytes === 0 ? null : (streamedBytes * 8000) / streamedMs, failed };
  }
  return session.sight.single === true ? await echo(session, way) : null;
}

/** The kernel of the other pod answers; the time is taken from the request on, without the start of the program. */
async function echo(session: EngineSession, { from, to, family }: Way): Promise<WaySample> {
  const records: ProbeRecord[] = [];
  const { unusable } = await session.probe(
    {
      protocol: 'icmp',
      family,
      port: 0,
      endpoints: [from, to],
      pairs: { kind: 'list', pairs: [[0, 1]] },
      attempts: 1,
      deadlineMs: DEADLINE_MS,
      responders: 'listen',
      conntrack: [],
    },
    (batch) => {
      for (let index = 0; index < batch.length; index++) records.push(batch.at(index));
    },
  );
  const [record] = records;
  const answered = record?.outcome === 'ok';
  return {
    by: 'icmp',
    roundTripsUs: answered ? [record.rttUs] : [],
    bitsPerSecond: null,
    failed: answered ? '' : (unusable[from.id] ?? record?.outcome ?? 'not-run'),
  };
}
