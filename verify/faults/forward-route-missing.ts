import type { Fault } from './fault.ts';
import { NO_PLANNED_ROUTE, NOTHING_ROUTED, routeHolder, withoutRoutes } from './lost-route.ts';
import { isOneSegment } from './target.ts';

/** The node answers with "no route"; where it has a default route, packets leak to the underlay instead. */
export const forwardRouteMissing: Fault = {
  id: 'forward-route-missing',
  layer: 'routing',
  title: 'the route to the pods of another node is missing',
  diagnosis: 'no-route-to-pod-cidr',
  check: 'r1-pod-to-pod',
  fits: (target) => (isOneSegment(target) ? NOTHING_ROUTED : routeHolder(target) === null ? NO_PLANNED_ROUTE : true),
  script: (target, snapshot) => withoutRoutes(target, snapshot, routeHolder(target)?.netns ?? target.node.netns),
};
