import type { Fault } from './fault.ts';
import { firstRule } from './steps.ts';
import { podAddress, rangesOf } from './target.ts';

/** A check that compares addresses only does not see it. Ports below 1024 are never a probe's own. */
export const snatPortOnly: Fault = {
  id: 'snat-port-only',
  layer: 'nat',
  title: 'a node keeps the source address of a pod and changes its TCP source port',
  diagnosis: 'source-port-rewritten',
  check: 'r1-pod-to-pod',
  fits: () => true,
  script: (target) => {
    const address = podAddress(target, target.pod);
    const to = target.family === 'ipv4' ? `${address}:200-999` : `[${address}]:200-999`;
    const rules = rangesOf(target, target.peer).map((range) =>
      firstRule(target.node.netns, target.family, 'nat', 'POSTROUTING', ['-p', 'tcp', '-s', address, '-d', range, '-j', 'SNAT', '--to-source', to]),
    );
    return { inject: rules.flatMap((rule) => rule.inject), undo: rules.flatMap((rule) => rule.undo) };
  },
};
