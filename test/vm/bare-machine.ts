/** A machine from the prepared disk that becomes no node: another kernel, by ssh. */
import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, closeSync, rmSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { synthesizeVm } from '../../constructs/synth/synthesize-vm.ts';
import { chooseAccelerator } from '../../engines/vm/accelerator.ts';
import { makeDisk, startMachine, waitForConsole } from '../../engines/vm/machine.ts';
import { imageOf, kernelOf, requireNeeds } from '../../engines/vm/preflight.ts';
import { writeRecords, type MachineRecord } from '../../engines/vm/records.ts';
import { sshArgv } from '../../engines/vm/ssh.ts';
import { SLOWNESS, vmDeps } from '../../engines/vm/vm-deps.ts';
import { writeArtifacts } from '../../engines/kubernetes/materials.ts';
import { makeVmSecrets } from '../../lab/vm-secrets.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { Outcome } from '../integration/cnilab.ts';

export class BareMachine implements AsyncDisposable {
  readonly #directory: string;
  readonly #record: MachineRecord;

  private constructor(directory: string, record: MachineRecord) {
    this.#directory = directory;
    this.#record = record;
  }

  /** Starts one, and waits until it lets root in. */
  static async start(): Promise<BareMachine> {
    const directory = mkdtempSync(join(tmpdir(), 'cnilab-machine-'));
    let started: BareMachine | null = null;
    try {
      const plan = planLab({ name: 'bare', clusters: [{ name: 'c1', cni: { type: 'bridge' }, nodes: [{ name: 'm1', role: 'control-plane' }] }] });
      const artifacts = synthesizeVm(plan, { upstream: new Map(), secrets: makeVmSecrets() });
      await writeArtifacts(directory, artifacts);
      // In the place of what makes a node of it.
      await writeFile(join(directory, 'nodes/m1/seed/bootstrap.sh'), "printf '\\r\\ncnilab: begin ssh\\r\\n' >/dev/console\n");
      const accelerator = await chooseAccelerator(vmDeps.run, { kernel: await kernelOf(plan) });
      const image = await imageOf(await requireNeeds(vmDeps, plan, accelerator));
      const sshPort = await vmDeps.freePort();
      const record: MachineRecord = {
        cluster: 'c1',
        node: 'm1',
        name: 'm1',
        folder: 'nodes/m1',
        sshPort,
        apiPort: 0,
        forwards: [{ protocol: 'tcp', listenAddress: '127.0.0.1', hostPort: sshPort, guestPort: 22 }],
        accelerator: accelerator.option,
        image,
        pid: 0,
        startTime: 0,
        wanted: 'running',
        cut: false,
      };
      await writeRecords(directory, [record]);
      await makeDisk(vmDeps, directory, record);
      const { signal } = new AbortController();
      const running = await startMachine(vmDeps, plan, directory, record, signal);
      started = new BareMachine(directory, running);
      const waiting = { what: 'cloud-init', deadlineMs: vmDeps.limits.bootMs * (accelerator.kvm ? 1 : SLOWNESS), signal, onState: () => {} };
      await waitForConsole(vmDeps, directory, running, ({ begun }) => begun.includes('ssh'), waiting);
      return started;
    } catch (error) {
      await (started === null ? rm(directory, { recursive: true }) : started[Symbol.asyncDispose]());
      throw error;
    }
  }

  /** Runs a program in it as root; `stdin` names a file. */
  async run(argv: readonly string[], stdin?: string): Promise<Outcome> {
    const [command, ...args] = sshArgv(this.#directory, this.#record, argv);
    const file = stdin === undefined ? null : openSync(stdin, 'r');
    const child = spawn(command, args, { stdio: [file ?? 'ignore', 'pipe', 'pipe'] });
    const parts = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]?.on('data', (chunk: Buffer) => {
        parts[name] += chunk.toString();
      });
    }
    const code = await new Promise<number | null>((resolve) => {
      child.on('close', resolve);
    });
    if (file !== null) closeSync(file);
    return { code, ...parts };
  }

  /** Restarts its system, and waits until the new one lets root in. */
  async reboot(): Promise<void> {
    const before = await this.#boot();
    if (before === '') throw new Error('the machine does not answer to ssh');
    // The connection may end before the answer comes.
    await this.run(['systemctl', 'reboot']);
    for (const until = performance.now() + vmDeps.limits.bootMs * SLOWNESS; performance.now() < until; await sleep(2000)) {
      const now = await this.#boot();
      if (now !== '' && now !== before) return;
    }
    throw new Error('the machine does not come back after its reboot');
  }

  /** Which boot it runs; '' when it does not answer. */
  async #boot(): Promise<string> {
    const { code, stdout } = await this.run(['cat', '/proc/sys/kernel/random/boot_id']);
    return code === 0 ? stdout.trim() : '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      process.kill(this.#record.pid, 'SIGKILL');
    } catch (error) {
      // It ended by itself.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
    while (vmDeps.isAlive(this.#record)) await sleep(50);
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
