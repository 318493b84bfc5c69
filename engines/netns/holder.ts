/**
 * The holder: one process that owns every namespace of a lab, PID 1 of a pid namespace of its own, with a private /run. SIGKILL to it ends everything inside.
 * It outlives the command that starts it, and is found again by the file `pid` in the incarnation's directory.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, openSync, closeSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EnvironmentError, LabError } from '../../topology/errors.ts';
import { SYSTEM_PATH } from '../executables.ts';
import { bootId, isAlive } from '../proc-stat.ts';
import { asRoot, userNamespaceRemedy } from './user-namespaces.ts';

export interface Holder {
  /** As the machine sees it. */
  readonly pid: number;
  /** Field 22 of /proc/PID/stat. */
  readonly startTime: number;
  /** Boot to which pid and start time belong. */
  readonly bootId: string;
  /** Lives in a user namespace of its own. */
  readonly rootless: boolean;
}

/** What identifies a process beyond doubt. */
export type HolderProcess = Omit<Holder, 'rootless'>;

/** Files in the incarnation's directory. */
const PID_FILE = 'pid';
const STARTING_FILE = 'holder.starting';
const LOG_FILE = 'holder.log';

/**
 * Runs as PID 1 of the new namespaces, $1 is the directory. bash, because dash does not really ignore CHLD, without which orphans stay as zombies.
 * Pid and start time are read from the outer procfs, before the inner one covers it. When the directory is gone, somebody has taken the lab down meanwhile: nothing
 * may be left, so it ends. /var/lib/cni is where CNI plugins keep leases unless told otherwise: private as well.
 */
const SCRIPT = [
  'read -r -a stat < /proc/self/stat',
  'read -r boot < /proc/sys/kernel/random/boot_id',
  'mount -t proc proc /proc',
  'mount -t tmpfs -o mode=755 cnilab /run && mkdir -p /run/netns /run/lock /run/cnilab || exit 71',
  // As `ip netns` has it: what is mounted here, by whatever program of the lab, all of them see.
  'mount --bind /run/netns /run/netns && mount --make-shared /run/netns || exit 71',
  'mount -t sysfs sysfs /sys',
  '[ -d /var/lib/cni ] && mount -t tmpfs -o mode=755 cnilab /var/lib/cni',
  "trap '' CHLD",
  'exec 2>/dev/null',
  'echo "${stat[0]} ${stat[21]} $boot" > "$1/pid.tmp" && mv "$1/pid.tmp" "$1/pid" || exit 72',
  '[ -e "$1/pid" ] || exit 73',
  'exec sleep infinity',
].join('\n');

/**
 * Starts a holder for a directory. As root in the machine's user namespace where that is allowed, else in a new one (rootless); CNILAB_ROOTLESS=1 asks
 * for the latter.
 *
 * @throws EnvironmentError when neither works here; LabError INTERRUPTED when the signal fires first
 */
export async function startHolder(directory: string, signal: AbortSignal): Promise<Holder> {
  const modes = asRoot() ? [false, true] : [true];
  const said: string[] = [];
  for (const rootless of modes) {
    const started = await tryStart(directory, rootless, signal);
    if (typeof started !== 'string') return started;
    said.push(started);
  }
  throw new EnvironmentError({
    code: 'ENVIRONMENT_LACKS',
    message: `network namespaces cannot be made here: ${said.join('; ')}`,
    hint: userNamespaceRemedy(),
    details: { said },
  });
}

/** The holder, or what was said instead. */
async function tryStart(directory: string, rootless: boolean, signal: AbortSignal): Promise<Holder | string> {
  // Tells a later `destroy` that a holder may be about to write its pid, whatever happens to this process.
  writeFileSync(join(directory, STARTING_FILE), '');
  const log = openSync(join(directory, LOG_FILE), 'w', 0o600);
  const child = spawn(
    'unshare',
    [...(rootless ? ['-U', '-r'] : []), '-n', '-m', '-p', '-u', '-i', '-f', '--kill-child', 'bash', '-c', SCRIPT, 'cnilab-holder', directory],
    { detached: true, stdio: ['ignore', 'ignore', log], cwd: '/', env: { PATH: SYSTEM_PATH, LC_ALL: 'C' } },
  );
  closeSync(log);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`cannot start unshare (package util-linux): ${error.message}`));
    child.once('exit', (code, by) => resolve(`unshare ended with ${by ?? code}: ${readLog(directory)}`));
  });
  const gone = { text: null as string | null };
  void ended.then((text) => {
    gone.text = text;
  });
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (gone.text === null) {
    const holder = recordedHolder(directory);
    if (holder !== null) {
      child.unref();
      return { ...holder, rootless };
    }
    if (signal.aborted || performance.now() > deadline) {
      stop(child);
      if (signal.aborted) throw new LabError({ code: 'INTERRUPTED', message: 'interrupted while the holder started', hint: 'nothing of the lab is left' });
      return `no holder after ${START_TIMEOUT_MS / 1000} s`;
    }
    await sleep(1);
  }
  return gone.text;
}

const START_TIMEOUT_MS = 10_000;

/** unshare takes its child along (--kill-child). */
function stop(child: ChildProcess): void {
  child.unref();
  child.kill('SIGKILL');
}

/** What the holder of a directory wrote about itself; null when there is nothing (yet). */
export function recordedHolder(directory: string): HolderProcess | null {
  try {
    const [pid, startTime, boot] = readFileSync(join(directory, PID_FILE), 'latin1').trim().split(' ');
    return boot === undefined ? null : { pid: Number(pid), startTime: Number(startTime), bootId: boot };
  } catch {
    return null;
  }
}

/** A holder was being started in this directory. */
export function mayBeStarting(directory: string): boolean {
  return existsSync(join(directory, STARTING_FILE)) && recordedHolder(directory) === null;
}

function readLog(directory: string): string {
  try {
    return readFileSync(join(directory, LOG_FILE), 'utf8').trim().split('\n').slice(-5).join(' ');
  } catch {
    return '';
  }
}

export function isHolderAlive(holder: HolderProcess): boolean {
  return holder.bootId === bootId() && isAlive(holder.pid, holder.startTime);
}
