/** What of a large lab is drawn; the rest is counted. */
import type { GraphMachine, GraphPod, LabGraph } from '../../topology/graph/graph.ts';

/** Pods of one node, containers of one host, and nodes or hosts of one segment, that are drawn one by one. */
export const PODS_DRAWN = 5;
export const CONTAINERS_DRAWN = 12;
export const MACHINES_DRAWN = 6;

export interface DrawnMachine {
  readonly machine: GraphMachine;
  readonly pods: readonly GraphPod[];
  /** Pods that are not drawn. */
  readonly morePods: number;
}

export interface DrawnGraph {
  readonly graph: LabGraph;
  readonly machines: readonly DrawnMachine[];
  /** Nodes and hosts that are not drawn, by segment. */
  readonly more: ReadonlyMap<string, { readonly nodes: number; readonly hosts: number }>;
}

/** The segment that a machine stands on: that of its first cable; '' where it has none. */
export function homeOf(machine: GraphMachine): string {
  return machine.devices.find(({ segment }) => segment !== null)?.segment ?? '';
}

/** Folds a graph: what is marked, and the hubs of overlays, are drawn before others. */
export function foldGraph(graph: LabGraph): DrawnGraph {
  const hubs = new Set(graph.overlays.map(({ hub }) => hub));
  const isMarked = ({ mark, devices, pods }: GraphMachine): boolean => mark !== null || [...devices, ...pods].some((one) => one.mark !== null);
  const more = new Map<string, { nodes: number; hosts: number }>();
  const drawn = new Set<GraphMachine>(graph.machines.filter(({ kind }) => kind === 'router'));
  for (const segment of new Set(graph.machines.map(homeOf))) {
    const [nodes, hosts] = (['node', 'host'] as const).map((kind) => {
      const all = graph.machines.filter((machine) => machine.kind === kind && homeOf(machine) === segment);
      const kept = firstOf(all, MACHINES_DRAWN, (machine) => isMarked(machine) || hubs.has(machine.id));
      for (const machine of kept) drawn.add(machine);
      return all.length - kept.length;
    });
    more.set(segment, { nodes: nodes ?? 0, hosts: hosts ?? 0 });
  }
  const machines = graph.machines
    .filter((machine) => drawn.has(machine))
    .map((machine) => {
      const pods = firstOf(machine.pods, machine.kind === 'node' ? PODS_DRAWN : CONTAINERS_DRAWN, ({ mark }) => mark !== null);
      return { machine, pods, morePods: machine.pods.length - pods.length };
    });
  return { graph, machines, more };
}

/** At most so many, in their order; those that are preferred before others. Where one would be left over, it is taken too. */
function firstOf<T>(all: readonly T[], most: number, isPreferred: (one: T) => boolean): readonly T[] {
  if (all.length <= most + 1) return all;
  const kept = new Set([...all.filter(isPreferred), ...all.filter((one) => !isPreferred(one))].slice(0, most));
  return all.filter((one) => kept.has(one));
}
