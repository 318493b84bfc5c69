import type { Engine, EngineHandle } from '../engines/port.ts';
import type { ClusterPlan, LabPlan } from '../topology/plan.ts';
import type { LabState } from './lab-state.ts';

/**
 * A running lab as it is. Where an API decides names and addresses: the nodes as they came up, which is what they should be, and the pods and Services that
 * are there now. Elsewhere: the plan.
 */
export async function labNow(engine: Engine, handle: EngineHandle, { plan, observed }: Pick<LabState, 'plan' | 'observed'>): Promise<LabPlan> {
  if (observed === undefined) return plan;
  // A cluster that is broken may not answer: then they are those that came up.
  const now = await engine.observe(handle, plan).catch(() => null);
  return {
    ...observed,
    clusters: observed.clusters.map((cluster): ClusterPlan => {
      const { pods, services } = now?.clusters.find((one) => one.name === cluster.name) ?? cluster;
      return { ...cluster, pods, services };
    }),
  };
}

/** A running lab in which words are resolved: what a cluster has put in the place of a pod that came up goes by another name. */
export async function presentLab<T extends LabState>(engine: Engine, handle: EngineHandle, lab: T): Promise<T> {
  return lab.observed === undefined ? lab : { ...lab, observed: await labNow(engine, handle, lab) };
}

/**
 * The same as faults and a diagnosis take it. Services and policies of a cluster with an API are programmed by agents of its own, of whose work the plan knows
 * nothing: they are left out.
 */
export async function presentPlan(engine: Engine, handle: EngineHandle, state: Pick<LabState, 'plan' | 'observed'>): Promise<LabPlan> {
  return asProgrammed(await labNow(engine, handle, state), state);
}

/** What {@link presentPlan} leaves of a lab as it is. */
export function asProgrammed(now: LabPlan, { observed }: Pick<LabState, 'observed'>): LabPlan {
  if (observed === undefined) return now;
  return {
    ...now,
    clusters: now.clusters.map((cluster) => ({ ...cluster, services: [], objects: cluster.objects.filter(({ kind }) => kind !== 'NetworkPolicy') })),
  };
}
