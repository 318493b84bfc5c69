import { judgeServices } from '../services/judge-services.ts';
import type { Check } from './check.ts';

const ID = 'service-node-port';

/**
 * Every node's address × node port, asked from pods, from nodes (the node itself as well) and from the hosts of the lab.
 */
export const serviceNodePort: Check = {
  id: ID,
  title: 'every node serves every node port, for pods, nodes and the outside',
  suite: 'services',
  requirement: null,
  pairs: [],
  run: (run) => judgeServices(run, { ...serviceNodePort, id: ID }, 'no Service of the lab has a node port'),
};
