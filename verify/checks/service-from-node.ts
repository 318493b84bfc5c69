import { judgeServices } from '../services/judge-services.ts';
import type { Check } from './check.ts';

const ID = 'service-from-node';

/**
 * As service-cluster-ip, asked by the nodes themselves: their packets take the output hook of the proxy's rules.
 */
export const serviceFromNode: Check = {
  id: ID,
  title: 'nodes reach every Service by its cluster IP',
  suite: 'services',
  requirement: null,
  pairs: [],
  run: (run) => judgeServices(run, { ...serviceFromNode, id: ID }, 'no Service of the lab has a cluster IP and an endpoint'),
};
