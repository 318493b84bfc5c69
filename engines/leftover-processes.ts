/**
 * Processes of a run that creates clusters: QEMU, kind and what it started. They go on when cnilab is killed, and `docker run` when kind is. All of
 * them carry the incarnation's directory in their environment, so that taking down finds them without a process id that was written too late.
 */
import { readdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const RUN_VARIABLE = 'CNILAB_RUN';

/** The environment of what runs for an incarnation: marked, with `more` besides. */
export function markedEnvironment(directory: string, more: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const own = Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  return { ...Object.fromEntries(own), ...more, [RUN_VARIABLE]: directory };
}

export interface MarkedProcess {
  readonly pid: number;
  readonly argv: readonly string[];
}

/** Processes of an incarnation. Empty where there is no /proc (macOS). */
export async function markedProcesses(directory: string, procfs = '/proc'): Promise<readonly MarkedProcess[]> {
  const names = (await readdir(procfs).catch(() => [])).filter((name) => /^[0-9]+$/.test(name));
  const mark = `${RUN_VARIABLE}=${directory}`;
  const read = async (name: string, file: string): Promise<readonly string[]> =>
    (await readFile(`${procfs}/${name}/${file}`, 'latin1').catch(() => '')).split('\0').filter((part) => part !== '');
  const found = await Promise.all(
    names.map(async (name) => ((await read(name, 'environ')).includes(mark) ? [{ pid: Number(name), argv: await read(name, 'cmdline') }] : [])),
  );
  return found.flat().filter(({ pid }) => pid !== process.pid);
}

/** A client that waits for a container to be made. The engine makes it even when nobody waits any more, and shows it only when it is done. */
export function makesContainer([program = '', verb = '']: readonly string[]): boolean {
  return ['docker', 'podman'].includes(basename(program)) && ['run', 'create'].includes(verb);
}

function createsCluster([program = '', verb = '']: readonly string[]): boolean {
  return basename(program) === 'kind' && verb === 'create';
}

/**
 * Ends them all, but for clients that make containers: those are waited for, so that what they make is there to be removed. One that takes
 * longer than a minute is ended as well. `complete`: kind or such a client was found, and no client was ended: nothing is made any more.
 */
export async function endMarkedProcesses(directory: string): Promise<{ readonly ended: number; readonly complete: boolean }> {
  const ended = new Set<number>();
  let seen = false;
  let late = false;
  for (const started = performance.now(); ; await sleep(POLL_MS)) {
    const found = await markedProcesses(directory);
    const elapsedMs = performance.now() - started;
    if (found.length === 0 || elapsedMs > WAIT_MS + END_MS) break;
    late ||= elapsedMs > WAIT_MS;
    for (const { pid, argv } of found) {
      const makes = makesContainer(argv);
      seen ||= makes || createsCluster(argv);
      if (!makes || late) kill(pid, ended);
    }
  }
  return { ended: ended.size, complete: seen && !late };
}

const POLL_MS = 20;
const WAIT_MS = 60_000;
const END_MS = 5000;

function kill(pid: number, ended: Set<number>): void {
  ended.add(pid);
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone by itself.
  }
}
