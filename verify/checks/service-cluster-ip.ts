import { serviceCheck } from '../services/judge-services.ts';
import type { Check } from './check.ts';

/**
 * Every pod × Service port × protocol: an endpoint answers each connection, every endpoint is met, and none is chosen more or less often than
 * chance allows.
 */
export const serviceClusterIp: Check = serviceCheck(
  'service-cluster-ip',
  'pods reach every Service by its cluster IP, and every endpoint behind it',
  'no Service of the lab has a cluster IP and an endpoint',
);
