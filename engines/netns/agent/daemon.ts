/** Programs that serve in a namespace of the lab. They outlive the agent and end with the holder; a run file says which process it is. */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../../../topology/errors.ts';
import { isAlive, processStat } from '../../proc-stat.ts';
import { LAB_FOLDER, writeLabFile } from './files.ts';
import { netns } from './namespaces.ts';
import { lastLines, processEnvironment } from './processes.ts';
import { readListening } from './read-listening.ts';
import { inNamespace } from './sys.ts';

export const DAEMON_KINDS = ['dns', 'ingress', 'proxy', 'tunnel'] as const;

/** What serves, and in which namespace: one of a kind in each. */
export interface Daemon {
  readonly kind: (typeof DAEMON_KINDS)[number];
  readonly ns: string;
}

interface Running {
  readonly pid: number;
  readonly startTime: number;
}

export const START_MS = 10_000;
const STOP_MS = 3000;
export const POLL_MS = 5;

const runPath = ({ kind, ns }: Daemon): string => `${LAB_FOLDER}/${kind}/${ns}.run`;
export const logPath = ({ kind, ns }: Daemon): string => `${LAB_FOLDER}/${kind}/${ns}.log`;

/** The process, if it runs. */
export function runningDaemon(daemon: Daemon): Running | null {
  if (!existsSync(runPath(daemon))) return null;
  const [pid = 0, startTime = 0] = (readFileSync(runPath(daemon), 'utf8').split('\n')[0] ?? '').split(' ').map(Number);
  return isAlive(pid, startTime) ? { pid, startTime } : null;
}

/** Was the running one started with these words? */
export function isStartedAs(daemon: Daemon, argv: readonly string[]): boolean {
  return readFileSync(runPath(daemon), 'utf8').endsWith(`\n${argv.join('\0')}`);
}

/**
 * Starts the program, and waits until it listens on every one of the ports. `failed` makes the error, of what happened and what the program said.
 *
 * @throws the error of `failed`
 */
export async function startDaemon(
  daemon: Daemon,
  argv: readonly string[],
  ports: readonly number[],
  failed: (what: string, said: string) => Error,
): Promise<void> {
  const namespace = netns(daemon.ns);
  const [program = '', ...args] = argv;
  writeLabFile(logPath(daemon), '');
  // Appended to, so that its length is where the next message begins.
  const log = openSync(logPath(daemon), 'a');
  let ended: string | null = null;
  try {
    const child = inNamespace(namespace.fd, () => spawn(program, args, { detached: true, env: processEnvironment(), stdio: ['ignore', log, log] }));
    child.once('error', (error) => {
      ended = error.message;
    });
    child.once('exit', (code, signal) => {
      ended = `it ended with ${signal ?? `exit code ${code}`}`;
    });
    child.unref();
    const stat = child.pid === undefined ? null : processStat(child.pid);
    if (stat !== null) writeLabFile(runPath(daemon), `${stat.pid} ${stat.startTime}\n${argv.join('\0')}`);
  } finally {
    closeSync(log);
  }
  for (const deadline = performance.now() + START_MS; ; ) {
    // UDP is opened before TCP by one and after it by the other, and both within a millisecond: what counts is that it did not end.
    const listening = runningDaemon(daemon) === null ? [] : readListening(namespace);
    if (runningDaemon(daemon) !== null && ports.every((port) => listening.some((socket) => socket.endsWith(`:${port}`)))) return;
    // Type assertion: the callbacks above assign it, which flow analysis does not see.
    const reason = ended as string | null;
    if (reason !== null || performance.now() > deadline)
      throw failed(`does not start (${reason ?? `silent for ${START_MS} ms`})`, lastLines(readFileSync(logPath(daemon), 'utf8')));
    await sleep(POLL_MS);
  }
}

/**
 * Ends the process, by force when it does not end by itself. Fine when none runs.
 *
 * @throws EngineError when it cannot be ended
 */
export async function stopDaemon(daemon: Daemon): Promise<void> {
  const server = runningDaemon(daemon);
  if (server !== null) {
    const { pid, startTime } = server;
    const ended = (await endsBy('SIGTERM', server)) || (await endsBy('SIGKILL', server));
    if (!ended)
      throw new EngineError({
        code: 'ENGINE_STEP_FAILED',
        message: `process ${pid} (${daemon.kind} in ${daemon.ns}) does not end, ${STOP_MS} ms after SIGKILL`,
        hint: 'it hangs in the kernel: `cnilab down` takes the holder away with all that is in it',
        details: { netns: daemon.ns, pid, startTime, log: logPath(daemon) },
      });
  }
  rmSync(runPath(daemon), { force: true });
}

/** Sends the signal, and waits. Did the process end? */
async function endsBy(signal: 'SIGTERM' | 'SIGKILL', server: Running): Promise<boolean> {
  signalDaemon(server, signal);
  for (const deadline = performance.now() + STOP_MS; isAlive(server.pid, server.startTime); ) {
    if (performance.now() > deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
}

/** Sends a signal. Fine when the process ended since it was looked at. */
export function signalDaemon({ pid }: Running, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/**
 * Ends the process, and removes its log and its folder: it is not to run any more. Fine when none runs.
 *
 * @throws EngineError when it cannot be ended
 */
export async function removeDaemon(daemon: Daemon): Promise<void> {
  await stopDaemon(daemon);
  rmSync(logPath(daemon), { force: true });
  rmSync(`${LAB_FOLDER}/${daemon.kind}/${daemon.ns}`, { recursive: true, force: true });
}
