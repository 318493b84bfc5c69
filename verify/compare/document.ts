/** Labs side by side. Versioned JSON; `report/compare-text.ts` renders it. */
import type { Passage } from '../../topology/passage.ts';
import type { ProxyMode, IpvsScheduler } from '../../topology/spec.ts';
import type { Report, RequirementId, Verdict } from '../report.ts';

export const COMPARISON_SCHEMA = 'cnilab.comparison/1';

export interface Comparison {
  readonly schema: typeof COMPARISON_SCHEMA;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly elapsedMs: number;
  /** In each, every way of every lab was measured once. */
  readonly rounds: number;
  /** Of streaming on each way, all rounds together. */
  readonly seconds: number;
  /** In the order asked for: ratios are against the first. */
  readonly labs: readonly ComparedLab[];
}

export interface ComparedLab {
  readonly name: string;
  readonly engine: string;
  readonly nodes: number;
  readonly pods: number;
  /** Of everything that was checked, and of each requirement; null: the lab was not verified. */
  readonly verification: {
    readonly verdict: Report['verdict'];
    readonly requirements: readonly { readonly id: RequirementId; readonly verdict: Verdict }[];
  } | null;
  /** The cluster that is compared; null: the lab has none. */
  readonly cluster: ComparedCluster | null;
  readonly oneNode: ComparedWay;
  readonly twoNodes: ComparedWay;
  /** Two nodes against one, in the median of the rounds; null where one of them was not measured. */
  readonly twoToOne: { readonly roundTrip: number | null; readonly throughput: number | null };
}

export interface ComparedCluster {
  readonly name: string;
  /** Of so many in the lab. */
  readonly of: number;
  /** With its backend or mode: `flannel vxlan`. */
  readonly cni: string;
  readonly kubeProxy: { readonly mode: ProxyMode; readonly scheduler: IpvsScheduler | null };
  /** Between the nodes, as planned. */
  readonly passage: Passage;
  readonly podMtuBytes: number;
}

/** Between two pods. */
export interface ComparedWay {
  /** Identities; '' where the lab has no two such pods. */
  readonly from: string;
  readonly to: string;
  /** One thread with both ends of the connection, or a program at either; null: nothing was measured. */
  readonly by: 'thread' | 'programs' | null;
  readonly roundTripUs: Figure;
  readonly bitsPerSecond: Figure;
  /** Why there is no figure, or what failed in some of the rounds; ''. */
  readonly reason: string;
}

export interface Figure {
  /** In the median; null: there is none. */
  readonly value: number | null;
  /** Against the same of the first lab, in the median of the rounds; null where one of them is missing, or was measured otherwise. */
  readonly ratio: number | null;
}
