/** Measures labs in turns: each round takes every way of every lab, so that what slows the machine down for a while slows all of them. */
import type { EngineSession } from '../../engines/port.ts';
import type { MeasuredWay, WaySample } from './figures.ts';
import type { Way, WayOrWhyNot } from './ways.ts';

export const ROUNDS = 10;
/** Round trips of each way in each round. */
const ROUND_TRIPS = 20;
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
      if (side === undefined) continue;
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

function measured({ engine }: Side, way: WayOrWhyNot, samples: readonly WaySample[]): MeasuredWay {
  if (typeof way === 'string') return { from: '', to: '', samples: [], lacks: way };
  return { from: way.from.id, to: way.to.id, samples, lacks: samples.length === 0 ? `nothing is timed on engine ${engine}` : '' };
}

/** null: the session has nothing to measure by. */
async function measureWay(session: EngineSession, way: Way, streamMs: number): Promise<WaySample | null> {
  const measured = await session.measure?.({ ...way, roundTrips: ROUND_TRIPS, streamMs, deadlineMs: DEADLINE_MS });
  if (measured === undefined) return null;
  const { by, roundTripsUs, streamedBytes, streamedMs, failed } = measured;
  return { by, roundTripsUs, bitsPerSecond: streamedBytes === 0 ? null : (streamedBytes * 8000) / streamedMs, failed };
}
