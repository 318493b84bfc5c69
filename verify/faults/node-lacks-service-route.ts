import type { RouteSnapshot, Snapshot } from '../../engines/port.ts';
import { formatCidr, parseCidr } from '../../topology/cidr.ts';
import type { Fault } from './fault.ts';
import { NONE } from './service-rules-missing.ts';
import { fitsService } from './service-target.ts';
import { routeAsFound, routesTo } from './steps.ts';
import type { FaultTarget } from './target.ts';

/** A socket of the node looks its route up before the rules of the proxy are asked (nat OUTPUT comes after), so it needs one that covers the address. */
export const nodeLacksServiceRoute: Fault = {
  id: 'node-lacks-service-route',
  layer: 'service',
  title: 'a node has no route that covers the addresses of Services',
  diagnosis: 'node-has-no-service-route',
  check: 'service-from-node',
  fits: (target) => {
    const { node, family } = target;
    if (node.routes.some((route) => route.family === family && parseCidr(route.to).prefixLength === 0))
      return `${node.name} has a default route, which leads to the rules of the proxy as well`;
    if (!rangesOfServices(target).some((range) => node.routes.some((route) => route.to === range))) return 'the plan holds no route to the Services';
    return fitsService(target, () => true, NONE);
  },
  script: (target, snapshot) => {
    const found = serviceRoutes(target, snapshot);
    const { netns } = target.node;
    return { inject: found.map((route) => routeAsFound(netns, 'del', route)), undo: found.map((route) => routeAsFound(netns, 'replace', route)) };
  },
};

function rangesOfServices({ cluster, family }: FaultTarget): readonly string[] {
  return cluster.serviceCIDRs.map(parseCidr).flatMap((range) => (range.family === family ? [formatCidr(range)] : []));
}

function serviceRoutes(target: FaultTarget, snapshot: Snapshot): readonly RouteSnapshot[] {
  return rangesOfServices(target).flatMap((range) => routesTo(snapshot, target.node.netns, range));
}
