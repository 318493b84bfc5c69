import { PROBE_PORT } from '../../topology/probing.ts';
import type { Fault } from './fault.ts';
import { hasReachablePod, reachablePod } from './reachable-pod.ts';
import { firstRule } from './steps.ts';
import { podAddress } from './target.ts';

/** At the client it is a refusal, as where nothing listens. */
export const policyReject: Fault = {
  id: 'policy-reject',
  layer: 'policy',
  title: 'a node rejects connections to one port of a pod of it',
  diagnosis: 'filter-rejects',
  check: 'r1-pod-to-pod',
  fits: hasReachablePod,
  script: (target) =>
    firstRule(target.node.netns, target.family, 'filter', 'FORWARD', [
      '-d',
      podAddress(target, reachablePod(target) ?? target.pod),
      '-p',
      'tcp',
      '--dport',
      PROBE_PORT,
      '-j',
      'REJECT',
    ]),
};
