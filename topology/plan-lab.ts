import { SpecError } from './errors.ts';
import { deepFreeze } from './freeze.ts';
import { withDocker } from './docker/plan-docker.ts';
import { labFamilies } from './draft.ts';
import { estimateNeighbours, NEIGHBOUR_BUDGET } from './neighbours.ts';
import { PLAN_SCHEMA, type LabPlan, type MachinePlan, type RoutePlan } from './plan.ts';
import { planCluster } from './plan-cluster.ts';
import { planUnderlay } from './plan-underlay.ts';
import { dnsBlocked } from './policy/dns-blocked.ts';
import { planLoadBalancers } from './services/plan-load-balancers.ts';
import type { LabSpec } from './spec.ts';
import { validateSpec } from './validate.ts';

export interface PlanOptions {
  /** Plan of the running lab: everything in it that is still asked for keeps its address, range and node. */
  readonly previous?: LabPlan | null;
}

/**
 * Chooses every name, address, MAC, MTU and route of a lab. Pure: the same spec (and the same previous plan) gives the same bytes.
 *
 * @throws SpecError with every problem at once when the spec is invalid or a range runs full.
 */
export function planLab(spec: LabSpec, options: PlanOptions = {}): LabPlan {
  const findings = validateSpec(spec);
  if (findings.some((d) => d.severity === 'error')) throw new SpecError(findings, spec.name);
  const previous = options.previous ?? null;
  const underlay = planUnderlay(spec, previous);
  const planned = (spec.clusters ?? []).map((cluster, index) =>
    planCluster(spec, index, underlay, previous?.clusters.find((c) => c.name === cluster.name && c.cni.type === cluster.cni.type) ?? null),
  );
  const extra = new Map<string, RoutePlan[]>();
  const { clusters, routes: toLoadBalancers } = planLoadBalancers(
    planned.map((p) => p.cluster),
    underlay,
    previous,
  );
  for (const routers of [...planned.map((p) => p.routers), toLoadBalancers])
    for (const [router, routes] of routers) extra.set(router, [...(extra.get(router) ?? []), ...routes]);
  const routed = underlay.machines.map((m): MachinePlan => (extra.has(m.id) ? { ...m, routes: [...m.routes, ...(extra.get(m.id) ?? [])] } : m));
  const machines = withDocker(spec, routed, previous);
  const estimate = estimateNeighbours(machines, clusters, underlay.segments);
  return deepFreeze<LabPlan>({
    schema: PLAN_SCHEMA,
    name: spec.name,
    description: spec.description ?? '',
    families: labFamilies(spec),
    neighbours: { mode: estimate > NEIGHBOUR_BUDGET ? 'permanent' : 'learned', estimate, budget: NEIGHBOUR_BUDGET },
    segments: underlay.segments,
    machines,
    clusters,
    images: spec.images ?? {},
    findings: [
      ...findings,
      ...planned.flatMap((p) => p.findings),
      ...clusters.flatMap((cluster, i) => dnsBlocked(cluster, spec.clusters?.[i]?.objects ?? [], ['clusters', i])),
    ],
  });
}
