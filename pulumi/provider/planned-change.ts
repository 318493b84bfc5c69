/** What an update will do to a lab, by our own plan: nothing, a change in place, or a replacement, and why. */
import { diffLab, engineDiffers, engineRefuses } from '../../lab/diff.ts';
import type { LoadEngine } from '../../lab/load-engine.ts';
import { planLabFile } from '../../lab/plan.ts';
import { readLab, type ReadLab } from '../../lab/read.ts';
import { LabError } from '../../topology/errors.ts';
import type { PlanDiff } from '../../topology/diff.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { loadedFrom, type LabInputs } from '../inputs.ts';
import { lostness } from './drift.ts';

export interface PlannedChange {
  /** What will be. */
  readonly plan: LabPlan;
  /** The lab of that name that is there, whoever keeps it. */
  readonly running: ReadLab | null;
  /** Against what runs; null where nothing does. */
  readonly diff: PlanDiff | null;
}

/** The lab of a name; null when there is none, or none whose state says what it is. */
export async function laboratory(name: string, load: LoadEngine): Promise<ReadLab | null> {
  try {
    return await readLab(name, { loadEngine: load });
  } catch (error) {
    if (error instanceof LabError && (error.code === 'LAB_UNKNOWN' || error.code === 'STATE_BROKEN')) return null;
    throw error;
  }
}

/** @throws SpecError for an invalid lab; LabError USAGE for an unknown engine */
export async function plannedChange(inputs: Pick<LabInputs, 'lab' | 'engine' | 'spec' | 'source'>, load: LoadEngine): Promise<PlannedChange> {
  const wanted = loadedFrom(inputs);
  const [engine, running] = await Promise.all([load(inputs.engine), laboratory(inputs.lab, load)]);
  const fresh = planLabFile(wanted);
  if (running === null || lostness(running).length > 0) return { plan: fresh, running, diff: null };
  const kept = planLabFile(wanted, { previous: running.plan });
  const reasons = running.engine === engine.name ? engine.replaceReasons(running.plan, kept) : [];
  const diff = engineRefuses(engineDiffers(diffLab(running, kept), running, engine.name), running.name, reasons);
  return { plan: diff.replace ? fresh : kept, running, diff };
}
