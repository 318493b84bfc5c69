/**
 * A node that asks a Service needs a route that covers its address: a socket looks one up before nat OUTPUT is asked. Pods need none of their node's,
 * because their packets are translated before they are routed.
 */
import { addressAt, parseCidr } from '../../topology/cidr.ts';
import type { NodePlan } from '../../topology/plan.ts';
import type { Finding } from './finding.ts';
import { asksForNames, type Flow, isLost } from './flow.ts';
import { execCommand, type LabView, namespaceOf } from './lab-view.ts';
import { lookupRoute, routeText, routeWords } from './route-lookup.ts';
import { ipArgv } from '../ip-argv.ts';

/** Nodes whose planned route to the Services is gone, or is none, while no other route takes its place. */
export function inventoryServiceRoutes(view: LabView): readonly Finding[] {
  return view.nodes.flatMap((node) => {
    const ranges = view.clusters.get(node.cluster)?.serviceCIDRs ?? [];
    return node.routes.filter((route) => ranges.includes(route.to)).flatMap((route) => lacks(view, node, route));
  });
}

function lacks(view: LabView, node: NodePlan, planned: NodePlan['routes'][number]): readonly Finding[] {
  const { family, to } = planned;
  const namespace = namespaceOf(view, node.netns);
  if (namespace === undefined) return [];
  const found = lookupRoute(namespace, family, addressAt(parseCidr(to), 1));
  if (found?.type === 'unicast') return [];
  return [
    {
      name: 'node-has-no-service-route',
      where: [node.id],
      certainty: 'certain',
      evidence: [
        `${node.name} has ${found === null ? 'no route' : `the route "${routeText(found)}"`} to ${to}, the addresses of Services; planned: "${routeText(planned)}"`,
      ],
      mend: execCommand(view, node, ipArgv(family, 'route', 'replace', ...routeWords(planned))),
      explains: (flow) => isLost(flow) && flow.family === family && flow.client.kind === 'node' && flow.client.node.id === node.id && asksAService(flow),
    },
  ];
}

const asksAService = (flow: Flow): boolean => flow.failure.door?.via === 'cluster-ip' || asksForNames(flow.failure);
