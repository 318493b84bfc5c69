import type { Fault } from './fault.ts';
import { enforcesAt, onPolicyTable, policyStep } from './policy-table.ts';

/** One rule too many before those of the policies; all others stand. */
export const policyTooWide: Fault = {
  id: 'policy-too-wide',
  layer: 'policy',
  title: 'a rule lets everybody in to a pod that policies isolate',
  diagnosis: 'policy-allows-more',
  check: 'policy-matrix',
  fits: enforcesAt,
  script: onPolicyTable((netns, chains) =>
    chains.filter((chain) => chain.endsWith('.ingress')).map((chain) => policyStep(netns, ['insert', 'rule'], chain, 'accept')),
  ),
};
