import { describe, expect, it } from 'vitest';
import type { EngineSession, Measurement, MeasureRequest } from '../../engines/port.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { ClusterSpec } from '../../topology/spec.ts';
import { compareLabs } from '../../verify/compare/compare.ts';
import { compareWay, median, twoToOne, type MeasuredWay, type WaySample } from '../../verify/compare/figures.ts';
import { measureInTurns, ROUNDS, type Side } from '../../verify/compare/measure.ts';
import { waysOf } from '../../verify/compare/ways.ts';
import { fakeSession } from '../fake-session.ts';

const sample = (us: readonly number[], bitsPerSecond: number | null, failed = ''): WaySample => ({ by: 'thread', roundTripsUs: us, bitsPerSecond, failed });
const way = (samples: readonly WaySample[], lacks = ''): MeasuredWay => ({ from: 'c1/default/a', to: 'c1/default/b', samples, lacks });

describe('figures', () => {
  it.each([
    [[], null],
    [[3], 3],
    [[9, 1, 5], 5],
    [[4, 1, 3, 2], 2.5],
  ])('the median of %j is %j', (values, middle) => {
    expect(median(values)).toBe(middle);
  });

  it('are medians of all round trips, and ratios of what was measured in the same round', () => {
    // The machine is ten times slower in the second round, for both: the medians are of different rounds, the ratio is the same in each.
    const first = way([sample([10, 10, 12], 1000), sample([100, 100, 100], 100), sample([10, 11, 10], 1000)]);
    const second = way([sample([20, 20, 90], 500), sample([200, 200, 200], 50), sample([20, 20, 20], 500)]);
    expect(compareWay(second, first)).toEqual({
      from: 'c1/default/a',
      to: 'c1/default/b',
      by: 'thread',
      roundTripUs: { value: 20, ratio: 2 },
      bitsPerSecond: { value: 500, ratio: 0.5 },
      reason: '',
    });
    expect(compareWay(first, first)).toMatchObject({ roundTripUs: { value: 11, ratio: 1 }, bitsPerSecond: { value: 1000, ratio: 1 } });
    expect(twoToOne(second, first)).toEqual({ roundTrip: 2, throughput: 0.5 });
  });

  it('say what failed, and in how many rounds', () => {
    const healthy = way([sample([10], 100), sample([10], 100)]);
    const stalls = way([sample([10], null, 'stalled'), sample([20], null, 'stalled')]);
    expect(compareWay(stalls, healthy)).toMatchObject({
      roundTripUs: { value: 15, ratio: 1.5 },
      bitsPerSecond: { value: null, ratio: null },
      reason: 'stalled',
    });
    const once = way([sample([], null, 'silent'), sample([10], 100)]);
    expect(compareWay(once, healthy)).toMatchObject({ bitsPerSecond: { value: 100, ratio: 1 }, reason: '1 of 2 rounds failed: silent' });
    expect(twoToOne(stalls, healthy).throughput).toBeNull();
  });

  it('of a lab without such pods have their reason, and what was measured otherwise is in no ratio', () => {
    const none = way([], 'no node has two pods');
    expect(compareWay(none, none)).toMatchObject({ by: null, roundTripUs: { value: null, ratio: null }, reason: 'no node has two pods' });
    const programs = way([{ ...sample([300], 700), by: 'programs' }]);
    expect(compareWay(programs, programs)).toMatchObject({ by: 'programs', roundTripUs: { value: 300, ratio: 1 } });
    expect(compareWay(programs, way([sample([10], 100)]))).toMatchObject({
      roundTripUs: { value: 300, ratio: null },
      bitsPerSecond: { value: 700, ratio: null },
    });
  });
});

const lab = (...clusters: readonly Partial<ClusterSpec>[]): LabPlan =>
  planLab({
    name: 'l',
    clusters: clusters.map((cluster, index) => ({ name: `c${index + 1}`, workers: 1, cni: { type: 'flannel', backend: 'udp' }, ...cluster })),
  });
const pods = (perNode: number): Partial<ClusterSpec> => ({ workloads: [{ name: 'web', perNode }] });

describe('ways', () => {
  it('begin at one pod, to one of its node and to one of another', () => {
    expect(waysOf(lab(pods(2)))).toMatchObject({
      cluster: { name: 'c1' },
      oneNode: { from: { id: 'c1/default/web-control-plane1' }, to: { id: 'c1/default/web-2-control-plane1' }, family: 'ipv4' },
      twoNodes: { from: { id: 'c1/default/web-control-plane1' }, to: { id: 'c1/default/web-worker1' } },
    });
  });

  it('that a lab does not have are said, and the cluster that has more is taken', () => {
    expect(waysOf(lab(pods(1)))).toMatchObject({ oneNode: 'no node has two pods', twoNodes: { to: { id: 'c1/default/web-worker1' } } });
    expect(waysOf(lab({}))).toMatchObject({ oneNode: 'no node has two pods', twoNodes: 'no two nodes have pods' });
    expect(waysOf(lab({}, { ...pods(2), podCIDR: '10.245.0.0/16', serviceCIDR: '10.97.0.0/16' }))).toMatchObject({ cluster: { name: 'c2' } });
    expect(waysOf(planLab({ name: 'l', hosts: [{ name: 'a' }, { name: 'b' }] }))).toEqual({
      cluster: null,
      oneNode: 'the lab has no cluster',
      twoNodes: 'the lab has no cluster',
    });
  });
});

/** Answers at once: 8 Mbit in 2 s are 4 Mbit/s. */
const answer: Measurement = { by: 'thread', roundTripsUs: [40, 50], streamedBytes: 1_000_000, streamedMs: 2000, failed: '' };

function side(session: Partial<EngineSession>, plan: LabPlan = lab(pods(2))): Side {
  return { engine: 'netns', session: fakeSession(session), ...waysOf(plan) };
}

describe('measuring', () => {
  it('takes every way of every lab once in each round, in turns', async () => {
    const asked: string[] = [];
    const requests: MeasureRequest[] = [];
    const told = (name: string): Partial<EngineSession> => ({
      measure: (request) => {
        asked.push(`${name} ${request.to.id.split('/').at(-1) ?? ''}`);
        requests.push(request);
        return Promise.resolve(answer);
      },
    });
    const measured = await measureInTurns([side(told('a')), side(told('b'))], { seconds: 2 });
    const [a, b] = ['a', 'b'].map((name) => [`${name} web-2-control-plane1`, `${name} web-worker1`]);
    expect(asked).toEqual(Array.from({ length: ROUNDS / 2 }, () => [a, b, b, a]).flat(2));
    expect(new Set(requests.map(({ streamMs }) => streamMs))).toEqual(new Set([2000 / ROUNDS]));
    expect(measured[1]?.twoNodes.samples).toHaveLength(ROUNDS);
    expect(measured[1]?.twoNodes.samples[0]).toEqual({ by: 'thread', roundTripsUs: [40, 50], bitsPerSecond: 4_000_000, failed: '' });
  });

  it('asks nothing of a lab without pods, and stops when it is told to', async () => {
    const [none] = await measureInTurns([side({}, lab({}))], { seconds: 1 });
    expect(none).toMatchObject({ oneNode: { lacks: 'no node has two pods', samples: [] } });
    const stop = new AbortController();
    const reason = new Error('enough');
    let calls = 0;
    const stopping: Partial<EngineSession> = {
      measure: () => {
        if (++calls === 3) stop.abort(reason);
        return Promise.resolve(answer);
      },
    };
    await expect(measureInTurns([side(stopping)], { seconds: 1, signal: stop.signal })).rejects.toBe(reason);
    expect(calls).toBe(3);
  });

  it('tells what failed, and where nothing is timed', async () => {
    const silent: Partial<EngineSession> = {
      measure: () => Promise.resolve({ by: 'programs', roundTripsUs: [], streamedBytes: 0, streamedMs: 0, failed: 'silent' }),
    };
    const [fails, blind] = await measureInTurns([side(silent), { ...side({}), engine: 'paper' }], { seconds: 1 });
    expect(fails?.twoNodes.samples[0]).toEqual({ by: 'programs', roundTripsUs: [], bitsPerSecond: null, failed: 'silent' });
    expect(blind?.oneNode).toMatchObject({ samples: [], lacks: 'nothing is timed on engine paper' });
  });
});

describe('labs side by side', () => {
  it('have what the plan says of their packets, and no verdicts where nothing was verified', async () => {
    const session: Partial<EngineSession> = { measure: () => Promise.resolve(answer) };
    const plans = [lab(pods(2)), lab({ ...pods(1), cni: { type: 'flannel' } })];
    const measured = await measureInTurns(
      plans.map((plan) => side(session, plan)),
      { seconds: 1 },
    );
    const compared = compareLabs(
      plans.flatMap((plan, index) => {
        const own = measured[index];
        return own === undefined ? [] : [{ name: `lab${index}`, engine: 'netns', plan, now: plan, ways: waysOf(plan), measured: own, report: null }];
      }),
    );
    expect(compared).toMatchObject([
      {
        name: 'lab0',
        nodes: 2,
        pods: 4,
        verification: null,
        cluster: { name: 'c1', of: 1, cni: 'flannel udp', passage: { by: 'udp', overheadBytes: 28 }, podMtuBytes: 1472, kubeProxy: { mode: 'iptables' } },
        twoToOne: { roundTrip: 1, throughput: 1 },
      },
      {
        cluster: { cni: 'flannel vxlan', passage: { by: 'vxlan', overheadBytes: 50 }, podMtuBytes: 1450 },
        oneNode: { by: null, roundTripUs: { value: null }, reason: 'no node has two pods' },
        twoNodes: { bitsPerSecond: { value: 4_000_000, ratio: 1 } },
        twoToOne: { roundTrip: null, throughput: null },
      },
    ]);
  });
});
