import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { EngineSession, OnEvent } from '../engines/port.ts';
import { LabError } from '../topology/errors.ts';
import type { LabPlan } from '../topology/plan.ts';
import type { LabSpec } from '../topology/spec.ts';
import { lockFile } from './directories.ts';
import { down } from './down.ts';
import { DEFAULT_ENGINE, loadEngine, type LoadEngine } from './load-engine.ts';
import type { LoadedLab } from './load-lab.ts';
import { type Lock, lockLab, sweepLockDrafts } from './lock.ts';
import { requireUp } from './require-up.ts';
import { up } from './up.ts';

export interface ScratchOptions {
  /** @default netns */
  readonly engine?: string;
  /** Stops bringing up; what was created is taken down. */
  readonly signal?: AbortSignal;
  /** @default the engines of this package */
  readonly loadEngine?: LoadEngine;
}

/** Names of scratch labs begin so; `cnilab ls` shows what a kill left of them, `cnilab down` removes it, and so does the next self-test. */
export const SCRATCH_PREFIX = 'selftest-';
const KEPT = new RegExp(`^(${SCRATCH_PREFIX}[0-9a-f]{12})-kept\\.lock$`);

/** A lock that is held for as long as the scratch lab is wanted: one whose owner is gone belongs to a lab that nobody takes down. */
const keep = (name: string): Promise<Lock> => lockLab(`${name}-kept`, { doing: 'selftest' });

/**
 * Takes down what self-tests that were killed have left. Labs of one that still runs stay, and those that somebody else brought up. One that cannot be
 * taken down is told as an event, and tried again the next time.
 */
export async function removeLeftScratchLabs(onEvent: OnEvent, load: LoadEngine = loadEngine): Promise<void> {
  const locks = await readdir(dirname(lockFile(`${SCRATCH_PREFIX}0`))).catch(() => []);
  for (const name of locks.flatMap((file) => KEPT.exec(file)?.[1] ?? [])) {
    const lock = await keep(name).catch((error: unknown) => {
      if (error instanceof LabError && error.code === 'LAB_LOCKED') return null;
      throw error;
    });
    if (lock === null) continue;
    const step = `remove ${name}, which a self-test that was killed has left`;
    onEvent({ step, phase: 'start' });
    try {
      await down(name, { loadEngine: load });
    } catch (error) {
      // Not released: this process ends, and then it is nobody's again.
      onEvent({ step, phase: 'failed', detail: error instanceof Error ? error.message : String(error) });
      continue;
    }
    await sweepLockDrafts(`${name}-kept`);
    await lock.release();
    onEvent({ step, phase: 'end' });
  }
}

/**
 * Brings the lab up anew under a name that no other has, lends its session, and takes it down again, whatever happens meanwhile. A lab of the same
 * file that runs is not touched.
 *
 * @throws what `up`, the work and `down` throw; when several do, the first
 */
export async function withScratchLab<T>(lab: LoadedLab, options: ScratchOptions, work: (session: EngineSession, plan: LabPlan) => Promise<T>): Promise<T> {
  const name = `${SCRATCH_PREFIX}${randomBytes(6).toString('hex')}`;
  const { engine = DEFAULT_ENGINE, loadEngine: load = loadEngine, signal } = options;
  const spec: LabSpec = { ...lab.spec, name };
  const kept = await keep(name);
  // Never by the signal: what was made goes, also after Ctrl-C. What cannot be taken down keeps its mark, for the next self-test.
  const takeDown = async (): Promise<void> => {
    await down(name, { loadEngine: load });
    await kept.release();
  };
  let result: T;
  try {
    const { state } = await up({ ...lab, input: spec, spec }, { engine, loadEngine: load, ...(signal === undefined ? {} : { signal }) });
    const session = await (await load(engine)).open(requireUp({ ...state, status: 'up' }), state.plan);
    try {
      result = await work(session, state.plan);
    } finally {
      await session.close();
    }
  } catch (error) {
    await takeDown().catch(() => undefined);
    // The name is nobody's: what went wrong is said of the lab.
    if (error instanceof LabError) error.message = error.message.replaceAll(name, lab.spec.name);
    throw error;
  }
  await takeDown();
  return result;
}
