/** A route to the pods of the peer, taken away and given back exactly as it was found. */
import type { Snapshot } from '../../engines/port.ts';
import type { FaultScript } from './fault.ts';
import { routeAsFound, routesTo } from './steps.ts';
import { type FaultTarget, isOneSegment, rangesOf } from './target.ts';

/** Who holds the planned route to the peer's pods: the node, or a router; null where nothing is routed. */
export function routeHolder(target: FaultTarget): { readonly netns: string; readonly kind: 'node' | 'router' } | null {
  if (isOneSegment(target)) return null;
  const ranges = rangesOf(target, target.peer);
  const leads = (route: { readonly to: string; readonly type: string }): boolean => route.type === 'unicast' && ranges.includes(route.to);
  if (target.node.podRoutes.some(leads)) return { netns: target.node.netns, kind: 'node' };
  const router = target.plan.machines.find((machine) => machine.kind === 'router' && machine.routes.some(leads));
  return router === undefined ? null : { netns: router.netns, kind: 'router' };
}

export const NOTHING_ROUTED = 'pods are bridged over one layer-2 segment: no node has a route to the pods of another';
export const NO_PLANNED_ROUTE = 'the plan holds no route to the pods of another node';

/** Takes away every route to the ranges of the peer's pods in `netns`. */
export function withoutRoutes(target: FaultTarget, snapshot: Snapshot, netns: string): FaultScript {
  const found = rangesOf(target, target.peer).flatMap((range) => routesTo(snapshot, netns, range));
  return { inject: found.map((route) => routeAsFound(netns, 'del', route)), undo: found.map((route) => routeAsFound(netns, 'replace', route)) };
}
