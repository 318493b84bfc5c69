import { awaitRoutes, bird, sessionName } from './bird-control.ts';
import type { Fault } from './fault.ts';
import { rangesOf } from './target.ts';

/** One session of the full mesh is shut down; each end withdraws what it had learned from the other at once (RFC 4271 section 6.7). */
export const bgpDown: Fault = {
  id: 'bgp-down',
  layer: 'routing',
  title: 'the BGP session between two nodes is down',
  diagnosis: 'bgp-peer-down',
  check: 'r1-pod-to-pod',
  fits: ({ cluster, node, peer }) => {
    if (cluster.cni.type !== 'calico' || !node.bgp?.peers.some((one) => one.node === peer.id)) return 'there is no BGP session between the nodes';
    return cluster.cni.routeReflectors.length === 0 ? true : 'with route reflectors the routes come by another session as well';
  },
  script: (target) => {
    const { node, peer } = target;
    const session = sessionName(node.bgp?.peers.find((one) => one.node === peer.id)?.address ?? '');
    const both = (wanted: 'present' | 'absent'): readonly ReturnType<typeof awaitRoutes>[] => [
      awaitRoutes(node.netns, rangesOf(target, peer), wanted),
      awaitRoutes(peer.netns, rangesOf(target, node), wanted),
    ];
    return {
      inject: [bird(node.netns, `disable ${session}`), ...both('absent')],
      undo: [bird(node.netns, `enable ${session}`), ...both('present')],
    };
  },
};
