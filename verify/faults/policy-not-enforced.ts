import type { Fault } from './fault.ts';
import { enforcesAt, onPolicyTable, policyStep } from './policy-table.ts';

/** A firewall that was loaded anew, or an agent that never ran: policies stand in the API, and nothing drops. */
export const policyNotEnforced: Fault = {
  id: 'policy-not-enforced',
  layer: 'policy',
  title: 'the rules by which a node enforces NetworkPolicies are gone',
  diagnosis: 'policy-not-enforced',
  check: 'policy-matrix',
  fits: enforcesAt,
  script: onPolicyTable((netns) => [policyStep(netns, ['delete', 'table'])]),
};
