/** Which two ways through a lab are compared: between pods of one node, and of two. Pure. */
import type { Endpoint } from '../../engines/port.ts';
import type { ClusterPlan, LabPlan } from '../../topology/plan.ts';
import type { Family } from '../../topology/spec.ts';
import { clusterEnds, podsOnNode, speaks, type ClusterEnds } from '../endpoints.ts';

export interface Way {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly family: Family;
}

/** A way, or why there is none. */
export type WayOrWhyNot = Way | string;

export interface LabWays {
  /** The one with both ways, else with one of them, else the first; null: the lab has none. */
  readonly cluster: ClusterPlan | null;
  readonly oneNode: WayOrWhyNot;
  readonly twoNodes: WayOrWhyNot;
}

/** The ways of a lab, from the same pod where it has neighbours of both kinds. */
export function waysOf(plan: LabPlan): LabWays {
  const [first, ...others] = clusterEnds(plan).map(waysOfCluster);
  if (first === undefined) return { cluster: null, oneNode: NO_CLUSTER, twoNodes: NO_CLUSTER };
  return others.reduce((best, one) => (found(one) > found(best) ? one : best), first);
}

const NO_CLUSTER = 'the lab has no cluster';

const found = ({ oneNode, twoNodes }: LabWays): number => [oneNode, twoNodes].filter((way) => typeof way !== 'string').length;

function waysOfCluster(cluster: ClusterEnds): LabWays {
  const family = cluster.plan.families[0] ?? 'ipv4';
  const byNode = cluster.nodeIds.map((_, node) =>
    podsOnNode(cluster, node).flatMap((pod) => {
      const end = cluster.ends[pod];
      return end !== undefined && speaks(end, family) ? [end.endpoint] : [];
    }),
  );
  const populated = byNode.filter((pods) => pods.length > 0);
  const home = populated.find((pods) => pods.length > 1) ?? populated[0];
  const away = populated.find((pods) => pods !== home);
  const way = (from: Endpoint | undefined, to: Endpoint | undefined, whyNot: string): WayOrWhyNot =>
    from === undefined || to === undefined ? whyNot : { from, to, family };
  return {
    cluster: cluster.plan,
    oneNode: way(home?.[0], home?.[1], 'no node has two pods'),
    twoNodes: way(home?.[0], away?.[0], 'no two nodes have pods'),
  };
}
