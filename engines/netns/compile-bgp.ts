/** BIRD on every node that speaks BGP, and the routes it must bring. */
import type { ClusterPlan, NodePlan } from '../../topology/plan.ts';
import { birdConfig } from './bird-config.ts';
import { nodeDirectory } from './compile-data-path.ts';
import type { Op } from './ops.ts';

export function bgpOps(cluster: ClusterPlan): Op[] {
  return cluster.nodes.flatMap((node): Op[] =>
    node.bgp === null ? [] : [{ op: 'bird', ns: node.netns, config: `${nodeDirectory(node)}/bird.conf`, text: birdConfig(node, node.bgp) }],
  );
}

export function convergenceOps(cluster: ClusterPlan): Op[] {
  const timeoutMs = CONVERGENCE_BASE_MS + CONVERGENCE_PER_NODE_MS * cluster.nodes.length;
  return cluster.nodes.flatMap((node): Op[] => {
    const to = expected(node);
    return to.length === 0 ? [] : [{ op: 'await-routes', ns: node.netns, to, timeoutMs }];
  });
}

/** Measured with tuned timers: 3 nodes 1.0-1.7 s, 50 nodes 1.3-4.2 s, 100 nodes 5.5 s. Ten times that, for slow machines. */
const CONVERGENCE_BASE_MS = 15_000;
const CONVERGENCE_PER_NODE_MS = 500;

function expected(node: NodePlan): string[] {
  return node.podRoutes.filter((r) => r.origin === 'bgp').map((r) => r.to);
}
