import { serviceCheck } from '../services/judge-services.ts';
import type { Check } from './check.ts';

/**
 * As service-cluster-ip, asked by the nodes themselves: their packets take the output hook of the proxy's rules.
 */
export const serviceFromNode: Check = serviceCheck(
  'service-from-node',
  'nodes reach every Service by its cluster IP',
  'no Service of the lab has a cluster IP and an endpoint',
);
