import { serviceCheck } from '../services/judge-services.ts';
import type { Check } from './check.ts';

/**
 * internalTrafficPolicy and externalTrafficPolicy Local: endpoints of other nodes never answer, and a node without any is silent.
 */
export const serviceTrafficPolicy: Check = serviceCheck(
  'service-traffic-policy',
  'traffic policy Local uses the endpoints of that node alone',
  'no Service of the lab has a traffic policy Local',
);
