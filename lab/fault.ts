import type { EngineSession } from '../engines/port.ts';
import { LabError } from '../topology/errors.ts';
import type { Fault, TargetPick, UndoPlan } from '../verify/faults/index.ts';
import type { LabState } from './lab-state.ts';
import { loadEngine, type LoadEngine } from './load-engine.ts';
import { lockLab } from './lock.ts';
import { readLab } from './read.ts';
import { requireUp } from './require-up.ts';
import { writeState } from './state-file.ts';

export interface FaultOptions {
  /** @default the engines of this package */
  readonly loadEngine?: LoadEngine;
}

/** A fault of the library, and what it is to a lab. */
export interface FaultSummary {
  readonly id: string;
  readonly layer: Fault['layer'];
  readonly title: string;
  /** The name by which the verifier must find it. */
  readonly diagnosis: string;
  /** Of a lab: true, or the reason why the lab cannot show it. */
  readonly applies?: true | string;
  /** Of a lab: is it injected now? */
  readonly injected?: boolean;
}

/** A fault that is, or was, in a lab. */
export interface FaultInLab {
  readonly id: string;
  /** Identity of the node that it is at. */
  readonly where: string;
}

/**
 * The fault library; with a lab, which of them apply to it and which are injected.
 *
 * @throws LabError LAB_UNKNOWN
 */
export async function listFaults(name?: string, options: FaultOptions = {}): Promise<readonly FaultSummary[]> {
  const { faultApplies, faults } = await import('../verify/faults/index.ts');
  const lab = name === undefined ? null : await readLab(name, options);
  return faults.map((fault) => ({
    id: fault.id,
    layer: fault.layer,
    title: fault.title,
    diagnosis: fault.diagnosis,
    ...(lab === null ? {} : { applies: faultApplies(fault, lab.plan), injected: lab.faults.some((one) => one.id === fault.id) }),
  }));
}

/** Does something to a running lab under its lock, with a session; the state is what it was when the lock was taken. */
async function withLab<T>(name: string, doing: string, options: FaultOptions, work: (state: LabState, session: EngineSession) => Promise<T>): Promise<T> {
  // An unknown lab is said before its lock is made.
  await readLab(name, options);
  const lock = await lockLab(name, { doing, waitMs: 5000 });
  try {
    const { status, ...state } = await readLab(name, options);
    const handle = requireUp({ ...state, status });
    const engine = await (options.loadEngine ?? loadEngine)(state.engine);
    const session = await engine.open(handle, state.plan);
    try {
      return await work(state, session);
    } finally {
      await session.close();
    }
  } finally {
    await lock.release();
  }
}

/**
 * Breaks a running lab on purpose, and keeps in its state how to mend it.
 *
 * @throws LabError FAULT_UNKNOWN listing the known; FAULT_NOT_APPLICABLE with the reason, or when it is injected already; LAB_LOST; EngineError
 */
export async function injectFault(name: string, id: string, pick: TargetPick = {}, options: FaultOptions = {}): Promise<FaultInLab> {
  const library = await import('../verify/faults/index.ts');
  library.faultById(id);
  return withLab(name, 'fault inject', options, async (state, session) => {
    const present = state.faults.find((fault) => fault.id === id);
    if (present !== undefined) {
      throw new LabError({
        code: 'FAULT_NOT_APPLICABLE',
        message: `${id} is in lab ${name} already, at ${present.where}`,
        hint: `\`cnilab fault undo ${name} ${id}\` mends it first`,
      });
    }
    const undo = await library.injectFault(session, state.plan, id, pick);
    try {
      await writeState({ ...state, faults: [...state.faults, { id, where: undo.where, undo }] });
    } catch (error) {
      // A fault that nobody knows of would be found by nobody but the verifier.
      await library.undoFault(session, undo);
      throw error;
    }
    return { id, where: undo.where };
  });
}

/**
 * Mends what was injected: one fault, or all, the last one first.
 *
 * @returns what was mended
 * @throws LabError FAULT_UNKNOWN when `id` is not injected; LAB_LOST; EngineError with the command that failed
 */
export async function undoFaults(name: string, id?: string, options: FaultOptions = {}): Promise<readonly FaultInLab[]> {
  const { undoFault } = await import('../verify/faults/index.ts');
  return withLab(name, 'fault undo', options, async (state, session) => {
    const chosen = state.faults.filter((fault) => id === undefined || fault.id === id).toReversed();
    if (id !== undefined && chosen.length === 0) {
      const ids = state.faults.map((fault) => fault.id);
      throw new LabError({
        code: 'FAULT_UNKNOWN',
        message: `${id} is not injected into lab ${name}`,
        hint: ids.length === 0 ? 'nothing is injected' : `injected are: ${ids.join(', ')}`,
      });
    }
    let { faults } = state;
    for (const fault of chosen) {
      await undoFault(session, fault.undo as UndoPlan);
      faults = faults.filter((one) => one !== fault);
      await writeState({ ...state, faults });
    }
    return chosen.map(({ id: mended, where }) => ({ id: mended, where }));
  });
}
