import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { emptyNamespace } from '../../engines/empty-namespace.ts';
import type { Capability, Engine, EngineHandle, EngineSession, UpContext } from '../../engines/port.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { fakeSession } from '../fake-session.ts';

/** Called at every point at which a run can fail or be killed; what it throws, the engine throws. */
export type OnStep = (step: string) => void | Promise<void>;

/**
 * An engine whose kernel is a folder: each running lab is a file in it. It shows the transitions of a lab's life, across processes, and nothing of
 * a network; real engines have tests of their own.
 */
export class FileEngine implements Engine {
  readonly name = 'file';
  readonly title = 'labs as files';
  readonly artifacts = null;
  readonly world: string;
  /** Calls, in order. */
  readonly calls: string[] = [];
  onStep: OnStep = () => undefined;

  constructor(world: string) {
    this.world = world;
    mkdirSync(world, { recursive: true });
  }

  /** Names of what runs: the incarnations' directories. */
  running(): readonly string[] {
    return readdirSync(this.world).sort();
  }

  /** The plan that a running lab has. */
  planOf(handle: EngineHandle): LabPlan {
    return JSON.parse(readFileSync(join(this.world, String(handle['id'])), 'utf8')) as LabPlan;
  }

  refusals(): readonly never[] {
    return [];
  }

  replaceReasons(): readonly string[] {
    return [];
  }

  kubernetes(): null {
    return null;
  }

  /** Names and addresses that a cluster decided; none. */
  observe: Engine['observe'] = () => Promise.resolve(null);

  /** As when the machine reboots. */
  lose(): void {
    for (const id of this.running()) rmSync(join(this.world, id));
  }

  async #step(step: string, context: UpContext): Promise<void> {
    context.signal.throwIfAborted();
    context.onEvent({ step, phase: 'start' });
    await this.onStep(step);
    context.onEvent({ step, phase: 'end', ms: 0 });
  }

  async create(plan: LabPlan, context: UpContext): Promise<EngineHandle> {
    this.calls.push('create');
    await this.#step('before', context);
    const id = basename(context.directory);
    const handle: EngineHandle = { engine: this.name, id };
    writeFileSync(join(this.world, id), '{}');
    await this.#step('holder', context);
    await context.onHandle(handle);
    await this.#step('nodes', context);
    writeFileSync(join(this.world, id), JSON.stringify(plan));
    await this.#step('pods', context);
    return handle;
  }

  /** What it refuses before a change. */
  mayChange: NonNullable<Engine['mayChange']> = () => Promise.resolve();

  async change(handle: EngineHandle, _from: LabPlan, to: LabPlan, context: UpContext): Promise<void> {
    this.calls.push('change');
    await this.#step('change', context);
    writeFileSync(join(this.world, String(handle['id'])), JSON.stringify(to));
    await this.#step('changed', context);
  }

  status(handle: EngineHandle): Promise<'up' | 'lost'> {
    return Promise.resolve(existsSync(join(this.world, String(handle['id']))) ? 'up' : 'lost');
  }

  destroy(handle: EngineHandle | null, directory: string): Promise<void> {
    this.calls.push(handle === null ? 'destroy by directory' : 'destroy');
    rmSync(join(this.world, basename(directory)), { force: true });
    return Promise.resolve();
  }

  /** Sessions that are open now. */
  sessions = 0;
  /** Commands that sessions ran: `netns: argv`. */
  readonly commands: string[] = [];
  /** Programs of its nodes that put things right. */
  agents: EngineSession['agents'];
  /** Exit code of a command. */
  exitCodeOf: (command: string) => number = () => 0;

  open(): Promise<EngineSession> {
    this.sessions += 1;
    return Promise.resolve(
      fakeSession({
        ...(this.agents === undefined ? {} : { agents: this.agents }),
        checkAttachments: () => Promise.resolve(0),
        probe: () => Promise.reject(new Error('a file has no network')),
        snapshot: (namespaces) => Promise.resolve({ takenAt: '', namespaces: Object.fromEntries(namespaces.map((netns) => [netns, emptyNamespace(netns)])) }),
        run: (netns, argv) => {
          const command = `${netns}: ${argv.join(' ')}`;
          this.commands.push(command);
          return Promise.resolve({ exitCode: this.exitCodeOf(command), stdout: '', stderr: 'no' });
        },
        close: () => {
          this.sessions -= 1;
          return Promise.resolve();
        },
      }),
    );
  }

  enter(
    handle: EngineHandle,
    netns: string,
    argv: readonly string[],
    _id?: string,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<readonly string[]> {
    return Promise.resolve(['enter', String(handle['id']), netns, ...Object.entries(environment).map(([name, value]) => `${name}=${value}`), ...argv]);
  }

  capabilities(): Promise<readonly Capability[]> {
    return Promise.resolve([]);
  }

  fidelity(): { engine: string; real: readonly string[]; sameMechanism: readonly string[]; absent: readonly string[] } {
    return { engine: this.name, real: [], sameMechanism: [], absent: ['everything'] };
  }
}
