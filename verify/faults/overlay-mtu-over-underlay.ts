import { VXLAN_OVERHEAD } from '../inventory/mtu.ts';
import type { Fault } from './fault.ts';
import { cablesOf, narrowLinks } from './narrow-links.ts';
import { isOneSegment, overlayTo } from './target.ts';

const LESS_BYTES = 100;

/** Linux fragments the outer packets, which carry no DF: each large packet of a pod becomes two. */
export const overlayMtuOverUnderlay: Fault = {
  id: 'overlay-mtu-over-underlay',
  layer: 'mtu',
  title: 'the overlay takes packets that are too large for the underlay once they are wrapped',
  diagnosis: 'overlay-packets-fragmented',
  severity: 'warn',
  check: 'size-sweep',
  fits: (target) => {
    if (isOneSegment(target)) return 'the overlay device is a port of a bridge, and tells pods that their packets are too large';
    return overlayTo(target) === null ? 'there is no VXLAN between the nodes' : true;
  },
  script: (target, snapshot) => {
    const device = overlayTo(target);
    return device === null ? { inject: [], undo: [] } : narrowLinks(target, snapshot, device.mtuBytes + VXLAN_OVERHEAD[device.family] - LESS_BYTES, cablesOf);
  },
};
