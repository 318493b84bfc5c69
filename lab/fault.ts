import type { Engine } from '../engines/port.ts';
import { LabError } from '../topology/errors.ts';
import { FABRIC_NETNS, type LabPlan } from '../topology/plan.ts';
import type { Fault, TargetPick, UndoPlan } from '../verify/faults/index.ts';
import { DEFAULT_ENGINE, loadEngine, type LoadEngine } from './load-engine.ts';
import { presentPlan } from './present-plan.ts';
import { readLab } from './read.ts';
import { writeState } from './state-file.ts';
import { withLab } from './with-lab.ts';

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
  /** What this machine lacks for it, as far as the engine knows; '' when nothing. */
  readonly lacks: string;
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
  /** Of one that was undone: its namespaces that are not there any more, pods that the lab has lost meanwhile. Nothing is to be mended in them. */
  readonly gone?: readonly string[];
}

/**
 * The fault library; with a lab, which of them apply to it and which are injected.
 *
 * @throws LabError LAB_UNKNOWN
 */
export async function listFaults(name?: string, options: FaultOptions = {}): Promise<readonly FaultSummary[]> {
  const { faultApplies, faults } = await import('../verify/faults/index.ts');
  const lab = name === undefined ? null : await readLab(name, options);
  const engine = await (options.loadEngine ?? loadEngine)(lab?.engine ?? DEFAULT_ENGINE);
  const lacks = await lacksOf(engine, faults);
  const plan = lab === null ? null : lab.handle === null ? (lab.observed ?? lab.plan) : await presentPlan(engine, lab.handle, lab);
  return faults.map((fault) => ({
    id: fault.id,
    layer: fault.layer,
    title: fault.title,
    diagnosis: fault.diagnosis,
    lacks: lacks(fault),
    ...(lab === null || plan === null ? {} : { applies: faultApplies(fault, plan), injected: lab.faults.some((one) => one.id === fault.id) }),
  }));
}

/** What is left to be mended in the lab as it is now. What depends on a pod that is gone, such as a route to its interface, may have gone with it. */
function leavingOut(undo: UndoPlan, plan: LabPlan): { readonly undo: UndoPlan; readonly gone: readonly string[] } {
  const machines = [...plan.machines, ...plan.clusters.flatMap((cluster) => [...cluster.nodes, ...cluster.pods])];
  const there = new Set([FABRIC_NETNS, ...machines.map((machine) => machine.netns)]);
  const gone = [...new Set(undo.steps.map((step) => step.netns))].filter((netns) => !there.has(netns));
  const steps = undo.steps.filter((step) => there.has(step.netns));
  return { undo: gone.length === 0 ? undo : forgiving({ ...undo, steps }), gone };
}

/** What is not there to be mended is none the worse for it. */
const forgiving = (undo: UndoPlan): UndoPlan => ({ ...undo, steps: undo.steps.map((step) => ({ ...step, tolerant: true })) });

/** Tries what faults are made of, where that is of this machine: the nodes of an engine with artifacts bring their own. An engine that has no such capability says nothing of it. */
async function lacksOf(engine: Engine, faults: readonly Fault[]): Promise<(fault: Fault) => string> {
  const wanted = new Set(['fault-tools', ...faults.flatMap((fault) => fault.needs ?? [])]);
  const missing = (engine.artifacts === null ? await engine.capabilities(null) : []).filter((one) => !one.ok && wanted.has(one.id));
  return (fault) =>
    missing
      .filter((one) => one.id === 'fault-tools' || fault.needs?.includes(one.id) === true)
      .map((one) => `needs ${one.title}: ${one.detail}`)
      .join('; ');
}

/**
 * Breaks a running lab on purpose, and keeps in its state how to mend it: from before it is broken, so that `fault undo` also mends what a run that was killed
 * has left.
 *
 * @throws LabError FAULT_UNKNOWN listing the known; FAULT_NOT_APPLICABLE with the reason, or when it is injected already; LAB_LOST; EngineError
 */
export async function injectFault(name: string, id: string, pick: TargetPick = {}, options: FaultOptions = {}): Promise<FaultInLab> {
  const library = await import('../verify/faults/index.ts');
  library.faultById(id);
  return withLab(name, 'fault inject', options, async (state, session, plan) => {
    const present = state.faults.find((fault) => fault.id === id);
    if (present !== undefined) {
      throw new LabError({
        code: 'FAULT_NOT_APPLICABLE',
        message: `${id} is in lab ${name} already, at ${present.where}`,
        hint: `\`cnilab fault undo ${name} ${id}\` mends it first`,
      });
    }
    const keep = async (undo: UndoPlan): Promise<void> => await writeState({ ...state, faults: [...state.faults, { id, where: undo.where, undo }] });
    // A fault that could not be undone stays known; one that was, and that this cannot be written of, is undone once more without harm.
    const forget = async (): Promise<void> => await writeState(state).catch(() => undefined);
    const undo = await library.injectFault(session, plan, id, pick, async (begun) => await keep(forgiving(begun)), forget);
    try {
      await keep(undo);
    } catch (error) {
      await library.undoFault(session, undo).then(forget, () => undefined);
      throw error;
    }
    return { id, where: undo.where };
  });
}

/**
 * Mends what was injected: one fault, or all, the last one first. One that cannot be mended keeps no other from it, and stays known.
 *
 * @returns what was mended
 * @throws LabError FAULT_UNKNOWN when `id` is not injected; LAB_LOST; EngineError with the command that failed
 */
export async function undoFaults(name: string, id?: string, options: FaultOptions = {}): Promise<readonly FaultInLab[]> {
  const { undoFault } = await import('../verify/faults/index.ts');
  return withLab(name, 'fault undo', options, async (state, session, plan) => {
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
    const undone: FaultInLab[] = [];
    const failed: unknown[] = [];
    for (const fault of chosen) {
      const { undo, gone } = leavingOut(fault.undo as UndoPlan, plan);
      try {
        await undoFault(session, undo);
      } catch (error) {
        failed.push(error);
        continue;
      }
      undone.push({ id: fault.id, where: fault.where, ...(gone.length === 0 ? {} : { gone }) });
      faults = faults.filter((one) => one !== fault);
      await writeState({ ...state, faults });
    }
    if (failed.length > 0) throw failed[0];
    return undone;
  });
}
