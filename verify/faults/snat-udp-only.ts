import type { Fault } from './fault.ts';
import { firstRule } from './steps.ts';
import { rangesOf } from './target.ts';

/** A check by TCP, or by ping, does not see it. */
export const snatUdpOnly: Fault = {
  id: 'snat-udp-only',
  layer: 'nat',
  title: 'a node masquerades UDP between pods, and nothing else',
  diagnosis: 'source-rewritten-for-one-protocol',
  check: 'r1-pod-to-pod',
  fits: () => true,
  script: (target) => {
    const rules = rangesOf(target, target.node).map((own) =>
      firstRule(target.node.netns, target.family, 'nat', 'POSTROUTING', ['-p', 'udp', '-s', own, '!', '-d', own, '-j', 'MASQUERADE']),
    );
    return { inject: rules.flatMap((rule) => rule.inject), undo: rules.flatMap((rule) => rule.undo) };
  },
};
