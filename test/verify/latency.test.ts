import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addLatency, createHistogram, mergeLatency, percentile, summariseLatency } from '../../verify/latency.ts';

const histogramOf = (values: readonly number[]): ReturnType<typeof createHistogram> => {
  const histogram = createHistogram();
  for (const value of values) addLatency(histogram, value);
  return histogram;
};
const exact = (values: readonly number[], share: number): number => values.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(values.length * share)) - 1] ?? 0;
const latencies = fc.array(fc.oneof(fc.nat(40), fc.nat(5000), fc.nat(2 ** 32 - 1)), { minLength: 1, maxLength: 200 });

describe('latency', () => {
  it('has no summary of nothing', () => {
    expect(summariseLatency(createHistogram())).toBeNull();
    expect(percentile(createHistogram(), 0.5)).toBe(0);
  });

  it('keeps small values and the maximum exactly', () => {
    expect(summariseLatency(histogramOf([7, 7, 7, 12]))).toEqual({ p50: 7, p99: 12, max: 12 });
    expect(summariseLatency(histogramOf([61, 61, 1_000_123]))?.max).toBe(1_000_123);
  });

  it('is never below the true percentile and at most a sixteenth above it', () => {
    fc.assert(
      fc.property(latencies, fc.constantFrom(0.01, 0.5, 0.9, 0.99, 1), (values, share) => {
        const found = percentile(histogramOf(values), share);
        const wanted = exact(values, share);
        expect(found).toBeGreaterThanOrEqual(wanted);
        expect(found).toBeLessThanOrEqual(wanted + wanted / 16);
      }),
    );
  });

  it('merges to the same as counting at once', () => {
    fc.assert(
      fc.property(latencies, latencies, (a, b) => {
        const merged = histogramOf(a);
        mergeLatency(merged, histogramOf(b));
        expect(merged).toEqual(histogramOf([...a, ...b]));
      }),
    );
  });
});
