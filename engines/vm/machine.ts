/** One machine: started, waited for, ended. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError, InternalError } from '../../topology/errors.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { textWithoutSecrets } from '../../topology/secrets.ts';
import { diskOf } from '../../topology/vm-image.ts';
import { API_PORT, labNetwork, qemuArgv, SSH_PORT, userNetwork, vmMachines } from '../../topology/vm-machines.ts';
import { throwIfInterrupted } from '../interruption.ts';
import { markedEnvironment } from '../leftover-processes.ts';
import { processStat } from '../proc-stat.ts';
import { consoleState, lastPublicLines, readTail, type ConsoleState } from './serial.ts';
import { qmp } from './qmp.ts';
import { updateRecord, type MachineRecord } from './records.ts';
import type { VmDeps } from './vm-deps.ts';

export const DISK = 'disk.qcow2';
export const CONSOLE = 'serial.log';
export const SOCKET = 'qmp';
const PID_FILE = 'pid';

/** Makes a machine's disk: a layer over the image, which is never written. */
export async function makeDisk(deps: Pick<VmDeps, 'run'>, directory: string, { folder, image }: Pick<MachineRecord, 'folder' | 'image'>): Promise<void> {
  const disk = join(directory, folder, DISK);
  const size = image.sizeBytes === 0 ? [] : [String(image.sizeBytes)];
  const argv = ['qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', join(image.folder, image.disk), disk, ...size] as const;
  const made = await deps.run(argv, { env: markedEnvironment(directory), timeoutMs: 60_000 });
  if (made.exitCode === 0) return;
  throw new EngineError({
    code: 'ENGINE_STEP_FAILED',
    message: `the disk of a machine cannot be made: ${made.stderr.trim() || made.failure}`,
    hint: `\`${argv.join(' ')}\` says more`,
    details: { stderr: made.stderr },
  });
}

/** QEMU's words (net/slirp.c, slirp_hostfwd) for a port of this machine that it does not get. */
const PORT_TAKEN = /Could not set up host forwarding rule '(?:tcp|udp):[^']*?:(\d+)-/;

/**
 * Starts a machine and writes its process down. QEMU takes a moment to go into the background, and is not interrupted there: nobody would know its process.
 *
 * @throws EngineError with what QEMU said, and as `port` one of this machine that it does not get; LabError INTERRUPTED when the machine is written down
 */
export async function startMachine(
  deps: Pick<VmDeps, 'run'>,
  plan: LabPlan,
  directory: string,
  record: MachineRecord,
  signal: AbortSignal,
): Promise<MachineRecord> {
  const cluster = plan.clusters.find(({ name }) => name === record.cluster);
  const machine = cluster === undefined ? undefined : vmMachines(plan, cluster).find(({ node }) => node.name === record.node);
  const user = userNetwork(plan);
  if (machine === undefined || user === null) throw new InternalError(`the plan of lab ${plan.name} has no ${record.cluster}/${record.node}`);
  const at = (file: string): string => join(directory, record.folder, file);
  await rm(at(PID_FILE), { force: true });
  const argv = qemuArgv(machine, {
    accelerator: record.accelerator,
    disk: at(DISK),
    seed: at('seed'),
    kernel: record.image.kernel ? { vmlinuz: join(record.image.folder, 'vmlinuz'), initrd: join(record.image.folder, 'initrd') } : null,
    serial: at(CONSOLE),
    // Relative: the address of a socket has 108 bytes at most.
    qmp: SOCKET,
    pidFile: at(PID_FILE),
    forwards: record.forwards,
    network: labNetwork(directory),
    user,
    wayOut: diskOf(plan)?.kind === 'cloud',
  });
  const [program = '', ...args] = argv;
  const started = await deps.run([program, ...args], {
    cwd: join(directory, record.folder),
    env: markedEnvironment(directory),
    detached: true,
    timeoutMs: 60_000,
  });
  if (started.exitCode !== 0) {
    const port = PORT_TAKEN.exec(started.stderr)?.[1];
    throw new EngineError({
      code: 'ENGINE_STEP_FAILED',
      message: `QEMU did not start ${machine.node.id}: ${started.stderr.trim().split('\n').at(-1) ?? ''}${started.failure}`,
      hint:
        port === undefined
          ? '`cnilab doctor --engine vm` says what this machine lacks'
          : `end what listens on port ${port} of this machine: \`ss -lntup 'sport = :${port}'\` names it`,
      details: { stderr: started.stderr, ...(port === undefined ? {} : { port: Number(port) }) },
    });
  }
  const pid = Number(await readFile(at(PID_FILE), 'utf8'));
  const running = { ...record, pid, startTime: processStat(pid)?.startTime ?? 0, wanted: 'running' as const, cut: false };
  await updateRecord(directory, running);
  throwIfInterrupted(signal);
  return running;
}

const PORT_TRIES = 4;
/** Ports of this machine that no lab file names, each with the one of the node that it leads to. */
const OWN_PORTS: Readonly<Record<'sshPort' | 'apiPort', number>> = { sshPort: SSH_PORT, apiPort: API_PORT };

/**
 * As {@link startMachine}. Between the search for a free port and QEMU, which takes it, somebody else may: another lab that comes up; and while a machine is off, so may
 * anybody. Then the port of ssh or of the API becomes another one; those that the lab file maps are what they are.
 *
 * @param movable ports that nobody has been told yet
 * @throws EngineError with what QEMU said; LabError INTERRUPTED when the machine is written down
 */
export async function startOnFreePorts(
  deps: Pick<VmDeps, 'run' | 'freePort'>,
  plan: LabPlan,
  directory: string,
  record: MachineRecord,
  signal: AbortSignal,
  movable: readonly (keyof typeof OWN_PORTS)[] = ['sshPort', 'apiPort'],
): Promise<MachineRecord> {
  let tried = record;
  for (let left = PORT_TRIES; ; left--) {
    try {
      return await startMachine(deps, plan, directory, tried, signal);
    } catch (error) {
      const taken = error instanceof EngineError ? error.details['port'] : undefined;
      const name = movable.find((one) => tried[one] === taken);
      if (left === 1 || name === undefined) throw error;
      const hostPort = await deps.freePort();
      const forwards = tried.forwards.map((one) => (one.hostPort === taken && one.guestPort === OWN_PORTS[name] ? { ...one, hostPort } : one));
      tried = { ...tried, [name]: hostPort, forwards };
      await updateRecord(directory, tried);
    }
  }
}

/** A machine that does not go on: with the last lines of its console, and the step at which that says that it failed, or else what happened. */
function gaveUp({ cluster, node }: MachineRecord, text: string, otherwise: string, hint: string): EngineError {
  const { failed } = consoleState(text);
  const why = failed === null ? otherwise : `failed at ${textWithoutSecrets(failed)}`;
  const [name, lines] = [`${cluster}/${node}`, lastPublicLines(text, failed === null ? 12 : 30)];
  return new EngineError({
    code: 'ENGINE_STEP_FAILED',
    message: `machine ${name} ${why}. Its console ends with\n  ${lines.join('\n  ') || '(nothing)'}`,
    hint: failed === null ? hint : 'the lines above are what that step said; mend the first error',
    details: { machine: name, lines },
  });
}

/** A machine whose process is gone. */
const ended = (record: MachineRecord, text: string): EngineError =>
  gaveUp(record, text, 'ended', 'somebody ended QEMU, the machine shut itself down, or this one had no memory left for it: `dmesg` says that');

export interface Waiting {
  readonly what: string;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  readonly onState: (state: ConsoleState) => void;
}

/**
 * Waits until the console of a machine shows something.
 *
 * @throws EngineError when the machine ends, says that it failed, or does not come so far in time: with the last lines of its console
 */
export async function waitForConsole(
  deps: Pick<VmDeps, 'isAlive' | 'limits'>,
  directory: string,
  record: MachineRecord,
  reached: (state: ConsoleState) => boolean,
  { what, deadlineMs, signal, onState }: Waiting,
): Promise<void> {
  const serial = join(directory, record.folder, CONSOLE);
  const since = performance.now();
  for (;;) {
    throwIfInterrupted(signal);
    // First: what the console says after it is all that there will be.
    const alive = deps.isAlive(record);
    const text = await readTail(serial);
    const state = consoleState(text);
    if (state.failed === null && reached(state)) return;
    onState(state);
    if (state.failed !== null || !alive) throw ended(record, text);
    if (performance.now() - since > deadlineMs) {
      const late = `did not come to ${what} within ${Math.round(deadlineMs / 1000)} s`;
      const disk = 'is the disk one that boots, with cloud-init in it? docs/engines.md says what a prepared disk needs';
      throw gaveUp(record, text, late, record.accelerator === 'kvm' ? `${disk}\nCNILAB_VM_ACCEL=tcg does without KVM, which may be what hangs` : disk);
    }
    await sleep(deps.limits.pollMs, undefined, { signal }).catch(() => undefined);
  }
}

/**
 * Does work for which machines have to run, and stops it when one of them ends.
 *
 * @throws EngineError with the last lines of the console of the machine that ended; else what the work throws
 */
export async function whileRunning<T>(
  deps: Pick<VmDeps, 'isAlive' | 'limits'>,
  directory: string,
  records: readonly MachineRecord[],
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const dead = (): MachineRecord | undefined => records.find((record) => !deps.isAlive(record));
  const watch = setInterval(() => {
    if (dead() !== undefined) over.abort();
  }, deps.limits.pollMs);
  try {
    return await work(AbortSignal.any([signal, over.signal]));
  } catch (error) {
    const gone = dead();
    if (gone === undefined || signal.aborted) throw error;
    throw ended(gone, await readTail(join(directory, gone.folder, CONSOLE)));
  } finally {
    clearInterval(watch);
  }
}

/** Time for a machine that KVM runs and that is asked to shut down by itself, before its power is cut. */
export const SHUTDOWN_MS = 45_000;

/** Shuts a machine down as its power button does; one that does not follow loses its power. @throws EngineError ENGINE_STEP_FAILED when it runs even then */
export async function stopMachine(
  deps: Pick<VmDeps, 'isAlive'>,
  directory: string,
  record: MachineRecord,
  withinMs: number,
): Promise<'shut down' | 'power cut'> {
  const socket = join(directory, record.folder, SOCKET);
  if (deps.isAlive(record)) await qmp(socket, 'system_powerdown');
  for (const until = performance.now() + withinMs; performance.now() < until; await sleep(250)) if (!deps.isAlive(record)) return 'shut down';
  await qmp(socket, 'quit').catch(() => undefined);
  for (const until = performance.now() + 10_000; performance.now() < until; await sleep(100)) if (!deps.isAlive(record)) return 'power cut';
  throw new EngineError({
    code: 'ENGINE_STEP_FAILED',
    message: `machine ${record.cluster}/${record.node} does not end: QEMU is process ${record.pid}`,
    hint: `\`kill -9 ${record.pid}\` ends it, \`cnilab down\` the whole lab`,
  });
}
