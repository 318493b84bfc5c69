import type { Diagnostic } from '../diagnostic.ts';
import type { LabSpec } from '../spec.ts';
import { caution, problem } from './findings.ts';
import { attachmentsOf, clustersOf, segmentsOf, type ClusterView } from './lab-view.ts';
import { podCounts } from './pods-view.ts';

/** Ports of one Linux bridge (BR_MAX_PORTS, net/bridge/br_private.h, less port 0). */
const BRIDGE_PORTS = 1023;

function ofCluster(cluster: ClusterView): readonly Diagnostic[] {
  const { spec, path, name } = cluster;
  const counts = (['controlPlanes', 'workers'] as const).filter((key) => spec[key] !== undefined);
  if (spec.nodes !== undefined && counts.length > 0) {
    return [
      problem(
        'NODES_AMBIGUOUS',
        [...path, 'nodes'],
        `cluster ${name} lists its nodes and counts them too (${counts.join(', ')})`,
        `remove ${counts.join(' and ')}, or the list`,
      ),
    ];
  }
  if (cluster.nodes.length === 0) {
    return [
      problem(
        'NO_NODES',
        spec.nodes === undefined ? path : [...path, 'nodes'],
        `cluster ${name} has no node`,
        spec.nodes === undefined ? 'set controlPlanes or workers to 1 or more' : 'list a node, or remove nodes to get one control plane and two workers',
      ),
    ];
  }
  const found: Diagnostic[] = [];
  if (!cluster.nodes.some((n) => n.role === 'control-plane')) {
    found.push(
      caution(
        'NO_CONTROL_PLANE',
        path,
        `cluster ${name} has no control plane; a real cluster needs one`,
        spec.nodes === undefined ? 'set controlPlanes: 1' : 'give a node role: control-plane',
      ),
    );
  }
  for (const [node, { addressed }] of spec.cni.type === 'calico' ? [] : podCounts(cluster)) {
    if (addressed > BRIDGE_PORTS)
      found.push(
        problem(
          'BRIDGE_FULL',
          path,
          `node ${node} gets ${addressed} pods; a Linux bridge has ${BRIDGE_PORTS} ports`,
          'add nodes, run fewer pods, or use calico, which needs no bridge',
        ),
      );
  }
  return found;
}

/** Nodes are listed or counted, not both; every cluster has one; no switch has more plugs than a Linux bridge has ports. */
export function nodesCounts(spec: LabSpec): readonly Diagnostic[] {
  const plugs = attachmentsOf(spec);
  const full = segmentsOf(spec).flatMap((segment) => {
    const count = plugs.filter((p) => p.segment === segment.name).length;
    return count <= BRIDGE_PORTS
      ? []
      : [
          problem(
            'BRIDGE_FULL',
            segment.path,
            `${count} machines stand on segment ${segment.name}; its switch is a Linux bridge with ${BRIDGE_PORTS} ports`,
            'divide them over several segments',
          ),
        ];
  });
  return [...clustersOf(spec).flatMap(ofCluster), ...full];
}
