/** What is kept of a running lab, under $XDG_STATE_HOME/cnilab/labs/NAME/state.json (0600, directory 0700). */
import type { EngineHandle } from '../engines/port.ts';
import type { LabPlan } from '../topology/plan.ts';
import type { LabSpec } from '../topology/spec.ts';

export const STATE_SCHEMA = 1;

/** A namespace that `cni add` made for a pod that no plan has. */
export interface PodByHand {
  readonly id: string;
  readonly name: string;
  readonly netns: string;
  readonly containerId: string;
  /** Identity and namespace of the machine that it is on. */
  readonly node: string;
  readonly nodeNetns: string;
}

/** How far somebody got with the lab's lesson. */
export interface LessonProgress {
  /** Steps that are done, from the first. */
  readonly steps: number;
  /** The exercise under way. */
  readonly exercise: ExerciseProgress | null;
}

export interface ExerciseProgress {
  readonly name: string;
  /** Hints that were given. */
  readonly hints: number;
  /** ISO 8601. */
  readonly startedAt: string;
}

export interface LabState {
  /** A newer number than STATE_SCHEMA is refused with the version that wrote it. */
  readonly schema: number;
  readonly writtenBy: string;
  readonly name: string;
  readonly engine: string;
  /** Who keeps it, where that is not the user at the command line: a stack of Pulumi. */
  readonly owner?: string;
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
  /** Pods that were made by hand and not deleted. */
  readonly byHand?: readonly PodByHand[];
  /** Faults that were injected and not undone. */
  readonly faults: readonly { readonly id: string; readonly where: string; readonly undo: unknown }[];
  /** Absent: nothing of its lesson was begun. */
  readonly lesson?: LessonProgress;
}
