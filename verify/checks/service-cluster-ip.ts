import { judgeServices } from '../services/judge-services.ts';
import type { Check } from './check.ts';

const ID = 'service-cluster-ip';

/**
 * Every pod × Service port × protocol: an endpoint answers each connection, every endpoint is met, and none is chosen more or less often than
 * chance allows.
 */
export const serviceClusterIp: Check = {
  id: ID,
  title: 'pods reach every Service by its cluster IP, and every endpoint behind it',
  suite: 'services',
  requirement: null,
  pairs: [],
  run: (run) => judgeServices(run, { ...serviceClusterIp, id: ID }, 'no Service of the lab has a cluster IP and an endpoint'),
};
