import { inventoryCni } from '../inventory/cni.ts';
import { staticCheck } from './static-check.ts';
import type { Check } from './check.ts';

/** The pods that run were attached before: only the next one would show it. */
export const inventoryCniCheck: Check = staticCheck({
  id: 'inventory-cni',
  title: 'every node attaches new pods as planned',
  rule: inventoryCni,
  concerns: (node) => node.conflist !== null,
  isRead: ({ cni }) => cni !== undefined,
  subject: 'the CNI folders',
  expected: 'the planned CNI configuration as the first one, and every plugin that it calls',
  nothing: 'no node attaches pods by CNI plugins',
});
