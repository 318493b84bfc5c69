import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { kindEngine } from '../../engines/kind/engine.ts';
import { CLUSTER_DNS, workloadTargets } from '../../engines/kubernetes/rollout-targets.ts';
import type { EngineEvent, EngineHandle, UpContext } from '../../engines/port.ts';
import type { ArtifactSet, RolloutTarget } from '../../topology/artifacts.ts';
import type { FinishedCommand } from '../../engines/run-command.ts';
import { CommandError, LabError } from '../../topology/errors.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { smallLab, smallPlan } from '../engines/compile-fixture.ts';
import { useScratch } from '../lab/scratch.ts';
import { fakeArtifacts, fakeKind, type FakeKind, type FakeOptions } from './fake-kind.ts';

const scratch = useScratch();
const PLAN = smallPlan({ type: 'flannel' }, { kubernetesVersion: '1.34.4', nodeImage: 'kindest/node:v1.34.4' });
const TWO = planLab({
  name: 'two',
  clusters: ['a', 'b'].map((name, i) => ({
    name,
    kubernetesVersion: '1.34.4',
    nodeImage: 'kindest/node:v1.34.4',
    controlPlanes: 1,
    workers: 1,
    podCIDR: `10.${i + 10}.0.0/16`,
    serviceCIDR: `10.${i + 100}.0.0/16`,
    cni: { type: 'flannel' as const },
    workloads: [{ name: 'web', perNode: 1 }],
  })),
});

const HIGHLY_AVAILABLE = smallPlan({ type: 'flannel' }, { kubernetesVersion: '1.34.4', nodeImage: 'kindest/node:v1.34.4', controlPlanes: 3 });

interface Up {
  readonly context: UpContext;
  readonly directory: string;
  readonly handles: EngineHandle[];
  readonly events: EngineEvent[];
  readonly abort: AbortController;
}

function machineFor(plan: LabPlan, options: FakeOptions = {}, next: LabPlan = plan): FakeKind {
  const targets: readonly RolloutTarget[] = [
    CLUSTER_DNS,
    ...fakeArtifacts(plan).clusters.flatMap(({ cniRollouts }) => cniRollouts),
    ...[plan, next].flatMap(({ clusters }) => clusters.flatMap(workloadTargets)),
  ];
  return fakeKind(scratch.folder, targets, options);
}

let nextRun = 1;

function up(
  plan: LabPlan,
  more: { readonly artifacts?: ArtifactSet; readonly load?: readonly string[]; readonly offline?: boolean } & Partial<UpContext> = {},
): Up {
  const { artifacts = fakeArtifacts(plan), load = [], offline = false, ...rest } = more;
  const directory = rest.directory ?? join(scratch.folder, `run-${nextRun++}`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const handles: EngineHandle[] = [];
  const events: EngineEvent[] = [];
  const abort = new AbortController();
  const context: UpContext = {
    directory,
    sourceDirectory: scratch.folder,
    materials: { artifacts, load, offline },
    onEvent: (event) => {
      events.push(event);
    },
    onHandle: async (handle) => {
      await Promise.resolve();
      handles.push(handle);
    },
    signal: abort.signal,
    ...rest,
  };
  return { context, directory, handles, events, abort };
}

const names = (machine: FakeKind): readonly string[] => [...machine.containers.values()].map(({ Name }) => Name.slice(1)).toSorted();

async function failure(work: Promise<unknown>): Promise<LabError> {
  const error: unknown = await work.catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(LabError);
  return error as LabError;
}

/** Every step that starts ends once, inner ones before outer ones. */
function expectWellNested(events: readonly EngineEvent[]): void {
  const open: string[] = [];
  for (const { step, phase } of events) {
    if (phase === 'start') open.push(step);
    if (phase === 'end' || phase === 'failed') expect(open.pop()).toBe(step);
  }
  expect(open).toEqual([]);
}

describe('engine contract: kind', () => {
  it.each([PLAN, TWO])('up, then down, leaves nothing that is owned ($name)', async (plan) => {
    const machine = machineFor(plan);
    machine.addForeign('somebody-elses');
    const engine = kindEngine(machine.deps);
    const { context, directory, handles, events } = up(plan);
    const handle = await engine.create(plan, context);
    expect(handles).toEqual([handle]);
    expect(JSON.parse(JSON.stringify(handle))).toEqual(handle);
    expect(await engine.status(handle)).toBe('up');
    expect(names(machine)).toHaveLength(1 + 2 * plan.clusters.length);
    expectWellNested(events);
    expect(events.filter(({ phase }) => phase === 'failed')).toEqual([]);
    expect(events.filter(({ phase }) => phase === 'end').every(({ ms }) => ms !== undefined)).toBe(true);
    await engine.destroy(handle, directory);
    expect(names(machine)).toEqual(['somebody-elses-control-plane']);
    expect(await engine.status(handle)).toBe('lost');
  });

  it('puts its own files into the directory: kubeconfig for this user only, plugins executable', async () => {
    const machine = machineFor(PLAN);
    const { context, directory } = up(PLAN);
    const engine = kindEngine(machine.deps);
    const handle = await engine.create(PLAN, context);
    const mode = (path: string): number => statSync(join(directory, path)).mode & 0o777;
    expect(mode('bin/bridge')).toBe(0o755);
    expect(mode('cnilab-small.kubeconfig')).toBe(0o600);
    expect(JSON.parse(readFileSync(join(directory, 'owner'), 'utf8'))).toMatchObject({
      lab: 'small',
      directory,
      clusters: ['cnilab-small'],
      provider: 'docker',
    });
    expect(engine.kubernetes(handle, PLAN)).toMatchObject([
      { cluster: 'c1', context: 'kind-cnilab-small', kubeconfig: join(directory, 'cnilab-small.kubeconfig') },
    ]);
    const kubectl = machine.log.filter((line) => line.startsWith('kubectl') && !line.includes('version'));
    expect(kubectl.length).toBeGreaterThan(3);
    expect(kubectl.every((line) => line.includes(`--kubeconfig=${directory}/cnilab-small.kubeconfig`))).toBe(true);
  });

  it('applies definitions first and waits for them, then the CNI, then the workloads', async () => {
    const machine = machineFor(PLAN);
    await kindEngine(machine.deps).create(PLAN, up(PLAN).context);
    const order = machine.log
      .filter((line) => /^kubectl.* (apply|wait|get) /.test(line))
      .map((line) => /(apply|wait|get)|\/(\w+\/[\w-]+\.yaml)/g[Symbol.match](line)?.join(' ') ?? '');
    const distinct = order.filter((line, i) => line !== order[i - 1]).map((line) => line.replace(/\/(cni|workloads)/g, '$1'));
    expect(distinct).toEqual(['apply cni/00-crds.yaml', 'wait cni/00-crds.yaml', 'apply cni/01-flannel.yaml', 'get', 'apply workloads/00-web.yaml', 'get']);
  });

  it('down twice is fine, and so is down of what never was', async () => {
    const machine = machineFor(PLAN);
    const engine = kindEngine(machine.deps);
    const { context, directory } = up(PLAN);
    const handle = await engine.create(PLAN, context);
    await engine.destroy(handle, directory);
    await engine.destroy(handle, directory);
    await engine.destroy(null, directory);
    await engine.destroy(null, join(scratch.folder, 'never'));
    expect(names(machine)).toEqual([]);
  });

  it('down needs only the directory, or only the handle', async () => {
    const machine = machineFor(PLAN);
    const first = up(PLAN);
    await kindEngine(machine.deps).create(PLAN, first.context);
    await kindEngine(machine.deps).destroy(null, first.directory);
    expect(names(machine)).toEqual([]);
    const second = up(PLAN);
    const handle = await kindEngine(machine.deps).create(PLAN, second.context);
    writeFileSync(join(second.directory, 'owner'), '');
    await kindEngine(machine.deps).destroy(handle, second.directory);
    expect(names(machine)).toEqual([]);
  });

  it.each([PLAN, TWO])('a failure of any program leaves what down can clean ($name)', async (plan) => {
    const whole = machineFor(plan);
    await kindEngine(whole.deps).create(plan, up(plan).context);
    expect(whole.log.length).toBeGreaterThan(15);
    for (let k = 0; k < whole.log.length; k++) {
      const machine = machineFor(plan, { failAt: k });
      machine.addForeign('somebody-elses');
      const engine = kindEngine(machine.deps);
      const { context, directory, handles, events } = up(plan);
      const error: unknown = await engine.create(plan, context).then(
        () => null,
        (cause: unknown) => cause,
      );
      const made = names(machine).length > 1;
      // What exists is known by its handle.
      if (made) expect(handles, whole.log[k]).toHaveLength(1);
      expect(error === null || error instanceof LabError, whole.log[k]).toBe(true);
      if (/^(kind create|docker ps|kubectl(?! version --client))/.test(machine.log[k] ?? '')) expect(error, machine.log[k]).not.toBeNull();
      expectWellNested(events);
      await engine.destroy(handles[0] ?? null, directory);
      expect(names(machine), whole.log[k]).toEqual(['somebody-elses-control-plane']);
    }
  });

  it('down throws, or leaves nothing that is owned, whichever program fails', async () => {
    const whole = machineFor(PLAN);
    const first = up(PLAN);
    const handle = await kindEngine(whole.deps).create(PLAN, first.context);
    const created = whole.log.length;
    await kindEngine(whole.deps).destroy(handle, first.directory);
    const calls = whole.log.slice(created);
    expect(calls.map((line) => line.split(' ')[1])).toEqual(['ps', 'inspect', 'rm', 'ps']);
    for (const [k, call] of calls.entries()) {
      const machine = machineFor(PLAN, { failAt: created + k });
      const engine = kindEngine(machine.deps);
      const { context, directory } = up(PLAN);
      const own = await engine.create(PLAN, context);
      const error: unknown = await engine.destroy(own, directory).then(
        () => null,
        (cause: unknown) => cause,
      );
      if (error === null) expect(names(machine), call).toEqual([]);
      else expect(error, call).toMatchObject({ code: 'ENGINE_STEP_FAILED', message: expect.stringContaining('docker does not answer') as string });
      await engine.destroy(own, directory);
      expect(names(machine), call).toEqual([]);
    }
  });

  it('an answer that is no JSON is an error, and a container that is gone by now is none', async () => {
    const machine = machineFor(PLAN);
    const { context } = up(PLAN);
    const handle = await kindEngine(machine.deps).create(PLAN, context);
    const inspecting = (answer: Partial<FinishedCommand>): ReturnType<typeof kindEngine> =>
      kindEngine({
        ...machine.deps,
        run: async (argv, options) => {
          const result = await machine.deps.run(argv, options);
          return argv[1] === 'inspect' ? { ...result, ...answer } : result;
        },
      });
    await expect(inspecting({ stdout: '[{"Id":' }).status(handle)).rejects.toMatchObject({ code: 'ENGINE_STEP_FAILED' });
    await expect(inspecting({ stdout: '[{}]' }).status(handle)).rejects.toMatchObject({ code: 'ENGINE_STEP_FAILED' });
    await expect(inspecting({ exitCode: 1, stderr: '', failure: 'took longer than 30000 ms' }).status(handle)).rejects.toBeInstanceOf(LabError);
    expect(await inspecting({ exitCode: 1, stderr: 'Error response from daemon: No such container: id9\n' }).status(handle)).toBe('up');
    expect(await inspecting({ exitCode: 1, stdout: '[]', stderr: 'Error: No such object: id1\nError: No such object: id2\n' }).status(handle)).toBe('lost');
  });

  it('does not know the status of a lab whose container engine does not answer', async () => {
    const machine = machineFor(PLAN);
    const { context } = up(PLAN);
    const handle = await kindEngine(machine.deps).create(PLAN, context);
    const silent = kindEngine({ ...machine.deps, run: async () => await Promise.resolve({ exitCode: 1, stdout: '', stderr: 'Cannot connect', failure: '' }) });
    await expect(silent.status(handle)).rejects.toMatchObject({ message: 'docker does not answer: Cannot connect' });
  });

  it('counts the balancer of several control planes, and finds it by the handle alone', async () => {
    const machine = machineFor(HIGHLY_AVAILABLE);
    const engine = kindEngine(machine.deps);
    const { context, directory } = up(HIGHLY_AVAILABLE);
    const handle = await engine.create(HIGHLY_AVAILABLE, context);
    expect(names(machine)).toContain('cnilab-small-external-load-balancer');
    expect(await engine.status(handle)).toBe('up');
    const [id = '', balancer] = [...machine.containers].find(([, { Name }]) => Name.endsWith('-load-balancer')) ?? [];
    machine.containers.delete(id);
    expect(await engine.status(handle)).toBe('lost');
    machine.containers.clear();
    if (balancer !== undefined) machine.containers.set(id, balancer);
    writeFileSync(join(directory, 'owner'), '');
    await engine.destroy(handle, directory);
    expect(names(machine)).toEqual([]);
  });

  it('nothing is created before the handle is on disk, and nothing when it cannot be written', async () => {
    const machine = machineFor(PLAN);
    const { context, directory } = up(PLAN, { onHandle: async () => await Promise.reject(new Error('disk full')) });
    await expect(kindEngine(machine.deps).create(PLAN, context)).rejects.toThrow('disk full');
    expect(machine.log.some((line) => line.startsWith('kind create'))).toBe(false);
    // All that down needs was there before.
    expect(existsSync(join(directory, 'owner'))).toBe(true);
    await kindEngine(machine.deps).destroy(null, directory);
    expect(names(machine)).toEqual([]);
  });

  it('Ctrl-C while kind works ends it with INTERRUPTED and leaves what down can clean', async () => {
    const recorded = up(PLAN);
    const machine = machineFor(PLAN, { kindHangs: true, onKind: () => setTimeout(() => recorded.abort.abort(), 5) });
    const engine = kindEngine(machine.deps);
    expect((await failure(engine.create(PLAN, recorded.context))).code).toBe('INTERRUPTED');
    expect(names(machine)).toHaveLength(2);
    expectWellNested(recorded.events);
    await engine.destroy(recorded.handles[0] ?? null, recorded.directory);
    expect(names(machine)).toEqual([]);
  });

  it('is interrupted while it marks the folder: kind does not begin, and nothing is waited for afterwards', async () => {
    const recorded = up(PLAN);
    const machine = machineFor(PLAN);
    const onHandle = async (handle: EngineHandle): Promise<void> => {
      await Promise.resolve();
      recorded.handles.push(handle);
      // After the first look at the signal, while the file is written.
      setImmediate(() => recorded.abort.abort());
    };
    expect((await failure(kindEngine(machine.deps).create(PLAN, { ...recorded.context, onHandle }))).code).toBe('INTERRUPTED');
    expect(existsSync(join(recorded.directory, 'creating'))).toBe(false);
    expect(machine.log.filter((line) => line.startsWith('kind create'))).toEqual([]);
  });

  it('ends kind when it takes too long, and keeps evidence of it', async () => {
    const machine = machineFor(PLAN, { kindHangs: true, createWithinMs: 20 });
    const error = await failure(kindEngine(machine.deps).create(PLAN, up(PLAN).context));
    expect(error).toMatchObject({ code: 'ENGINE_STEP_FAILED', message: 'kind cannot create cluster cnilab-small: took longer than 0.02 s' });
    expect(error.details['evidence']).toBe(join(scratch.folder, 'evidence', 'small'));
  });

  it('keeps evidence when the time is up, and none for Ctrl-C', async () => {
    const expired = AbortSignal.timeout(0);
    await once(expired, 'abort');
    for (const [reason, kept] of [
      [expired.reason, join(scratch.folder, 'evidence', 'small')],
      [new Error('Ctrl-C'), undefined],
    ] as const) {
      const recorded = up(PLAN);
      const machine = machineFor(PLAN, { kindHangs: true, onKind: () => setTimeout(() => recorded.abort.abort(reason), 5) });
      const error = await failure(kindEngine(machine.deps).create(PLAN, recorded.context));
      expect(error.code).toBe('INTERRUPTED');
      expectWellNested(recorded.events);
      expect(error.details['evidence']).toBe(kept);
    }
  });

  it('keeps evidence of a change that fails, and the class of its error', async () => {
    const machine = machineFor(PLAN);
    const engine = kindEngine(machine.deps);
    const { context, directory } = up(PLAN);
    const handle = await engine.create(PLAN, context);
    const refusing = kindEngine({
      ...machine.deps,
      run: async (argv, options) =>
        argv.includes('apply') ? { exitCode: 1, stdout: '', stderr: 'error: no way', failure: '' } : await machine.deps.run(argv, options),
    });
    const changed = up(PLAN, { directory, artifacts: fakeArtifacts(PLAN, { '01-api.yaml': 'kind: Pod\n' }) });
    const error = await failure(refusing.change(handle, PLAN, PLAN, changed.context));
    expect(error).toBeInstanceOf(CommandError);
    expect(error.details['evidence']).toBe(join(scratch.folder, 'evidence', 'small'));
    expectWellNested(changed.events);
  });

  it('loads images into a running lab of which nothing else differs; what is not here is said before anything is touched', async () => {
    const machine = machineFor(PLAN, { images: ['example.test/here:1'] });
    const engine = kindEngine(machine.deps);
    const { context, directory } = up(PLAN);
    const handle = await engine.create(PLAN, context);
    await engine.change(handle, PLAN, PLAN, up(PLAN, { directory, load: ['example.test/here:1'] }).context);
    expect(machine.log).toContain('kind load docker-image --name cnilab-small example.test/here:1');
    const gone = up(PLAN, { directory, load: ['example.test/gone:1'] });
    expect(await failure(engine.change(handle, PLAN, PLAN, gone.context))).toMatchObject({
      code: 'IMAGE_MISSING',
      details: { images: ['example.test/gone:1'] },
    });
    expect(gone.events).toEqual([]);
  });

  it('tells what the machine had better have, and goes on', async () => {
    const machine = machineFor(PLAN);
    const { context, events } = up(PLAN);
    const readText = async (path: string): Promise<string | null> => await Promise.resolve(path.includes('inotify') ? '128' : null);
    await kindEngine({ ...machine.deps, readText }).create(PLAN, context);
    expect(events.find(({ step, phase }) => step === 'preflight' && phase === 'end')?.detail).toMatch(/^kind; inotify limits: 128 watches, .*sysctl -w/);
  });

  it("never touches somebody else's cluster of the same name", async () => {
    const machine = machineFor(PLAN);
    machine.addForeign('cnilab-small');
    const { context, directory, handles } = up(PLAN);
    const engine = kindEngine(machine.deps);
    const error = await failure(engine.create(PLAN, context));
    expect(error).toMatchObject({ code: 'NAME_TAKEN', hint: expect.stringContaining('kind delete cluster --name cnilab-small') as string });
    expect(handles).toEqual([]);
    await engine.destroy(null, directory);
    expect(names(machine)).toEqual(['cnilab-small-control-plane']);
  });

  it("says how another lab's cluster of the same name is taken down", async () => {
    const machine = machineFor(PLAN);
    const engine = kindEngine(machine.deps);
    await engine.create(PLAN, up(PLAN).context);
    expect(await failure(engine.create(PLAN, up(PLAN).context))).toMatchObject({
      code: 'NAME_TAKEN',
      hint: expect.stringContaining('cnilab down small') as string,
    });
  });

  it("never touches somebody else's cluster that came in between", async () => {
    const machine = machineFor(PLAN, { onKind: (it) => it.addForeign('cnilab-small') });
    const { context, directory, handles } = up(PLAN);
    const engine = kindEngine(machine.deps);
    expect((await failure(engine.create(PLAN, context))).code).toBe('NAME_TAKEN');
    await engine.destroy(handles[0] ?? null, directory);
    expect(names(machine)).toEqual(['cnilab-small-control-plane']);
  });

  it('removes a balancer that was made alone, and not the one of somebody else', async () => {
    const machine = machineFor(PLAN, { onlyBalancer: true });
    const { context, directory } = up(PLAN);
    const engine = kindEngine(machine.deps);
    await failure(engine.create(PLAN, context));
    expect(names(machine)).toEqual(['cnilab-small-external-load-balancer']);
    await engine.destroy(null, directory);
    expect(names(machine)).toEqual([]);
    await failure(engine.create(PLAN, context));
    machine.addForeign('cnilab-small');
    await engine.destroy(null, directory);
    expect(names(machine)).toEqual(['cnilab-small-control-plane', 'cnilab-small-external-load-balancer']);
  });

  it('a failure keeps its evidence, one folder per lab, and names it', async () => {
    const machine = machineFor(PLAN, { onlyBalancer: true });
    const error = await failure(kindEngine(machine.deps).create(PLAN, up(PLAN).context));
    const folder = join(scratch.folder, 'evidence', 'small');
    expect(error).toMatchObject({ code: 'ENGINE_STEP_FAILED', message: 'kind cannot create cluster cnilab-small: out of luck', details: { evidence: folder } });
    expect(error.hint).toContain(folder);
    expect(readdirSync(folder)).toContain('kind.txt');
    expect(readFileSync(join(folder, 'kind.txt'), 'utf8')).toContain('Preparing nodes');
  });

  it('names images that are to be loaded and are not here, before anything is created', async () => {
    const machine = machineFor(PLAN, { images: ['example.test/here:1'] });
    const engine = kindEngine(machine.deps);
    const gone = await failure(engine.create(PLAN, up(PLAN, { load: ['example.test/here:1', 'example.test/gone:1'] }).context));
    expect(gone).toMatchObject({ code: 'IMAGE_MISSING', details: { images: ['example.test/gone:1'] } });
    expect(names(machine)).toEqual([]);
    await engine.create(PLAN, up(PLAN, { load: ['example.test/here:1'] }).context);
    expect(machine.log).toContain('kind load docker-image --name cnilab-small example.test/here:1');
  });

  it('names address ranges that collide, before anything is created', async () => {
    const machine = machineFor(PLAN, { routes: '[{"dst":"default","dev":"eth0"},{"dst":"10.244.7.0/24","dev":"tun0"},{"dst":"10.0.0.0/8","dev":"vpn0"}]' });
    const error = await failure(kindEngine(machine.deps).create(PLAN, up(PLAN).context));
    expect(error.code).toBe('CIDR_COLLISION');
    expect(error.message).toContain('podCIDR 10.244.0.0/16 of cluster c1 overlaps 10.244.7.0/24 (route by tun0)');
    expect(error.message).not.toContain('10.0.0.0/8');
    expect(names(machine)).toEqual([]);
  });

  it('changes only what differs: deletes what is gone, applies files of other text, creates no container', async () => {
    const to = planLab(
      smallLab({ type: 'flannel' }, { kubernetesVersion: '1.34.4', nodeImage: 'kindest/node:v1.34.4', workloads: [{ name: 'api', perNode: 1 }] }),
      {
        previous: PLAN,
      },
    );
    const machine = machineFor(PLAN, {}, to);
    const engine = kindEngine(machine.deps);
    const { context, directory } = up(PLAN, { artifacts: fakeArtifacts(PLAN, { '01-api.yaml': 'kind: Pod\n' }) });
    const handle = await engine.create(PLAN, context);
    const before = names(machine);
    const started = machine.log.length;
    await engine.change(handle, PLAN, to, up(to, { directory, artifacts: fakeArtifacts(to, { '01-api.yaml': 'kind: DaemonSet\n' }) }).context);
    const calls = machine.log.slice(started).join('\n');
    expect(machine.deleted).toEqual(['DaemonSet web']);
    expect(calls).toContain('workloads/01-api.yaml');
    expect(calls).not.toContain('00-web.yaml');
    expect(calls).not.toContain('flannel.yaml');
    expect(names(machine)).toEqual(before);
    expect(engine.replaceReasons(PLAN, to)).toEqual([]);
    const same = machine.log.length;
    await engine.change(handle, to, to, up(to, { directory, artifacts: fakeArtifacts(to, { '01-api.yaml': 'kind: DaemonSet\n' }) }).context);
    expect(machine.log.slice(same).filter((line) => !line.startsWith('docker'))).toEqual([]);
  });

  it('a lab with a node that does not run is lost, and says how to go on', async () => {
    const machine = machineFor(PLAN);
    const engine = kindEngine(machine.deps);
    const { context } = up(PLAN);
    const handle = await engine.create(PLAN, context);
    machine.stop('cnilab-small-worker');
    expect(await engine.status(handle)).toBe('lost');
    const lost = { code: 'LAB_LOST', hint: expect.stringContaining('cnilab down small') as string };
    await expect(engine.open(handle, PLAN)).rejects.toMatchObject(lost);
    await expect(engine.change(handle, PLAN, PLAN, context)).rejects.toMatchObject(lost);
  });

  it('enters nodes and pods by argv, never by a shell string', async () => {
    const engine = kindEngine(machineFor(PLAN).deps);
    const handle = { engine: 'kind', directory: '/d', provider: 'docker', containers: 2, writtenAt: '', clusters: '{"c1":"cnilab-small"}' };
    const odd = ['ip', 'route', '; rm -rf /'];
    const node = await engine.enter(handle, 'cnilab-small-worker', odd);
    expect(node.filter((word) => word !== '--tty')).toEqual(['docker', 'exec', '--interactive', 'cnilab-small-worker', ...odd]);
    const pod = await engine.enter(handle, 'pod:c1/default/web-x', odd);
    expect(pod.filter((word) => word !== '--tty')).toEqual([
      'kubectl',
      '--kubeconfig=/d/cnilab-small.kubeconfig',
      'exec',
      '--stdin',
      '--namespace',
      'default',
      'web-x',
      '--',
      ...odd,
    ]);
    expect(() => engine.enter(handle, 'fabric', odd)).toThrow('has no fabric');
  });

  it('a session runs programs, and says where probes are', async () => {
    const machine = machineFor(PLAN);
    const engine = kindEngine(machine.deps);
    const handle = await engine.create(PLAN, up(PLAN).context);
    const session = await engine.open(handle, PLAN);
    expect((await session.run('cnilab-small-worker', ['ip', 'addr'])).exitCode).toBe(0);
    expect(machine.log.at(-1)).toBe('docker exec cnilab-small-worker ip addr');
    expect(session.sight).toEqual({ probes: false, single: true, icmp: false, df: false, kernel: true, clock: false, destination: false });
    await expect(session.checkAttachments()).rejects.toMatchObject({
      code: 'ENGINE_UNSUPPORTED',
      hint: expect.stringContaining('cnilab verify') as string,
    });
    await session.close();
  });
});
