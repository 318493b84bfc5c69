/** The outcome of a verification. Versioned JSON; everything else in this room renders it. */
import type { ConntrackEntry, FidelityStatement, Outcome, ProbeProtocol } from '../engines/port.ts';
import type { Family } from '../topology/spec.ts';

export const REPORT_SCHEMA = 'cnilab.report/1';

export type Verdict = 'pass' | 'fail' | 'inconclusive' | 'skip';
export type Profile = 'classic' | 'current' | 'strict';
export type RequirementId = 'R1' | 'R2' | 'R3';

export interface Report {
  readonly schema: typeof REPORT_SCHEMA;
  readonly lab: string;
  readonly engine: string;
  readonly profile: Profile;
  readonly startedAt: string;
  readonly elapsedMs: number;
  /** fail outranks inconclusive outranks pass. */
  readonly verdict: 'pass' | 'fail' | 'inconclusive';
  readonly requirements: readonly { readonly id: RequirementId; readonly title: string; readonly verdict: Verdict; readonly detail: string }[];
  readonly checks: readonly CheckResult[];
  /** Each distinct cause once, most certain first. */
  readonly diagnoses: readonly Diagnosis[];
  /** nodes × nodes, rows are the clients' nodes. */
  readonly matrix: readonly MatrixCell[];
  /** Facts that are reported and not judged. */
  readonly observations: readonly { readonly id: string; readonly title: string; readonly value: string }[];
  readonly notLookedAt: readonly string[];
  readonly fidelity: FidelityStatement;
  readonly options: {
    readonly attempts: number;
    readonly protocols: readonly ProbeProtocol[];
    readonly families: readonly Family[];
    readonly deadlineMs: number;
  };
  readonly totals: { readonly probes: number; readonly ok: number; readonly failed: number; readonly inconclusive: number };
}

export interface CheckResult {
  /** Name of facts' catalogue: r1-pod-to-pod, r2-node-to-pod, r2-pod-to-node, r3-self-view, self, size-sweep, loss, controls, inventory-routes, … */
  readonly id: string;
  readonly title: string;
  readonly requirement: RequirementId | null;
  readonly verdict: Verdict;
  /** Why it is inconclusive or skipped; '' otherwise. */
  readonly reason: string;
  readonly pairs: { readonly planned: number; readonly passed: number; readonly failed: number; readonly inconclusive: number };
  readonly probes: number;
  readonly lost: number;
  readonly latencyUs: { readonly p50: number; readonly p99: number; readonly max: number } | null;
  /** At most FAILURE_LIMIT; `failuresTotal` counts all. */
  readonly failures: readonly Failure[];
  readonly failuresTotal: number;
}

export const FAILURE_LIMIT = 100;

export interface Failure {
  readonly check: string;
  /** Identities; server '' for findings about one thing. */
  readonly client: string;
  readonly server: string;
  readonly clientNode: string;
  readonly serverNode: string;
  readonly family: Family | null;
  readonly protocol: ProbeProtocol | null;
  /** Port of the server; absent: that of the probes. */
  readonly port?: number;
  readonly attempt: number;
  /** What went wrong, as a class: an Outcome, or rewritten, wrong-server, hidden-nat, foreign-nonce, address-differs, unexpected-answer, finding. */
  readonly class: Outcome | 'rewritten' | 'wrong-server' | 'hidden-nat' | 'foreign-nonce' | 'address-differs' | 'unexpected-answer' | 'finding';
  readonly saw: string;
  readonly expected: string;
  /** Name of the diagnosis that explains it, or ''. */
  readonly diagnosis: string;
  /** A command to type next. */
  readonly next: string;
  readonly conntrack: readonly ConntrackEntry[];
  /** Where a Service (`server`) was asked. */
  readonly door?: { readonly via: string; readonly address: string; readonly port: number };
}

export interface Diagnosis {
  /** Name as in the fault table: no-return-route. */
  readonly name: string;
  readonly title: string;
  /** Where: identities of nodes or pods. */
  readonly where: readonly string[];
  readonly confidence: 'certain' | 'likely' | 'possible';
  readonly evidence: readonly string[];
  /** Names that were considered and excluded, with the reason. */
  readonly ruledOut: readonly { readonly name: string; readonly because: string }[];
  /** Command that mends it, or ''. */
  readonly mend: string;
  /** warn: reported, requirements stand. */
  readonly severity: 'fail' | 'warn';
  /** Checks it explains. */
  readonly checks: readonly string[];
}

export interface MatrixCell {
  readonly clientNode: string;
  readonly serverNode: string;
  readonly verdict: 'pass' | 'fail' | 'inconclusive' | 'empty';
  readonly pairs: number;
  readonly failed: number;
  readonly p50Us: number;
  /** For expansion to pods: only cells that are not a plain pass list their failing pairs. */
  readonly failedPairs: readonly { readonly client: string; readonly server: string; readonly protocols: readonly ProbeProtocol[] }[];
}
