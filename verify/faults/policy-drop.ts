import type { Fault } from './fault.ts';
import { hasReachablePod, reachablePod } from './reachable-pod.ts';
import { firstRule } from './steps.ts';
import { podAddress } from './target.ts';

/** What a policy of a cluster would do, by a rule that nobody asked for. At the client it is silence, as where a return route is missing. */
export const policyDrop: Fault = {
  id: 'policy-drop',
  layer: 'policy',
  title: 'a node drops what is sent to a pod of it',
  diagnosis: 'policy-drops',
  check: 'r1-pod-to-pod',
  fits: hasReachablePod,
  script: (target) =>
    firstRule(target.node.netns, target.family, 'filter', 'FORWARD', ['-d', podAddress(target, reachablePod(target) ?? target.pod), '-j', 'DROP']),
};
