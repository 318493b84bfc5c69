import type { Fault } from './fault.ts';
import { firstRule } from './steps.ts';
import { rangesOf } from './target.ts';

/** What `ipMasq: true` of the bridge plugin does on several nodes: everything that leaves the node's own range gets the node's address. */
export const masqueradePodToPod: Fault = {
  id: 'masquerade-pod-to-pod',
  layer: 'nat',
  title: 'a node masquerades what its pods send to pods of other nodes',
  diagnosis: 'pod-source-rewritten',
  check: 'r1-pod-to-pod',
  fits: () => true,
  script: (target) => {
    const rules = rangesOf(target, target.node).map((own) =>
      firstRule(target.node.netns, target.family, 'nat', 'POSTROUTING', ['-s', own, '!', '-d', own, '-j', 'MASQUERADE']),
    );
    return { inject: rules.flatMap((rule) => rule.inject), undo: rules.flatMap((rule) => rule.undo) };
  },
};
