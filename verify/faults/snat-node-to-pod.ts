import type { NodePlan } from '../../topology/plan.ts';
import { nodeAddresses } from '../inventory/lab-view.ts';
import { extraAddress } from './extra-address.ts';
import type { Fault } from './fault.ts';
import { firstRule } from './steps.ts';
import { type FaultTarget, hasOnWire, isOneSegment, overlayTo, rangesOf } from './target.ts';

/**
 * The new source belongs to the node, so a check of "is it an address of the node" passes; the socket's own view does not agree.
 * Another planned address where there is one to which replies find back, else one more on the underlay.
 */
export const snatNodeToPod: Fault = {
  id: 'snat-node-to-pod',
  layer: 'nat',
  title: "a node's own traffic to pods of another node leaves with another address of the node",
  diagnosis: 'node-source-rewritten',
  check: 'r2-node-to-pod',
  fits: () => true,
  script: (target) => {
    const { node, peer, family } = target;
    const planned = otherAddress(target, node);
    const extra = planned === null ? extraAddress(target) : null;
    const source = planned ?? extra?.address ?? '';
    // By address and not by "a local one": the VTEP's IPv6 address is its range's anycast address as well (RFC 4291 section 2.6.1), and counts as that.
    const own = nodeAddresses(node).filter((one) => one.family === family && one.address !== source);
    const rules = rangesOf(target, peer).flatMap((range) =>
      own.map((one) => firstRule(node.netns, family, 'nat', 'POSTROUTING', ['-s', one.address, '-d', range, '-j', 'SNAT', '--to-source', source])),
    );
    return {
      inject: [...(extra === null ? [] : [extra.add]), ...rules.flatMap((rule) => rule.inject)],
      undo: [...rules.flatMap((rule) => rule.undo), ...(extra === null ? [] : [extra.remove])],
    };
  },
};

/** The bridge's address, which the peer has a route to like to every pod. In IPv6 it may be the very one that sockets choose (RFC 6724 section 5, rule 8). */
function otherAddress(target: FaultTarget, node: NodePlan): string | null {
  if (isOneSegment(target) || node.bridge === null || target.family === 'ipv6') return null;
  const overlay = overlayTo(target);
  // On one wire with all pods, nobody has an entry for the bridge of another node.
  if (overlay !== null && hasOnWire(target, overlay)) return null;
  const used = overlay?.addresses ?? node.interfaces.flatMap((one) => one.addresses);
  const bridge = node.bridge.addresses.find((one) => one.family === target.family);
  const isOther = bridge !== undefined && !used.some((one) => one.address === bridge.address) && nodeAddresses(node).length > 1;
  return isOther ? bridge.address : null;
}
