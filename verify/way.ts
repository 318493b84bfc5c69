/** The namespaces that a flow passes, as planned: where to count and to capture. Pure. */
import type { Place } from './diagnosis/read-capture.ts';
import { flowsOf, nameServers } from './inventory/flow.ts';
import { type EndpointView, type LabView, nodeAddresses } from './inventory/lab-view.ts';
import type { Failure } from './report.ts';

export interface Way {
  /** From the client to the server; behind a Service, to each of its first endpoints. */
  readonly places: readonly Place[];
  /** Packets with one of these addresses are of this flow. */
  readonly addresses: ReadonlySet<string>;
}

/** Endpoints of a Service that are looked at. */
const ENDPOINTS = 4;

/** The way of a failure; without places when its client is nothing of the lab. */
export function wayOf(view: LabView, failure: Failure): Way {
  const [flow] = flowsOf(view, [failure]);
  if (flow === undefined) return { places: [], addresses: new Set() };
  const { client, family } = flow;
  const servers = flow.server === null ? endpointsOf(view, failure, client) : [flow.server];
  const crossing = servers.some((server) => server.node.id !== client.node.id);
  const nodes = [client, ...servers].map(({ node }) => ({ netns: node.netns, name: node.name }));
  const routers = crossing ? view.routers.map(({ netns, name }) => ({ netns, name })) : [];
  const door = view.nodes.filter((node) => node.id === failure.serverNode).map(({ netns, name }) => ({ netns, name }));
  const places = [placeOf(client), ...nodes.slice(0, 1), ...door, ...routers, ...nodes.slice(1), ...servers.map(placeOf)];
  const own = servers.flatMap((server) => addressesOf(server, family));
  // A node's own addresses are on every packet of an overlay: those of the other end tell the flow.
  const from = client.kind === 'node' && servers.some((server) => server.kind === 'pod') ? [] : addressesOf(client, family);
  return {
    places: [...new Map(places.map((place) => [place.netns, place])).values()],
    addresses: new Set([...from, ...own, ...(failure.door === undefined ? [] : [failure.door.address])]),
  };
}

function placeOf({ id, netns, kind, node }: EndpointView): Place {
  return { netns, name: kind === 'node' ? node.name : id };
}

function endpointsOf(view: LabView, failure: Failure, client: EndpointView): readonly EndpointView[] {
  const cluster = view.clusters.get(client.node.cluster);
  const service = cluster?.services.find((one) => one.id === failure.server);
  const family = failure.family ?? 'ipv4';
  const pods =
    service === undefined ? nameServers(view, client.node.cluster, family) : service.endpoints.flatMap(({ pod }) => view.endpoints.get(pod ?? '') ?? []);
  return [...new Set(pods)].slice(0, ENDPOINTS);
}

function addressesOf(end: EndpointView, family: 'ipv4' | 'ipv6'): readonly string[] {
  const all = end.pod?.interface?.addresses ?? (end.kind === 'node' ? nodeAddresses(end.node) : []);
  return all.filter((one) => one.family === family).map((one) => one.address);
}
