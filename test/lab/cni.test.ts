import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { CniRequest, CniRun, EngineSession } from '../../engines/port.ts';
import { asLoaded } from '../../lab/api.ts';
import { capture } from '../../lab/capture.ts';
import { cniByHand } from '../../lab/cni.ts';
import { enterArgv } from '../../lab/exec.ts';
import { readLab } from '../../lab/read.ts';
import { up } from '../../lab/up.ts';
import type { LabSpec } from '../../topology/spec.ts';
import { FileEngine } from './file-engine.ts';
import { useScratch } from './scratch.ts';

const scratch = useScratch();
const spec: LabSpec = { name: 'a', clusters: [{ name: 'c1', cni: { type: 'bridge' }, workers: 1, workloads: [{ name: 'web', perNode: 1 }] }] };
const RUN: CniRun = { calls: [], undone: [], ok: true, result: null, made: false, removed: false };

/** Answers as it is told, and notes what it was asked. */
class PluginEngine extends FileEngine {
  readonly asked: CniRequest[] = [];
  answer: () => CniRun = () => RUN;
  override async open(): Promise<EngineSession> {
    const session = await super.open();
    const callCni = (request: CniRequest): Promise<CniRun> => {
      this.asked.push(request);
      return Promise.resolve().then(this.answer);
    };
    return { ...session, callCni };
  }
}

let engine: PluginEngine;
let file = '';
const withEngine = { loadEngine: () => Promise.resolve(engine) };
const byHand = async (): Promise<readonly string[]> => ((await readLab('a', withEngine)).byHand ?? []).map(({ id }) => id);

beforeEach(async () => {
  engine = new PluginEngine(join(scratch.folder, 'world'));
  file = scratch.write('n.conflist', JSON.stringify({ cniVersion: '1.0.0', name: 'n', plugins: [{ type: 'bridge' }] }));
  await up(await asLoaded(spec), { engine: 'file', ...withEngine });
});

describe('CNI by hand', () => {
  it('gives a new name a namespace that is known until DEL removes it', async () => {
    engine.answer = () => ({ ...RUN, made: true });
    expect(await cniByHand('ADD', 'a', 'mine', file, { ...withEngine, node: 'worker1' })).toMatchObject({
      pod: 'by-hand/mine',
      node: 'c1/worker1',
      ifname: 'eth0',
    });
    expect(engine.asked).toEqual([
      expect.objectContaining({
        command: 'ADD',
        node: 'node.c1.worker1',
        netns: 'by-hand.mine',
        owned: true,
        ifname: 'eth0',
        pod: { namespace: 'default', name: 'mine' },
      }),
    ]);
    expect(await byHand()).toEqual(['by-hand/mine']);
    expect(await enterArgv('a', 'mine', ['ip'], withEngine)).toContain('by-hand.mine');
    // Its machine is known now, and cannot be another.
    await expect(cniByHand('DEL', 'a', 'mine', file, { ...withEngine, node: 'control-plane1' })).rejects.toMatchObject({ code: 'USAGE' });
    engine.answer = () => ({ ...RUN, removed: true });
    await cniByHand('DEL', 'a', 'mine', file, withEngine);
    expect(engine.asked.at(-1)).toMatchObject({ command: 'DEL', node: 'node.c1.worker1', containerId: engine.asked[0]?.containerId });
    expect(await byHand()).toEqual([]);
    expect(engine.sessions).toBe(0);
  });

  it('forgets a name whose ADD failed', async () => {
    engine.answer = () => ({ ...RUN, ok: false });
    expect(await cniByHand('ADD', 'a', 'mine', file, { ...withEngine, node: 'worker1' })).toMatchObject({ ok: false });
    expect(await byHand()).toEqual([]);
    engine.answer = () => {
      throw new Error('broken');
    };
    await expect(cniByHand('ADD', 'a', 'mine', file, { ...withEngine, node: 'worker1' })).rejects.toThrow('broken');
    expect(await byHand()).toEqual([]);
    expect(engine.sessions).toBe(0);
  });

  it('attaches a pod of the lab by another interface, and leaves its own alone', async () => {
    await cniByHand('ADD', 'a', 'web-worker1', file, { ...withEngine, ifname: 'net1' });
    expect(engine.asked).toEqual([expect.objectContaining({ owned: false, netns: 'pod.c1.default.web-worker1', ifname: 'net1' })]);
    for (const command of ['ADD', 'DEL'] as const)
      await expect(cniByHand(command, 'a', 'web-worker1', file, withEngine)).rejects.toMatchObject({
        code: 'USAGE',
        hint: expect.stringContaining('--ifname'),
      });
    await cniByHand('CHECK', 'a', 'web-worker1', file, withEngine);
    expect(engine.asked).toHaveLength(2);
    expect(await byHand()).toEqual([]);
  });

  it.each([
    ['Mine!', {}, /cannot be the name/],
    ['mine', {}, /machine must be named/],
    ['worker1', {}, /is a machine/],
    ['mine', { node: 'web-worker1' }, /is no machine/],
    ['mine', { node: 'worker1', ifname: 'a/b' }, /--ifname/],
  ])('refuses %j with %j', async (pod, options, message) => {
    await expect(cniByHand('ADD', 'a', pod, file, { ...withEngine, ...options })).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringMatching(message),
    });
    expect(engine.asked).toEqual([]);
  });

  it('refuses what is no list, no lab, and an engine that has no plugins to call', async () => {
    await expect(cniByHand('ADD', 'a', 'mine', scratch.write('x', '{}'), withEngine)).rejects.toMatchObject({ code: 'CNI_LIST_INVALID' });
    await expect(cniByHand('ADD', 'b', 'mine', file, withEngine)).rejects.toMatchObject({ code: 'LAB_UNKNOWN' });
    const plain = new FileEngine(join(scratch.folder, 'world'));
    await expect(cniByHand('ADD', 'a', 'mine', file, { loadEngine: () => Promise.resolve(plain) })).rejects.toMatchObject({ code: 'ENGINE_UNSUPPORTED' });
    expect(plain.sessions).toBe(0);
  });
});

describe('a capture', () => {
  it('is refused for a filter that is none, a place that is not there, and an engine that cannot', async () => {
    const onPacket = (): void => undefined;
    await expect(capture('a', 'worker1', { ...withEngine, onPacket, filter: 'tpc' })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(capture('b', 'worker1', { ...withEngine, onPacket })).rejects.toMatchObject({ code: 'LAB_UNKNOWN' });
    await expect(capture('a', 'worker9', { ...withEngine, onPacket })).rejects.toMatchObject({ code: 'TARGET_UNKNOWN' });
    await expect(capture('a', 'worker1', { ...withEngine, onPacket })).rejects.toMatchObject({ code: 'ENGINE_UNSUPPORTED' });
    expect(engine.sessions).toBe(0);
  });
});
