/** A machine under the vm engine: QEMUs and API objects that are only remembered, behind the one function that runs programs. Files are real. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RUN_VARIABLE } from '../../engines/leftover-processes.ts';
import type { CommandOptions, FinishedCommand } from '../../engines/run-command.ts';
import type { VmDeps } from '../../engines/vm/vm-deps.ts';
import type { RolloutTarget } from '../../topology/artifacts.ts';
import { TCG } from '../../topology/vm-machines.ts';

export interface FakeVmOptions {
  /** The call of a program with this number fails, after having done its work. */
  readonly failAt?: number;
  /** What a machine shows on its console when it is started. @default a node that comes up */
  readonly console?: (node: string) => string;
  readonly images?: readonly string[];
  /** kB of memory. */
  readonly memory?: number;
  /** A program that is not installed. */
  readonly without?: string;
  readonly portInUse?: boolean;
  /** Ports that somebody takes before QEMU does. */
  readonly lostPorts?: readonly number[];
}

export interface FakeVm {
  readonly deps: VmDeps;
  /** Process id → identity of the machine, and whose it is. */
  readonly processes: Map<number, { readonly id: string; readonly directory: string }>;
  /** Every program that was run, in order. */
  readonly log: (readonly string[])[];
  /** Makes a folder of a prepared disk. */
  image(): string;
}

const done = (stdout = ''): FinishedCommand => ({ exitCode: 0, stdout, stderr: '', failure: '' });
const failed = (stderr: string): FinishedCommand => ({ exitCode: 1, stdout: '', stderr, failure: '' });

const boots = (node: string): string => {
  const action = node.includes('control-plane') ? 'init' : 'join';
  return `[    0.0] Linux\r\ncnilab: begin prepare\r\ncnilab: done prepare\r\ncnilab: begin kubeadm ${action}\r\n| [preflight] Running pre-flight checks\r\ncnilab: done kubeadm ${action}\r\n`;
};

export function fakeVm(folder: string, rollouts: readonly RolloutTarget[], options: FakeVmOptions = {}): FakeVm {
  const processes = new Map<number, { readonly id: string; readonly directory: string }>();
  const log: (readonly string[])[] = [];
  let nextPid = 1;
  let nextPort = 40_000;
  /** Of the machine that booted last, and what kubelet told of it: it is asked once before it has told anew. */
  const boot = { machine: 0, told: 0 };
  const after = (argv: readonly string[], flag: string): string => argv[argv.indexOf(flag) + 1] ?? '';

  const qemu = (argv: readonly string[], { env = {}, cwd = '' }: CommandOptions): FinishedCommand => {
    const lost = (options.lostPorts ?? [])
      .map((port) => argv.join(' ').match(`hostfwd=(tcp:127\\.0\\.0\\.1:${port}-[^, ]*)`)?.[1])
      .find((rule) => rule !== undefined);
    if (lost !== undefined) return failed(`qemu-system-x86_64: -netdev user,id=user: Could not set up host forwarding rule '${lost}'\n`);
    const id = after(argv, '-name');
    const pid = nextPid++;
    processes.set(pid, { id, directory: env[RUN_VARIABLE] ?? '' });
    boot.machine++;
    writeFileSync(after(argv, '-pidfile'), `${pid}\n`);
    writeFileSync(join(cwd, 'serial.log'), (options.console ?? boots)(id));
    return done();
  };

  const kubectl = (argv: readonly string[]): FinishedCommand => {
    if (argv.includes('version')) return done('{"clientVersion":{"gitVersion":"v1.34.4"}}');
    if (!argv.includes('get')) return done();
    const nodes = [...processes.values()].map(({ id }) => ({
      kind: 'Node',
      metadata: { name: id.split('/')[1] },
      status: { conditions: [{ type: 'Ready', status: 'True' }], nodeInfo: { bootID: String(boot.told) } },
    }));
    if (argv.includes('node')) {
      boot.told = boot.machine;
      return done(JSON.stringify(nodes.find(({ metadata }) => metadata.name === after(argv, 'node'))));
    }
    const status = { observedGeneration: 1, replicas: 1, updatedReplicas: 1, availableReplicas: 1, readyReplicas: 1 };
    const ofNodes = { desiredNumberScheduled: 1, updatedNumberScheduled: 1, numberAvailable: 1 };
    const workloads = rollouts.map(({ kind, namespace, name }) => ({
      kind,
      metadata: { namespace, name, generation: 1 },
      spec: { replicas: 1 },
      status: { ...status, ...ofNodes },
    }));
    return done(JSON.stringify({ items: [...nodes, ...workloads] }));
  };

  const answer = (argv: readonly string[], given: CommandOptions): FinishedCommand => {
    const [program = '', ...rest] = argv;
    if (program === options.without) return { exitCode: 127, stdout: '', stderr: '', failure: `${program} is not installed` };
    if (rest[0] === '--version') return done(`QEMU emulator version 7.2.22\n`);
    if (program === 'ssh' && rest[0] === '-V') return { ...done(), stderr: 'OpenSSH_9.2p1, OpenSSL\n' };
    if (program === 'qemu-img') {
      writeFileSync(rest[rest.indexOf('-b') + 2] ?? '', 'a layer\n');
      return done();
    }
    if (program === 'qemu-system-x86_64') return qemu(argv, given);
    if (program === 'kubectl') return kubectl(argv);
    const command = (rest.at(-1) ?? '').replace(/^timeout -k 1 \d+ /, '');
    if (command.startsWith('cat /etc/kubernetes')) return done('clusters:\n- cluster:\n    server: https://172.30.0.2:6443\n  name: x\n');
    if (command.startsWith('cat /proc/sys/kernel/random/boot_id')) return done(`${boot.machine}\n`);
    if (command === 'systemctl reboot') boot.machine++;
    if (command.startsWith('ctr ')) return done([...(options.images ?? []), 'sha256:1'].join('\n'));
    return done();
  };

  return {
    deps: {
      run: async (argv, given = {}) => {
        await Promise.resolve();
        log.push(argv);
        const result = answer(argv, given);
        return log.length - 1 === options.failAt ? failed(`step ${options.failAt} failed`) : result;
      },
      readText: async () => await Promise.resolve(`MemAvailable:   ${options.memory ?? 64_000_000} kB\n`),
      findPlugin: () => fileURLToPath(import.meta.url),
      portInUse: async () => await Promise.resolve(options.portInUse ?? false),
      freePort: async () => await Promise.resolve(nextPort++),
      chooseAccelerator: async () => await Promise.resolve({ option: TCG, kvm: false, detail: 'TCG' }),
      isAlive: ({ pid }) => processes.has(pid),
      endProcesses: async (directory) => {
        const own = [...processes].filter(([, one]) => one.directory === directory);
        for (const [pid] of own) processes.delete(pid);
        return await Promise.resolve({ ended: own.length, complete: false });
      },
      evidenceDirectory: () => join(folder, 'evidence'),
      limits: { bootMs: 20, packagesMs: 20, kubeadmMs: 20, readyMs: 100, pollMs: 5 },
    },
    processes,
    log,
    image: () => {
      const image = join(folder, 'image');
      mkdirSync(image, { recursive: true });
      for (const name of ['disk.qcow2', 'vmlinuz', 'initrd']) writeFileSync(join(image, name), '');
      return image;
    },
  };
}
