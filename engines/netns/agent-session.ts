/**
 * The client of the agent: one process inside the holder's namespaces, JSON lines on its stdin and stdout. Requests {id, method, params}; answers any number
 * of {id, event}, then {id, result} or {id, error}. The agent ends when its stdin does, so it never outlives this process.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { EngineError, type LabErrorCode } from '../../topology/errors.ts';
import type { AgentFailure, AgentMethods } from './agent/protocol.ts';
import { agentEnvironment } from './agent-environment.ts';
import { holderArgv } from './enter-holder.ts';
import { lineReader } from './line-reader.ts';

/** What an agent session needs of a holder. */
export interface AgentTarget {
  readonly pid: number;
  readonly rootless: boolean;
}

export interface AgentSession {
  /** Requests are carried out one at a time, in order. `onEvent` gets each event of this request. @throws EngineError */
  request<M extends AgentMethod>(
    method: M,
    params: AgentMethods[M]['params'],
    onEvent?: (event: AgentMethods[M]['event']) => void,
  ): Promise<AgentMethods[M]['result']>;
  /** Ends the agent and waits for it. Requests that are still open fail. */
  close(): Promise<void>;
  /** Ends it at once, whatever it is doing. */
  kill(): void;
}

export type AgentMethod = keyof AgentMethods;

/** A request under way. What comes back is of its method's types: both sides are built together and share them. */
interface Pending {
  readonly method: string;
  readonly onEvent: (event: never) => void;
  readonly resolve: (result: never) => void;
  readonly reject: (error: EngineError) => void;
}

interface Answer {
  readonly id?: number;
  readonly event?: unknown;
  readonly result?: unknown;
  readonly error?: AgentFailure;
}

const STDERR_TAIL_BYTES = 8192;

/** Starts the agent in the holder's namespaces. Returns at once: requests wait until it is ready. */
export function openAgent(target: AgentTarget): AgentSession {
  const [program, ...args] = [...holderArgv(target.pid, target.rootless), process.execPath, agentPath()] as const;
  // A session of its own: Ctrl-C on the terminal is this process's business, which may want an answer yet.
  const child = spawn(program, args, { stdio: 'pipe', cwd: '/', env: agentEnvironment(), detached: true });
  const pending = new Map<number, Pending>();
  let nextId = 1;
  let stderr = '';
  let over: EngineError | null = null;

  const settle = (id: number): Pending | undefined => {
    const request = pending.get(id);
    pending.delete(id);
    if (pending.size === 0) setReferenced(child, false);
    return request;
  };
  const receive = (line: string): void => {
    const answer = JSON.parse(line) as Answer;
    if (answer.id === undefined) return;
    if (answer.event !== undefined) pending.get(answer.id)?.onEvent(answer.event as never);
    else if (answer.error !== undefined) {
      const request = settle(answer.id);
      if (request !== undefined) request.reject(failure(answer.error, request.method));
    } else settle(answer.id)?.resolve(answer.result as never);
  };
  const ended = new Promise<void>((resolve) => {
    const end = (what: string, cause?: unknown): void => {
      over ??= agentGone(what, stderr, cause);
      for (const id of pending.keys()) settle(id)?.reject(over);
      resolve();
    };
    child.once('error', (cause) => end(`cannot start ${program}: ${cause.message}`, cause));
    // Not 'exit': what it wrote before may still be on its way.
    child.once('close', (code, by) => end(`the agent ended with ${by ?? code ?? 'an unknown status'}`));
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-STDERR_TAIL_BYTES);
  });
  // A dead agent is told by 'close', with its stderr; EPIPE would only hide that.
  child.stdin.on('error', () => {});
  child.stdout.on(
    'data',
    lineReader((line) => {
      try {
        receive(line);
      } catch (cause) {
        over = agentGone(`the agent wrote what is not the protocol: ${line.slice(0, 200)}`, stderr, cause);
        stop(child);
      }
    }),
  );
  setReferenced(child, false);

  return {
    request: async (method, params, onEvent = () => {}) =>
      await new Promise((resolve, reject) => {
        if (over !== null) return reject(over);
        const id = nextId++;
        pending.set(id, { method, onEvent, resolve, reject });
        setReferenced(child, true);
        child.stdin.write(`${JSON.stringify({ id, method, params })}\n`);
      }),
    close: async () => {
      setReferenced(child, true);
      child.stdin.end();
      const late = setTimeout(() => stop(child), CLOSE_TIMEOUT_MS);
      await ended;
      clearTimeout(late);
    },
    kill: () => stop(child),
  };
}

const CLOSE_TIMEOUT_MS = 2000;

/** nsenter forks (pid namespace) and only waits: its child is the agent. */
function stop(child: ChildProcessWithoutNullStreams): void {
  for (const pid of childrenOf(child.pid)) killQuietly(pid);
  child.kill('SIGKILL');
  child.stdin.destroy();
}

function childrenOf(pid: number | undefined): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1')
      .split(' ')
      .filter((text) => text !== '')
      .map(Number);
  } catch {
    return [];
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** An idle agent must not keep the command running; one that works must. */
function setReferenced(child: ChildProcessWithoutNullStreams, on: boolean): void {
  for (const handle of [child, ...[child.stdin, child.stdout, child.stderr].map((stream) => stream as unknown as Socket)]) {
    if (on) handle.ref();
    else handle.unref();
  }
}

/** The built agent: beside this file when this is the build, else under dist/. */
function agentPath(): string {
  const beside = fileURLToPath(new URL('./agent/main.js', import.meta.url));
  return existsSync(beside) ? beside : fileURLToPath(new URL('../../dist/engines/netns/agent/main.js', import.meta.url));
}

function failure(error: AgentFailure, method: string): EngineError {
  return new EngineError({
    code: error.code as LabErrorCode,
    message: error.message,
    hint: error.hint,
    details: { ...error.details, step: error.step ?? method, ...(error.errno === undefined ? {} : { errno: error.errno }), remains: REMAINS },
  });
}

/** What is left after a failed step. */
const REMAINS = "the lab's holder and what is in it, until `cnilab down`";

function agentGone(what: string, stderr: string, cause?: unknown): EngineError {
  const tail = stderr.trim();
  return new EngineError({
    code: 'ENGINE_GONE',
    message: tail === '' ? what : `${what}: ${tail.split('\n').at(-1) ?? ''}`,
    hint: 'when the lab is lost (`cnilab ls`), `cnilab down` cleans up and `cnilab up` rebuilds it',
    details: { stderr: tail, step: 'agent', remains: REMAINS },
    ...(cause === undefined ? {} : { cause }),
  });
}
