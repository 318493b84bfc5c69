import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { EngineEvent, EngineSession, MeasureRequest } from '../../engines/port.ts';
import { asLoaded } from '../../lab/api.ts';
import { compare } from '../../lab/compare.ts';
import { up } from '../../lab/up.ts';
import type { CniSpec } from '../../topology/spec.ts';
import { FileEngine } from './file-engine.ts';
import { useScratch } from './scratch.ts';

/** A file that answers: every way is as fast as the lab was told to be. */
class MeasuredEngine extends FileEngine {
  readonly asked: MeasureRequest[] = [];
  fails: Error | null = null;

  override async open(): Promise<EngineSession> {
    const session = await super.open();
    return {
      ...session,
      measure: (request) => {
        this.asked.push(request);
        if (this.fails !== null) return Promise.reject(this.fails);
        return Promise.resolve({ by: 'thread', roundTripsUs: [20], streamedBytes: 125_000, streamedMs: 1, failed: '' });
      },
    };
  }
}

const scratch = useScratch();
let engine: MeasuredEngine;
const withEngine = { loadEngine: () => Promise.resolve(engine) };
const bring = async (name: string, cni: CniSpec): Promise<void> => {
  await up(await asLoaded({ name, clusters: [{ name: 'c1', workers: 1, cni, workloads: [{ name: 'web', perNode: 2 }] }] }), { engine: 'file', ...withEngine });
};

beforeEach(async () => {
  engine = new MeasuredEngine(join(scratch.folder, 'world'));
  await bring('plain', { type: 'flannel', backend: 'host-gw' });
  await bring('wrapped', { type: 'flannel' });
});

describe('a comparison of labs by their names', () => {
  it('is of running labs, in the order asked for; sessions are closed', async () => {
    const events: EngineEvent[] = [];
    const comparison = await compare(['wrapped', 'plain'], { ...withEngine, seconds: 0.5, onEvent: (event) => events.push(event) });
    expect(engine.sessions).toBe(0);
    expect(comparison).toMatchObject({
      schema: 'cnilab.comparison/1',
      rounds: 10,
      seconds: 0.5,
      labs: [
        {
          name: 'wrapped',
          engine: 'file',
          verification: null,
          cluster: { passage: { by: 'vxlan' }, podMtuBytes: 1450 },
          twoNodes: { bitsPerSecond: { value: 1e9 } },
        },
        { name: 'plain', cluster: { passage: { by: 'route' }, podMtuBytes: 1500 }, twoNodes: { roundTripUs: { value: 20, ratio: 1 } } },
      ],
    });
    expect(engine.asked).toHaveLength(40);
    expect(engine.asked.every(({ streamMs }) => streamMs === 50)).toBe(true);
    expect(events.filter(({ phase }) => phase === 'progress').map(({ detail }) => detail)).toContain('round 10 of 10');
  });

  it('brings nothing up, and says what to type', async () => {
    await expect(compare(['plain', 'flannel-udp'], withEngine)).rejects.toMatchObject({
      code: 'LAB_UNKNOWN',
      message: 'lab flannel-udp is not up',
      hint: '`cnilab up flannel-udp` first: a comparison is of labs that run',
    });
    await expect(compare(['plain', 'nobody'], withEngine)).rejects.toMatchObject({ code: 'LAB_UNKNOWN', hint: 'the labs are: plain, wrapped' });
    engine.lose();
    await expect(compare(['plain', 'wrapped'], withEngine)).rejects.toMatchObject({ code: 'LAB_LOST' });
    expect(engine.asked).toEqual([]);
  });

  it.each([
    [['plain'], {}, /two labs or more/],
    [['plain', 'wrapped', 'plain'], {}, /plain is named twice/],
    [['plain', 'wrapped'], { seconds: 0.1 }, /0.1 seconds are out of range/],
    [['plain', 'wrapped'], { seconds: 11 }, /11 seconds/],
    [['plain', 'wrapped'], { seconds: Number.NaN }, /NaN seconds/],
  ])('of %j with %j is refused', async (names, options, message) => {
    await expect(compare(names, { ...withEngine, ...options })).rejects.toMatchObject({ code: 'USAGE', message: expect.stringMatching(message) });
  });

  it('that fails in the engine closes what it opened', async () => {
    engine.fails = new Error('the agent ended');
    await expect(compare(['plain', 'wrapped'], withEngine)).rejects.toThrow('the agent ended');
    expect(engine.sessions).toBe(0);
  });
});
