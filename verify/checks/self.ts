import type { Check } from './check.ts';
import { judgePairs } from './pairs-of-mesh.ts';

/** A pod that cannot reach its own address has a broken loopback or address; every other result about it would mislead. */
export const self: Check = {
  id: 'self',
  title: 'every pod reaches itself by its own address',
  suite: 'network',
  requirement: null,
  pairs: ['self'],
  run: (run) => judgePairs(run, self, 'self', 'no pod has an interface of its own'),
};
