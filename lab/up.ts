import { dirname } from 'node:path';
import type { Engine, EngineHandle, OnEvent, UpContext } from '../engines/port.ts';
import { LabError, SpecError } from '../topology/errors.ts';
import type { LabPlan } from '../topology/plan.ts';
import type { LabSpec } from '../topology/spec.ts';
import { destroyIncarnation } from './destroy.ts';
import { labDirectory, makePrivateDirectory } from './directories.ts';
import { incarnationsOf, writeIncarnation } from './incarnation.ts';
import { cnilabVersion } from './installation.ts';
import { STATE_SCHEMA, type LabState } from './lab-state.ts';
import { DEFAULT_ENGINE, loadEngine, type LoadEngine } from './load-engine.ts';
import type { LoadedLab } from './load-lab.ts';
import { lockLab } from './lock.ts';
import { prepare } from './prepare.ts';
import { makeRunDirectory, readStateFile, removeLabDirectory, writeState } from './state-file.ts';

export interface UpOptions {
  /** @default netns */
  readonly engine?: string;
  /** Take a running lab down and bring it up anew where it cannot be changed in place. @default false */
  readonly replace?: boolean;
  /** Keep what there is of a lab that failed to come up, to be looked at. @default false: it is taken down */
  readonly retain?: boolean;
  readonly onEvent?: OnEvent;
  /** Stops the work; what was created is taken down. */
  readonly signal?: AbortSignal;
  /** As a signal after that many milliseconds. @default none */
  readonly timeoutMs?: number;
  /** @default the engines of this package */
  readonly loadEngine?: LoadEngine;
}

export interface UpResult {
  readonly state: LabState;
  readonly outcome: 'created' | 'unchanged' | 'changed' | 'replaced';
  readonly elapsedMs: number;
}

/** Everything that one call of `up` works with. */
interface Job {
  readonly input: LoadedLab;
  readonly spec: LabSpec;
  /** What comes up from nothing. */
  readonly fresh: LabPlan;
  readonly engine: Engine;
  readonly load: LoadEngine;
  readonly onEvent: OnEvent;
  readonly signal: AbortSignal;
  readonly retain: boolean;
  readonly replace: boolean;
}

const now = (): string => new Date().toISOString();
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
const sourceOf = (input: LoadedLab): LabState['source'] => ({ path: input.path, sha256: input.sha256 });

/** The plan in which all that is still asked for keeps its address and its place. */
async function planFrom(job: Job, previous: LabPlan): Promise<LabPlan> {
  const { planLab } = await import('../topology/plan-lab.ts');
  try {
    return planLab(job.spec, { previous });
  } catch (error) {
    if (error instanceof SpecError) throw new SpecError(error.diagnostics, job.input.path || job.spec.name);
    throw error;
  }
}

function contextOf(job: Job, directory: string, onHandle: (handle: EngineHandle) => Promise<void>): UpContext {
  return { directory, sourceDirectory: job.input.path === '' ? process.cwd() : dirname(job.input.path), onEvent: job.onEvent, onHandle, signal: job.signal };
}

/** Takes down whatever is there of the lab. */
async function clear(job: Job, why: string): Promise<void> {
  const incarnations = await incarnationsOf(job.spec.name);
  if (incarnations.length > 0) {
    const startedAt = performance.now();
    job.onEvent({ step: 'clear', phase: 'start', detail: why });
    for (const incarnation of incarnations) await destroyIncarnation(incarnation, job.load);
    job.onEvent({ step: 'clear', phase: 'end', detail: why, ms: performance.now() - startedAt });
  }
  await removeLabDirectory(job.spec.name);
}

/** After a failure: takes down what was created, or keeps it and says so in the state. The failure itself is what is thrown. */
async function clearFailed(job: Job, failed: LabState): Promise<void> {
  if (job.retain) return writeState(failed);
  try {
    await job.engine.destroy(failed.handle, failed.directory);
    await removeLabDirectory(failed.name);
  } catch (error) {
    job.onEvent({ step: 'clear', phase: 'failed', detail: `${(error as Error).message}; \`cnilab down ${failed.name}\` tries again` });
    await writeState(failed);
  }
}

/**
 * Creates the lab. At every moment the disk holds what `down` needs: the directory of the incarnation before anything is in it, the handle before
 * what it stands for is used.
 */
async function create(job: Job, wanted: LabPlan): Promise<LabState> {
  const { name } = job.spec;
  await makePrivateDirectory(labDirectory(name));
  const directory = await makeRunDirectory(name);
  const at = now();
  const creating: LabState = {
    schema: STATE_SCHEMA,
    writtenBy: cnilabVersion(),
    name,
    engine: job.engine.name,
    phase: 'creating',
    createdAt: at,
    updatedAt: at,
    source: sourceOf(job.input),
    spec: job.spec,
    plan: wanted,
    directory,
    handle: null,
    faults: [],
  };
  // On disk while the engine starts, and surely before it uses anything.
  const saved = Promise.all([writeIncarnation({ directory, engine: job.engine.name, handle: null }), writeState(creating)]);
  saved.catch(() => undefined);
  let handle: EngineHandle | null = null;
  const onHandle = async (given: EngineHandle): Promise<void> => {
    handle = given;
    await saved;
    await writeIncarnation({ directory, engine: job.engine.name, handle: given });
  };
  try {
    job.signal.throwIfAborted();
    handle = await job.engine.create(wanted, contextOf(job, directory, onHandle));
    await saved;
    const up: LabState = { ...creating, phase: 'up', updatedAt: now(), handle };
    await writeState(up);
    return up;
  } catch (error) {
    await saved.catch(() => undefined);
    await clearFailed(job, { ...creating, phase: 'failed', updatedAt: now(), handle });
    throw error;
  }
}

/** Turns the running lab into what is wanted. A failure leaves it as `failed`, to be looked at; the next `up` builds it anew. */
async function change(job: Job, running: LabState, handle: EngineHandle, wanted: LabPlan): Promise<LabState> {
  await writeState({ ...running, phase: 'changing', updatedAt: now() });
  let current = handle;
  const onHandle = async (given: EngineHandle): Promise<void> => {
    current = given;
    await writeIncarnation({ directory: running.directory, engine: running.engine, handle: given });
  };
  try {
    await job.engine.change(handle, running.plan, wanted, contextOf(job, running.directory, onHandle));
  } catch (error) {
    await writeState({ ...running, phase: 'failed', updatedAt: now(), handle: current });
    throw error;
  }
  const changed: LabState = {
    ...running,
    writtenBy: cnilabVersion(),
    phase: 'up',
    updatedAt: now(),
    source: sourceOf(job.input),
    spec: job.spec,
    plan: wanted,
    handle: current,
  };
  await writeState(changed);
  return changed;
}

/** Keeps the addresses of what was there before, unless the lab has become another. */
async function planAfter(job: Job, previous: LabState | null): Promise<LabPlan> {
  if (previous === null) return job.fresh;
  const { diffPlans } = await import('../topology/diff.ts');
  const kept = await planFrom(job, previous.plan);
  return diffPlans(previous.plan, kept).replace ? job.fresh : kept;
}

async function reconcile(job: Job, running: LabState, handle: EngineHandle): Promise<Omit<UpResult, 'elapsedMs'>> {
  const settled = { ...running, source: sourceOf(job.input), spec: job.spec };
  if (running.engine === job.engine.name && running.writtenBy === cnilabVersion() && same(running.spec, job.spec)) {
    if (!same(running.source, settled.source)) await writeState(settled);
    return { state: settled, outcome: 'unchanged' };
  }
  const wanted = await planFrom(job, running.plan);
  if (running.engine === job.engine.name && same(running.plan, wanted)) {
    await writeState(settled);
    return { state: settled, outcome: 'unchanged' };
  }
  const { diffLab, engineDiffers, replaceNeeded } = await import('./diff.ts');
  const diff = engineDiffers(diffLab(running, wanted), running, job.engine.name);
  if (!diff.replace) return { state: await change(job, running, handle, wanted), outcome: 'changed' };
  if (!job.replace) throw replaceNeeded(running.name, diff);
  await clear(job, 'replacing the running lab');
  return { state: await create(job, job.fresh), outcome: 'replaced' };
}

/** Why what is there of a lab that is not up is taken down first. */
function leftover(previous: LabState | null): string {
  if (previous === null || previous.phase === 'creating') return 'an earlier run was interrupted';
  if (previous.phase === 'up') return 'the lab was lost: its processes are gone';
  return `an earlier run left the lab ${previous.phase}`;
}

async function bringUp(job: Job): Promise<Omit<UpResult, 'elapsedMs'>> {
  const found = await readStateFile(job.spec.name);
  if (found.kind === 'broken') throw found.error;
  const previous = found.kind === 'state' ? found.state : null;
  if (previous?.phase === 'up' && previous.handle !== null) {
    const runningOn = previous.engine === job.engine.name ? job.engine : await job.load(previous.engine);
    if (runningOn.status(previous.handle) === 'up') return reconcile(job, previous, previous.handle);
  }
  const wanted = await planAfter(job, previous);
  if (found.kind !== 'none') await clear(job, leftover(previous));
  return { state: await create(job, wanted), outcome: 'created' };
}

/** What a stop, asked for or by the clock, is called. */
function stopped(error: unknown, name: string, options: UpOptions, deadline: AbortSignal | null): unknown {
  if (options.signal?.aborted === true) {
    return error instanceof LabError
      ? error
      : new LabError({ code: 'INTERRUPTED', message: `bringing ${name} up was interrupted`, hint: '`cnilab up` starts anew', cause: error });
  }
  if (deadline?.aborted !== true) return error;
  return new LabError({
    code: 'TIMEOUT',
    message: `lab ${name} was not up after ${(options.timeoutMs ?? 0) / 1000} s`,
    hint: 'allow it more time, or look at the last step',
    cause: error,
  });
}

/**
 * Brings a lab up. One that is up already becomes what the file says: in place where that is possible, and not at all when nothing differs; one
 * that was lost or interrupted is built anew.
 *
 * @throws SpecError for an invalid lab; LabError REPLACE_NEEDED with every reason; LAB_LOCKED; INTERRUPTED; TIMEOUT; EnvironmentError and
 * EngineError of the engine
 */
export async function up(input: LoadedLab, options: UpOptions = {}): Promise<UpResult> {
  const startedAt = performance.now();
  const load = options.loadEngine ?? loadEngine;
  // Modules load while the lab is looked at.
  const engineComing = load(options.engine ?? DEFAULT_ENGINE);
  engineComing.catch(() => undefined);
  const deadline = options.timeoutMs === undefined ? null : AbortSignal.timeout(options.timeoutMs);
  const signal = AbortSignal.any([options.signal, deadline].filter((s) => s !== undefined && s !== null));
  const { spec, plan } = await prepare(input);
  const engine = await engineComing;
  try {
    const lock = await lockLab(spec.name, { doing: 'up', waitMs: 5000, signal });
    try {
      const job: Job = {
        input,
        spec,
        fresh: plan,
        engine,
        load,
        onEvent: options.onEvent ?? (() => undefined),
        signal,
        retain: options.retain ?? false,
        replace: options.replace ?? false,
      };
      return { ...(await bringUp(job)), elapsedMs: performance.now() - startedAt };
    } finally {
      await lock.release();
    }
  } catch (error) {
    throw stopped(error, spec.name, options, deadline);
  }
}
