/** A route to the pods of the peer that leads to a pod's side of the node: what comes in by the underlay or the overlay would go out elsewhere. */
import type { Snapshot } from '../../engines/port.ts';
import type { FaultScript } from './fault.ts';
import { routeHolder, withoutRoutes } from './lost-route.ts';
import { ip } from './steps.ts';
import { type FaultTarget, isRoutedPerPod, rangesOf } from './target.ts';

/** true where the node itself holds the route, else the reason. */
export function routeCanTurn(target: FaultTarget): true | string {
  return routeHolder(target)?.kind === 'node' ? true : 'the node itself has no route to the pods of another node that could lead elsewhere';
}

/** Turns the route, and turns it back as it was found. */
export function asymmetricRoute(target: FaultTarget, snapshot: Snapshot): FaultScript {
  const { node, family, pod } = target;
  const wrong = (isRoutedPerPod(target) ? pod.interface.hostName : node.bridge?.name) ?? 'lo';
  const planned = withoutRoutes(target, snapshot, node.netns);
  const ranges = rangesOf(target, target.peer);
  return {
    inject: [...planned.inject, ...ranges.map((range) => ip(node.netns, family, 'route', 'add', range, 'dev', wrong))],
    undo: [...ranges.map((range) => ip(node.netns, family, 'route', 'del', range, 'dev', wrong)), ...planned.undo],
  };
}
