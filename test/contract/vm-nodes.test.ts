/** What is done to single machines of a lab, over real QMP sockets. */
import { mkdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { synthesizeVm } from '../../constructs/synth/synthesize-vm.ts';
import { CLUSTER_DNS, workloadTargets } from '../../engines/kubernetes/rollout-targets.ts';
import type { EngineHandle, NodeAction } from '../../engines/port.ts';
import { vmEngine } from '../../engines/vm/engine.ts';
import { readRecords, type MachineRecord } from '../../engines/vm/records.ts';
import type { VmDeps } from '../../engines/vm/vm-deps.ts';
import { makeVmSecrets } from '../../lab/vm-secrets.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { useScratch } from '../lab/scratch.ts';
import { fakeVm, type FakeVm } from './fake-vm.ts';

const scratch = useScratch();
const WORKER = 'c1/worker1';

let plan: LabPlan;
let machine: FakeVm;
let handle: EngineHandle;
let directory: string;
let asked: string[];

beforeEach(async () => {
  plan = planLab({
    name: 'small',
    clusters: [{ name: 'c1', kubernetesVersion: '1.34', workers: 1, cni: { type: 'flannel' }, nodeImage: join(scratch.folder, 'image') }],
  });
  const artifacts = synthesizeVm(plan, { upstream: new Map(), secrets: makeVmSecrets() });
  const rollouts = [CLUSTER_DNS, ...artifacts.clusters.flatMap(({ cniRollouts }) => cniRollouts), ...plan.clusters.flatMap(workloadTargets)];
  machine = fakeVm(scratch.folder, rollouts, { images: artifacts.images });
  machine.image();
  directory = join(scratch.folder, 'run');
  mkdirSync(directory, { recursive: true });
  asked = [];
  handle = await vmEngine(machine.deps).create(plan, {
    directory,
    sourceDirectory: scratch.folder,
    materials: { artifacts, load: [], offline: true },
    onEvent: () => undefined,
    onHandle: () => Promise.resolve(),
    signal: new AbortController().signal,
  });
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

const record = async (): Promise<MachineRecord | undefined> => (await readRecords(directory)).find(({ node }) => node === 'worker1');

/** The worker's QEMU: its process is gone when it is told to end and obeys. */
async function listen(obeys: readonly string[] = ['system_powerdown']): Promise<void> {
  const server = createServer((stream) => {
    stream.write('{"QMP": {}}\r\n');
    stream.on('data', (data) => {
      const { execute, arguments: given } = JSON.parse(data.toString()) as { execute: string; arguments?: object };
      if (given !== undefined) asked.push(`${execute} ${JSON.stringify(given)}`);
      const followed = ['qmp_capabilities', 'set_link'].includes(execute) || obeys.includes(execute);
      const ended = obeys.includes(execute) ? [...machine.processes].filter(([, { id }]) => id === WORKER) : [];
      for (const [pid] of ended) machine.processes.delete(pid);
      stream.write(`${JSON.stringify(followed ? { return: {} } : { error: { desc: 'no' } })}\r\n`);
    });
  });
  await new Promise<void>((resolve) => server.listen(join(directory, 'nodes/worker1/qmp'), resolve));
  onTestFinished(() => void server.close());
}

const control = async (
  action: NodeAction,
  deps: Partial<VmDeps> = {},
  signal: AbortSignal = new AbortController().signal,
  id: string = WORKER,
): Promise<string> => (await vmEngine({ ...machine.deps, ...deps }).controlNode?.(handle, plan, id, action, { onEvent: () => undefined, signal })) ?? 'nothing';

/** A QEMU to which somebody else gives no port `port`. */
const without =
  (port: number): VmDeps['run'] =>
  async (argv, given) => {
    const rule = argv[0] === 'qemu-system-x86_64' ? argv.join(' ').match(`hostfwd=(tcp:127\\.0\\.0\\.1:${port}-[^, ]*)`)?.[1] : undefined;
    if (rule === undefined) return await machine.deps.run(argv, given);
    return { exitCode: 1, stdout: '', stderr: `qemu-system-x86_64: -netdev user,id=user: Could not set up host forwarding rule '${rule}'\n`, failure: '' };
  };

describe('nodes that are machines of QEMU', () => {
  it('stop by their power button, and start until kubelet tells of the new boot', async () => {
    await listen();
    expect(await control('stop')).toBe('shut down');
    expect(await record()).toMatchObject({ wanted: 'stopped', pid: 0 });
    expect(await vmEngine(machine.deps).status(handle)).toBe('up');
    await expect(control('stop')).rejects.toMatchObject({ code: 'USAGE', message: `node ${WORKER} does not run` });
    machine.log.length = 0;
    expect(await control('start')).toBe('ready');
    // What the API says at first is of the boot before.
    expect(machine.log.filter((argv) => argv.includes('node') && argv.includes('get'))).toHaveLength(2);
    await expect(control('start')).rejects.toMatchObject({ code: 'USAGE', message: `node ${WORKER} runs already` });
  });

  it('reboot, unless ssh does not reach them', async () => {
    expect(await control('reboot')).toBe('ready');
    expect(machine.log.some((argv) => /^timeout -k 1 \d+ systemctl reboot$/.test(argv.at(-1) ?? ''))).toBe(true);
    const deaf: VmDeps['run'] = async (argv, given) =>
      argv[0] === 'ssh' ? { exitCode: 255, stdout: '', stderr: 'refused', failure: '' } : await machine.deps.run(argv, given);
    await expect(control('reboot', { run: deaf })).rejects.toMatchObject({ code: 'ENGINE_STEP_FAILED', message: expect.stringContaining('ssh') });
  });

  it('get another port for ssh when somebody took theirs while they were off; that of the API stays, and who has it is to be looked for', async () => {
    await listen();
    await control('stop');
    expect(await record()).toMatchObject({ sshPort: 40_002 });
    machine.log.length = 0;
    expect(await control('start', { run: without(40_002) })).toBe('ready');
    const ports = machine.log.filter(([program]) => program === 'ssh').map((argv) => argv[argv.indexOf('-p') + 1]);
    expect(new Set(ports)).toEqual(new Set(['40003']));
    expect(await record()).toMatchObject({ sshPort: 40_003, forwards: [{ hostPort: 40_003, guestPort: 22 }], wanted: 'running' });

    machine.processes.delete(1);
    await expect(control('start', { run: without(40_001) }, undefined, 'c1/control-plane1')).rejects.toMatchObject({
      code: 'ENGINE_STEP_FAILED',
      message: expect.stringContaining('tcp:127.0.0.1:40001-') as string,
      hint: expect.stringContaining("`ss -lntup 'sport = :40001'`") as string,
    });
  });

  it("lose the lab's cable, and get it again", async () => {
    await listen();
    await control('cut');
    await expect(control('reboot')).rejects.toMatchObject({ code: 'USAGE', hint: '`cnilab node mend small worker1` puts it in again' });
    expect(await record()).toMatchObject({ cut: true, wanted: 'running' });
    machine.log.length = 0;
    expect(await control('mend')).toBe('ready');
    expect(
      machine.log.some((argv) => argv.includes('get') && argv.includes('node')),
      'the API is asked whether the node is ready',
    ).toBe(true);
    expect(await record()).toMatchObject({ cut: false });
    expect(asked).toEqual(['set_link {"name":"lab0","up":false}', 'set_link {"name":"lab0","up":true}']);
  });

  it('can be stopped again when a stop failed', async () => {
    await listen([]);
    await expect(control('stop')).rejects.toThrow('QEMU did not do system_powerdown: no');
    expect(await record()).toMatchObject({ wanted: 'running', pid: 2 });
    machine.processes.delete(2);
    expect(await vmEngine(machine.deps).status(handle)).toBe('lost');
    machine.processes.set(2, { id: WORKER, directory });
    await expect(control('start')).rejects.toMatchObject({ code: 'USAGE', message: `node ${WORKER} runs already` });
    await expect(control('stop')).rejects.toThrow('QEMU did not do system_powerdown: no');
  });

  it('are stopped when they ended though stopping them failed', async () => {
    await listen([]);
    // It runs when it is asked for, and when it is told to end.
    let looks = 2;
    await expect(control('stop', { isAlive: () => looks-- > 0 })).rejects.toThrow('QEMU did not do system_powerdown: no');
    expect(await record()).toMatchObject({ wanted: 'stopped' });
  });

  it('are written down when their start is interrupted', async () => {
    await listen();
    await control('stop');
    const stopping = new AbortController();
    const run: VmDeps['run'] = async (argv, given) => {
      if (argv[0] === 'qemu-system-x86_64') stopping.abort();
      return await machine.deps.run(argv, given);
    };
    await expect(control('start', { run }, stopping.signal)).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(await record()).toMatchObject({ wanted: 'running', pid: 3 });
    expect(await control('stop')).toBe('shut down');
  });
});
