import type { Fault } from './fault.ts';
import { lostForGood, routeCanBeLost } from './lost-route.ts';

/** Seen from the other side: what its pods send arrives, and the answers die on the node. */
export const returnRouteMissing: Fault = {
  id: 'return-route-missing',
  layer: 'routing',
  title: 'a node has no route back to the pods that call its own',
  diagnosis: 'no-return-route',
  check: 'r1-pod-to-pod',
  fits: routeCanBeLost,
  script: lostForGood,
};
