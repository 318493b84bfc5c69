import type { CniSpec } from '../../topology/spec.ts';
import type { PolicyCase } from './case.ts';
import { examples } from './examples.ts';
import { peers } from './peers.ts';
import { ports } from './ports.ts';
import { actions, conflicts, namespaces, rules, targets } from './shapes.ts';

/** Every case, family by family. */
export const policyCases: readonly PolicyCase[] = [...actions, ...peers, ...ports, ...rules, ...namespaces, ...conflicts, ...targets, ...examples];

/** The CNIs that enforce them; calico with a whole /24 per node, as the blocks of the cases suppose it. */
export const fields = {
  calico: { type: 'calico', blockSize: 24 },
  weave: { type: 'weave' },
  kindnet: { type: 'kindnet' },
} as const satisfies Readonly<Record<string, CniSpec>>;
