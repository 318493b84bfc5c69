import type { Diagnostic } from '../diagnostic.ts';
import type { LabSpec } from '../spec.ts';
import { problem } from './findings.ts';
import { clustersOf } from './lab-view.ts';
import { scheduledPods } from './pods-view.ts';

/** A port of a node leads to one pod: Kubernetes would leave the second one Pending, portmap would shadow the first. */
export function hostPorts(spec: LabSpec): readonly Diagnostic[] {
  return clustersOf(spec).flatMap((cluster) => {
    const seen = new Map<string, string>();
    const told = new Set<string>();
    return scheduledPods(cluster).flatMap(({ draft, node }) =>
      draft.ports.flatMap(({ hostPort, protocol }) => {
        if (hostPort === null || draft.hostNetwork) return [];
        const key = `${node} ${protocol} ${hostPort}`;
        const first = seen.get(key);
        seen.set(key, first ?? draft.name);
        const about = `${draft.owner} ${protocol} ${hostPort}`;
        if (first === undefined || told.has(about)) return [];
        told.add(about);
        return [
          problem(
            'HOST_PORT_CONFLICT',
            cluster.path,
            `host port ${hostPort}/${protocol} of node ${node} is asked for by pods ${first} and ${draft.name}`,
            'use another hostPort, one pod per node, or no hostPort',
          ),
        ];
      }),
    );
  });
}
