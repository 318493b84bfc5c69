/** A route to the pods of the peer, taken away and given back exactly as it was found. */
import type { Snapshot } from '../../engines/port.ts';
import { awaitRoutes, bird, KERNEL_PROTOCOL } from './bird-control.ts';
import type { FaultScript } from './fault.ts';
import { routeAsFound, routesTo } from './steps.ts';
import { type FaultTarget, isOneSegment, rangesOf } from './target.ts';

interface Holder {
  readonly netns: string;
  readonly kind: 'node' | 'router';
  readonly origin: 'static' | 'bgp';
}

/** Who holds the planned route to the peer's pods: the node, or a router; null where nothing is routed. */
export function routeHolder(target: FaultTarget): Holder | null {
  if (isOneSegment(target)) return null;
  const ranges = rangesOf(target, target.peer);
  const leads = (route: { readonly to: string; readonly type: string }): boolean => route.type === 'unicast' && ranges.includes(route.to);
  const own = target.node.podRoutes.find(leads);
  if (own !== undefined) return { netns: target.node.netns, kind: 'node', origin: own.origin };
  const router = target.plan.machines.find((machine) => machine.kind === 'router' && machine.routes.some(leads));
  return router === undefined ? null : { netns: router.netns, kind: 'router', origin: 'static' };
}

/** true, or the reason why no route can be lost. */
export function routeCanBeLost(target: FaultTarget): true | string {
  if (isOneSegment(target)) return 'pods are bridged over one layer-2 segment: no node has a route to the pods of another';
  return routeHolder(target) === null ? 'the plan holds no route to the pods of another node' : true;
}

/** Takes away every route to the ranges of the peer's pods in `netns`. */
export function withoutRoutes(target: FaultTarget, snapshot: Snapshot, netns: string): FaultScript {
  const found = rangesOf(target, target.peer).flatMap((range) => routesTo(snapshot, netns, range));
  return { inject: found.map((route) => routeAsFound(netns, 'del', route)), undo: found.map((route) => routeAsFound(netns, 'replace', route)) };
}

/** The same for good: BIRD puts a deleted route back within its scan time, so it is told to keep out of the kernel's table. */
export function lostForGood(target: FaultTarget, snapshot: Snapshot): FaultScript {
  const holder = routeHolder(target);
  if (holder === null) return { inject: [], undo: [] };
  const { netns } = holder;
  if (holder.origin === 'static') return withoutRoutes(target, snapshot, netns);
  const ranges = rangesOf(target, target.peer);
  return {
    inject: [bird(netns, `disable ${KERNEL_PROTOCOL}`), awaitRoutes(netns, ranges, 'absent')],
    undo: [bird(netns, `enable ${KERNEL_PROTOCOL}`), awaitRoutes(netns, ranges, 'present')],
  };
}
