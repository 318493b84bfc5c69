/** The connection tracking of every node has room: where it has none, packets of new connections are dropped without a word. */
import { riseEvidence } from './counters.ts';
import type { Finding } from './finding.ts';
import { crossesNodes, isLost, isPair, touchesNode } from './flow.ts';
import { execCommand, type LabView, namespaceOf } from './lab-view.ts';

/** Names among the counters of a snapshot. */
export const CONNTRACK = { held: 'ConntrackEntries', most: 'ConntrackMax', dropped: 'ConntrackDrops' } as const;

/** Nodes and routers whose table is full. Entries that were just given up leave a little room: from 99 percent on it is full for practical purposes. */
export function inventoryConntrack(view: LabView): readonly Finding[] {
  return [...view.nodes, ...view.routers].flatMap((machine): readonly Finding[] => {
    const { [CONNTRACK.held]: held, [CONNTRACK.most]: most } = namespaceOf(view, machine.netns)?.counters ?? {};
    if (held === undefined || most === undefined || most === 0 || held < most * 0.99) return [];
    return [
      {
        name: 'conntrack-table-full',
        where: [machine.id],
        certainty: 'certain',
        evidence: [`connection tracking of ${machine.name} holds ${held} of at most ${most} connections`, ...riseEvidence(view, machine, [CONNTRACK.dropped])],
        mend: execCommand(view, machine, ['conntrack', '-F']),
        explains: (flow) => isLost(flow) && (machine.kind === 'node' ? touchesNode(flow, machine.id) : isPair(flow) && crossesNodes(flow)),
      },
    ];
  });
}
