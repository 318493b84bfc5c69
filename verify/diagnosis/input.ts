import type { ConntrackReading, Snapshot } from '../../engines/port.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { Failure } from '../report.ts';

/** All that a diagnosis may look at. Data only, so that a diagnosis can be replayed from a file. */
export interface DiagnosisInput {
  readonly plan: LabPlan;
  readonly failures: readonly Failure[];
  /** Asymmetric conntrack entries of the probed flows, per namespace. */
  readonly conntrack: readonly ConntrackReading[];
  /** Kernel state after the failing probes, with the packet filter rules. */
  readonly snapshot: Snapshot;
  /** Counters before the failing probes were repeated; with it, counter deltas are evidence. */
  readonly countersBefore?: Snapshot;
}
