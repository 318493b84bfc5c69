import { extraAddress } from './extra-address.ts';
import type { Fault } from './fault.ts';
import { firstRule } from './steps.ts';
import { podAddress, rangesOf } from './target.ts';

/** Both sockets agree, so only conntrack on the two nodes and their rules show it. An address of its own keeps node-to-pod traffic clean. */
export const snatUndoneAtPeer: Fault = {
  id: 'snat-undone-at-peer',
  layer: 'nat',
  title: 'a node translates the source of a pod and the other node translates it back',
  diagnosis: 'hidden-double-nat',
  check: 'r1-pod-to-pod',
  fits: () => true,
  script: (target) => {
    const { node, peer, family } = target;
    const pod = podAddress(target, target.pod);
    const extra = extraAddress(target);
    const rules = rangesOf(target, peer).flatMap((range) => [
      firstRule(node.netns, family, 'nat', 'POSTROUTING', ['-s', pod, '-d', range, '-j', 'SNAT', '--to-source', extra.address]),
      firstRule(peer.netns, family, 'nat', 'POSTROUTING', ['-s', extra.address, '-d', range, '-j', 'SNAT', '--to-source', pod]),
    ]);
    return { inject: [extra.add, ...rules.flatMap((rule) => rule.inject)], undo: [...rules.flatMap((rule) => rule.undo), extra.remove] };
  },
};
