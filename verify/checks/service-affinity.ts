import { serviceCheck } from '../services/judge-services.ts';
import type { Check } from './check.ts';

/**
 * sessionAffinity ClientIP: all connections of one client through one proxy end at one endpoint.
 */
export const serviceAffinity: Check = serviceCheck(
  'service-affinity',
  'a client keeps its endpoint where sessionAffinity says so',
  'no Service of the lab has sessionAffinity ClientIP and two endpoints',
);
