/**
 * Every node has the planned route (device, next hop, type) to the pods of every other node, and nothing shadows it.
 * A missing route breaks both directions: what leaves finds no route, and replies to what came in find none either.
 */
import type { NamespaceSnapshot, RouteSnapshot } from '../../engines/port.ts';
import { addressAt, type Cidr, cidrContains, cidrSize, formatCidr, parseCidr } from '../../topology/cidr.ts';
import type { MachinePlan, NodePlan, RoutePlan } from '../../topology/plan.ts';
import type { Family } from '../../topology/spec.ts';
import { enableSessions, missingByPeer } from './bgp.ts';
import { counterOf, riseEvidence } from './counters.ts';
import type { Finding } from './finding.ts';
import { type Flow, goes, isLost, isPair, joins, touchesNode } from './flow.ts';
import { addressOf, type EndpointView, execCommand, type LabView, namespaceOf, nodeAddresses, ownersOfRange } from './lab-view.ts';
import { hasRangeOnBridge } from './ranges.ts';
import { effectiveReversePathFilter, reversePathRule } from './reverse-path.ts';
import { inventoryServiceRoutes } from './service-routes.ts';
import { destinationOf, lookupRoute, routesOf, routeText, routeTo, routeWords } from './route-lookup.ts';
import { ipArgv } from '../ip-argv.ts';

/** Deviations of the routes to pods, on nodes and on routers, and of those to Services. */
export function inventoryRoutes(view: LabView): readonly Finding[] {
  return [...podRoutes(view), ...inventoryServiceRoutes(view)];
}

function podRoutes(view: LabView): readonly Finding[] {
  const held = [
    ...view.nodes.map((node) => ({ machine: node, node, routes: node.podRoutes })),
    ...view.routers.map((router) => ({ machine: router, node: null, routes: router.routes })),
  ];
  return held.flatMap(({ machine, node, routes }) => {
    const namespace = namespaceOf(view, machine.netns);
    if (namespace === undefined) return [];
    return routes.flatMap((route) => {
      const peers = ownersOfRange(view, route.to).filter((peer) => peer.id !== node?.id);
      // A bridge in a foreign range is named as that, and the route that goes with it is not.
      if (node !== null && hasRangeOnBridge(view, node, route)) return [];
      return route.type === 'blackhole' || peers.length === 0 ? [] : judge({ view, machine, namespace, route, peers });
    });
  });
}

interface Held {
  readonly view: LabView;
  readonly machine: MachinePlan;
  readonly namespace: NamespaceSnapshot;
  readonly route: RoutePlan;
  /** The nodes whose pods it leads to. */
  readonly peers: readonly NodePlan[];
}

function judge(held: Held): readonly Finding[] {
  const { namespace, route } = held;
  const found = routeTo(namespace, route.family, parseCidr(route.to));
  const shadows = shadowsOf(held);
  if (found === null) return [...missing(held), ...shadows];
  if (found.type !== 'unicast')
    return [{ ...deviation(held, 'route-is-blackhole', `the route found is "${routeText(found)}"`), mend: fillHole(held, found) }, ...shadows];
  if ((route.dev !== null && found.dev !== route.dev) || found.via !== route.via) {
    return [elsewhere(held, found), ...shadows];
  }
  return shadows;
}

function missing(held: Held): readonly Finding[] {
  const { view, machine, namespace, route, peers } = held;
  const fallback = lookupRoute(namespace, route.family, addressAt(parseCidr(route.to), 0));
  const evidence = [
    `${machine.name} has no route to ${route.to}, the pods of ${names(peers)}; planned: "${routeText(route)}"`,
    fallback === null ? 'no other route covers it' : `instead "${routeText(fallback)}" takes the packets`,
  ];
  const mend = mendCommand(held);
  const session = missingByPeer(view, machine, peers);
  if (session !== null) {
    return [
      {
        name: 'bgp-peer-down',
        where: [machine.id, ...session.map((peer) => peer.id)],
        evidence: [...evidence, `${names(session)} in turn lacks the routes to ${machine.name}`],
        mend: execCommand(view, machine, enableSessions(machine.netns)),
        certainty: 'certain',
        explains: (flow) => isLost(flow) && peers.some((peer) => joins(flow, machine.id, peer.id)),
      },
    ];
  }
  const counters = riseEvidence(
    view,
    machine,
    ['IpExtInNoRoutes', 'IcmpOutDestUnreachs'].map((counter) => counterOf(counter, route.family)),
  );
  const base = { where: [machine.id], mend, certainty: 'certain' } as const;
  // Whoever is at the end of the other route may answer: that there is no such port.
  const fails = (flow: Flow): boolean => isLost(flow) || (fallback !== null && flow.failure.class === 'refused');
  return [
    {
      ...base,
      name: 'no-route-to-pod-cidr',
      evidence: [...evidence, ...counters],
      explains: (flow) => fails(flow) && peers.some((peer) => leadsTo(held, flow, peer)),
    },
    {
      ...base,
      name: 'no-return-route',
      evidence: [...evidence, `replies to the pods of ${names(peers)} die on ${machine.name}`, ...counters],
      explains: (flow) => isLost(flow) && peers.some((peer) => leadsTo(held, reversed(flow), peer)),
    },
  ];
}

/** A node's own route serves its own flows; a router's serves everything to the peer. */
function leadsTo(held: Held, flow: Flow, peer: NodePlan): boolean {
  if (held.machine.kind === 'node') return goes(flow, held.machine.id, peer.id);
  return flow.server?.node.id === peer.id && flow.client.node.id !== peer.id;
}

function reversed(flow: Flow): Flow {
  return isPair(flow) ? { ...flow, client: flow.server, server: flow.client } : flow;
}

function elsewhere(held: Held, found: RouteSnapshot): Finding {
  const { view, machine, namespace, route, peers } = held;
  const text = `the route to ${route.to} on ${machine.name} is "${routeText(found)}"; planned: "${routeText(route)}"`;
  const strict = route.dev === null ? 0 : effectiveReversePathFilter(namespace, route.dev);
  if (route.family === 'ipv4' && route.dev !== null && strict === 1 && found.dev !== route.dev) {
    return deviation(
      held,
      'reverse-path-filter-drops',
      `${text}; what comes in from ${names(peers)} by ${route.dev} would go out by ${found.dev ?? 'nowhere'}`,
      [`rp_filter is strict (1) on ${route.dev}: max of conf.all and conf.${route.dev}`, ...riseEvidence(view, machine, ['TcpExtIPReversePathFilter'])],
    );
  }
  const own = route.dev === null || found.dev === route.dev ? null : reversePathRule(namespace, route.family);
  if (own !== null) {
    return deviation(held, 'cni-reverse-path-filter-drops', `${text}; what comes in from ${names(peers)} would go out by ${found.dev ?? 'nowhere'}`, [
      `"${own}" on ${machine.name} drops what fails the reverse path test`,
      `rp_filter, the kernel's own, is ${strict} on ${route.dev}`,
    ]);
  }
  return deviation(held, 'route-points-elsewhere', text);
}

function deviation(held: Held, name: Finding['name'], text: string, more: readonly string[] = []): Finding {
  const { machine, route, peers } = held;
  const own = text.includes(route.to) ? text : `${machine.name}, ${route.to} (pods of ${names(peers)}): ${text}; planned: "${routeText(route)}"`;
  return {
    name,
    where: [machine.id],
    evidence: [own, ...more],
    mend: mendCommand(held),
    certainty: 'certain',
    explains: (flow) =>
      isLost(flow) &&
      (machine.kind === 'node'
        ? peers.some((peer) => joins(flow, machine.id, peer.id))
        : peers.some((peer) => touchesNode(flow, peer.id) && isPair(flow) && flow.client.node.id !== flow.server.node.id)),
  };
}

/** Routes inside the planned range that the plan does not know: they win by their longer prefix. */
function shadowsOf(held: Held): readonly Finding[] {
  const { view, machine, namespace, route, peers } = held;
  const outer = parseCidr(route.to);
  const planned = new Set([...machine.routes, ...('podRoutes' in machine ? (machine as NodePlan).podRoutes : [])].map((one) => one.to));
  return routesOf(namespace, route.family).flatMap((found): readonly Finding[] => {
    const range = destinationOf(found);
    if (range === null || range.prefixLength <= outer.prefixLength || !cidrContains(outer, range)) return [];
    if (planned.has(formatCidr(range)) || (found.dev === route.dev && found.via === route.via && found.type === route.type)) return [];
    // Host routes to a tunnel address of the peer lead the same way (flannel.1 and vxlan.calico on-link).
    if (found.dev === route.dev && found.via === null && found.type === 'unicast' && cidrSize(range) === 1n) return [];
    return [
      {
        name: found.type === 'unicast' ? 'pod-cidr-overlaps' : 'route-is-blackhole',
        where: [machine.id],
        certainty: 'certain',
        evidence: [`"${routeText(found)}" on ${machine.name} takes a part of ${route.to}, the pods of ${names(peers)}`],
        mend: execCommand(view, machine, ipArgv(route.family, 'route', 'del', ...routeWords(found))),
        explains: (flow) => isLost(flow) && [flow.client, flow.server].some((end) => end !== null && speaksFrom(end, route.family, range)),
      },
    ];
  });
}

/** May the end's packets have a source in the range? A node's do with the address of its tunnel device. */
function speaksFrom(end: EndpointView, family: Family, range: Cidr): boolean {
  const address = addressOf(end, family);
  if (end.kind === 'pod') return address !== null && cidrContains(range, address);
  return end.kind === 'node' && nodeAddresses(end.node).some((one) => cidrContains(range, one.address));
}

/** Takes the hole away, and puts the planned route back where nobody announces it. */
function fillHole(held: Held, hole: RouteSnapshot): string {
  const { view, machine, route } = held;
  const metric = hole.metric === 0 ? [] : ['metric', String(hole.metric)];
  const removal = execCommand(view, machine, ipArgv(route.family, 'route', 'del', hole.type, hole.to, ...metric));
  return route.origin === 'bgp' ? removal : `${removal}; ${mendCommand(held)}`;
}

function mendCommand({ view, machine, route }: Held): string {
  return execCommand(view, machine, ipArgv(route.family, 'route', 'replace', ...routeWords(route)));
}

function names(nodes: readonly NodePlan[]): string {
  return nodes.map((node) => node.name).join(', ');
}
