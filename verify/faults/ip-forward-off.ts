import type { Fault } from './fault.ts';
import { sysctl } from './steps.ts';
import { isOneSegment } from './target.ts';

/** Drops without a word: no ICMP, only IpInAddrErrors counts. */
export const ipForwardOff: Fault = {
  id: 'ip-forward-off',
  layer: 'forwarding',
  title: 'a node does not forward packets',
  diagnosis: 'forwarding-disabled',
  check: 'r1-pod-to-pod',
  fits: (target) => (isOneSegment(target) ? 'pods are bridged over one layer-2 segment: no node forwards their packets' : true),
  script: ({ node, family }) => {
    const key = family === 'ipv4' ? 'net.ipv4.ip_forward' : 'net.ipv6.conf.all.forwarding';
    return { inject: [sysctl(node.netns, key, 0)], undo: [sysctl(node.netns, key, 1)] };
  },
};
