/** Every client of every Service at every door, with what must become of it: the plan of the suite. */
import { cidrContains, cidrOf, parseAddress, parseCidr } from '../../topology/cidr.ts';
import type { Endpoint } from '../../engines/port.ts';
import type { ClusterPlan, LabPlan, MachinePlan } from '../../topology/plan.ts';
import type { ServicePlan, ServicePortPlan } from '../../topology/services/service-plan.ts';
import type { Family } from '../../topology/spec.ts';
import { isServed } from '../cast.ts';
import { askers, dialledAddress, speaks, type ClusterEnds } from '../endpoints.ts';
import { expectService, type Caller, type Candidate, type Door, type Expectation } from './expect.ts';
import { standOnPolicy, type PolicyStand } from './policy-stand.ts';

/** One end of the probes of a cluster's Services: its pods and nodes, and the hosts beside it. */
export interface ServiceClient {
  readonly caller: Caller;
  readonly endpoint: Endpoint;
  /** Identity, and that of its node; '' outside. */
  readonly id: string;
  readonly nodeId: string;
}

/** A candidate, with the place where its answers come from. */
export interface FlowCandidate extends Candidate {
  /** Index into {@link ServiceFlows.listeners}; -1 where nothing of the lab has the address. */
  readonly listener: number;
  readonly policy: PolicyStand;
}

export interface ServiceFlow {
  readonly client: ServiceClient;
  readonly service: ServicePlan;
  readonly port: ServicePortPlan;
  readonly protocol: 'tcp' | 'udp';
  readonly family: Family;
  readonly door: Door;
  readonly expectation: Expectation;
  /** Empty unless it is to be served. */
  readonly candidates: readonly FlowCandidate[];
}

/** What an answer can come from: an address and port of a pod, node or host. */
export interface Listener {
  readonly endpoint: Endpoint;
  /** Identity of the pod, node or host. */
  readonly id: string;
}

export interface ServiceFlows {
  readonly cluster: ClusterEnds;
  readonly family: Family;
  readonly protocol: 'tcp' | 'udp';
  readonly flows: readonly ServiceFlow[];
  readonly listeners: readonly Listener[];
}

const PROBED = { TCP: 'tcp', UDP: 'udp' } as const;

/** The flows of one cluster in one family and protocol; SCTP has no probe. */
export function planFlows(plan: LabPlan, cluster: ClusterEnds, family: Family, protocol: 'tcp' | 'udp'): ServiceFlows {
  const clients = clientsOf(plan, cluster, family);
  const listeners = createListeners(plan, cluster, family);
  const stand = standOnPolicy(cluster.plan, family);
  const flows = cluster.plan.services
    .filter((service) => isChosen(cluster, service))
    .flatMap((service) =>
      service.ports
        .filter(
          (port) =>
            port.protocol !== 'SCTP' && PROBED[port.protocol] === protocol && isChosen(cluster, service, port) && saysWhoAnswers(cluster, service, port),
        )
        .flatMap((port) =>
          doorsOf(plan, cluster.plan, service, port, family).flatMap((door) =>
            clients
              .filter(({ caller }) => caller.kind !== 'outside' || (door.via !== 'cluster-ip' && door.node !== null))
              .map((client): ServiceFlow => {
                const expectation = hasRoute(cluster.plan, client.caller, door)
                  ? expectService(cluster.plan, service, port, family, client.caller, door)
                  : NO_ROUTE;
                const candidates = (expectation.fate === 'served' ? expectation.candidates : []).map(
                  (candidate): FlowCandidate => ({
                    ...candidate,
                    listener: listeners.at(candidate.endpoint.address, candidate.port),
                    policy: stand(client.caller, door, candidate, port.protocol),
                  }),
                );
                return { client, service, port, protocol, family, door, expectation, candidates };
              }),
          ),
        ),
    );
  return { cluster, family, protocol, flows, listeners: listeners.all };
}

/** Does the cast ask for the Service, or for that port of it? */
function isChosen({ cast }: ClusterEnds, service: ServicePlan, port?: ServicePortPlan): boolean {
  return cast?.services?.some((one) => one.id === service.id && (one.port === null || port === undefined || one.port === port.port)) ?? true;
}

/** Do all endpoints of a port say who they are? Where no responders can be opened, that is up to the programs of the lab. */
export function saysWhoAnswers({ cast }: ClusterEnds, service: ServicePlan, port: ServicePortPlan): boolean {
  return service.endpoints.every(({ address, ports }) =>
    ports
      .filter((has) => has.name === port.name && has.protocol === port.protocol && has.protocol !== 'SCTP')
      .every((has) => has.protocol === 'SCTP' || isServed(cast, address, PROBED[has.protocol], has.port)),
  );
}

const NO_ROUTE: Expectation = {
  fate: 'unjudged',
  because: 'the node has no route to that address, and a socket of its own needs one before any rule is asked',
};

/** Can a process of a node open a connection to the door at all? Pods have default routes. */
function hasRoute(cluster: ClusterPlan, { kind, node: name }: Caller, { via, address }: Door): boolean {
  const node = kind === 'node' && (via === 'external-ip' || via === 'load-balancer') ? cluster.nodes.find((one) => one.name === name) : undefined;
  if (node === undefined) return true;
  const connected = node.interfaces.flatMap((face) => face.addresses.map((has) => cidrOf(parseAddress(has.address), has.prefixLength)));
  const routed = [...node.routes, ...node.podRoutes].filter((route) => route.type === 'unicast').map((route) => parseCidr(route.to));
  return [...connected, ...routed].some((range) => cidrContains(range, address));
}

/** Pods with interfaces of their own, nodes, and the hosts of the lab. */
function clientsOf(plan: LabPlan, cluster: ClusterEnds, family: Family): readonly ServiceClient[] {
  const names = cluster.plan.nodes.map((node) => node.name);
  const inside = askers(cluster, [...cluster.pods, ...cluster.nodes], 'asks').flatMap((index): readonly ServiceClient[] => {
    const end = cluster.ends[index];
    if (end === undefined || !speaks(end, family)) return [];
    const caller: Caller = {
      kind: end.kind === 'host' ? 'outside' : end.kind,
      pod: end.pod?.id ?? null,
      node: names[end.node] ?? null,
      address: dialledAddress(end, family),
    };
    return [{ caller, endpoint: end.endpoint, id: end.id, nodeId: end.nodeId }];
  });
  const hosts = plan.machines.filter((machine) => isHost(machine) && (cluster.cast?.machines?.has(machine.id) ?? true));
  const outside = hosts.flatMap((machine): readonly ServiceClient[] => {
    const endpoint = hostEndpoint(machine);
    const address = endpoint.addresses.find((one) => one.family === family)?.address;
    return address === undefined ? [] : [{ caller: { kind: 'outside', pod: null, node: null, address }, endpoint, id: machine.id, nodeId: '' }];
  });
  return [...inside, ...outside];
}

/** The addresses at which a port is asked for; none for headless and ExternalName Services, which the network knows nothing of. */
function doorsOf(plan: LabPlan, cluster: ClusterPlan, service: ServicePlan, port: ServicePortPlan, family: Family): readonly Door[] {
  if (service.headless || service.type === 'ExternalName') return [];
  const own = (addresses: readonly string[]): readonly string[] => addresses.filter((address) => address.includes(':') === (family === 'ipv6'));
  const nodeDoors = cluster.nodes.flatMap((node): readonly Door[] => {
    const address = own(node.interfaces.flatMap((face) => face.addresses.map((has) => has.address)))[0];
    return port.nodePort === null || address === undefined ? [] : [{ via: 'node-port', address, port: port.nodePort, node: node.name }];
  });
  const taken =
    (via: 'external-ip' | 'load-balancer') =>
    (address: string): Door => ({
      via,
      address,
      port: port.port,
      node: nodeThatTakes(plan, cluster, address),
    });
  return [
    ...own(service.clusterIPs).map((address): Door => ({ via: 'cluster-ip', address, port: port.port, node: null })),
    ...nodeDoors,
    ...own(service.externalIPs).map(taken('external-ip')),
    ...own(service.loadBalancerIPs).map(taken('load-balancer')),
  ];
}

/** The node to which a router sends an address of no machine. */
function nodeThatTakes(plan: LabPlan, cluster: ClusterPlan, address: string): string | null {
  const single = `${address}/${address.includes(':') ? 128 : 32}`;
  const via = plan.machines.flatMap((machine) => machine.routes).find((route) => route.to === single)?.via;
  return cluster.nodes.find((node) => node.interfaces.some((face) => face.addresses.some((has) => has.address === via)))?.name ?? null;
}

/** Is it a machine that neither routes nor belongs to a cluster? */
export const isHost = (machine: MachinePlan): boolean => machine.kind === 'host';

/** A host as an end of probes, with all its addresses. */
export function hostEndpoint(machine: MachinePlan): Endpoint {
  const addresses = machine.interfaces.flatMap((face) => face.addresses.map(({ family, address }) => ({ family, address })));
  return { id: machine.id, kind: 'host', netns: machine.netns, addresses };
}

/** Collects the places of endpoints, each address and port once. */
function createListeners(
  plan: LabPlan,
  cluster: ClusterEnds,
  family: Family,
): { readonly all: readonly Listener[]; at(address: string, port: number): number } {
  const places = new Map<string, Endpoint>();
  for (const host of plan.machines.filter(isHost).map(hostEndpoint)) for (const { address } of host.addresses) places.set(address, host);
  for (const end of cluster.ends) for (const { address } of end.endpoint.addresses) places.set(address, end.endpoint);
  const all: Listener[] = [];
  const known = new Map<string, number>();
  return {
    all,
    at(address, port): number {
      const key = `${address} ${port}`;
      const index = known.get(key);
      if (index !== undefined) return index;
      const place = places.get(address);
      const created =
        place === undefined
          ? -1
          : all.push({ id: place.id, endpoint: { ...place, id: `${place.id} port ${port}`, addresses: [{ family, address }], port } }) - 1;
      known.set(key, created);
      return created;
    },
  };
}
