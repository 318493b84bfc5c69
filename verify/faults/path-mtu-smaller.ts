import type { NodePlan } from '../../topology/plan.ts';
import type { Fault } from './fault.ts';
import { cablesOf, narrowLinks } from './narrow-links.ts';
import { isOneSegment, overlayTo } from './target.ts';

/** More than IPv6's minimum of 1280 (RFC 8200) stays, where pods have at least 1380. */
const LESS_BYTES = 100;

/** Senders are told (RFC 1191, RFC 8201), and send smaller packets from then on: slower, and not broken. */
export const pathMtuSmaller: Fault = {
  id: 'path-mtu-smaller',
  layer: 'mtu',
  title: 'the way to other nodes is narrower than the pods believe, and they are told so',
  diagnosis: 'path-mtu-below-pod-mtu',
  severity: 'warn',
  check: 'size-sweep',
  fits: (target) => (isOneSegment(target) ? 'pods are bridged over one layer-2 segment: no router on the way tells them' : true),
  script: (target, snapshot) => {
    const overlay = overlayTo(target);
    const mtu = target.pod.interface.mtuBytes - LESS_BYTES;
    const tunnels = (node: NodePlan): readonly string[] => [...node.vxlans, ...(node.tun === undefined ? [] : [node.tun])].map((one) => one.name);
    return narrowLinks(target, snapshot, mtu, overlay === null && target.node.tun === undefined ? cablesOf : tunnels);
  },
};
