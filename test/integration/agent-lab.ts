/** A holder and an agent for tests: private namespaces, removed by killing the holder by its process id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentFailure, AgentMethods } from '../../engines/netns/agent/protocol.ts';
import type { Op, Stage } from '../../engines/netns/ops.ts';
import type { CommandResult, EngineEvent, NamespaceSnapshot } from '../../engines/port.ts';
import { cacheDirectory } from '../../engines/own-directories.ts';

const HOLDER = `
read -r pid rest < /proc/self/stat
mount -t proc proc /proc && mount -t tmpfs -o mode=755 tmpfs /run && mkdir -p /run/netns /run/lock && mount -t sysfs sysfs /sys && ip link set lo up
echo "$pid" > "$1/pid.tmp" && mv "$1/pid.tmp" "$1/pid"
trap '' CHLD
exec sleep infinity`;

const NAMESPACES = ['-n', '-m', '-p', '-u', '-i'] as const;
const DIST = process.env['CNILAB_TEST_DIST'] ?? resolve(import.meta.dirname, '../../dist');

/** An error line of the agent. */
export class AgentError extends Error {
  readonly failure: AgentFailure;
  constructor(failure: AgentFailure) {
    super(failure.message);
    this.failure = failure;
  }
}

export interface AgentLab extends AsyncDisposable {
  readonly events: EngineEvent[];
  call<M extends keyof AgentMethods>(method: M, params: AgentMethods[M]['params']): Promise<AgentMethods[M]['result']>;
  /** Applies ops as one stage, or stages as given. */
  apply(ops: readonly Op[] | readonly Stage[], undo?: readonly Op[]): Promise<AgentMethods['apply']['result']>;
  run(netns: string, command: string): Promise<CommandResult>;
  /** Standard output; fails when the command does. */
  sh(netns: string, command: string): Promise<string>;
  snapshot(netns: string, rules?: boolean): Promise<NamespaceSnapshot>;
  /** A new agent in the same holder; the old one ends. */
  restart(): Promise<void>;
}

export async function startAgentLab(options: { readonly rootless?: boolean } = {}): Promise<AgentLab> {
  const directory = mkdtempSync(join(tmpdir(), 'cnilab-agent-'));
  const rootless = options.rootless === true;
  const outer = spawn('unshare', [...(rootless ? ['-U', '-r'] : []), ...NAMESPACES, '-f', '--kill-child', 'bash', '-c', HOLDER, 'holder', directory], {
    stdio: 'ignore',
  });
  const file = join(directory, 'pid');
  for (const deadline = Date.now() + 5000; !existsSync(file); ) {
    if (Date.now() > deadline) throw new Error('the holder does not start');
    await sleep(2);
  }
  const pid = readFileSync(file, 'utf8').trim();
  const events: EngineEvent[] = [];
  let agent = await startAgent(pid, rootless, events);
  let next = 0;

  const lab: AgentLab = {
    events,
    async call(method, params) {
      return (await agent.call(++next, method, params)) as never;
    },
    async apply(ops, undo = []) {
      const [first] = ops;
      const stages = first !== undefined && 'ops' in first ? (ops as readonly Stage[]) : [{ name: 'test', title: 'test', ops: ops as readonly Op[] }];
      return await lab.call('apply', { undo, stages });
    },
    async run(netns, command) {
      return await lab.call('run', { netns, argv: ['sh', '-c', command], timeoutMs: 10_000 });
    },
    async sh(netns, command) {
      const { exitCode, stdout, stderr } = await lab.run(netns, command);
      if (exitCode !== 0) throw new Error(`${command} in ${netns} exited with ${exitCode}: ${stdout}${stderr}`);
      return stdout;
    },
    async snapshot(netns, rules = false) {
      const { namespaces } = await lab.call('snapshot', { namespaces: [netns], rules });
      const found = namespaces[netns];
      if (found === undefined) throw new Error(`no snapshot of ${netns}`);
      return found;
    },
    async restart() {
      await agent.end();
      agent = await startAgent(pid, rootless, events);
    },
    async [Symbol.asyncDispose]() {
      await agent.end();
      const gone = new Promise((done) => {
        outer.once('exit', done);
      });
      process.kill(Number(pid), 'SIGKILL');
      await gone;
      rmSync(directory, { recursive: true, force: true });
    },
  };
  return lab;
}

interface Agent {
  call(id: number, method: string, params: unknown): Promise<unknown>;
  end(): Promise<void>;
}

async function startAgent(holder: string, rootless: boolean, events: EngineEvent[]): Promise<Agent> {
  const argv = [
    ...(rootless ? ['--preserve-credentials', '-U'] : []),
    ...NAMESPACES,
    '-t',
    holder,
    process.execPath,
    join(DIST, 'engines/netns/agent/main.js'),
  ];
  const child: ChildProcess = spawn('nsenter', argv, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, CNILAB_CACHE: cacheDirectory() } });
  const waiting = new Map<number, { readonly resolve: (value: unknown) => void; readonly reject: (error: unknown) => void }>();
  const exited = new Promise<void>((done) => {
    child.once('exit', () => {
      done();
      for (const { reject } of waiting.values()) reject(new Error('the agent ended'));
    });
  });
  await new Promise<void>((ready, failed) => {
    void exited.then(() => failed(new Error('the agent does not start')));
    createInterface({ input: child.stdout! }).on('line', (text) => {
      const line = JSON.parse(text) as { ready?: true; id: number; event?: EngineEvent; result?: unknown; error?: AgentFailure };
      if (line.ready === true) return ready();
      if (line.event !== undefined) return void events.push(line.event);
      const call = waiting.get(line.id);
      waiting.delete(line.id);
      if (line.error === undefined) call?.resolve(line.result);
      else call?.reject(new AgentError(line.error));
    });
  });
  return {
    async call(id, method, params) {
      return await new Promise((resolveCall, reject) => {
        waiting.set(id, { resolve: resolveCall, reject });
        child.stdin!.write(`${JSON.stringify({ id, method, params })}\n`);
      });
    },
    async end() {
      child.stdin!.end();
      await exited;
    },
  };
}
