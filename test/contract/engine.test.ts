import { describe, expect, it } from 'vitest';
import { compile } from '../../engines/netns/compile.ts';
import { netnsEngine } from '../../engines/netns/engine.ts';
import { NO_MATERIALS, type EngineEvent, type EngineHandle, type UpContext } from '../../engines/port.ts';
import { engines, loadEngine } from '../../engines/registry.ts';
import { LabError } from '../../topology/errors.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { CniSpec } from '../../topology/spec.ts';
import { smallLab, smallPlan } from '../engines/compile-fixture.ts';
import { fresh } from '../engines/kernel-model.ts';
import { fakeMachine } from './fake-machine.ts';

const DIRECTORY = '/state/labs/small/run-1';

interface Recorded {
  readonly handles: EngineHandle[];
  readonly context: UpContext;
  readonly abort: AbortController;
}

function up(more: Partial<UpContext> = {}): Recorded {
  const handles: EngineHandle[] = [];
  const abort = new AbortController();
  const context: UpContext = {
    directory: DIRECTORY,
    sourceDirectory: '/home/me',
    materials: NO_MATERIALS,
    onEvent: (_event: EngineEvent) => {},
    signal: abort.signal,
    onHandle: async (handle) => {
      await Promise.resolve();
      handles.push(handle);
    },
    ...more,
  };
  return { handles, context, abort };
}

const CNIS: readonly CniSpec[] = [
  { type: 'bridge' },
  { type: 'flannel' },
  { type: 'calico' },
  { type: 'calico', encapsulation: 'none' },
  { type: 'weave' },
  { type: 'kindnet' },
];
const planOf = (cni: CniSpec): ReturnType<typeof smallPlan> => smallPlan(cni, { kubernetesVersion: '1.30' });

describe('engine contract: netns', () => {
  it.each(CNIS)('up, then down, leaves nothing that is owned ($type $encapsulation)', async (cni) => {
    const machine = fakeMachine();
    const engine = netnsEngine(machine.deps);
    const { context, handles } = up();
    const handle = await engine.create(planOf(cni), context);
    expect(handles).toEqual([handle]);
    expect(await engine.status(handle)).toBe('up');
    expect([...machine.kernels.values()][0]?.state().length).toBeGreaterThan(5);
    await engine.destroy(handle, DIRECTORY);
    expect(machine.owned()).toEqual([]);
    expect(await engine.status(handle)).toBe('lost');
  });

  it('down twice is fine, and so is down of what never was', async () => {
    const machine = fakeMachine();
    const engine = netnsEngine(machine.deps);
    const handle = await engine.create(planOf({ type: 'flannel' }), up().context);
    await engine.destroy(handle, DIRECTORY);
    await engine.destroy(handle, DIRECTORY);
    await engine.destroy(null, DIRECTORY);
    expect(machine.owned()).toEqual([]);
  });

  it('down needs only the directory', async () => {
    const machine = fakeMachine();
    const engine = netnsEngine(machine.deps);
    await engine.create(planOf({ type: 'flannel' }), up().context);
    await netnsEngine(machine.deps).destroy(null, DIRECTORY);
    // The agent of the first engine ends with the holder in life; here it is told so by its own engine.
    await engine.destroy({ engine: 'netns', pid: 100, startTime: 1000, bootId: 'boot', rootless: false }, DIRECTORY);
    expect(machine.owned()).toEqual([]);
  });

  it.each(CNIS)('a failure at any step leaves what down can clean ($type $encapsulation)', async (cni) => {
    const plan = planOf(cni);
    const whole = fakeMachine();
    await netnsEngine(whole.deps).create(plan, up().context);
    expect(whole.log.length).toBeGreaterThan(20);
    for (let k = 0; k < whole.log.length; k++) {
      const machine = fakeMachine(k);
      const engine = netnsEngine(machine.deps);
      const { context, handles } = up();
      await expect(engine.create(plan, context), `step ${k}`).rejects.toThrow(`step ${k} failed`);
      // No agent works on after the failure, and what is left is known by its handle as soon as there is something.
      expect(
        machine.owned().filter((what) => what.startsWith('agent')),
        `step ${k}`,
      ).toEqual([]);
      expect(handles.length, `step ${k}`).toBe(machine.owned().length);
      await engine.destroy(handles[0] ?? null, DIRECTORY);
      expect(machine.owned(), `step ${k}`).toEqual([]);
    }
  });

  it('nothing is built before the handle is on disk, and nothing when it cannot be written', async () => {
    const machine = fakeMachine();
    const engine = netnsEngine(machine.deps);
    let stepsAtHandle = -1;
    const { context } = up({
      onHandle: async () => {
        await Promise.resolve();
        stepsAtHandle = machine.log.length;
        throw new Error('disk full');
      },
    });
    await expect(engine.create(planOf({ type: 'flannel' }), context)).rejects.toThrow('disk full');
    expect(stepsAtHandle).toBe(2);
    expect(machine.log).toEqual(['preflight', 'holder']);
    await engine.destroy(null, DIRECTORY);
    expect(machine.owned()).toEqual([]);
  });

  it('Ctrl-C ends it with INTERRUPTED and leaves what down can clean', async () => {
    const machine = fakeMachine();
    const engine = netnsEngine(machine.deps);
    const recorded = up();
    const context = {
      ...recorded.context,
      onHandle: async () => {
        await Promise.resolve();
        recorded.abort.abort();
      },
    };
    const error: unknown = await engine.create(planOf({ type: 'flannel' }), context).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(LabError);
    expect((error as LabError).code).toBe('INTERRUPTED');
    expect(machine.log).toEqual(['preflight', 'holder']);
    await engine.destroy(null, DIRECTORY);
    expect(machine.owned()).toEqual([]);
  });

  it.each(CNIS)('change ends where a fresh lab of the new plan ends ($type $encapsulation)', async (cni) => {
    const machine = fakeMachine();
    const engine = netnsEngine(machine.deps);
    const from = planOf(cni);
    const to = planLab(smallLab(cni, { kubernetesVersion: '1.30', workers: 3, workloads: [{ name: 'web', perNode: 2 }] }), { previous: from });
    const handle = await engine.create(from, up().context);
    await engine.change(handle, from, to, up().context);
    expect([...machine.kernels.values()][0]?.state()).toEqual(fresh(compile(to)).state());
    const steps = machine.log.length;
    await engine.change(handle, to, to, up().context);
    expect(machine.log.slice(steps)).toEqual(['preflight']);
  });

  it('a lab whose holder is gone is lost, and says how to go on', async () => {
    const machine = fakeMachine();
    const engine = netnsEngine(machine.deps);
    const plan = planOf({ type: 'flannel' });
    const handle = await engine.create(plan, up().context);
    await machine.deps.endHolder(null, DIRECTORY);
    expect(await engine.status(handle)).toBe('lost');
    await expect(engine.open(handle, plan)).rejects.toMatchObject({ code: 'LAB_LOST', hint: expect.stringContaining('cnilab down small') as string });
    await expect(engine.change(handle, plan, plan, up().context)).rejects.toMatchObject({ code: 'LAB_LOST' });
  });

  it('enters a namespace by argv, never by a shell string', async () => {
    const engine = netnsEngine(fakeMachine().deps);
    const argv = await engine.enter({ engine: 'netns', pid: 7, startTime: 1, bootId: 'boot', rootless: true }, 'pod.c1.default.web', [
      'ip',
      'route',
      '; rm -rf /',
    ]);
    expect(argv.slice(-4)).toEqual(['--', 'ip', 'route', '; rm -rf /']);
    expect(argv).toContain('--preserve-credentials');
    expect(argv).toContain('--net=/run/netns/pod.c1.default.web');
  });
});

describe('registry', () => {
  it.each(Object.keys(engines))('%s loads and is called what it is called', async (name) => {
    expect((await loadEngine(name)).name).toBe(name);
  });
  it.each(['kine', 'constructor', 'toString', ''])('an unknown name (%j) lists the known ones', async (name) => {
    await expect(loadEngine(name)).rejects.toMatchObject({ code: 'USAGE', hint: expect.stringContaining('netns') as string });
  });
});
