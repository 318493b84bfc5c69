import { parseCidr } from '../../topology/cidr.ts';
import type { Fault } from './fault.ts';
import { withoutRoutes } from './lost-route.ts';
import { ip } from './steps.ts';
import { isOneSegment, rangesOf } from './target.ts';

/**
 * Two nodes were given one range (a cloned node, a lease that was handed out twice). The bridge of the second one stands in it as well, so that it looks
 * for the pods of the first one among its own.
 */
export const duplicatePodCidr: Fault = {
  id: 'duplicate-pod-cidr',
  layer: 'addressing',
  title: 'a node was given the pod range of another node as well',
  diagnosis: 'duplicate-pod-cidr',
  check: 'r1-pod-to-pod',
  fits: (target) => {
    if (isOneSegment(target)) return 'all nodes share one range of pods as it is';
    return target.node.bridge === null ? 'pods are routed one by one: no device of a node stands in its range' : true;
  },
  script: (target, snapshot) => {
    const { node, peer, family } = target;
    const gateway = peer.gateways.find((one) => one.includes(':') === (family === 'ipv6')) ?? '';
    const length = parseCidr(rangesOf(target, peer)[0] ?? '').prefixLength;
    const words = [`${gateway}/${length}`, 'dev', node.bridge?.name ?? ''];
    const routes = withoutRoutes(target, snapshot, node.netns);
    return {
      inject: [...routes.inject, ip(node.netns, family, 'addr', 'add', ...words, ...(family === 'ipv6' ? ['nodad'] : []))],
      undo: [{ ...ip(node.netns, family, 'addr', 'del', ...words), tolerant: true }, ...routes.undo],
    };
  },
};
