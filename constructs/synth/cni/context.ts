import type { App, Chart } from 'cdk8s';
import type { RolloutTarget } from '../../../topology/artifacts.ts';
import type { ClusterPlan, LabPlan, PlannedCni } from '../../../topology/plan.ts';
import type { UpstreamObjects } from '../../../topology/upstream.ts';
import type { EnvVar } from '../kubernetes-types.ts';

/** What the manifests of a cluster's CNI are made from. */
export interface CniManifestContext {
  readonly plan: LabPlan;
  readonly cluster: ClusterPlan;
  /** Nodes by their name in the plan and in Kubernetes. */
  readonly nodes: readonly { readonly plan: string; readonly name: string }[];
  /** Where the API answers as seen from a node, before any Service works. */
  readonly apiServer: { readonly host: string; readonly port: number };
  /** Files of the CNI's project, checked and parsed. */
  readonly upstream: UpstreamObjects;
}

/** A CNI's part: a chart per file in the order in which they are applied, and what to wait for. */
export interface CniCharts {
  readonly charts: readonly Chart[];
  readonly rollouts: readonly RolloutTarget[];
}

export type CniPlanOf<N extends PlannedCni['type']> = Extract<PlannedCni, { type: N }>;

/** Makes the charts of one CNI. */
export type CniSynth<N extends PlannedCni['type']> = (app: App, cni: CniPlanOf<N>, context: CniManifestContext) => CniCharts;

/**
 * Tells in-cluster clients on the host network where the API is when no kube-proxy makes the Service address work; empty otherwise: Kubernetes sets
 * both variables itself.
 */
export function apiServerEnv({ cluster, apiServer }: Pick<CniManifestContext, 'cluster' | 'apiServer'>): readonly EnvVar[] {
  if (cluster.kubeProxy.mode !== 'none') return [];
  return [
    { name: 'KUBERNETES_SERVICE_HOST', value: apiServer.host },
    { name: 'KUBERNETES_SERVICE_PORT', value: String(apiServer.port) },
  ];
}
