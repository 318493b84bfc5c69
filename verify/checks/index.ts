/** All checks, in the order in which they run and are reported. */
import type { Check } from './check.ts';
import { controls } from './controls.ts';
import { loss } from './loss.ts';
import { r1PodToPod } from './r1-pod-to-pod.ts';
import { r2NodeToPod } from './r2-node-to-pod.ts';
import { r2PodToNode } from './r2-pod-to-node.ts';
import { r3SelfView } from './r3-self-view.ts';
import { self } from './self.ts';
import { sizeSweep } from './size-sweep.ts';

export type CheckId = 'r1-pod-to-pod' | 'r2-node-to-pod' | 'r2-pod-to-node' | 'r3-self-view' | 'self' | 'size-sweep' | 'loss' | 'controls';

export const checks: Readonly<Record<CheckId, Check>> = {
  'r1-pod-to-pod': r1PodToPod,
  'r2-node-to-pod': r2NodeToPod,
  'r2-pod-to-node': r2PodToNode,
  'r3-self-view': r3SelfView,
  self,
  'size-sweep': sizeSweep,
  loss,
  controls,
};
