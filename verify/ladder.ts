/** The rungs of a diagnosis: which checks each is made of, and who takes part. Pure. */
import type { ClusterPlan, LabPlan } from '../topology/plan.ts';
import type { Cast } from './cast.ts';
import type { CheckId } from './checks/index.ts';
import type { Rung } from './diagnosis/document.ts';
import type { Profile } from './report.ts';
import { suitesOf, type Suite } from './suites.ts';
import { SERVICE_CHECKS } from './services/judge.ts';

/** One way through a cluster of a lab. */
export interface Between {
  readonly cluster: string;
  /** Identity of a pod, a node or a host. */
  readonly from: string;
  readonly to:
    | { readonly kind: 'pod' | 'node'; readonly id: string }
    /** `port` null: all of them. */
    | { readonly kind: 'service'; readonly id: string; readonly port: number | null };
}

export interface RungPlan {
  readonly id: Rung['id'];
  readonly title: string;
  readonly suite: Suite;
  /** Absent: all checks of the suite. */
  readonly checks?: readonly CheckId[];
  readonly casts: ReadonlyMap<string, Cast>;
  readonly profile: Profile;
}

const SUITE_TITLES: Readonly<Record<Suite, { readonly id: Rung['id']; readonly title: string }>> = {
  network: { id: 'network', title: 'every pod and node by its address' },
  services: { id: 'services', title: 'every Service by its addresses' },
  dns: { id: 'dns', title: 'every name' },
  policy: { id: 'policy', title: 'what policies block, and what they leave open' },
};

/** The whole mesh: the parts of a verification, those first on which the others stand. */
export function wholeLadder(plan: LabPlan): readonly RungPlan[] {
  return suitesOf(plan).map((suite) => ({ ...SUITE_TITLES[suite], suite, casts: new Map(), profile: 'classic' }));
}

/** Endpoints of a Service that are asked by their own addresses. */
const ENDPOINTS = 8;

/** One way: the pod's address, the Services in front of it, the names that lead there, and what policies say. Rungs that the lab has nothing of are left out. */
export function ladderBetween(plan: LabPlan, between: Between): readonly RungPlan[] {
  const cluster = plan.clusters.find((one) => one.name === between.cluster);
  if (cluster === undefined) return [];
  const { from, to } = between;
  const suites = suitesOf(plan);
  const isPod = cluster.pods.some((pod) => pod.id === from);
  const isHost = plan.machines.some((machine) => machine.id === from);
  const targets = to.kind === 'service' ? endpointPods(cluster, to.id) : [to.id];
  const services = to.kind === 'service' ? [{ id: to.id, port: to.port }] : servicesOf(cluster, to.id);
  const cast = (more: Partial<Cast>): ReadonlyMap<string, Cast> =>
    new Map(
      plan.clusters.map((one) => [
        one.name,
        { ...NOBODY, ...(one.name === cluster.name ? { asks: new Set([from]), machines: new Set([from]), ...more } : {}) },
      ]),
    );
  const common = { profile: 'classic' } as const;
  const rungs: (RungPlan | null)[] = [
    isHost || targets.length === 0
      ? null
      : {
          // A pod's packets to a node are judged by profile strict alone.
          profile: to.kind === 'node' ? 'strict' : 'classic',
          id: 'address',
          suite: 'network',
          title: to.kind === 'service' ? 'the endpoints of the Service by their own addresses' : `the ${to.kind} by its own address`,
          checks: isPod ? (to.kind === 'node' ? ['r2-pod-to-node'] : ['r1-pod-to-pod', 'self', 'size-sweep']) : ['r2-node-to-pod'],
          casts: cast({ asksAll: new Set([from]), answers: new Set(targets), pairs: targets.map((target) => [from, target] as const) }),
        },
    services.length === 0
      ? null
      : { ...common, id: 'service', suite: 'services', title: 'Services by their addresses', checks: SERVICE_CHECKS, casts: cast({ services }) },
    isHost || to.kind === 'node' || !suites.includes('dns')
      ? null
      : {
          ...common,
          id: 'name',
          suite: 'dns',
          title: 'names',
          checks: ['dns-ladder', ...(isPod ? (['dns-resolv-conf', 'dns-search'] as const) : [])],
          casts: cast({ asks: new Set([from, ...endpointPods(cluster, 'kube-system/kube-dns')]) }),
        },
    isHost || to.kind !== 'pod' || !suites.includes('policy')
      ? null
      : { ...common, id: 'policy', suite: 'policy', title: 'policies', checks: ['policy-matrix'], casts: cast({ answers: new Set([to.id]) }) },
  ];
  return rungs.filter((rung) => rung !== null);
}

const NOBODY: Cast = {
  asks: new Set(),
  asksAll: new Set(),
  answers: new Set(),
  offsets: 'all',
  nobody: new Map(),
  machines: new Set(),
  pairs: [],
  services: [],
};

/** Pods behind a Service; `id` may lack its cluster. */
function endpointPods(cluster: ClusterPlan, id: string): readonly string[] {
  const service = cluster.services.find((one) => one.id === id || `${one.namespace}/${one.name}` === id);
  return [...new Set((service?.endpoints ?? []).flatMap((endpoint) => endpoint.pod ?? []))].slice(0, ENDPOINTS);
}

/** The Services that a pod is an endpoint of. */
function servicesOf(cluster: ClusterPlan, pod: string): readonly { readonly id: string; readonly port: null }[] {
  return cluster.services.filter((service) => service.endpoints.some((endpoint) => endpoint.pod === pod)).map(({ id }) => ({ id, port: null }));
}
