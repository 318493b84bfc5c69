import { describe, expect, it } from 'vitest';
import { renderComparison } from '../../report/compare-text.ts';
import { createStyle, plainStyle } from '../../report/style.ts';
import type { ComparedLab, ComparedWay, Comparison, Figure } from '../../verify/compare/document.ts';

const figure = (value: number | null, ratio: number | null = null): Figure => ({ value, ratio });
const none = (reason: string): ComparedWay => ({ from: '', to: '', by: null, roundTripUs: figure(null), bitsPerSecond: figure(null), reason });
const way = (to: string, roundTripUs: Figure, bitsPerSecond: Figure, over: Partial<ComparedWay> = {}): ComparedWay => ({
  from: 'c1/default/web-worker1',
  to: `c1/default/${to}`,
  by: 'thread',
  roundTripUs,
  bitsPerSecond,
  reason: '',
  ...over,
});

const hostGw: ComparedLab = {
  name: 'host-gw',
  engine: 'netns',
  nodes: 3,
  pods: 6,
  verification: {
    verdict: 'pass',
    requirements: [
      { id: 'R1', verdict: 'pass' },
      { id: 'R2', verdict: 'pass' },
      { id: 'R3', verdict: 'pass' },
    ],
  },
  cluster: {
    name: 'c1',
    of: 1,
    cni: 'flannel host-gw',
    kubeProxy: { mode: 'iptables', scheduler: null },
    passage: { by: 'route', overheadBytes: 0 },
    podMtuBytes: 1500,
  },
  oneNode: way('web-2-worker1', figure(12.4, 1), figure(31_412_345_678, 1)),
  twoNodes: way('web-worker2', figure(19.6, 1), figure(9_870_000_000, 1)),
  twoToOne: { roundTrip: 1.58, throughput: 0.314 },
};

const udp: ComparedLab = {
  name: 'udp',
  engine: 'netns',
  nodes: 2,
  pods: 2,
  verification: null,
  cluster: {
    name: 'c1',
    of: 2,
    cni: 'flannel udp',
    kubeProxy: { mode: 'ipvs', scheduler: 'rr' },
    passage: { by: 'udp', overheadBytes: 28 },
    podMtuBytes: 1472,
  },
  oneNode: none('no node has two pods'),
  twoNodes: way('web-node2', figure(1240, 63.3), figure(412_000_000, 0.0417), { reason: '1 of 10 rounds failed: silent' }),
  twoToOne: { roundTrip: null, throughput: null },
};

const kind: ComparedLab = {
  name: 'real',
  engine: 'kind',
  nodes: 3,
  pods: 9,
  verification: {
    verdict: 'fail',
    requirements: [
      { id: 'R1', verdict: 'fail' },
      { id: 'R2', verdict: 'pass' },
      { id: 'R3', verdict: 'inconclusive' },
    ],
  },
  cluster: {
    name: 'c1',
    of: 1,
    cni: 'weave sleeve',
    kubeProxy: { mode: 'iptables', scheduler: null },
    passage: { by: 'sleeve', overheadBytes: null },
    podMtuBytes: 1376,
  },
  oneNode: way('a', figure(95), figure(8_120_000_000), { by: 'programs' }),
  twoNodes: way('b', figure(190), figure(null), { by: 'programs', reason: 'stalled' }),
  twoToOne: { roundTrip: 2, throughput: null },
};

const hosts: ComparedLab = {
  name: 'hosts',
  engine: 'netns',
  nodes: 0,
  pods: 0,
  verification: null,
  cluster: null,
  oneNode: none('the lab has no cluster'),
  twoNodes: none('the lab has no cluster'),
  twoToOne: { roundTrip: null, throughput: null },
};

const comparison = (...labs: readonly ComparedLab[]): Comparison => ({
  schema: 'cnilab.comparison/1',
  startedAt: '2026-01-01T00:00:00.000Z',
  elapsedMs: 6200,
  rounds: 10,
  seconds: 1,
  labs,
});

describe('a comparison as text', () => {
  it('has a column for each lab, the reasons for what is missing, and what the figures are of', async () => {
    await expect(renderComparison(comparison(hostGw, udp, kind, hosts), { style: plainStyle })).toMatchFileSnapshot('golden/compare.txt');
  });

  it('without a verification says so in every lab, and has no row for the whole of it', () => {
    const text = renderComparison(comparison({ ...hostGw, verification: null }, udp), { style: plainStyle });
    expect(text).toMatch(/^R1 pod to pod +not verified +not verified$/m);
    expect(text).not.toMatch(/^verification/m);
  });

  it('is ASCII where the terminal is', () => {
    const text = renderComparison(comparison(hostGw, udp), { style: createStyle({ color: false, unicode: false }), columns: 60 });
    // oxlint-disable-next-line no-control-regex -- ASCII is what is asked for
    expect(text).toMatch(/^[\u0000-\u007F]*$/);
    const [, below = ''] = text.split('\n\n');
    expect(below.split('\n').filter((line) => line.length > 60)).toEqual([]);
  });
});
