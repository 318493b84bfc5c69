/** What a running lab on kind is built on beside what the plans alone say, with why it cannot follow. Pure. */
import { isSchedulable } from '../../topology/draft.ts';
import type { ClusterPlan, LabPlan, NodePlan } from '../../topology/plan.ts';

interface Rule<T> {
  readonly of: (thing: T) => unknown;
  readonly why: (thing: T) => string;
}

const CLUSTER_RULES: readonly Rule<ClusterPlan>[] = [
  { of: ({ nodeImage }) => nodeImage, why: ({ name }) => `the node image of cluster ${name}: kind cannot give another to a running node` },
  { of: ({ portMappings }) => portMappings, why: ({ name }) => `the port mappings of cluster ${name}: the ports of a running container are fixed` },
  { of: ({ families }) => families, why: ({ name }) => `the address families of cluster ${name}: its API server and nodes are made for them` },
];
const NODE_RULES: readonly Rule<NodePlan>[] = [
  { of: ({ role }) => role, why: ({ id }) => `the role of node ${id}: kubeadm decides it when the node joins` },
  { of: ({ labels }) => labels, why: ({ id }) => `the labels of node ${id}: kind gives them when it creates the node` },
];

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

function broken<T>(rules: readonly Rule<T>[], from: T, to: T): readonly string[] {
  return rules.filter(({ of }) => !same(of(from), of(to))).map(({ why }) => why(to));
}

/** Names that are in one list only, with the verb for it. */
function moved(from: readonly string[], to: readonly string[]): readonly (readonly [name: string, how: 'added' | 'removed'])[] {
  return [
    ...to.filter((name) => !from.includes(name)).map((name) => [name, 'added'] as const),
    ...from.filter((name) => !to.includes(name)).map((name) => [name, 'removed'] as const),
  ];
}

export function replaceReasons(from: LabPlan, to: LabPlan): readonly string[] {
  const clusters = moved(
    from.clusters.map(({ name }) => name),
    to.clusters.map(({ name }) => name),
  );
  return [
    ...clusters.map(([name, how]) => `cluster ${name} is ${how}: a lab on kind keeps the clusters that it was created with`),
    ...to.clusters.flatMap((cluster) => {
      const before = from.clusters.find(({ name }) => name === cluster.name);
      return before === undefined ? [] : ofCluster(before, cluster);
    }),
  ];
}

function ofCluster(from: ClusterPlan, to: ClusterPlan): readonly string[] {
  const nodes = moved(
    from.nodes.map(({ name }) => name),
    to.nodes.map(({ name }) => name),
  );
  return [
    ...nodes.map(([name, how]) => `node ${to.name}/${name} is ${how}: kind cannot add nodes to a running cluster, nor remove them`),
    ...broken(CLUSTER_RULES, from, to),
    ...to.nodes.flatMap((node) => {
      const before = from.nodes.find(({ name }) => name === node.name);
      if (before === undefined) return [];
      const tainted = isSchedulable(before, from.nodes) !== isSchedulable(node, to.nodes);
      return [...broken(NODE_RULES, before, node), ...(tainted ? [`whether pods run on node ${node.id}: kubeadm taints control planes when they join`] : [])];
    }),
  ];
}
