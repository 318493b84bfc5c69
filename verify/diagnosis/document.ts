/** The outcome of a diagnosis. Versioned JSON; report/ renders it. */
import type { CheckResult, Diagnosis, Verdict } from '../report.ts';

export const DIAGNOSIS_SCHEMA = 'cnilab.diagnosis/1';

export interface DiagnosisReport {
  readonly schema: typeof DIAGNOSIS_SCHEMA;
  readonly lab: string;
  readonly engine: string;
  /** Identities of both ends; null where the whole mesh was looked at. */
  readonly from: string | null;
  readonly to: string | null;
  readonly startedAt: string;
  readonly elapsedMs: number;
  /** Something deviates, or does not work. */
  readonly found: boolean;
  /** What was read of the kernel before any packet was sent; null where it cannot be read. */
  readonly inventory: InventoryStage | null;
  /** In the order in which they were climbed; the first one that fails is the last one that was. */
  readonly ladder: readonly Rung[];
  readonly checks: readonly CheckResult[];
  /** What moved in the kernels on the way of a failing probe that was sent once more. */
  readonly counters: readonly CounterRise[];
  /** The packets of that probe; null where nothing failed, or packets cannot be captured. */
  readonly capture: CaptureReading | null;
  readonly diagnoses: readonly Diagnosis[];
  readonly notLookedAt: readonly string[];
}

export interface InventoryStage {
  readonly namespaces: number;
  readonly elapsedMs: number;
  readonly rules: readonly InventoryLine[];
}

/** One rule of the inventory. `remarks`: deviations that need not break anything. */
export interface InventoryLine {
  readonly id: string;
  readonly findings: number;
  readonly remarks: readonly string[];
}

export interface Rung {
  readonly id: 'address' | 'service' | 'name' | 'policy' | 'network' | 'services' | 'dns';
  readonly title: string;
  readonly verdict: Verdict;
  readonly detail: string;
  readonly elapsedMs: number;
  /** It stands on the one that failed. */
  readonly unclimbed?: true;
}

export interface CounterRise {
  /** Name of the pod, node, router or host. */
  readonly where: string;
  /** `IpExtInNoRoutes`, `flannel.1 tx dropped`, or a rule of the packet filter. */
  readonly counter: string;
  readonly by: number;
}

export interface CaptureReading {
  readonly client: string;
  readonly server: string;
  /** Where its packets passed, in the order of the first one: `worker1 flannel.1 out`. */
  readonly passed: readonly string[];
  /** Places on the way where none was seen. */
  readonly unseen: readonly string[];
  /** At most {@link CAPTURE_LINES}. */
  readonly packets: readonly { readonly afterUs: number; readonly where: string; readonly text: string }[];
  readonly packetsTotal: number;
  /** Packets that the kernel had no room for. */
  readonly dropped: number;
}

export const CAPTURE_LINES = 40;
