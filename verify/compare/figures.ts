/** The arithmetic of a comparison: medians, and ratios of what was measured in the same round. Pure. */
import type { ComparedWay } from './document.ts';

/** What one round found of one way. */
export interface WaySample {
  readonly by: 'thread' | 'programs';
  /** One for each round trip. */
  readonly roundTripsUs: readonly number[];
  /** null: not measured. */
  readonly bitsPerSecond: number | null;
  /** What went wrong; ''. */
  readonly failed: string;
}

/** One way of a lab: a sample for each round, or why there are none. */
export interface MeasuredWay {
  readonly from: string;
  readonly to: string;
  readonly samples: readonly WaySample[];
  /** Why there are no samples; ''. */
  readonly lacks: string;
}

/** The middle one, of an even number the mean of the two in the middle; null of none. */
export function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  return upper === undefined || lower === undefined ? null : (upper + lower) / 2;
}

/** Figures of a way, against the same way of the first lab. */
export function compareWay(way: MeasuredWay, first: MeasuredWay): ComparedWay {
  const alike = way.samples[0]?.by === first.samples[0]?.by;
  const against = (of: (way: MeasuredWay) => readonly (number | null)[]): number | null => (alike ? ratio(of(way), of(first)) : null);
  return {
    from: way.from,
    to: way.to,
    by: way.samples[0]?.by ?? null,
    roundTripUs: { value: median(way.samples.flatMap(({ roundTripsUs }) => roundTripsUs)), ratio: against(roundTrips) },
    bitsPerSecond: { value: median(present(throughputs(way))), ratio: against(throughputs) },
    reason: way.lacks === '' ? failures(way.samples) : way.lacks,
  };
}

/** What crossing to another node costs a lab. */
export function twoToOne(two: MeasuredWay, one: MeasuredWay): { readonly roundTrip: number | null; readonly throughput: number | null } {
  return { roundTrip: ratio(roundTrips(two), roundTrips(one)), throughput: ratio(throughputs(two), throughputs(one)) };
}

const roundTrips = ({ samples }: MeasuredWay): readonly (number | null)[] => samples.map(({ roundTripsUs }) => median(roundTripsUs));
const throughputs = ({ samples }: MeasuredWay): readonly (number | null)[] => samples.map(({ bitsPerSecond }) => bitsPerSecond);
const present = (values: readonly (number | null)[]): readonly number[] => values.filter((value) => value !== null);

/** The median of the rounds' own ratios: what slows a whole round down is in both of its sides. */
function ratio(of: readonly (number | null)[], to: readonly (number | null)[]): number | null {
  return median(
    of.flatMap((value, round) => {
      const other = to[round] ?? null;
      return value === null || other === null || other === 0 ? [] : [value / other];
    }),
  );
}

function failures(samples: readonly WaySample[]): string {
  const failed = samples.filter((sample) => sample.failed !== '');
  const [first] = failed;
  if (first === undefined) return '';
  return failed.length === samples.length ? first.failed : `${failed.length} of ${samples.length} rounds failed: ${first.failed}`;
}
