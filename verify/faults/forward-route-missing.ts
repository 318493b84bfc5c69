import type { Fault } from './fault.ts';
import { lostForGood, routeCanBeLost } from './lost-route.ts';

/** The node answers with "no route"; where it has a default route, packets leak to the underlay instead. */
export const forwardRouteMissing: Fault = {
  id: 'forward-route-missing',
  layer: 'routing',
  title: 'the route to the pods of another node is missing',
  diagnosis: 'no-route-to-pod-cidr',
  check: 'r1-pod-to-pod',
  fits: routeCanBeLost,
  script: lostForGood,
};
