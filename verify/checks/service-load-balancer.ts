import { judgeServices } from '../services/judge-services.ts';
import type { Check } from './check.ts';

const ID = 'service-load-balancer';

/**
 * spec.externalIPs and the addresses of load balancers, from inside and, where a router knows the way, from outside; who is not in the source
 * ranges hears nothing.
 */
export const serviceLoadBalancer: Check = {
  id: ID,
  title: 'load balancer and external addresses lead to endpoints',
  suite: 'services',
  requirement: null,
  pairs: [],
  run: (run) => judgeServices(run, { ...serviceLoadBalancer, id: ID }, 'no Service of the lab has a load balancer or external address'),
};
