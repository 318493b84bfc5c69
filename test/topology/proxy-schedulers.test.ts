import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hsiphash, maglevTable } from '../../topology/services/proxy/maglev.ts';
import { choiceSequence, type Flow, type RealServer } from '../../topology/services/proxy/schedulers.ts';
import type { IpvsScheduler } from '../../topology/spec.ts';

const flows = (n: number): Flow[] => Array.from({ length: n }, (_, i) => ({ source: `10.244.1.${2 + (i % 200)}`, destination: '10.96.0.10' }));
/** Servers as letters, `-` for none. */
const sequence = (scheduler: IpvsScheduler, servers: readonly RealServer[], n: number): string =>
  choiceSequence(scheduler, servers, flows(n))
    .map((index) => (index === null ? '-' : String.fromCharCode(65 + index)))
    .join('');
const weights = (...each: number[]): RealServer[] => each.map((weight) => ({ weight }));

describe.each<[IpvsScheduler, string, RealServer[], string]>([
  ['rr', 'in turn', weights(1, 1, 1), 'ABCABC'],
  ['rr', 'without regard to weights, past those of weight 0', weights(5, 0, 1), 'ACACAC'],
  // The example of the LVS documentation.
  ['wrr', 'weights 4, 3, 2 in one period', weights(4, 3, 2), 'AABABCABCAABABCABC'],
  ['wrr', 'weights with a common divisor', weights(4, 2), 'AABAAB'],
  ['wrr', 'equal weights are rr', weights(3, 3, 3), 'ABCABC'],
  ['wrr', 'a server of weight 0 never', weights(2, 0), 'AAAA'],
  [
    'lc',
    'fewest connections',
    [
      { weight: 1, active: 3 },
      { weight: 1, active: 1 },
      { weight: 1, active: 2 },
    ],
    'BBCABC',
  ],
  [
    'lc',
    'a closing connection costs a 256th',
    [
      { weight: 1, active: 1 },
      { weight: 1, inactive: 255 },
      { weight: 1, inactive: 257 },
    ],
    'BA',
  ],
  ['wlc', 'connections per weight', weights(1, 2), 'ABBABB'],
  [
    'wlc',
    'a heavy server with many connections',
    [
      { weight: 10, active: 19 },
      { weight: 1, active: 2 },
    ],
    // 19/10 and 20/10 (a tie: the first), 21/10 against 2/1, 21/10 against 3/1.
    'AABA',
  ],
  // (C + 1) / U: the fast server first even while the slow one is idle.
  ['sed', 'shortest expected delay', weights(1, 3), 'BBAB'],
  ['nq', 'never queue: an idle server first, then sed', weights(1, 3), 'ABBB'],
  [
    'nq',
    'no idle server: sed',
    [
      { weight: 1, active: 1 },
      { weight: 3, active: 1 },
    ],
    // 2/1 against 2/3, 3/3, 4/3, 5/3; then a tie: the first.
    'BBBBA',
  ],
  // Two each, then nobody has less than half of its weight.
  ['lblc', 'a Service keeps its endpoint until that is overloaded and another idle', weights(1, 1, 1), 'AABBCCCCC'],
  ['lblc', 'an overload is more connections than the weight', weights(2, 2), 'AAABBBBBB'],
  ['lblcr', 'those that it had share the rest', weights(1, 1, 1), 'AABBCCCBAC'],
])('%s: %s', (scheduler, _title, servers, expected) => {
  it('chooses in that order', () => {
    expect(sequence(scheduler, servers, expected.length)).toBe(expected);
  });
});

describe.each<IpvsScheduler>(['rr', 'wrr', 'lc', 'wlc', 'lblc', 'lblcr', 'dh', 'sh', 'sed', 'nq', 'mh'])('%s', (scheduler) => {
  const server = fc.record({ weight: fc.integer({ min: 0, max: 5 }), active: fc.integer({ min: 0, max: 9 }), inactive: fc.integer({ min: 0, max: 600 }) });
  it('never chooses a server of weight 0, and one of those that are there', () => {
    fc.assert(
      fc.property(fc.array(server, { maxLength: 6 }), fc.integer({ min: 0, max: 40 }), (servers, n) => {
        const chosen = choiceSequence(scheduler, servers, flows(n));
        expect(chosen).toHaveLength(n);
        for (const index of chosen) if (index !== null) expect(servers[index]?.weight ?? 0).toBeGreaterThan(0);
        const hashes = scheduler === 'dh' || scheduler === 'sh';
        if (!hashes && servers.some(({ weight }) => weight > 0)) expect(chosen).not.toContain(null);
        if (!servers.some(({ weight }) => weight > 0)) expect(chosen.filter((index) => index !== null)).toEqual([]);
      }),
    );
  });
});

describe('shares', () => {
  const count = (scheduler: IpvsScheduler, servers: readonly RealServer[], n: number): number[] => {
    const chosen = choiceSequence(scheduler, servers, flows(n));
    return servers.map((_, index) => chosen.filter((c) => c === index).length);
  };
  it('rr: equal, wrr: by weight, over whole periods', () => {
    expect(count('rr', weights(1, 1, 1), 300)).toEqual([100, 100, 100]);
    expect(count('wrr', weights(5, 3, 2), 1000)).toEqual([500, 300, 200]);
  });
  it('wlc and sed: by weight while connections stay open', () => {
    for (const scheduler of ['wlc', 'sed'] as const) {
      const [a = 0, b = 0] = count(scheduler, weights(1, 3), 400);
      expect(Math.abs(b - 3 * a)).toBeLessThanOrEqual(4);
    }
  });
});

describe('hashes', () => {
  const flow = (source: string, destination = '10.96.0.10'): Flow => ({ source, destination });
  it('sh: a client always meets the same server, whatever it dials; clients spread', () => {
    const clients = flows(100);
    const once = choiceSequence('sh', weights(1, 1, 1), clients);
    expect(
      choiceSequence(
        'sh',
        weights(1, 1, 1),
        clients.map(({ source }) => flow(source, '10.96.7.7')),
      ),
    ).toEqual(once);
    expect(new Set(once).size).toBe(3);
  });
  it('dh: a destination always has the same server, whoever asks', () => {
    const chosen = choiceSequence('dh', weights(1, 1, 1), flows(50));
    expect(new Set(chosen).size).toBe(1);
  });
  it('the buckets of the kernel: hash_32 of the address, the upper 8 bits', () => {
    // 1 * 0x61c88647 >> 24 = 97; 2 * 0x61c88647 >> 24 = 195; 97 % 3 = 1, 195 % 3 = 0.
    expect(choiceSequence('sh', weights(1, 1, 1), [flow('0.0.0.1'), flow('0.0.0.2')])).toEqual([1, 0]);
    // Folded: ::1:0:0:3 is 1 ^ 3 = 2.
    expect(choiceSequence('sh', weights(1, 1, 1), [flow('::2'), flow('::1:0:3')])).toEqual([0, 0]);
  });
  it('hsiphash of four bytes: the vector of lib/test_siphash.c of the kernel', () => {
    expect(hsiphash(0x03020100n, [0x0706050403020100n, 0x0f0e0d0c0b0a0908n])).toBe(0x88d38328);
  });
  const maglev = (...each: readonly [address: string, weight: number][]): readonly number[] =>
    maglevTable(each.map(([address, weight]) => ({ address, weight, port: 80 })));
  it('mh: a full table, shared by weight', () => {
    const table = maglev(['10.244.1.2', 3], ['10.244.2.2', 1], ['10.244.3.2', 0]);
    const share = (server: number): number => table.filter((index) => index === server).length;
    expect([table.length, share(0), share(1), share(2)]).toEqual([4093, 3070, 1023, 0]);
    expect(maglev(['10.244.1.2', 0])).toEqual([]);
  });
  it('mh: when a server goes, its places are shared, and few others change hands', () => {
    const before = maglev(['10.244.1.2', 1], ['10.244.2.2', 1], ['10.244.3.2', 1], ['10.244.4.2', 1]);
    const after = maglev(['10.244.1.2', 1], ['10.244.2.2', 1], ['10.244.3.2', 1]);
    const moved = before.filter((server, place) => server !== 3 && server !== after[place]).length;
    // dh and sh would move about two thirds of them.
    expect(moved / before.length).toBeLessThan(0.25);
  });
  it('mh: a client always meets the same server, whatever it dials; clients spread', () => {
    const once = choiceSequence('mh', weights(1, 1, 1), flows(100));
    expect(
      choiceSequence(
        'mh',
        weights(1, 1, 1),
        flows(100).map(({ source }) => flow(source, '10.96.7.7')),
      ),
    ).toEqual(once);
    expect(new Set(once).size).toBe(3);
  });
  it('sh: as many buckets as the weight says', () => {
    const chosen = choiceSequence(
      'sh',
      weights(3, 1),
      Array.from({ length: 4096 }, (_, i) => flow(`10.${i >> 8}.${i & 255}.9`)),
    );
    const first = chosen.filter((c) => c === 0).length;
    expect(first / 4096).toBeGreaterThan(0.68);
    expect(first / 4096).toBeLessThan(0.82);
  });
  it('a server of weight 0 keeps its buckets: its clients are refused, the others do not move', () => {
    const before = choiceSequence('sh', weights(1, 1), flows(60));
    const after = choiceSequence('sh', weights(1, 0), flows(60));
    expect(after).toEqual(before.map((index) => (index === 1 ? null : index)));
  });
});
