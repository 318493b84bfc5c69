/** What is dialled, and who may answer: one way through a lab as one packet. Pure. */
import type { Endpoint, Snapshot } from '../../engines/port.ts';
import { containersOf, ownsNetns } from '../../topology/docker/places.ts';
import { nodeDevices } from '../../topology/node-devices.ts';
import { LabError } from '../../topology/errors.ts';
import type { LabPlan, PodPlan } from '../../topology/plan.ts';
import { PROBE_PORT } from '../../topology/probing.ts';
import type { ServicePlan, ServiceProtocol } from '../../topology/services/service-plan.ts';
import type { Family } from '../../topology/spec.ts';
import { familyOf } from '../inventory/lab-view.ts';
import type { Between } from '../ladder.ts';
import { textOf } from './netfilter.ts';

/** Two ends of a packet: what anything of the lab can send to. */
export interface WalkEnds {
  /** Of the Services; '' where there is none. */
  readonly cluster: string;
  /** Identity of a pod, node, host, router or container. */
  readonly from: string;
  /** `id` is '' where an address is asked for that nothing of the plan has. */
  readonly to: Between['to'] | { readonly kind: 'host'; readonly id: string };
}

/** One way, asked for. */
export interface WalkQuestion {
  readonly between: WalkEnds;
  /** The word for the second end. */
  readonly word: string;
  /** The address that was named; null: that of the second end. */
  readonly address: string | null;
  /** null: that of the Service, the first port of the pod, else that of the probes. */
  readonly port: number | null;
}

export interface WalkGoal {
  readonly client: Endpoint;
  readonly family: Family;
  readonly protocol: 'tcp' | 'udp';
  readonly address: string;
  readonly port: number;
  /** Addresses and ports at which an answer is right, each with who has it. */
  readonly servers: readonly { readonly endpoint: Endpoint; readonly address: string; readonly port: number }[];
  /** The name that led to the address; null where none did. */
  readonly name: string | null;
}

/**
 * Settles a question.
 *
 * @param snapshot what hosts, routers and containers were given by hand is read of it
 * @throws LabError USAGE for what no packet can be sent to
 */
export function goalOf(plan: LabPlan, question: WalkQuestion, snapshot: Snapshot): WalkGoal {
  const { between, word, address, port } = question;
  const { to } = between;
  const cluster = plan.clusters.find((one) => one.name === between.cluster) ?? plan.clusters[0];
  const places = placesOf(plan, snapshot);
  const client = places.find((one) => one.id === between.from);
  if (client === undefined) throw usage(`${between.from} has no network of its own`, 'name a pod, a node, a host or a container that has');
  const service = to.kind === 'service' ? cluster?.services.find((one) => one.id === to.id) : undefined;
  const name = word.startsWith('svc/') || address !== null || service === undefined ? null : word.replace(/:\d+$/, '');
  const at = (family: Family): Endpoint['addresses'][number] | undefined =>
    places.find((one) => one.id === to.id)?.addresses.find((one) => one.family === family);
  const own = client.addresses.map((one) => one.family);
  const families = [...plan.families.filter((family) => own.includes(family)), ...own.filter((family) => !plan.families.includes(family))];
  if (service === undefined) {
    const named = address ?? families.map((family) => at(family)?.address).find((one) => one !== undefined);
    if (named === undefined) throw usage(`${families.length === 0 ? between.from : to.id} has no address`, 'give it one, or name another end');
    return { client, name, ...doorOf(plan, to.id, named, port, places) };
  }
  const chosen = service.ports.find((one) => one.port === (port ?? (to.kind === 'service' ? to.port : null))) ?? service.ports[0];
  if (service.type === 'ExternalName')
    throw usage(`${service.id} is a name for ${service.externalName}, and nothing of the network`, 'name a Service with endpoints');
  if (chosen === undefined || chosen.protocol === 'SCTP') throw usage(`${service.id} has no port that can be walked to`, 'TCP and UDP can');
  if (port !== null && chosen.port !== port)
    throw usage(`${service.id} has no port ${port}`, `its ports are ${service.ports.map((one) => one.port).join(', ')}`);
  const known = [...service.clusterIPs, ...service.externalIPs, ...service.loadBalancerIPs];
  const dialled = address ?? families.map((family) => known.find((one) => familyOf(one) === family)).find((one) => one !== undefined) ?? null;
  const endpoints = serversOf(service, chosen.name, chosen.protocol, places);
  const protocol = chosen.protocol === 'UDP' ? 'udp' : 'tcp';
  if (dialled !== null)
    return {
      client,
      name,
      protocol,
      family: familyOf(dialled),
      address: dialled,
      port: chosen.port,
      servers: endpoints.filter((one) => familyOf(one.address) === familyOf(dialled)),
    };
  // A headless Service is a list of addresses.
  const [first] = endpoints.filter((one) => families.includes(familyOf(one.address)));
  if (first === undefined) throw usage(`${service.id} is headless and has no endpoint that is ready: its name leads nowhere`, 'name another Service');
  return { client, protocol, family: familyOf(first.address), address: first.address, port: first.port, servers: [first], name: name ?? service.id };
}

type Door = Pick<WalkGoal, 'family' | 'protocol' | 'address' | 'port' | 'servers'>;

function doorOf(plan: LabPlan, id: string, address: string, port: number | null, places: readonly Endpoint[]): Door {
  const family = familyOf(address);
  const cluster = plan.clusters.find((one) => one.nodes.some((node) => node.id === id));
  const behind = cluster?.services.flatMap((service) =>
    service.ports.filter((one) => one.nodePort !== null && one.nodePort === port).map((one) => ({ service, one })),
  )[0];
  if (behind !== undefined && behind.one.protocol !== 'SCTP' && port !== null) {
    const servers = serversOf(behind.service, behind.one.name, behind.one.protocol, places).filter((one) => familyOf(one.address) === family);
    return { family, address, port, servers, protocol: behind.one.protocol === 'UDP' ? 'udp' : 'tcp' };
  }
  const published = containersOf(plan)
    .filter(({ host }) => host === id)
    .flatMap((container) =>
      container.ports.filter(({ hostPort }) => hostPort === port).map(({ protocol, containerPort }) => ({ container, protocol, containerPort })),
    )[0];
  if (published !== undefined && port !== null) {
    const { container, protocol, containerPort } = published;
    const endpoint = places.find((one) => one.netns === container.netns);
    const inside = endpoint?.addresses.find((one) => one.family === family)?.address;
    return {
      family,
      address,
      port,
      protocol,
      servers: endpoint === undefined || inside === undefined ? [] : [{ endpoint, address: inside, port: containerPort }],
    };
  }
  const declared = declaredPorts(plan, id);
  const own = port === null ? declared?.find((one) => one.protocol === 'TCP') : declared?.find((one) => one.containerPort === port);
  const number = port ?? own?.containerPort ?? PROBE_PORT;
  const endpoint = places.find((one) => one.addresses.some((has) => has.address === address));
  return {
    family,
    address,
    port: number,
    protocol: own?.protocol === 'UDP' ? 'udp' : 'tcp',
    servers: endpoint === undefined ? [] : [{ endpoint, address, port: number }],
  };
}

type DeclaredPort = Pick<PodPlan['ports'][number], 'containerPort' | 'protocol'>;

function declaredPorts(plan: LabPlan, id: string): readonly DeclaredPort[] | undefined {
  const container = containersOf(plan).find((one) => one.id === id);
  if (container !== undefined) return container.ports.map(({ containerPort, protocol }) => ({ containerPort, protocol: protocol === 'udp' ? 'UDP' : 'TCP' }));
  return plan.clusters.flatMap((one) => one.pods).find((pod) => pod.id === id)?.ports;
}

function serversOf(service: ServicePlan, name: string, protocol: ServiceProtocol, places: readonly Endpoint[]): WalkGoal['servers'] {
  return service.endpoints.flatMap(({ address, ready, ports }) => {
    const port = ports.find((one) => one.name === name && one.protocol === protocol)?.port;
    const endpoint = places.find((one) => one.addresses.some((has) => has.address === address));
    return port === undefined || !ready || endpoint === undefined ? [] : [{ endpoint, address, port }];
  });
}

/** Everything that has a network of its own, with all its addresses: those that others dial first. */
function placesOf(plan: LabPlan, { namespaces }: Snapshot): readonly Endpoint[] {
  const bare = (addresses: readonly Endpoint['addresses'][number][]): Endpoint['addresses'] => addresses.map(({ family, address }) => ({ family, address }));
  // Those of the plan first, then those given by hand.
  const withFound = (netns: string, planned: Endpoint['addresses']): Endpoint['addresses'] => {
    const found = (namespaces[netns]?.addresses ?? []).filter(({ dev, address }) => dev !== 'lo' && !/^fe[89ab]/.test(address));
    return [...planned, ...bare(found.filter(({ address }) => !planned.some((one) => one.address === address)))];
  };
  return [
    ...plan.clusters.flatMap((cluster) =>
      cluster.pods
        .filter((pod) => !pod.hostNetwork)
        .map((pod): Endpoint => {
          const node = cluster.nodes.find((one) => one.name === pod.node)?.netns;
          const faces = [...(pod.interface === null ? [] : [pod.interface]), ...(pod.attachments ?? [])];
          return { id: pod.id, kind: 'pod', netns: pod.netns, ...(node === undefined ? {} : { node }), addresses: bare(faces.flatMap((one) => one.addresses)) };
        }),
    ),
    ...plan.clusters.flatMap((cluster) =>
      cluster.nodes.map((node): Endpoint => {
        return { id: node.id, kind: 'node', netns: node.netns, node: node.netns, addresses: bare(nodeDevices(node).flatMap((one) => one.addresses)) };
      }),
    ),
    ...plan.machines.map(
      ({ id, netns, interfaces }): Endpoint => ({ id, kind: 'host', netns, addresses: withFound(netns, bare(interfaces.flatMap((one) => one.addresses))) }),
    ),
    ...containersOf(plan)
      .filter(ownsNetns)
      .map(({ id, netns, interface: face }): Endpoint => ({ id, kind: 'host', netns, addresses: withFound(netns, bare(face?.addresses ?? [])) })),
  ];
}

/** `10.96.0.10:53`. */
export function goalText({ address, port }: WalkGoal): string {
  return textOf(address, port);
}

function usage(message: string, hint: string): LabError {
  return new LabError({ code: 'USAGE', message, hint });
}
