import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { synthesizeVm } from '../../constructs/synth/synthesize-vm.ts';
import { CLUSTER_DNS, workloadTargets } from '../../engines/kubernetes/rollout-targets.ts';
import { RUN_VARIABLE } from '../../engines/leftover-processes.ts';
import type { EngineEvent, EngineHandle, UpContext } from '../../engines/port.ts';
import { chooseAccelerator } from '../../engines/vm/accelerator.ts';
import { vmEngine } from '../../engines/vm/engine.ts';
import { readRecords, writeRecords } from '../../engines/vm/records.ts';
import { SLOWNESS } from '../../engines/vm/vm-deps.ts';
import { makeVmSecrets } from '../../lab/vm-secrets.ts';
import type { ArtifactSet } from '../../topology/artifacts.ts';
import { LabError } from '../../topology/errors.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { ClusterSpec } from '../../topology/spec.ts';
import { useScratch } from '../lab/scratch.ts';
import { fakeVm, type FakeVm, type FakeVmOptions } from './fake-vm.ts';

const scratch = useScratch();

const cluster = (name: string, more: Partial<ClusterSpec> = {}): ClusterSpec => ({
  name,
  kubernetesVersion: '1.34',
  workers: 1,
  cni: { type: 'flannel' },
  nodeImage: join(scratch.folder, 'image'),
  workloads: [{ name: 'web', perNode: 1 }],
  ...more,
});
const one = (more: Partial<ClusterSpec> = {}): LabPlan => planLab({ name: 'small', clusters: [cluster('c1', more)] });
/** A folder of one of its clusters ends like the one with the machines in it. */
const two = (): LabPlan => planLab({ name: 'two', clusters: [cluster('a'), cluster('k-nodes')] });
const artifactsOf = (plan: LabPlan): ArtifactSet => synthesizeVm(plan, { upstream: new Map(), secrets: makeVmSecrets() });

function machineFor(plan: LabPlan, options: FakeVmOptions = {}): FakeVm {
  const artifacts = artifactsOf(plan);
  const targets = [CLUSTER_DNS, ...artifacts.clusters.flatMap(({ cniRollouts }) => cniRollouts), ...plan.clusters.flatMap(workloadTargets)];
  const machine = fakeVm(scratch.folder, targets, { images: artifacts.images, ...options });
  machine.image();
  return machine;
}

let nextRun = 1;

function up(
  plan: LabPlan,
  load: readonly string[] = [],
): { readonly context: UpContext; readonly directory: string; readonly handles: EngineHandle[]; readonly events: EngineEvent[] } {
  const directory = join(scratch.folder, `run-${nextRun++}`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const handles: EngineHandle[] = [];
  const events: EngineEvent[] = [];
  const context: UpContext = {
    directory,
    sourceDirectory: scratch.folder,
    materials: { artifacts: artifactsOf(plan), load, offline: true },
    onEvent: (event) => {
      events.push(event);
    },
    onHandle: async (handle) => {
      await Promise.resolve();
      handles.push(handle);
    },
    signal: new AbortController().signal,
  };
  return { context, directory, handles, events };
}

async function failure(work: Promise<unknown>): Promise<LabError> {
  const error: unknown = await work.catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(LabError);
  return error as LabError;
}

describe('engine contract: vm', () => {
  it.each([one, two])('up, then down, leaves nothing that is owned (%#)', async (planOf) => {
    const plan = planOf();
    const machine = machineFor(plan);
    machine.processes.set(999, { id: 'somebody-elses', directory: '/somewhere' });
    const engine = vmEngine(machine.deps);
    const { context, directory, handles, events } = up(plan);
    const handle = await engine.create(plan, context);
    expect(handles).toEqual([handle]);
    expect(JSON.parse(JSON.stringify(handle))).toEqual(handle);
    expect(await engine.status(handle)).toBe('up');
    expect(machine.processes.size).toBe(1 + 2 * plan.clusters.length);
    expect(events.filter(({ phase }) => phase === 'failed')).toEqual([]);
    expect(events.filter(({ phase }) => phase === 'start').length).toBe(events.filter(({ phase }) => phase === 'end').length);
    await engine.destroy(handle, directory);
    expect([...machine.processes.values()].map(({ id }) => id)).toEqual(['somebody-elses']);
    expect(await engine.status(handle)).toBe('lost');
    await engine.destroy(handle, directory);
    await engine.destroy(null, join(scratch.folder, 'never'));
  });

  it('keeps secrets to this user, plugins executable, and forwards the API to 127.0.0.1', async () => {
    const plan = one({ portMappings: [{ node: 'worker1', containerPort: 30080, hostPort: 8080 }] });
    const machine = machineFor(plan);
    const { context, directory } = up(plan);
    const handle = await vmEngine(machine.deps).create(plan, context);
    const mode = (path: string): number => statSync(join(directory, path)).mode & 0o777;
    for (const path of ['key', 'machines.json', 'cnilab-small.kubeconfig', 'nodes/worker1/seed/user-data', 'nodes/worker1/seed/kubeadm.yaml'])
      expect(mode(path), path).toBe(0o600);
    expect(mode('nodes/worker1/seed/bin/bridge')).toBe(0o755);
    const records = await readRecords(directory);
    const api = records.find(({ apiPort }) => apiPort !== 0);
    expect(readFileSync(join(directory, 'cnilab-small.kubeconfig'), 'utf8')).toContain(`server: https://127.0.0.1:${api?.apiPort}`);
    expect(vmEngine(machine.deps).kubernetes(handle, plan)).toMatchObject([{ cluster: 'c1', context: 'kubernetes-admin@cnilab-small' }]);
    const worker = machine.log.find((argv) => argv[0] === 'qemu-system-x86_64' && argv.includes('c1/worker1'))?.join(' ') ?? '';
    expect(worker).toContain('hostfwd=tcp:127.0.0.1:8080-192.0.2.11:30080');
    expect(worker).toContain('restrict=on');
    expect(worker).toContain('localaddr=127.0.0.1');
  });

  it('gives cluster DNS on emulated machines the time to say that it is there, before the nodes are', async () => {
    const machine = machineFor(one());
    await vmEngine(machine.deps).create(one(), up(one()).context);
    const of = (...words: readonly string[]): number => machine.log.findIndex((argv) => words.every((word) => argv.includes(word)));
    expect(machine.log[of('patch', 'coredns')]?.at(-1)).toContain('"readinessProbe":{"timeoutSeconds":30}');
    expect(of('patch', 'coredns')).toBeLessThan(of('apply'));
    const fast = machineFor(one());
    const kvm = { ...fast.deps, chooseAccelerator: () => Promise.resolve({ option: 'kvm', kvm: true, detail: 'KVM' }) };
    await vmEngine(kvm).create(one(), up(one()).context);
    expect(fast.log.filter((argv) => argv.includes('patch'))).toEqual([]);
  });

  it('puts machines of one lab into one group, and those of another coming up into another', async () => {
    const plan = one();
    const machine = machineFor(plan);
    const engine = vmEngine(machine.deps);
    for (const { context } of [up(plan), up(plan)]) await engine.create(plan, context);
    const groups = machine.log
      .filter(([program, flag]) => program === 'qemu-system-x86_64' && flag === '-name')
      .map((argv) => /mcast=([\d.:]+)/.exec(argv.join(' '))?.[1]);
    expect(groups[0]).toBe(groups[1]);
    expect(groups[2]).toBe(groups[3]);
    expect(groups[0]).not.toBe(groups[2]);
  });

  it('a failure of any program leaves what down can clean', async () => {
    const plan = one();
    const whole = machineFor(plan);
    await vmEngine(whole.deps).create(plan, up(plan).context);
    expect(whole.log.length).toBeGreaterThan(12);
    for (let k = 0; k < whole.log.length; k++) {
      const machine = machineFor(plan, { failAt: k });
      const { context, directory, handles } = up(plan);
      const error: unknown = await vmEngine(machine.deps)
        .create(plan, context)
        .catch((cause: unknown) => cause);
      if (machine.processes.size > 0) expect(handles, `step ${k}`).toHaveLength(1);
      if (error instanceof Error) expect(error, `step ${k}: ${whole.log[k]?.join(' ')}`).toBeInstanceOf(LabError);
      await vmEngine(machine.deps).destroy(null, directory);
      expect(machine.processes.size, `step ${k}`).toBe(0);
    }
  });

  it.each<[string, FakeVmOptions, readonly string[], readonly (string | RegExp)[]]>([
    ['QEMU is missing', { without: 'qemu-system-x86_64' }, [], ['ENVIRONMENT_LACKS', /qemu-system-x86_64 is not installed/]],
    ['too little memory', { memory: 3_000_000 }, [], ['ENVIRONMENT_LACKS', /memory: 3.1 GB free, 6.7 GB wanted/]],
    ['an image that the disk lacks', { images: [] }, [], ['IMAGE_MISSING', /prepared disk lacks .*flannel/]],
    ['images to load', {}, ['busybox'], ['ENGINE_UNSUPPORTED', /busybox/]],
    [
      'a machine that never boots',
      { console: () => 'SeaBIOS\r\nNo bootable device.\r\n' },
      [],
      ['ENGINE_STEP_FAILED', /did not come to cloud-init.*\n.*SeaBIOS\n.*No bootable device/],
    ],
    [
      'kubeadm that fails',
      { console: () => 'cnilab: begin kubeadm init\r\n| [wait-control-plane] Waiting\r\n| error: timed out\r\ncnilab: failed kubeadm init: exit code 1\r\n' },
      [],
      ['ENGINE_STEP_FAILED', /failed at kubeadm init: exit code 1[^]*\[wait-control-plane\][^]*error: timed out/],
    ],
  ])('says what is wrong: %s', async (_name, options, load, [code, message]) => {
    const plan = one();
    const machine = machineFor(plan, options);
    const { context, directory } = up(plan, load);
    const error = await failure(vmEngine(machine.deps).create(plan, context));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message ?? '');
    expect(error.hint).not.toBe('');
    await vmEngine(machine.deps).destroy(null, directory);
    expect(machine.processes.size).toBe(0);
  });

  it('keeps the consoles of a lab that did not come up, without its secrets', async () => {
    const plan = one();
    const machine = machineFor(plan, { console: () => 'token: abcdef.0123456789abcdef\r\ncnilab: failed prepare: the image has no kubeadm\r\n' });
    const error = await failure(vmEngine(machine.deps).create(plan, up(plan).context));
    expect(error.message).toContain('token: (removed)');
    expect(`${error.message} ${JSON.stringify(error.details)}`).not.toContain('abcdef.0123456789abcdef');
    const kept = join(String(error.details['evidence']), 'console-c1-control-plane1.txt');
    expect(existsSync(kept)).toBe(true);
    expect(readFileSync(kept, 'utf8')).toContain('the image has no kubeadm');
    expect(readFileSync(kept, 'utf8')).not.toContain('abcdef.0123456789abcdef');
  });

  it('says that a worker ended while the first node is made, and does not wait for the rest', async () => {
    const plan = one();
    const machine = machineFor(plan, { console: (node) => (node === 'c1/worker1' ? 'Kernel panic - not syncing\r\n' : 'cnilab: begin kubeadm init\r\n') });
    const limits = { ...machine.deps.limits, kubeadmMs: 60_000 };
    const deps = { ...machine.deps, limits, isAlive: ({ pid }: { readonly pid: number }) => pid !== 2 && machine.processes.has(pid) };
    const error = await failure(vmEngine(deps).create(plan, up(plan).context));
    expect(error.code).toBe('ENGINE_STEP_FAILED');
    expect(error.message).toMatch(/^machine c1\/worker1 ended\. Its console ends with\n {2}Kernel panic/);
  });

  it.each([
    ['nodes', 1],
    ['workloads', 2],
  ] as const)('says that a machine ended while %s are waited for', async (_what, round) => {
    const plan = one();
    const machine = machineFor(plan);
    const limits = { ...machine.deps.limits, readyMs: 60_000 };
    let asked = 0;
    // The API of a cluster tells of a node that ended as if it were there, for a while, and its pods never start.
    const run: typeof machine.deps.run = async (argv, given = {}) => {
      if (argv[0] !== 'kubectl' || !argv.includes('get') || argv.includes('events') || ++asked < round) return await machine.deps.run(argv, given);
      machine.processes.delete(2);
      return { exitCode: 0, stdout: '{"items":[]}', stderr: '', failure: '' };
    };
    const error = await failure(vmEngine({ ...machine.deps, limits, run }).create(plan, up(plan).context));
    expect(error.message).toMatch(/^machine c1\/worker1 ended\./);
  });

  it('ports that are taken are said before anything runs', async () => {
    const plan = one({ portMappings: [{ containerPort: 30080, hostPort: 8080 }] });
    const machine = machineFor(plan, { portInUse: true });
    expect((await failure(vmEngine(machine.deps).create(plan, up(plan).context))).message).toContain('port 8080 of 127.0.0.1: is in use');
    expect(machine.processes.size).toBe(0);
  });

  it('takes other ports for ssh and the API where another lab was faster, and no other for those that are mapped', async () => {
    const plan = one({ portMappings: [{ containerPort: 30080, hostPort: 8080 }] });
    const machine = machineFor(plan, { lostPorts: [40_000, 40_001, 40_002] });
    const { context, directory } = up(plan);
    await vmEngine(machine.deps).create(plan, context);
    const records = await readRecords(directory);
    expect(records.map(({ node, sshPort, apiPort }) => [node, sshPort, apiPort])).toEqual([
      ['control-plane1', 40_003, 40_004],
      ['worker1', 40_005, 0],
    ]);
    expect(records.flatMap(({ forwards }) => forwards.map(({ hostPort, guestPort }) => [hostPort, guestPort]))).toEqual([
      [40_003, 22],
      [40_004, 6443],
      [8080, 30_080],
      [40_005, 22],
    ]);
    expect(readFileSync(join(directory, 'cnilab-small.kubeconfig'), 'utf8')).toContain('server: https://127.0.0.1:40004');
    const mapped = machineFor(plan, { lostPorts: [8080] });
    expect((await failure(vmEngine(mapped.deps).create(plan, up(plan).context))).message).toContain('127.0.0.1:8080');
    const hopeless = machineFor(plan, { lostPorts: Array.from({ length: 20 }, (_, at) => 40_000 + at) });
    expect((await failure(vmEngine(hopeless.deps).create(plan, up(plan).context))).code).toBe('ENGINE_STEP_FAILED');
    expect(hopeless.log.filter((argv) => argv.includes('-daemonize'))).toHaveLength(4);
  });

  it('finds a trial of KVM again that outlives a killed `up`', async () => {
    vi.stubEnv('CNILAB_VM_ACCEL', '');
    const plan = one();
    const machine = machineFor(plan);
    const { context, directory } = up(plan);
    const trials: unknown[] = [];
    const run: typeof machine.deps.run = async (argv, given = {}) => {
      if (!argv.includes('kvm') || argv.includes('-daemonize')) return await machine.deps.run(argv, given);
      const kernel = argv.includes('-kernel');
      trials.push([given.env?.[RUN_VARIABLE], kernel || argv.at(-1)?.startsWith(`file=${directory}/`)]);
      return kernel ? { exitCode: 0, stdout: 'Kernel panic', stderr: '', failure: '' } : { exitCode: 33, stdout: '', stderr: '', failure: '' };
    };
    await vmEngine({ ...machine.deps, run, chooseAccelerator }).create(plan, context);
    expect(trials).toEqual([
      [directory, true],
      [directory, true],
    ]);
    expect((await readRecords(directory)).map(({ accelerator }) => accelerator)).toEqual(['kvm', 'kvm']);
    vi.unstubAllEnvs();
  });

  it('has each cluster in a folder of its own', async () => {
    const plan = two();
    const { context, directory } = up(plan);
    await vmEngine(machineFor(plan).deps).create(plan, context);
    for (const { folder } of await readRecords(directory)) expect(existsSync(join(directory, folder, 'seed/bin/bridge')), folder).toBe(true);
  });

  it('is lost when a machine ended that should run', async () => {
    const plan = one();
    const machine = machineFor(plan);
    const engine = vmEngine(machine.deps);
    const handle = await engine.create(plan, up(plan).context);
    machine.processes.delete([...machine.processes.keys()][1] ?? 0);
    expect(await engine.status(handle)).toBe('lost');
    expect((await failure(engine.open(handle, plan))).code).toBe('LAB_LOST');
  });

  it('keeps keys and machines when workloads change', async () => {
    const [from, to] = [one(), one({ workloads: [{ name: 'api', perNode: 1 }] })];
    const machine = machineFor(to);
    const engine = vmEngine(machineFor(from).deps);
    const { context, directory } = up(from);
    const handle = await engine.create(from, context);
    const key = readFileSync(join(directory, 'key'), 'utf8');
    const changing = vmEngine({ ...machine.deps, isAlive: () => true });
    await changing.change(handle, from, to, { ...context, materials: { ...context.materials, artifacts: artifactsOf(to) } });
    expect(readFileSync(join(directory, 'key'), 'utf8')).toBe(key);
    const calls = machine.log.map((argv) => argv.join(' '));
    expect(calls.some((call) => call.includes('delete'))).toBe(true);
    expect(calls.some((call) => / apply .*daemonset-api/.test(call))).toBe(true);
    expect(calls.some((call) => call.includes('nodes/'))).toBe(false);
  });

  it('waits for what it deletes as long as such machines take, and no longer', async () => {
    const [from, to] = [one(), one({ workloads: [{ name: 'api', perNode: 1 }] })];
    const { context } = up(from);
    const handle = await vmEngine(machineFor(from).deps).create(from, context);
    const machine = machineFor(to);
    const limits: (number | undefined)[] = [];
    const run: typeof machine.deps.run = async (argv, given = {}) => {
      if (argv.includes('delete')) limits.push(given.timeoutMs);
      return await machine.deps.run(argv, given);
    };
    const changing = vmEngine({ ...machine.deps, run, isAlive: () => true });
    await changing.change(handle, from, to, { ...context, materials: { ...context.materials, artifacts: artifactsOf(to) } });
    expect(limits).toEqual([120_000 * SLOWNESS]);
  });

  it('refuses a change that cannot be, before anything is touched', async () => {
    const spec = { containers: [{ name: 'api', image: 'registry.example/api:1' }] };
    const [from, to] = [one(), one({ objects: [{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'api' }, spec }] })];
    const { context, directory } = up(from);
    const handle = await vmEngine(machineFor(from).deps).create(from, context);
    const list = readFileSync(join(directory, 'artifacts.json'), 'utf8');
    const may = async (machine: FakeVm, plan: LabPlan, load: readonly string[] = []): Promise<void> => {
      const engine = vmEngine({ ...machine.deps, isAlive: ({ pid }) => pid > 0 });
      await engine.mayChange?.(handle, plan, { ...context, materials: { ...context.materials, load, artifacts: artifactsOf(plan) } });
    };
    const lacking = machineFor(from);
    expect(await failure(may(lacking, to))).toMatchObject({ code: 'IMAGE_MISSING', message: expect.stringContaining('registry.example/api:1') as string });
    await may(machineFor(to), to);
    // Nothing is asked of a machine where no image is new.
    const other = machineFor(from);
    await may(other, one({ workloads: [{ name: 'web', perNode: 2 }] }));
    expect(other.log).toEqual([]);
    expect(await failure(may(other, from, ['busybox']))).toMatchObject({ code: 'ENGINE_UNSUPPORTED', message: expect.stringContaining('busybox') as string });
    const records = await readRecords(directory);
    await writeRecords(
      directory,
      records.map((record) => (record.node === 'worker1' ? { ...record, wanted: 'stopped', pid: 0 } : record)),
    );
    expect(await failure(may(machineFor(to), to))).toMatchObject({ code: 'USAGE', hint: '`cnilab node start small c1/worker1` starts it' });
    // Whose stop was interrupted.
    await writeRecords(
      directory,
      records.map((record) => ({ ...record, wanted: 'stopped' })),
    );
    await may(machineFor(to), to);
    expect(readFileSync(join(directory, 'artifacts.json'), 'utf8')).toBe(list);
  });

  it('applies what changes in a cluster that is called as the folder of machines', async () => {
    const lab = (workload: string): LabPlan =>
      planLab({ name: 'two', clusters: [cluster('a'), cluster('nodes', { workloads: [{ name: workload, perNode: 1 }] })] });
    const [from, to] = [lab('web'), lab('api')];
    const { context } = up(from);
    const handle = await vmEngine(machineFor(from).deps).create(from, context);
    const machine = machineFor(to);
    const changing = vmEngine({ ...machine.deps, isAlive: () => true });
    await changing.change(handle, from, to, { ...context, materials: { ...context.materials, artifacts: artifactsOf(to) } });
    expect(machine.log.some((argv) => / apply .*daemonset-api/.test(argv.join(' ')))).toBe(true);
  });

  it('says why machines cannot become others', () => {
    const engine = vmEngine(machineFor(one()).deps);
    expect(engine.replaceReasons(one(), one())).toEqual([]);
    expect(engine.replaceReasons(one(), one({ workers: 2 }))).toEqual([expect.stringContaining('node c1/worker2 is added')]);
    expect(engine.replaceReasons(one(), one({ nodeImage: '/other' }))).toEqual([expect.stringContaining('the disk of cluster c1')]);
    const { workers: _, ...rest } = cluster('c1');
    const nodes = [{ name: 'control-plane1', role: 'control-plane', schedulable: true }, { name: 'worker1' }] as const;
    const open = planLab({ name: 'small', clusters: [{ ...rest, nodes }] });
    expect(engine.replaceReasons(one(), open)).toEqual([expect.stringContaining('whether pods run on node c1/control-plane1')]);
    expect(engine.replaceReasons(two(), one()).length).toBeGreaterThan(2);
  });
});
