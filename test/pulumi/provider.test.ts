/** What Pulumi asks of the provider, in the order in which it does, on an engine whose labs are files. */
import { join } from 'node:path';
import { hostname } from 'node:os';
import { beforeEach, describe, expect, it } from 'vitest';
import { asLoaded } from '../../lab/api.ts';
import { down } from '../../lab/down.ts';
import { readStateFile } from '../../lab/state-file.ts';
import { up } from '../../lab/up.ts';
import { loadEngine } from '../../lab/load-engine.ts';
import type { LabInputs, LabOutputs } from '../../pulumi/inputs.ts';
import { labProvider, type LabProvider } from '../../pulumi/provider/lab.ts';
import { nameProvider } from '../../pulumi/provider/name.ts';
import { PartialError } from '../../pulumi/provider/say.ts';
import { verificationProvider } from '../../pulumi/provider/verification.ts';
import type { EngineSession } from '../../engines/port.ts';
import { EngineError, LabError } from '../../topology/errors.ts';
import type { LabSpec } from '../../topology/spec.ts';
import { FileEngine } from '../lab/file-engine.ts';
import { useScratch } from '../lab/scratch.ts';

const scratch = useScratch();
const owner = 'team/labs/dev/one';

const lab = (workers: number, cni: 'bridge' | 'flannel' = 'bridge', more: object = {}): LabSpec =>
  ({ name: 'small', clusters: [{ name: 'c1', workers, cni: { type: cni }, workloads: [{ name: 'web', perNode: 1 }], ...more }] }) as LabSpec;

function inputs(spec: object, more: Partial<LabInputs> = {}): LabInputs {
  const source = { path: '', sha256: '', kind: 'typescript' } as const;
  return { lab: 'small', owner, engine: 'file', spec: JSON.stringify(spec), source, loadImages: [], offline: false, retain: false, timeoutMs: 0, ...more };
}

let engine: FileEngine;
let provider: LabProvider;
const load = (name: string): ReturnType<typeof loadEngine> => (name === 'file' ? Promise.resolve(engine) : loadEngine(name));

beforeEach(() => {
  engine = new FileEngine(join(scratch.folder, 'world'));
  provider = labProvider(load);
});

const created = async (given: LabInputs = inputs(lab(1))): Promise<LabOutputs> => (await provider.create(given)).outs;
const failure = async (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => new Error('it did not fail'),
    (error: Error) => error,
  );

describe('check', () => {
  it('passes a lab that is right, and what a preview does not know yet', async () => {
    expect((await provider.check({}, inputs(lab(1)))).failures).toEqual([]);
    const unknown = inputs(lab(1), { spec: '04da6b54-80e4-46f7-96ec-b56ff0331ba9' });
    expect(await provider.check({}, unknown)).toEqual({ inputs: unknown, failures: [] });
    expect(await provider.diff('small', { ...unknown, drift: [] } as unknown as LabOutputs, unknown)).toEqual({ changes: true });
  });
  it('names every problem with its place, and an engine that there is not', async () => {
    const { failures } = await provider.check({}, inputs(lab(-1)));
    expect(failures.map(({ property, reason }) => [property, reason.includes('clusters[0].workers')])).toEqual([['spec', true]]);
    const engines = await provider.check({}, inputs(lab(1), { engine: 'cloud' }));
    expect(engines.failures).toEqual([{ property: 'engine', reason: expect.stringMatching(/no engine "cloud"[\s\S]*netns, kind/) }]);
  });
});

describe('a lab', () => {
  it('is created, with what is known of it', async () => {
    const { id, outs } = await provider.create(inputs(lab(1)));
    expect(id).toBe('small');
    expect(outs.clusters.map(({ name, podCIDRs, nodes }) => [name, podCIDRs, nodes.map((node) => node.id)])).toEqual([
      ['c1', ['10.244.0.0/16'], ['c1/control-plane1', 'c1/worker1']],
    ]);
    expect(outs).toMatchObject({ kubeconfigs: {}, drift: [], host: hostname() });
    expect(await readStateFile('small')).toMatchObject({ kind: 'state', state: { owner, phase: 'up' } });
  });

  it('changes in place where the plan says so, and by replacement with the property where it does not', async () => {
    const outs = await created();
    expect(await provider.diff('small', outs, inputs(lab(1)))).toEqual({ changes: false });
    expect(await provider.diff('small', outs, inputs(lab(1), { source: { path: '/elsewhere/lab.ts', sha256: 'x', kind: 'typescript' } }))).toEqual({
      changes: false,
    });
    expect(await provider.diff('small', outs, inputs(lab(2)))).toEqual({ changes: true });
    expect(await provider.diff('small', outs, inputs(lab(1, 'flannel')))).toEqual({ changes: true, replaces: ['spec'], deleteBeforeReplace: true });
    expect(await provider.diff('small', outs, inputs(lab(1), { engine: 'netns' }))).toEqual({ changes: true, replaces: ['engine'], deleteBeforeReplace: true });
    expect(await provider.diff('small', outs, inputs({ ...lab(1), name: 'other' }, { lab: 'other' }))).toMatchObject({ replaces: ['lab'] });
    const { outs: two } = await provider.update('small', outs, inputs(lab(2)));
    expect(two.clusters[0]?.nodes).toHaveLength(3);
    expect(two.revision).not.toBe(outs.revision);
    expect(engine.calls).toEqual(['create', 'change']);
  });

  it('asks the engine why it cannot follow', async () => {
    const outs = await created();
    engine.replaceReasons = () => ['the engine keeps its nodes'];
    expect(await provider.diff('small', outs, inputs(lab(2)))).toMatchObject({ replaces: ['spec'] });
  });

  it('is seen to be lost or gone by refresh, and by the next preview, and then replaced', async () => {
    const outs = await created();
    engine.lose();
    const read = await provider.read('small', outs);
    expect(read.props?.drift).toEqual(['the lab is lost: what it runs on is gone']);
    expect(await provider.diff('small', outs, inputs(lab(1)))).toMatchObject({ changes: true, replaces: ['drift'] });
    await down('small', { loadEngine: load });
    expect(await provider.read('small', outs)).toEqual({});
    expect(await provider.diff('small', outs, inputs(lab(1)))).toMatchObject({ replaces: ['drift'] });
  });

  it('has drifted where a namespace is gone or CHECK fails, and not where that could not be found out', async () => {
    const outs = await created();
    const sessions = engine.open.bind(engine);
    const opened = (own: Partial<EngineSession>): void => {
      engine.open = async () => ({ ...(await sessions()), ...own });
    };
    const drift = async (): Promise<unknown> => (await provider.read('small', outs)).props?.drift;
    const dead = (): Promise<never> => Promise.reject(new EngineError({ code: 'ENGINE_GONE', message: 'the agent ended with SIGKILL', hint: '' }));
    const dying: readonly Partial<EngineSession>[] = [{ snapshot: dead }, { checkAttachments: dead }];
    for (const own of dying) {
      opened(own);
      expect((await failure(provider.read('small', outs))).message).toContain('the agent ended with SIGKILL');
    }
    const changed = new EngineError({ code: 'ENGINE_STEP_FAILED', message: 'CNI plugin bridge failed at CHECK', hint: '' });
    opened({ checkAttachments: () => Promise.reject(changed) });
    expect(await drift()).toEqual(['CNI plugin bridge failed at CHECK']);
    const gone = new EngineError({ code: 'ENGINE_STEP_FAILED', message: 'the lab has no network namespace', hint: '', details: { errno: 2 } });
    const whole = await sessions();
    opened({ snapshot: (names, options) => (names.includes('pod.c1.default.web-worker1') ? Promise.reject(gone) : whole.snapshot(names, options)) });
    expect(await drift()).toEqual(['c1/default/web-worker1: its network namespace is gone']);
    opened({});
    expect(await drift()).toEqual([]);
  });

  it('is as it was when somebody else is at it just then', async () => {
    const outs = await created();
    const busy = labProvider(() => Promise.reject(new LabError({ code: 'LAB_LOCKED', message: 'lab small is being worked on', hint: 'wait' })));
    const error = await failure(busy.update('small', outs, inputs(lab(2))));
    expect(error.message).toContain('LAB_LOCKED');
    expect(error).not.toBeInstanceOf(PartialError);
  });

  it('is as it was when its engine refuses the change before it begins, and failed when the change fails', async () => {
    const outs = await created();
    engine.mayChange = () => Promise.reject(new LabError({ code: 'IMAGE_MISSING', message: 'no such image', hint: 'name another' }));
    const refused = await failure(provider.update('small', outs, inputs(lab(2))));
    expect(refused.message).toContain('IMAGE_MISSING');
    expect(refused).not.toBeInstanceOf(PartialError);
    engine.mayChange = () => Promise.resolve();
    expect(await provider.diff('small', outs, inputs(lab(2)))).toEqual({ changes: true });
    engine.onStep = () => {
      throw new Error('no change today');
    };
    expect(await failure(provider.update('small', outs, inputs(lab(2))))).toMatchObject({ properties: { drift: ['the lab failed to come up'] } });
  });

  it('is not forgotten on another machine', async () => {
    const outs = { ...(await created()), host: 'far-away' };
    await down('small', { loadEngine: load });
    expect((await failure(provider.read('small', outs))).message).toMatch(/was brought up on far-away[\s\S]*pulumi state delete/);
    expect((await failure(provider.delete('small', outs))).message).toMatch(/was brought up on far-away/);
  });

  it('is deleted with everything, twice if need be', async () => {
    const outs = await created();
    await provider.delete('small', outs);
    await provider.delete('small', outs);
    expect(engine.running()).toEqual([]);
    expect(await readStateFile('small')).toEqual({ kind: 'none' });
  });
});

describe("somebody else's lab of the same name", () => {
  it('is left alone: not built over, not changed, not taken down, and said whose it is', async () => {
    await up(await asLoaded(lab(1)), { engine: 'file', loadEngine: load });
    const given = inputs(lab(2));
    for (const create of [() => provider.create(given), () => nameProvider(load).create({ lab: 'small', owner })]) {
      const error = await failure(create());
      expect(error.message).toMatch(/LAB_EXISTS: there is a lab small already[\s\S]*cnilab down small/);
      expect(error).not.toBeInstanceOf(PartialError);
    }
    const outs = { ...given, clusters: [], kubeconfigs: {}, revision: '', host: hostname(), drift: [] };
    expect(await provider.read('small', outs)).toEqual({});
    await provider.delete('small', outs);
    await nameProvider(load).delete('small', given);
    expect(engine.running()).toHaveLength(1);
  });
});

describe('a create that fails', () => {
  it('leaves nothing, on the machine and in the state', async () => {
    engine.onStep = (step) => {
      if (step === 'nodes') throw new Error('no nodes today');
    };
    const error = await failure(provider.create(inputs(lab(1))));
    expect(error).not.toBeInstanceOf(PartialError);
    expect(error.message).toContain('no nodes today');
    expect(engine.running()).toEqual([]);
  });

  it('is kept in the state when what it made is kept, and is then deleted', async () => {
    engine.onStep = (step) => {
      if (step === 'nodes') throw new Error('no nodes today');
    };
    const error = await failure(provider.create(inputs(lab(1), { retain: true, __provider: 'the call' })));
    expect(error).toMatchObject({
      id: 'small',
      properties: { __provider: 'the call', lab: 'small', owner, drift: ['the lab failed to come up'] },
      reasons: [expect.any(String)],
    });
    expect(engine.running()).toHaveLength(1);
    if (error instanceof PartialError) await provider.delete('small', error.properties as LabOutputs);
    expect(engine.running()).toEqual([]);
  });

  it('is made up for when it was killed: by the next create, or by giving up the name', async () => {
    const outs = await created();
    // Pulumi was ended before it wrote down that the lab is up.
    expect((await provider.create(inputs(lab(1)))).outs.revision).toBe(outs.revision);
    await provider.create(inputs(lab(1, 'flannel')));
    await nameProvider(load).delete('small', { lab: 'small', owner });
    expect(engine.running()).toEqual([]);
  });

  it('says no password', async () => {
    const weave = lab(1, 'bridge', { cni: { type: 'weave', password: 'correct-horse' } });
    engine.onStep = () => {
      throw new Error('weave was told correct-horse');
    };
    const { message, stack } = await failure(provider.create(inputs(weave)));
    expect(message).toContain('weave was told [secret]');
    expect(stack).not.toContain('correct-horse');
  });
});

describe('the name of a lab', () => {
  it('is another when lab or owner is another', async () => {
    const names = nameProvider(load);
    const held = { lab: 'small', owner };
    expect(await names.create(held)).toEqual({ id: 'small', outs: held });
    expect(await names.diff('small', held, held)).toMatchObject({ changes: false });
    expect(await names.diff('small', held, { ...held, lab: 'other' })).toMatchObject({ changes: true, replaces: ['lab'] });
  });
});

describe('a verification', () => {
  const given = { lab: 'small', revision: 'first', options: {}, report: 'fail', trigger: '' } as const;
  const verifications = verificationProvider((name) => load(name));
  const passed = { ...given, outcome: { verdict: 'pass' } } as never;
  const failed = { ...given, outcome: { verdict: 'fail' } } as never;
  it('is made again for another lab, other options, another trigger, and when it did not pass', async () => {
    const changes = async (olds: never, more: object = {}): Promise<boolean> => (await verifications.diff('small', olds, { ...given, ...more })).changes;
    expect(await changes(passed)).toBe(false);
    expect(await changes(passed, { revision: 'second' })).toBe(true);
    expect(await changes(passed, { options: { profile: 'strict' } })).toBe(true);
    expect(await changes(passed, { trigger: '1' })).toBe(true);
    expect(await changes(failed)).toBe(true);
    expect(await changes({ ...given, report: 'only', outcome: { verdict: 'fail' } } as never, { report: 'only' })).toBe(false);
  });
  it('says that there is nothing to verify', async () => {
    expect((await failure(verifications.create(given))).message).toMatch(/LAB_UNKNOWN/);
  });
});
