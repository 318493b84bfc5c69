import { serviceCheck } from '../services/judge-services.ts';
import type { Check } from './check.ts';

/**
 * spec.externalIPs and the addresses of load balancers, from inside and, where a router knows the way, from outside; who is not in the source
 * ranges hears nothing.
 */
export const serviceLoadBalancer: Check = serviceCheck(
  'service-load-balancer',
  'load balancer and external addresses lead to endpoints',
  'no Service of the lab has a load balancer or external address',
);
