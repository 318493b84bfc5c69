/** What bringing a lab up works with, and what creating and changing it share. */
import { dirname } from 'node:path';
import type { Engine, EngineHandle, Materials, OnEvent, UpContext } from '../engines/port.ts';
import { SpecError } from '../topology/errors.ts';
import type { LabPlan } from '../topology/plan.ts';
import type { LabSpec } from '../topology/spec.ts';
import { destroyIncarnation } from './destroy.ts';
import { incarnationsOf } from './incarnation.ts';
import type { LabState } from './lab-state.ts';
import type { LoadEngine } from './load-engine.ts';
import type { LoadedLab } from './load-lab.ts';
import { removeLabDirectory, writeState } from './state-file.ts';

/** Everything that one call of `up` works with. */
export interface UpJob {
  readonly input: LoadedLab;
  readonly spec: LabSpec;
  /** What comes up from nothing. */
  readonly fresh: LabPlan;
  readonly engine: Engine;
  readonly load: LoadEngine;
  readonly onEvent: OnEvent;
  readonly signal: AbortSignal;
  readonly owner?: string;
  readonly retain: boolean;
  readonly replace: boolean;
  /** Images are to be loaded, into a lab that runs already, too. */
  readonly wantsImages: boolean;
  /** Gives the engine what it needs besides the plan. */
  readonly materialsFor: (plan: LabPlan) => Promise<Materials>;
}

export interface UpOutcome {
  readonly state: LabState;
  readonly outcome: 'created' | 'unchanged' | 'changed' | 'replaced';
}

/** Where the lab came from, as its state keeps it. */
export const sourceOf = (input: LoadedLab): LabState['source'] => ({ path: input.path, sha256: input.sha256 });

/** The plan in which all that is still asked for keeps its address and its place. */
export async function planFrom(job: UpJob, previous: LabPlan): Promise<LabPlan> {
  const { planLab } = await import('../topology/plan-lab.ts');
  try {
    return planLab(job.spec, { previous });
  } catch (error) {
    if (error instanceof SpecError) throw new SpecError(error.diagnostics, job.input.path || job.spec.name);
    throw error;
  }
}

/** What the engine is given for one incarnation. */
export async function contextOf(job: UpJob, plan: LabPlan, directory: string, onHandle: (handle: EngineHandle) => Promise<void>): Promise<UpContext> {
  return {
    directory,
    sourceDirectory: job.input.path === '' ? process.cwd() : dirname(job.input.path),
    materials: await job.materialsFor(plan),
    onEvent: job.onEvent,
    onHandle,
    signal: job.signal,
  };
}

/** Keeps the state of a failed lab. When even that cannot be written it is said, and the failure itself stays what is thrown. */
export async function rememberFailed(job: UpJob, failed: LabState): Promise<void> {
  try {
    await writeState(failed);
  } catch (error) {
    job.onEvent({ step: 'keep state', phase: 'failed', detail: `${(error as Error).message}; \`cnilab down ${failed.name}\` cleans up all the same` });
  }
}

/** Takes down whatever is there of the lab. */
export async function clear(job: UpJob, why: string): Promise<void> {
  const incarnations = await incarnationsOf(job.spec.name);
  if (incarnations.length > 0) {
    const startedAt = performance.now();
    job.onEvent({ step: 'clear', phase: 'start', detail: why });
    for (const incarnation of incarnations) await destroyIncarnation(incarnation, job.load);
    job.onEvent({ step: 'clear', phase: 'end', detail: why, ms: performance.now() - startedAt });
  }
  await removeLabDirectory(job.spec.name);
}
