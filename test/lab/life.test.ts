import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import type { EngineEvent } from '../../engines/port.ts';
import { asLoaded } from '../../lab/api.ts';
import { labDirectory } from '../../lab/directories.ts';
import { down, downAll } from '../../lab/down.ts';
import { enterArgv, resolveTarget } from '../../lab/exec.ts';
import { lockLab } from '../../lab/lock.ts';
import { listLabs, readLab } from '../../lab/read.ts';
import { up, type UpOptions, type UpResult } from '../../lab/up.ts';
import type { Diagnostic } from '../../topology/diagnostic.ts';
import { EngineError } from '../../topology/errors.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { LabSpec } from '../../topology/spec.ts';
import { FileEngine } from './file-engine.ts';
import { useScratch } from './scratch.ts';

const scratch = useScratch();
let engine: FileEngine;
const withEngine = { loadEngine: () => Promise.resolve(engine) };

beforeEach(() => {
  engine = new FileEngine(join(scratch.folder, 'world'));
});

const lab = (workers = 2, podCIDR = '10.244.0.0/16'): LabSpec => ({
  name: 'a',
  clusters: [{ name: 'c1', workers, podCIDR, cni: { type: 'bridge' }, workloads: [{ name: 'web', perNode: 1 }] }],
});

const bringUp = async (spec: LabSpec, options: UpOptions = {}): Promise<UpResult> => up(await asLoaded(spec), { engine: 'file', ...withEngine, ...options });
const labFiles = (): readonly string[] => (existsSync(labDirectory('a')) ? readdirSync(labDirectory('a')) : []);
const locks = (): readonly string[] => readdirSync(join(scratch.folder, 'state', 'cnilab', 'locks'));
const failAt = (wanted: string): void => {
  engine.onStep = (step) => {
    if (step === wanted) throw new EngineError({ code: 'ENGINE_STEP_FAILED', message: `${step} failed`, hint: '' });
  };
};

describe('up', () => {
  it('creates a lab, and keeps its state', async () => {
    const events: EngineEvent[] = [];
    const { state, outcome } = await bringUp(lab(), { onEvent: (event) => events.push(event) });
    expect(outcome).toBe('created');
    expect(state).toMatchObject({ name: 'a', engine: 'file', phase: 'up', spec: lab(), faults: [] });
    expect(state.plan.clusters[0]?.nodes).toHaveLength(3);
    expect(engine.running()).toHaveLength(1);
    expect(await readLab('a', withEngine)).toEqual({ ...state, status: 'up' });
    expect(events.map((event) => event.step)).toContain('pods');
    expect(locks()).toEqual([]);
  });

  it('says before anything is made that the lesson of the lab is for other engines', async () => {
    const lesson = { title: 'T', topic: 'set-up', level: 'first', order: 1, goal: 'g' } as const;
    const told: (readonly [code: string, message: string, hint: string, made: number])[] = [];
    const onFindings = async (findings: readonly Diagnostic[]): Promise<void> => {
      told.push(...findings.map(({ code, message, hint }) => [code, message, hint, engine.running().length] as const));
      return Promise.resolve();
    };
    const { findings } = await bringUp({ ...lab(), lesson: { ...lesson, engines: ['vm', 'kind'] } }, { onFindings });
    expect(told).toEqual([['LESSON_ENGINE', expect.stringContaining('is for engine vm or kind: on engine file'), expect.stringContaining('--engine vm '), 0]]);
    expect(findings.map(({ code }) => code)).toEqual(['LESSON_ENGINE']);
    expect((await bringUp({ ...lab(), lesson: { ...lesson, engines: ['file'] } })).findings).toEqual([]);
    expect((await bringUp({ ...lab(), lesson })).findings.map(({ path }) => path)).toEqual([['lesson']]);
  });

  it('is idempotent', async () => {
    const first = await bringUp(lab());
    const again = await bringUp(lab());
    expect(again.outcome).toBe('unchanged');
    expect(again.state.plan).toEqual(first.state.plan);
    expect(engine.calls).toEqual(['create']);
  });

  it('changes a running lab in place: a node joins, nothing is renumbered', async () => {
    const first = await bringUp(lab(2));
    const { state, outcome } = await bringUp(lab(3));
    expect(outcome).toBe('changed');
    expect(engine.calls).toEqual(['create', 'change']);
    expect(state.directory).toBe(first.state.directory);
    const before = first.state.plan.clusters[0]?.nodes ?? [];
    const after = state.plan.clusters[0]?.nodes ?? [];
    expect(after).toHaveLength(4);
    expect(after.filter((node) => before.some((b) => b.id === node.id)).map((node) => node.interfaces)).toEqual(before.map((node) => node.interfaces));
    expect(state.handle === null ? null : engine.planOf(state.handle)).toEqual(state.plan);
    expect(await readLab('a', withEngine)).toEqual({ ...state, status: 'up' });
  });

  it('refuses what cannot be changed in place, with every reason, and touches nothing', async () => {
    const { state } = await bringUp(lab());
    const refused = bringUp(lab(2, '10.20.0.0/16'));
    await expect(refused).rejects.toMatchObject({
      code: 'REPLACE_NEEDED',
      message: expect.stringMatching(/cluster c1: podCIDRs.*10\.244\.0\.0\/16.*→.*10\.20\.0\.0\/16/),
    });
    expect(await readLab('a', withEngine)).toEqual({ ...state, status: 'up' });
    expect(engine.calls).toEqual(['create']);
  });

  it('leaves a lab as it is whose engine refuses the change before it begins', async () => {
    const { state } = await bringUp(lab(2));
    engine.mayChange = () => Promise.reject(new EngineError({ code: 'IMAGE_MISSING', message: 'no such image', hint: '' }));
    await expect(bringUp(lab(3))).rejects.toMatchObject({ message: 'no such image' });
    expect(await readLab('a', withEngine)).toEqual({ ...state, status: 'up' });
    expect(engine.calls).toEqual(['create']);
  });

  it('replaces it when that is asked for', async () => {
    const first = await bringUp(lab());
    const { state, outcome } = await bringUp(lab(2, '10.20.0.0/16'), { replace: true });
    expect(outcome).toBe('replaced');
    expect(engine.calls).toEqual(['create', 'destroy', 'create']);
    expect(engine.running()).toHaveLength(1);
    expect(state.directory).not.toBe(first.state.directory);
    expect(state.plan.clusters[0]?.podCIDRs).toEqual(['10.20.0.0/16']);
    // Replacing is for what cannot be changed in place only.
    expect((await bringUp(lab(3, '10.20.0.0/16'), { replace: true })).outcome).toBe('changed');
  });

  it('builds a lost lab anew, with its addresses', async () => {
    const first = await bringUp(lab());
    engine.lose();
    expect(await readLab('a', withEngine)).toMatchObject({ status: 'lost' });
    const { state, outcome } = await bringUp(lab());
    expect(outcome).toBe('created');
    expect(state.plan).toEqual(first.state.plan);
    expect(engine.running()).toHaveLength(1);
    expect(labFiles().filter((file) => file.startsWith('run-'))).toHaveLength(1);
  });

  it.each(['before', 'holder', 'nodes', 'pods'])('that fails at %s leaves nothing', async (step) => {
    failAt(step);
    await expect(bringUp(lab())).rejects.toMatchObject({ message: `${step} failed` });
    expect(engine.running()).toEqual([]);
    expect(labFiles()).toEqual([]);
    expect(locks()).toEqual([]);
  });

  it.each(['holder', 'nodes', 'pods'])('that fails at %s and is retained can be looked at, built anew, and taken down', async (step) => {
    failAt(step);
    await expect(bringUp(lab(), { retain: true })).rejects.toMatchObject({ message: `${step} failed` });
    expect(engine.running()).toHaveLength(1);
    expect(await readLab('a', withEngine)).toMatchObject({ status: 'failed' });
    await expect(bringUp(lab(), { retain: true })).rejects.toMatchObject({ message: `${step} failed` });
    expect(engine.running()).toHaveLength(1);
    engine.onStep = () => undefined;
    expect((await bringUp(lab())).outcome).toBe('created');
    expect(engine.running()).toHaveLength(1);
    await down('a', withEngine);
    expect(engine.running()).toEqual([]);
  });

  it.each(['change', 'changed'])('whose change fails at %s shows it, and is built anew by the next one', async (step) => {
    await bringUp(lab(2));
    failAt(step);
    await expect(bringUp(lab(3))).rejects.toMatchObject({ message: `${step} failed` });
    expect(await readLab('a', withEngine)).toMatchObject({ status: 'failed' });
    engine.onStep = () => undefined;
    const { state, outcome } = await bringUp(lab(3));
    expect(outcome).toBe('created');
    expect(state.plan.clusters[0]?.nodes).toHaveLength(4);
    expect(engine.running()).toHaveLength(1);
  });

  it('that is interrupted takes down what it made', async () => {
    const stop = new AbortController();
    engine.onStep = (step) => {
      if (step === 'nodes') stop.abort();
    };
    await expect(bringUp(lab(), { signal: stop.signal })).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(engine.running()).toEqual([]);
    expect(labFiles()).toEqual([]);
  });

  it('that takes too long says so', async () => {
    engine.onStep = (step) =>
      step === 'holder'
        ? new Promise((resolve) => {
            setTimeout(resolve, 80);
          })
        : undefined;
    await expect(bringUp(lab(), { timeoutMs: 40 })).rejects.toMatchObject({ code: 'TIMEOUT', message: 'lab a was not up after 0.04 s' });
    expect(engine.running()).toEqual([]);
  });

  it('refuses an invalid lab with every problem, and creates nothing', async () => {
    await expect(bringUp({ ...lab(), name: '../etc' })).rejects.toMatchObject({ code: 'LAB_INVALID' });
    await expect(bringUp(lab(2, '10.244.0.0/99'))).rejects.toMatchObject({ code: 'LAB_INVALID' });
    await expect(bringUp({ ...lab(), podCidr: 'x' } as LabSpec)).rejects.toMatchObject({
      code: 'LAB_INVALID',
      diagnostics: [expect.objectContaining({ code: 'FIELD_UNKNOWN' })],
    });
    expect(engine.calls).toEqual([]);
    expect(existsSync(join(scratch.folder, 'state', 'cnilab', 'labs'))).toBe(false);
  });

  it('waits for who works on the lab', async () => {
    const lock = await lockLab('a', { doing: 'down' });
    const coming = bringUp(lab());
    setTimeout(() => void lock.release(), 50);
    expect((await coming).outcome).toBe('created');
  });

  it('on a state that it cannot read, says how to go on', async () => {
    await bringUp(lab());
    writeFileSync(join(labDirectory('a'), 'state.json'), '{');
    await expect(bringUp(lab())).rejects.toMatchObject({ code: 'STATE_BROKEN', hint: expect.stringContaining('cnilab down a') });
  });
});

describe('down', () => {
  it('leaves nothing, and is fine twice', async () => {
    await bringUp(lab());
    expect(await down('a', withEngine)).toMatchObject({ existed: true });
    expect(engine.running()).toEqual([]);
    expect(labFiles()).toEqual([]);
    expect(locks()).toEqual([]);
    expect(await down('a', withEngine)).toMatchObject({ existed: false });
  });

  it.each([
    ['a broken state', '{"schema":'],
    ['a state of a newer version', '{"schema":99}'],
  ])('works on %s', async (_, text) => {
    await bringUp(lab());
    writeFileSync(join(labDirectory('a'), 'state.json'), text);
    expect(await listLabs(withEngine)).toMatchObject([{ name: 'a', status: 'broken' }]);
    expect(await down('a', withEngine)).toMatchObject({ existed: true });
    expect(engine.running()).toEqual([]);
    expect(await listLabs(withEngine)).toEqual([]);
  });

  it('of a lost lab', async () => {
    await bringUp(lab());
    engine.lose();
    expect(await down('a', withEngine)).toMatchObject({ existed: true });
    expect(labFiles()).toEqual([]);
  });

  it('that fails keeps what it needs to try again', async () => {
    await bringUp(lab());
    const destroy = engine.destroy.bind(engine);
    engine.destroy = () => Promise.reject(new EngineError({ code: 'ENGINE_STEP_FAILED', message: 'a process does not end', hint: '' }));
    await expect(down('a', withEngine)).rejects.toMatchObject({ message: 'a process does not end' });
    expect(await readLab('a', withEngine)).toMatchObject({ status: 'removing' });
    engine.destroy = destroy;
    await down('a', withEngine);
    expect(engine.running()).toEqual([]);
  });

  it('refuses names that are paths', async () => {
    await expect(down('../..', withEngine)).rejects.toMatchObject({ code: 'LAB_UNKNOWN' });
  });

  it('of all: one that fails does not keep the others up', async () => {
    await bringUp(lab());
    await bringUp({ ...lab(), name: 'b' });
    const failing = (await readLab('b', withEngine)).directory;
    const destroy = engine.destroy.bind(engine);
    engine.destroy = (handle, directory) => (directory === failing ? Promise.reject(new Error('busy')) : destroy(handle, directory));
    await expect(downAll(withEngine)).rejects.toMatchObject({ message: expect.stringContaining('b: busy') });
    expect((await listLabs(withEngine)).map((summary) => summary.name)).toEqual(['b']);
    engine.destroy = destroy;
    expect(await downAll(withEngine)).toEqual(['b']);
    expect(engine.running()).toEqual([]);
  });
});

describe('kill -9 of up, then down', () => {
  it.each(['before', 'holder', 'nodes', 'pods'])('at %s: nothing is left', async (step) => {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx/esm', fileURLToPath(new URL('./up-child.ts', import.meta.url)), engine.world, JSON.stringify(lab()), step],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await once(child.stdout, 'data');
    await expect(down('a', { ...withEngine, waitMs: 0 })).rejects.toMatchObject({ code: 'LAB_LOCKED', details: { pid: child.pid } });
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(engine.running()).toHaveLength(step === 'before' ? 0 : 1);
    expect(await down('a', withEngine)).toMatchObject({ existed: true });
    expect(engine.running()).toEqual([]);
    expect(labFiles()).toEqual([]);
    expect(locks()).toEqual([]);
    expect(existsSync(labDirectory('a'))).toBe(false);
  });

  it('during a change: shown, and built anew', async () => {
    await bringUp(lab(2));
    const child = spawn(
      process.execPath,
      ['--import', 'tsx/esm', fileURLToPath(new URL('./up-child.ts', import.meta.url)), engine.world, JSON.stringify(lab(3)), 'changed'],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await readLab('a', withEngine)).toMatchObject({ status: 'changing' });
    expect(await bringUp(lab(3))).toMatchObject({ outcome: 'created', state: { phase: 'up' } });
    expect(engine.running()).toHaveLength(1);
  });
});

describe('reading', () => {
  it('an unknown lab lists the known ones', async () => {
    await expect(readLab('b', withEngine)).rejects.toMatchObject({ code: 'LAB_UNKNOWN', hint: expect.stringContaining('no lab is up') });
    await bringUp(lab());
    await expect(readLab('b', withEngine)).rejects.toMatchObject({ code: 'LAB_UNKNOWN', hint: 'the labs are: a' });
  });

  it('summarizes', async () => {
    await bringUp(lab());
    expect(await listLabs(withEngine)).toMatchObject([{ name: 'a', engine: 'file', status: 'up', nodes: 3, pods: 3, cnis: ['bridge'], source: '' }]);
  });

  it('keeps the handle of a run that was killed', async () => {
    failAt('pods');
    await expect(bringUp(lab(), { retain: true })).rejects.toThrow('pods failed');
    const file = join(labDirectory('a'), 'state.json');
    writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), phase: 'creating', handle: null }));
    expect((await readLab('a', withEngine)).handle).toMatchObject({ engine: 'file' });
  });
});

describe('a target', () => {
  it('is a pod, a node, or the fabric, by its short or its full name', async () => {
    const { state } = await bringUp(lab());
    const pod = state.plan.clusters[0]?.pods[0];
    const node = state.plan.clusters[0]?.nodes[0];
    if (pod === undefined || node === undefined) throw new Error('the lab has no pod');
    for (const name of [pod.name, `default/${pod.name}`, pod.id]) expect(resolveTarget(state, name)).toEqual({ id: pod.id, netns: pod.netns });
    for (const name of [node.name, node.id]) expect(resolveTarget(state, name)).toEqual({ id: node.id, netns: node.netns });
    expect(resolveTarget(state, 'fabric').netns).toBe('fabric');
    expect(await enterArgv('a', node.name, ['ip', 'route'], withEngine)).toEqual(['enter', expect.any(String), node.netns, 'ip', 'route']);
    const inPod = await enterArgv('a', pod.id, ['env'], withEngine);
    expect(inPod.slice(0, 4)).toEqual(['enter', expect.any(String), pod.netns, 'KUBERNETES_SERVICE_HOST=10.96.0.1']);
    expect(inPod.at(-1)).toBe('env');
  });

  it('that is a pod is one that is there now, where a cluster names pods', async () => {
    // The plan calls the first pod otherwise, and it has gone through two names.
    const withFirst = (plan: LabPlan, name: string): LabPlan => ({
      ...plan,
      clusters: plan.clusters.map((cluster) => ({
        ...cluster,
        pods: cluster.pods.map((pod, i) => (i === 0 ? { ...pod, plannedName: pod.name, id: `c1/default/${name}`, name, netns: `netns-${name}` } : pod)),
      })),
    });
    engine.observe = (_handle, plan) => Promise.resolve(withFirst(plan, 'old'));
    const { state } = await bringUp(lab());
    let asked = 0;
    engine.observe = (_handle, plan) => {
      asked++;
      return Promise.resolve(withFirst(plan, 'new'));
    };
    const [first, second] = state.plan.clusters[0]?.pods ?? [];
    expect(await enterArgv('a', 'new', ['env'], withEngine)).toContain('netns-new');
    expect(await enterArgv('a', first?.name ?? '', ['env'], withEngine)).toContain('netns-new');
    expect(asked).toBe(2);
    expect(await enterArgv('a', 'old', ['env'], withEngine)).toContain('netns-old');
    expect(await enterArgv('a', second?.name ?? '', ['env'], withEngine)).toContain(second?.netns);
    await enterArgv('a', 'worker1', ['ip'], withEngine);
    expect(asked).toBe(2);
    await expect(enterArgv('a', 'newer', ['env'], withEngine)).rejects.toMatchObject({ code: 'TARGET_UNKNOWN' });
  });

  it('that is unknown or ambiguous lists what there is', async () => {
    const spec = lab();
    const { state } = await bringUp({ ...spec, clusters: [...(spec.clusters ?? []), { name: 'c2', cni: { type: 'bridge' } }] });
    expect(() => resolveTarget(state, 'worker1')).toThrow(expect.objectContaining({ code: 'TARGET_UNKNOWN', hint: 'say which: c1/worker1, c2/worker1' }));
    expect(() => resolveTarget(state, 'worker9')).toThrow(expect.objectContaining({ code: 'TARGET_UNKNOWN', hint: expect.stringContaining('c1/worker1') }));
    expect(() => resolveTarget(state, 'web')).toThrow(expect.objectContaining({ hint: expect.stringMatching(/^there is: c1\/default\/web-/) }));
  });

  it('of a lost lab cannot be entered', async () => {
    await bringUp(lab());
    engine.lose();
    await expect(enterArgv('a', 'c1/worker1', ['ip'], withEngine)).rejects.toMatchObject({ code: 'LAB_LOST' });
  });
});
