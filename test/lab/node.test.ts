import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Engine, NodeAction } from '../../engines/port.ts';
import { asLoaded } from '../../lab/api.ts';
import { controlNode } from '../../lab/node.ts';
import { up } from '../../lab/up.ts';
import type { LabSpec } from '../../topology/spec.ts';
import { FileEngine } from './file-engine.ts';
import { useScratch } from './scratch.ts';

const scratch = useScratch();
const asked: string[] = [];
let engine: Engine;
const withEngine = { loadEngine: () => Promise.resolve(engine) };
const spec: LabSpec = { name: 'a', clusters: ['c1', 'c2'].map((name, i) => ({ name, workers: i + 1, cni: { type: 'bridge' } })) };

/** An engine whose nodes are machines that only remember what was done to them. */
class MachineEngine extends FileEngine {
  async controlNode(_handle: unknown, _plan: unknown, id: string, action: NodeAction): Promise<string> {
    asked.push(`${action} ${id}`);
    return await Promise.resolve('done');
  }
}

beforeEach(async () => {
  asked.length = 0;
  engine = new MachineEngine(join(scratch.folder, 'world'));
  await up(await asLoaded(spec), { engine: 'file', ...withEngine });
});

describe('nodes that are machines', () => {
  it('are named with their cluster, or without where that is clear', async () => {
    expect(await controlNode('a', 'c1/worker1', 'stop', withEngine)).toEqual({ node: 'c1/worker1', outcome: 'done' });
    await controlNode('a', 'worker2', 'cut', withEngine);
    expect(asked).toEqual(['stop c1/worker1', 'cut c2/worker2']);
  });

  it('are refused when they are not there, can be several, or are no machines', async () => {
    await expect(controlNode('a', 'worker1', 'stop', withEngine)).rejects.toMatchObject({ code: 'TARGET_UNKNOWN', hint: 'say which: c1/worker1, c2/worker1' });
    await expect(controlNode('a', 'worker9', 'stop', withEngine)).rejects.toMatchObject({
      code: 'TARGET_UNKNOWN',
      details: { candidates: expect.arrayContaining(['c2/worker2']) },
    });
    await expect(controlNode('b', 'worker1', 'stop', withEngine)).rejects.toMatchObject({ code: 'LAB_UNKNOWN' });
    engine = new FileEngine(join(scratch.folder, 'world'));
    await expect(controlNode('a', 'c1/worker1', 'stop', withEngine)).rejects.toMatchObject({ code: 'ENGINE_UNSUPPORTED' });
    expect(asked).toEqual([]);
  });
});
