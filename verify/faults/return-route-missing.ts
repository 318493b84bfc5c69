import type { Fault } from './fault.ts';
import { NO_PLANNED_ROUTE, NOTHING_ROUTED, routeHolder, withoutRoutes } from './lost-route.ts';
import { isOneSegment } from './target.ts';

/** Seen from the other side: what its pods send arrives, and the answers die on the node. */
export const returnRouteMissing: Fault = {
  id: 'return-route-missing',
  layer: 'routing',
  title: 'a node has no route back to the pods that call its own',
  diagnosis: 'no-return-route',
  check: 'r1-pod-to-pod',
  fits: (target) => (isOneSegment(target) ? NOTHING_ROUTED : routeHolder(target) === null ? NO_PLANNED_ROUTE : true),
  script: (target, snapshot) => withoutRoutes(target, snapshot, routeHolder(target)?.netns ?? target.node.netns),
};
