import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { EngineSession } from '../../engines/port.ts';
import { asLoaded } from '../../lab/api.ts';
import { labDirectory } from '../../lab/directories.ts';
import { injectFault, listFaults, undoFaults } from '../../lab/fault.ts';
import type { LabState } from '../../lab/lab-state.ts';
import { up } from '../../lab/up.ts';
import { verify } from '../../lab/verify.ts';
import type { LabSpec } from '../../topology/spec.ts';
import { FileEngine } from './file-engine.ts';
import { useScratch } from './scratch.ts';

const scratch = useScratch();
let engine: FileEngine;
const withEngine = { loadEngine: () => Promise.resolve(engine) };
const spec: LabSpec = { name: 'a', clusters: [{ name: 'c1', cni: { type: 'bridge' }, workloads: [{ name: 'web', perNode: 2 }] }] };
const kept = (): LabState => JSON.parse(readFileSync(join(labDirectory('a'), 'state.json'), 'utf8')) as LabState;

beforeEach(async () => {
  engine = new FileEngine(join(scratch.folder, 'world'));
  await up(await asLoaded(spec), { engine: 'file', ...withEngine });
});

describe('faults of a lab', () => {
  it('are a library without a lab, and say with one which apply', async () => {
    const library = await listFaults();
    expect(library.length).toBeGreaterThanOrEqual(18);
    expect(library[0]).not.toHaveProperty('applies');
    const ofLab = await listFaults('a', withEngine);
    expect(ofLab.find((fault) => fault.id === 'ip-forward-off')).toMatchObject({ applies: true, injected: false });
    expect(ofLab.find((fault) => fault.id === 'vni-mismatch')?.applies, 'a bridge lab has no overlay').toEqual(expect.any(String));
    await expect(listFaults('b', withEngine)).rejects.toMatchObject({ code: 'LAB_UNKNOWN' });
  });

  it('are injected, kept in the state, and undone, the last one first', async () => {
    const first = await injectFault('a', 'ip-forward-off', {}, withEngine);
    expect(first).toEqual({ id: 'ip-forward-off', where: expect.stringMatching(/^c1\//) });
    await injectFault('a', 'forward-policy-drop', {}, withEngine);
    expect(kept().faults.map((fault) => fault.id)).toEqual(['ip-forward-off', 'forward-policy-drop']);
    expect(
      (await listFaults('a', withEngine))
        .filter((fault) => fault.injected)
        .map((fault) => fault.id)
        .sort(),
    ).toEqual(['forward-policy-drop', 'ip-forward-off']);
    const injected = engine.commands.length;
    expect(injected).toBeGreaterThan(1);
    expect((await undoFaults('a', undefined, withEngine)).map((fault) => fault.id)).toEqual(['forward-policy-drop', 'ip-forward-off']);
    expect(engine.commands.length).toBeGreaterThan(injected + 1);
    expect(kept().faults).toEqual([]);
    expect(engine.sessions).toBe(0);
  });

  it('are undone one by one', async () => {
    await injectFault('a', 'ip-forward-off', {}, withEngine);
    await injectFault('a', 'forward-policy-drop', {}, withEngine);
    expect(await undoFaults('a', 'ip-forward-off', withEngine)).toHaveLength(1);
    expect(kept().faults.map((fault) => fault.id)).toEqual(['forward-policy-drop']);
    await expect(undoFaults('a', 'ip-forward-off', withEngine)).rejects.toMatchObject({ code: 'FAULT_UNKNOWN', hint: 'injected are: forward-policy-drop' });
  });

  it('are not injected twice, nor where they cannot be, nor when they do not exist', async () => {
    await injectFault('a', 'ip-forward-off', {}, withEngine);
    await expect(injectFault('a', 'ip-forward-off', {}, withEngine)).rejects.toMatchObject({ code: 'FAULT_NOT_APPLICABLE' });
    await expect(injectFault('a', 'vni-mismatch', {}, withEngine)).rejects.toMatchObject({ code: 'FAULT_NOT_APPLICABLE' });
    await expect(injectFault('a', 'no-such', {}, withEngine)).rejects.toMatchObject({ code: 'FAULT_UNKNOWN' });
    expect(kept().faults).toHaveLength(1);
  });

  it('that cannot be injected leave the state as it was', async () => {
    engine.exitCodeOf = () => 1;
    await expect(injectFault('a', 'ip-forward-off', {}, withEngine)).rejects.toMatchObject({ code: 'COMMAND_FAILED' });
    expect(kept().faults).toEqual([]);
    expect(engine.sessions).toBe(0);
  });

  it('are known from before anything is broken: what a killed run has left is undone', async () => {
    const states: string[] = [];
    engine.exitCodeOf = () => {
      states.push(readFileSync(join(labDirectory('a'), 'state.json'), 'utf8'));
      return 1;
    };
    await expect(injectFault('a', 'ip-forward-off', {}, withEngine)).rejects.toMatchObject({ code: 'COMMAND_FAILED' });
    // As the kill of a run leaves it, whose commands nobody undid.
    writeFileSync(join(labDirectory('a'), 'state.json'), states[0] ?? '');
    engine.commands.splice(0);
    // What was not broken yet cannot be mended.
    expect((await undoFaults('a', 'ip-forward-off', withEngine)).map((fault) => fault.id)).toEqual(['ip-forward-off']);
    expect(engine.commands.length).toBeGreaterThan(0);
    expect(kept().faults).toEqual([]);
  });

  it('stay known when what was begun cannot be undone, and the first error is told', async () => {
    const sessions = engine.open.bind(engine);
    let steps = 0;
    engine.open = async () => {
      const session = await sessions();
      // It dies between the two commands that inject the fault.
      const run: EngineSession['run'] = (...given) => (++steps > 1 ? Promise.reject(new Error(`the agent ended, at step ${steps}`)) : session.run(...given));
      return { ...session, run };
    };
    await expect(injectFault('a', 'snat-undone-at-peer', {}, withEngine)).rejects.toThrow('the agent ended, at step 2');
    expect(kept().faults.map((fault) => fault.id)).toEqual(['snat-undone-at-peer']);
    engine.open = sessions;
    engine.commands.splice(0);
    expect((await undoFaults('a', undefined, withEngine)).map((fault) => fault.id)).toEqual(['snat-undone-at-peer']);
    expect(engine.commands.join('\n')).toMatch(/ip addr del /);
    expect(kept().faults).toEqual([]);
  });

  it('stay known when they cannot be undone', async () => {
    await injectFault('a', 'ip-forward-off', {}, withEngine);
    engine.exitCodeOf = () => 1;
    await expect(undoFaults('a', undefined, withEngine)).rejects.toMatchObject({ code: 'COMMAND_FAILED' });
    expect(kept().faults).toHaveLength(1);
  });

  it('are undone though another one cannot be', async () => {
    await injectFault('a', 'ip-forward-off', {}, withEngine);
    await injectFault('a', 'stale-arp', {}, withEngine);
    await injectFault('a', 'forward-policy-drop', {}, withEngine);
    engine.exitCodeOf = (command) => (command.includes('iptables') ? 1 : 0);
    await expect(undoFaults('a', undefined, withEngine)).rejects.toMatchObject({ code: 'COMMAND_FAILED' });
    expect(kept().faults.map((fault) => fault.id)).toEqual(['forward-policy-drop']);
  });

  it('are undone after their pod is gone: what is left of them, and it is said', async () => {
    await injectFault('a', 'pod-address-not-planned', {}, withEngine);
    const pod = kept().faults[0]?.undo as { readonly steps: readonly { readonly netns: string }[] };
    const gone = [...new Set(pod.steps.map((step) => step.netns))].filter((netns) => netns.startsWith('pod.'));
    expect(gone.length).toBeGreaterThan(0);
    const without = await asLoaded({ ...spec, clusters: [{ name: 'c1', cni: { type: 'bridge' }, workloads: [] }] });
    await up(without, { engine: 'file', ...withEngine });
    engine.commands.splice(0);
    // What is left may fail: a route to an interface that went with the pod.
    engine.exitCodeOf = () => 1;
    expect(await undoFaults('a', undefined, withEngine)).toEqual([{ id: 'pod-address-not-planned', where: 'c1/worker1', gone }]);
    expect(engine.commands.filter((command) => command.startsWith('pod.'))).toEqual([]);
    expect(kept().faults).toEqual([]);
  });

  it('say what this machine lacks for them', async () => {
    const lack = { id: 'iptables-legacy', title: 'legacy tables', ok: false, detail: 'not installed', remedy: '', required: false, neededBy: '' };
    engine.capabilities = () => Promise.resolve([lack]);
    const lacks = (await listFaults('a', withEngine)).filter((fault) => fault.lacks !== '');
    expect(lacks.map((fault) => [fault.id, fault.lacks])).toEqual([['iptables-backends-mixed', 'needs legacy tables: not installed']]);
    engine.capabilities = () => Promise.resolve([{ ...lack, id: 'fault-tools' }]);
    expect((await listFaults(undefined, withEngine)).every((fault) => fault.lacks !== '')).toBe(true);
  });

  it('do not ask this machine for what nodes bring with them', async () => {
    Object.assign(engine, { artifacts: 'vm', capabilities: () => Promise.reject(new Error('a machine was booted')) });
    expect((await listFaults('a', withEngine)).every((fault) => fault.lacks === '')).toBe(true);
  });

  it('stay with a lab that is changed in place, and go with one that is built anew', async () => {
    await injectFault('a', 'ip-forward-off', {}, withEngine);
    const larger = await asLoaded({ ...spec, clusters: [{ name: 'c1', cni: { type: 'bridge' }, workloads: [{ name: 'web', perNode: 3 }] }] });
    expect(await up(larger, { engine: 'file', ...withEngine })).toMatchObject({ outcome: 'changed', state: { faults: [{ id: 'ip-forward-off' }] } });
    engine.lose();
    expect(await up(larger, { engine: 'file', ...withEngine })).toMatchObject({ outcome: 'created', state: { faults: [] } });
  });

  it('of a lost lab can be neither injected nor undone', async () => {
    await injectFault('a', 'ip-forward-off', {}, withEngine);
    engine.lose();
    await expect(injectFault('a', 'forward-policy-drop', {}, withEngine)).rejects.toMatchObject({ code: 'LAB_LOST' });
    await expect(undoFaults('a', undefined, withEngine)).rejects.toMatchObject({ code: 'LAB_LOST' });
  });
});

describe('verify', () => {
  it('needs a lab that is there, and runs', async () => {
    await expect(verify('b', withEngine)).rejects.toMatchObject({ code: 'LAB_UNKNOWN', hint: 'the labs are: a' });
    engine.lose();
    await expect(verify('a', withEngine)).rejects.toMatchObject({ code: 'LAB_LOST', hint: '`cnilab down a` cleans it' });
  });

  it('closes its session when the engine fails', async () => {
    await expect(verify('a', withEngine)).rejects.toThrow('a file has no network');
    expect(engine.sessions).toBe(0);
  });
});
