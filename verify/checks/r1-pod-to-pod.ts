import type { Check } from './check.ts';
import { judgePairs } from './pairs-of-mesh.ts';

/** R1: the whole 5-tuple, per protocol and family, for every ordered pair of pods of a cluster; and connection tracking on every node. */
export const r1PodToPod: Check = {
  id: 'r1-pod-to-pod',
  title: 'every pod reaches every other pod, unchanged',
  suite: 'network',
  requirement: 'R1',
  pairs: ['pod-to-pod'],
  run: (run) => judgePairs(run, r1PodToPod, 'pod-to-pod', 'no cluster has two pods with interfaces of their own'),
};
