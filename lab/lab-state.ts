/** What is kept of a running lab, under $XDG_STATE_HOME/cnilab/labs/NAME/state.json (0600, directory 0700). */
import type { EngineHandle } from '../engines/port.ts';
import type { LabPlan } from '../topology/plan.ts';
import type { LabSpec } from '../topology/spec.ts';

export const STATE_SCHEMA = 1;

export interface LabState {
  /** A newer number than STATE_SCHEMA is refused with the version that wrote it. */
  readonly schema: number;
  readonly writtenBy: string;
  readonly name: string;
  readonly engine: string;
  /** creating and changing show an interrupted run; failed a run that ended with an error and was retained. lost is never written: it is found. */
  readonly phase: 'creating' | 'up' | 'changing' | 'failed' | 'removing';
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Absolute path of the lab file and sha256 of its bytes; empty for a lab brought up through the API. */
  readonly source: { readonly path: string; readonly sha256: string };
  readonly spec: LabSpec;
  readonly plan: LabPlan;
  /** The lab as it is, where the engine and not the plan chooses names and addresses; absent: as planned. */
  readonly observed?: LabPlan;
  /** Private directory of this incarnation, inside the lab's state directory: run-<random>. */
  readonly directory: string;
  readonly handle: EngineHandle | null;
  /** Faults that were injected and not undone. */
  readonly faults: readonly { readonly id: string; readonly where: string; readonly undo: unknown }[];
}
