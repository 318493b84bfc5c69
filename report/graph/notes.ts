/** What is marked, numbered in the order in which the picture is read. */
import type { GraphMark } from '../../topology/graph/graph.ts';
import type { DrawnGraph } from './fold.ts';

export interface Note {
  readonly number: number;
  /** Identity of what is marked, or of the machine that it is in. */
  readonly id: string;
  readonly mark: GraphMark;
}

/** Every mark of a graph: machines with their pods and devices, then segments and overlays. */
export function notesOf({ graph, machines }: DrawnGraph): readonly Note[] {
  const marked: readonly { readonly id: string; readonly mark: GraphMark | null }[] = [
    ...machines.flatMap(({ machine, pods }) => [machine, ...pods, ...machine.devices.map(({ mark }) => ({ id: machine.id, mark }))]),
    ...graph.segments.map(({ name, mark }) => ({ id: name, mark })),
    ...graph.overlays.map(({ cluster, title, mark }) => ({ id: `${cluster} ${title}`, mark })),
  ];
  return marked.flatMap(({ id, mark }) => (mark === null ? [] : [{ id, mark }])).map((one, index) => ({ number: index + 1, ...one }));
}
