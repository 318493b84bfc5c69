import type { Fault } from './fault.ts';
import { firstRule } from './steps.ts';
import { overlayTo } from './target.ts';

/** A firewall of the node that was not told of the overlay. Nodes themselves still reach each other. */
export const vxlanPortBlocked: Fault = {
  id: 'vxlan-port-blocked',
  layer: 'overlay',
  title: 'a firewall of a node drops the outer packets of the overlay',
  diagnosis: 'overlay-port-blocked',
  check: 'r1-pod-to-pod',
  fits: (target) => (overlayTo(target) === null ? 'there is no VXLAN between the nodes' : true),
  script: (target) => {
    const device = overlayTo(target);
    if (device === null) return { inject: [], undo: [] };
    return firstRule(target.node.netns, device.family, 'filter', 'INPUT', ['-p', 'udp', '--dport', device.port, '-j', 'DROP']);
  },
};
