import { serviceCheck } from '../services/judge-services.ts';
import type { Check } from './check.ts';

/**
 * Every node's address × node port, asked from pods, from nodes (the node itself as well) and from the hosts of the lab.
 */
export const serviceNodePort: Check = serviceCheck(
  'service-node-port',
  'every node serves every node port, for pods, nodes and the outside',
  'no Service of the lab has a node port',
);
