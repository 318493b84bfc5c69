/** What a running cluster is built on beside what the plans alone say, with why it cannot follow. Pure. */
import { isSchedulable } from '../../topology/draft.ts';
import type { ClusterPlan, LabPlan, NodePlan } from '../../topology/plan.ts';

/** What cannot change, and why. */
export interface FixedPart<T> {
  readonly of: (thing: T) => unknown;
  readonly why: (thing: T) => string;
}

/** What is fixed on one engine, beside what is on every engine with nodes that kubeadm makes. */
export interface FixedParts {
  readonly clusters: readonly FixedPart<ClusterPlan>[];
  readonly nodes: readonly FixedPart<NodePlan>[];
  /** Why the list of clusters is fixed; why a list of nodes is. */
  readonly clusterList: string;
  readonly nodeList: string;
}

const FAMILIES: FixedPart<ClusterPlan> = {
  of: ({ families }) => families,
  why: ({ name }) => `the address families of cluster ${name}: its API server and nodes are made for them`,
};
const ROLE: FixedPart<NodePlan> = { of: ({ role }) => role, why: ({ id }) => `the role of node ${id}: kubeadm decides it when the node joins` };

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

function broken<T>(parts: readonly FixedPart<T>[], from: T, to: T): readonly string[] {
  return parts.filter(({ of }) => !same(of(from), of(to))).map(({ why }) => why(to));
}

interface Named {
  readonly name: string;
}

/** Names that are in one list only, with the verb for it. */
function moved(from: readonly Named[], to: readonly Named[]): readonly (readonly [name: string, how: 'added' | 'removed'])[] {
  const only = (here: readonly Named[], there: readonly Named[]): readonly string[] =>
    here.map(({ name }) => name).filter((name) => !there.some((one) => one.name === name));
  return [...only(to, from).map((name) => [name, 'added'] as const), ...only(from, to).map((name) => [name, 'removed'] as const)];
}

/** Why a running lab has to be made anew to become another; empty when it can change in place. */
export function replaceReasons(fixed: FixedParts, from: LabPlan, to: LabPlan): readonly string[] {
  return [
    ...moved(from.clusters, to.clusters).map(([name, how]) => `cluster ${name} is ${how}: ${fixed.clusterList}`),
    ...to.clusters.flatMap((cluster) => {
      const before = from.clusters.find(({ name }) => name === cluster.name);
      return before === undefined ? [] : ofCluster(fixed, before, cluster);
    }),
  ];
}

function ofCluster(fixed: FixedParts, from: ClusterPlan, to: ClusterPlan): readonly string[] {
  return [
    ...moved(from.nodes, to.nodes).map(([name, how]) => `node ${to.name}/${name} is ${how}: ${fixed.nodeList}`),
    ...broken([...fixed.clusters, FAMILIES], from, to),
    ...to.nodes.flatMap((node) => {
      const before = from.nodes.find(({ name }) => name === node.name);
      if (before === undefined) return [];
      const tainted = isSchedulable(before, from.nodes) !== isSchedulable(node, to.nodes);
      return [
        ...broken([ROLE, ...fixed.nodes], before, node),
        ...(tainted ? [`whether pods run on node ${node.id}: kubeadm taints control planes when they join`] : []),
      ];
    }),
  ];
}
