import type { HttpReply, HttpRequest } from '../../engines/port.ts';
import { controllerPods, HTTP_PORT } from '../../topology/ingress/controller.ts';
import { servedIngresses } from '../../topology/ingress/read-ingress.ts';
import { endpointsBehind } from '../../topology/ingress/routing.ts';
import { endpointText } from '../../topology/services/proxy/hashes.ts';
import type { ClusterPlan, PodPlan } from '../../topology/plan.ts';
import type { ServicePlan } from '../../topology/services/service-plan.ts';
import type { Family } from '../../topology/spec.ts';
import type { ClusterEnds } from '../endpoints.ts';
import { execLine, type ProbedFailure } from '../failure.ts';
import { MOST_REQUESTS, plannedRequests, type PlannedRequest } from '../ingress/requests.ts';
import type { FailureClass } from '../oracle.ts';
import type { Run } from '../run.ts';
import { hostEndpoint, isHost, planFlows, type ServiceFlow } from '../services/flows.ts';
import { hostsWithoutWay } from '../services/observe.ts';
import { standOnPolicy } from '../services/policy-stand.ts';
import type { Check } from './check.ts';
import { concludeCount, countFailure, startCount } from './count.ts';

/** Clients of a kind at most. */
const MOST_CLIENTS = 5;

/**
 * Every rule's host and path, asked by a pod of each node, each node and the hosts outside, at the door that each has to the controller: an endpoint of the right
 * Service answers. What no rule names gets the default backend, or 404; a Service without endpoints 503. The servers behind are the check's own.
 */
export const ingress: Check = {
  id: 'ingress',
  title: 'each host and path of an Ingress leads to its Service, from inside and outside',
  suite: 'services',
  requirement: null,
  pairs: [],
  run: async (run) => {
    const count = startCount();
    const clusters = run.clusters.filter(({ plan }) => servedIngresses(plan.objects).length > 0);
    const served = clusters.filter(({ plan }) => controllerPods(plan).length > 0 && plan.kubeProxy.mode !== 'none');
    const http = run.session.http?.bind(run.session);
    for (const cluster of served) {
      if (http === undefined) break;
      for (const family of run.options.families.filter((one) => cluster.plan.families.includes(one))) {
        const stand = await standOf(run, cluster, family);
        if (stand === null) continue;
        const { replies, unusable } = await http({
          servers: stand.servers,
          deadlineMs: Math.max(run.options.deadlineMs, PATIENCE_MS),
          clients: stand.flows.map(({ client, door }) => ({
            netns: client.endpoint.netns,
            asks: stand.asked.map(({ request: { host, path } }) => ({ address: door.address, port: door.port, host, path })),
          })),
        });
        const shut = new Map<string, string>(
          stand.servers.flatMap((server, at) => {
            const reason = unusable[at] ?? null;
            return reason === null ? [] : [[`${server.netns} ${server.port}`, reason] as const];
          }),
        );
        for (const reason of new Set(shut.values())) run.notLookedAt.push(`servers behind Ingresses of ${cluster.plan.name}: ${reason}`);
        stand.flows.forEach((flow, at) =>
          stand.asked.forEach((one, nth) => {
            if (one.servers.some((server) => shut.has(server))) return;
            count.planned++;
            const reply = replies[at]?.[nth] ?? { failed: 'silent' };
            const wrong = problemOf(one, reply);
            if (wrong === null) count.passed++;
            else countFailure(count, () => failureOf(run, flow, one, wrong));
          }),
        );
      }
    }
    return concludeCount(ingress, count, nothing(clusters, http === undefined, served));
  },
};

/** nginx waits five seconds for an endpoint before it tries the next: nobody waits that long here. */
const PATIENCE_MS = 2000;

function nothing(clusters: readonly ClusterEnds[], blind: boolean, served: readonly ClusterEnds[]): string {
  if (clusters.length === 0) return 'no Ingress is in the lab';
  if (blind) return 'Ingresses are not asked on this engine: it opens no HTTP servers behind them, and installs no controller';
  return served.length === 0 ? 'no controller of an Ingress can be reached' : 'no client reaches the controller by the plan';
}

/** A request with what must come of it. */
interface Asked {
  readonly request: PlannedRequest;
  readonly status: 200 | 404 | 503;
  /** `10.244.1.2:8080`: one of them answers. */
  readonly endpoints: readonly string[];
  /** Keys of the servers that must be open for it. */
  readonly servers: readonly string[];
  readonly service: ServicePlan | null;
}

interface Stand {
  /** One per client, by its door. */
  readonly flows: readonly ServiceFlow[];
  readonly asked: readonly Asked[];
  readonly servers: HttpRequest['servers'];
}

async function standOf(run: Run, cluster: ClusterEnds, family: Family): Promise<Stand | null> {
  const controllers = controllerPods(cluster.plan);
  const flows = await flowsTo(run, cluster, family, controllers);
  const { requests, left } = plannedRequests(cluster.plan);
  if (left > 0) run.notLookedAt.push(`${left} paths of Ingresses of ${cluster.plan.name}: they hold letters that are not asked for as they are`);
  if (requests.length > MOST_REQUESTS)
    run.notLookedAt.push(`${requests.length - MOST_REQUESTS} requests to Ingresses of ${cluster.plan.name}: the first ones were sent`);
  const places = netnsByAddress(run, cluster);
  const reach = reachable(cluster.plan, family, controllers);
  const servers = new Map<string, HttpRequest['servers'][number]>();
  const closed = new Set<string>();
  const asked = requests.slice(0, MOST_REQUESTS).flatMap((request): readonly Asked[] => {
    if (request.backend === null) return [{ request, status: 404, endpoints: [], servers: [], service: null }];
    const { service, endpoints } = endpointsBehind(cluster.plan, request.backend);
    const behind = endpoints.map(({ endpoint, port }) => ({ netns: places.get(endpoint.address), port, endpoint }));
    if (behind.some(({ netns, endpoint, port }) => netns === undefined || !reach(endpoint, port))) {
      closed.add(`${request.backend.namespace}/${request.backend.service}`);
      return [];
    }
    const open = behind.flatMap(({ netns, port }) => (netns === undefined ? [] : [{ netns, port }]));
    for (const server of open) servers.set(`${server.netns} ${server.port}`, server);
    return [
      {
        request,
        service,
        status: endpoints.length === 0 ? 503 : 200,
        endpoints: endpoints.map(({ endpoint, port }) => endpointText(endpoint.address, port)),
        servers: open.map((server) => `${server.netns} ${server.port}`),
      },
    ];
  });
  if (closed.size > 0)
    run.notLookedAt.push(`Ingresses to ${[...closed].join(', ')}: the controller may not reach all its endpoints, or the lab does not have them`);
  return flows.length === 0 || asked.length === 0 ? null : { flows, asked, servers: [...servers.values()] };
}

/** The ways by which clients come to a controller: each by one door, the one that is meant for it. */
async function flowsTo(run: Run, cluster: ClusterEnds, family: Family, controllers: readonly PodPlan[]): Promise<readonly ServiceFlow[]> {
  const plan = planFlows(run.plan, cluster, family, 'tcp');
  const ids = new Set(controllers.map((pod) => pod.id));
  const way = plan.flows.filter(
    ({ expectation, candidates, client }) =>
      expectation.fate === 'served' &&
      candidates.length > 0 &&
      candidates.every(({ endpoint, policy, port }) => ids.has(endpoint.pod ?? '') && policy === 'open' && port === HTTP_PORT) &&
      !ids.has(client.caller.pod ?? ''),
  );
  const outside = way.some(({ client }) => client.caller.kind === 'outside');
  const away = outside ? await hostsWithoutWay(run, plan) : new Set<string>();
  const chosen = new Map<string, ServiceFlow>();
  const groups = new Map<string, number>();
  for (const door of ['load-balancer', 'cluster-ip', 'node-port'] as const) {
    for (const flow of way.filter((one) => one.door.via === door)) {
      const { client } = flow;
      const { kind, node } = client.caller;
      if (kind === 'outside' ? away.has(`${client.id} ${flow.door.node}`) : door !== 'cluster-ip') continue;
      // One pod per node.
      const key = kind === 'pod' ? `pod on ${node}` : client.id;
      if (chosen.has(key)) continue;
      const count = (groups.get(kind) ?? 0) + 1;
      groups.set(kind, count);
      if (count <= MOST_CLIENTS) chosen.set(key, flow);
    }
  }
  return [...chosen.values()];
}

/** May every controller open a connection to the endpoint? */
function reachable(plan: ClusterPlan, family: Family, controllers: readonly PodPlan[]): (endpoint: ServicePlan['endpoints'][number], port: number) => boolean {
  const stand = standOnPolicy(plan, family);
  return (endpoint, port) =>
    controllers.every((pod) => {
      const address = pod.interface?.addresses.find((one) => one.family === family)?.address ?? '';
      const caller = { kind: 'pod', pod: pod.id, node: pod.node, address } as const;
      const door = { via: 'cluster-ip', address: endpoint.address, port, node: null } as const;
      return stand(caller, door, { endpoint, port, source: { kept: true, nodes: [] } }, 'TCP') === 'open';
    });
}

function netnsByAddress(run: Run, cluster: ClusterEnds): ReadonlyMap<string, string> {
  const hosts = run.plan.machines.filter(isHost).map(hostEndpoint);
  return new Map([...hosts, ...cluster.endpoints].flatMap(({ netns, addresses }) => addresses.map(({ address }) => [address, netns] as const)));
}

interface Wrong {
  readonly class: FailureClass;
  readonly saw: string;
}

function problemOf({ request, status, endpoints }: Asked, reply: HttpReply): Wrong | null {
  if ('failed' in reply)
    return reply.failed === 'ECONNREFUSED'
      ? { class: 'refused', saw: 'connection refused' }
      : reply.failed === 'silent'
        ? { class: 'silent', saw: 'no answer before the deadline' }
        : { class: 'error', saw: `failed with ${reply.failed}` };
  const { by } = reply;
  if (by === null) return reply.status === status && status !== 200 ? null : { class: 'finding', saw: `status ${reply.status} by the controller` };
  const where = endpointText(by.address, by.port);
  if (status !== 200) return { class: 'unexpected-answer', saw: `answered by ${where}` };
  if (!endpoints.includes(where)) return { class: 'wrong-server', saw: `answered by ${where}` };
  return by.host === request.host && by.path === request.path ? null : { class: 'foreign-nonce', saw: `${where} was asked for ${by.host}${by.path}` };
}

function expectedOf({ status, endpoints, service }: Asked): string {
  if (status === 404) return 'status 404: no rule and no default backend takes it';
  if (status === 503) return `status 503: ${service === null ? 'there is no such Service' : `${service.id} has no ready endpoint at that port`}`;
  return `an answer by ${service?.id ?? ''} (${endpoints.slice(0, 5).join(', ')}${endpoints.length > 5 ? ', …' : ''})`;
}

function failureOf(run: Run, { client, service, door, family, expectation }: ServiceFlow, asked: Asked, wrong: Wrong): ProbedFailure {
  const { host, path } = asked.request;
  const proxy = expectation.fate === 'served' ? `${service.cluster}/${expectation.proxy}` : '';
  return {
    again: null,
    failure: {
      check: ingress.id,
      family,
      protocol: 'tcp',
      client: client.id,
      clientNode: client.nodeId,
      server: asked.service?.id ?? service.id,
      serverNode: proxy,
      attempt: 0,
      class: wrong.class,
      saw: `http://${host}${path} at ${endpointText(door.address, door.port)}: ${wrong.saw}`,
      expected: expectedOf(asked),
      diagnosis: '',
      conntrack: [],
      door: { via: door.via, address: door.address, port: door.port },
      next: execLine(run.plan, client.id, ['curl', '-si', '-H', `Host:${host}`, `http://${endpointText(door.address, door.port)}${path}`]),
    },
  };
}
