import type { NodePlan } from '../../topology/plan.ts';
import { nodeAddresses } from '../inventory/lab-view.ts';
import { extraAddress } from './extra-address.ts';
import type { Fault } from './fault.ts';
import { firstRule } from './steps.ts';
import { type FaultTarget, isOneSegment, overlayTo, rangesOf } from './target.ts';

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
    const rules = rangesOf(target, peer).map((range) => firstRule(
      node.netns, family, 'nat', 'POSTROUTING', ['-d', range, '-m', 'addrtype', '--src-type', 'LOCAL', '-j', 'SNAT', '--to-source', source],
    ));
    return {
      inject: [...(extra === null ? [] : [extra.add]), ...rules.flatMap((rule) => rule.inject)],
      undo: [...rules.flatMap((rule) => rule.undo), ...(extra === null ? [] : [extra.remove])],
    };
  },
};

/** The bridge's address, which the peer has a route to like to every pod. */
function otherAddress(target: FaultTarget, node: NodePlan): string | null {
  if (isOneSegment(target) || node.bridge === null) return null;
  const used = overlayTo(target)?.addresses ?? node.interfaces.flatMap((one) => one.addresses);
  const bridge = node.bridge.addresses.find((one) => one.family === target.family);
  const isOther = bridge !== undefined && !used.some((one) => one.address === bridge.address) && nodeAddresses(node).length > 1;
  return isOther ? bridge.address : null;
}
