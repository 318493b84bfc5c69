import type { EngineSession } from '../engines/port.ts';
import type { LabPlan } from '../topology/plan.ts';
import type { LabState } from './lab-state.ts';
import { loadEngine, type LoadEngine } from './load-engine.ts';
import { lockLab } from './lock.ts';
import { asProgrammed, labNow } from './present-plan.ts';
import { readLab, type ReadLab } from './read.ts';
import { requireUp } from './require-up.ts';

/** Does something to the state of a running lab under its lock, as it was when the lock was taken, and nothing to the lab. */
export async function withLabState<T>(
  name: string,
  doing: string,
  options: { readonly loadEngine?: LoadEngine },
  work: (state: ReadLab) => Promise<T>,
): Promise<T> {
  // An unknown lab is said before its lock is made.
  await readLab(name, options);
  const lock = await lockLab(name, { doing, waitMs: 5000 });
  try {
    const state = await readLab(name, options);
    requireUp(state);
    return await work(state);
  } finally {
    await lock.release();
  }
}

/** Does something to a running lab under its lock, with a session; the state and the plan are what they were when the lock was taken. */
export async function withLab<T>(
  name: string,
  doing: string,
  options: { readonly loadEngine?: LoadEngine },
  work: (state: LabState, session: EngineSession, plan: LabPlan) => Promise<T>,
): Promise<T> {
  return await withLabState(name, doing, options, async ({ status, ...state }) => {
    return await withSession({ ...state, status }, options, async (session, plan) => await work(state, session, plan));
  });
}

/**
 * Opens a running lab, as it is now, for as long as the work takes. The work is given the plan as faults take it, and the lab with its Services (`labNow`).
 *
 * @throws LabError LAB_LOST; EngineError
 */
export async function withSession<T>(
  state: ReadLab,
  options: { readonly loadEngine?: LoadEngine },
  work: (session: EngineSession, plan: LabPlan, now: LabPlan) => Promise<T>,
): Promise<T> {
  const handle = requireUp(state);
  const engine = await (options.loadEngine ?? loadEngine)(state.engine);
  const now = await labNow(engine, handle, state);
  const plan = asProgrammed(now, state);
  const session = await engine.open(handle, plan);
  try {
    return await work(session, plan, now);
  } finally {
    await session.close();
  }
}
