/** Latencies as counts: a million round trips in a few hundred numbers. */

/** Each power of two is split into 16 ranges: a value is known to about 6 %. */
const SUB_BITS = 4;
const SUB = 1 << SUB_BITS;
const BUCKETS = (32 - SUB_BITS + 1) * SUB;

export interface Histogram {
  readonly counts: Uint32Array;
  total: number;
  max: number;
}

/** An empty histogram of microseconds. */
export function createHistogram(): Histogram {
  return { counts: new Uint32Array(BUCKETS), total: 0, max: 0 };
}

/** Counts one round trip, in microseconds. */
export function addLatency(histogram: Histogram, us: number): void {
  const bucket = bucketOf(us);
  histogram.counts[bucket] = (histogram.counts[bucket] ?? 0) + 1;
  histogram.total++;
  if (us > histogram.max) histogram.max = us;
}

/** Adds all of `from` to `to`. */
export function mergeLatency(to: Histogram, from: Histogram): void {
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const count = from.counts[bucket] ?? 0;
    if (count > 0) to.counts[bucket] = (to.counts[bucket] ?? 0) + count;
  }
  to.total += from.total;
  to.max = Math.max(to.max, from.max);
}

/** The value under which the share (0 to 1) of the round trips lies, in microseconds, to about 6 %; 0 when there is none. */
export function percentile(histogram: Histogram, share: number): number {
  if (histogram.total === 0) return 0;
  const rank = Math.max(1, Math.ceil(histogram.total * share));
  let seen = 0;
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    seen += histogram.counts[bucket] ?? 0;
    if (seen >= rank) return Math.min(upperBound(bucket), histogram.max);
  }
  return histogram.max;
}

/** p50, p99 and maximum; null when nothing was measured. */
export function summariseLatency(histogram: Histogram): { readonly p50: number; readonly p99: number; readonly max: number } | null {
  if (histogram.total === 0) return null;
  return { p50: percentile(histogram, 0.5), p99: percentile(histogram, 0.99), max: histogram.max };
}

function bucketOf(us: number): number {
  if (us < SUB) return us;
  const shift = 31 - Math.clz32(us) - SUB_BITS;
  return (shift + 1) * SUB + ((us >>> shift) - SUB);
}

function upperBound(bucket: number): number {
  if (bucket < SUB) return bucket;
  const shift = Math.floor(bucket / SUB) - 1;
  return (SUB + (bucket % SUB) + 1) * 2 ** shift - 1;
}
