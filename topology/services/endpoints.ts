import { formatAddress, tryParseAddress } from '../cidr.ts';
import type { AddressPlan, PodPlan } from '../plan.ts';
import type { Family } from '../spec.ts';
import type { ServiceSource } from './read-service.ts';
import type { Slice } from './read-slices.ts';
import type { EndpointPlan, ServicePortPlan } from './service-plan.ts';
import { hintsFor } from './traffic-distribution.ts';

/** Where endpoints come from: pods by selector, and slices by name. */
export interface EndpointWorld {
  readonly cluster: string;
  readonly podsWith: Selecting<PodPlan>;
  readonly podWithId: (id: string) => PodPlan | undefined;
  readonly slicesOf: (namespace: string, service: string) => readonly Slice[];
  /** Addresses of a node in the plan; none for another name. */
  readonly nodeAddresses: (name: string) => readonly AddressPlan[];
  /** Zone of a node in the plan; '': none. */
  readonly zoneOf: (name: string) => string;
}

/** What of a namespace has every label of a selector, in its order; a selector without labels is met by none. */
export type Selecting<T> = (namespace: string, selector: Readonly<Record<string, string>>) => readonly T[];

/** Finds things by labels: all of them are looked through once, however many selectors there are. */
export function selecting<T extends Pick<PodPlan, 'namespace' | 'labels'>>(all: readonly T[]): Selecting<T> {
  const byLabel = new Map<string, T[]>();
  for (const one of all) {
    for (const [key, value] of Object.entries(one.labels)) {
      const word = `${one.namespace} ${key}=${value}`;
      const having = byLabel.get(word);
      if (having === undefined) byLabel.set(word, [one]);
      else having.push(one);
    }
  }
  return (namespace, selector) => {
    const [first, ...rest] = Object.entries(selector);
    const having = first === undefined ? [] : (byLabel.get(`${namespace} ${first[0]}=${first[1]}`) ?? []);
    return rest.length === 0 ? having : having.filter((one) => rest.every(([key, value]) => one.labels[key] === value));
  };
}

/** The number that a port of a Service has on a pod; null for a name that no container port of that protocol has. */
export function targetPortOn(pod: Pick<PodPlan, 'ports'>, port: ServicePortPlan): number | null {
  if (typeof port.targetPort === 'number') return port.targetPort;
  return pod.ports.find((has) => has.name === port.targetPort && has.protocol === port.protocol)?.containerPort ?? null;
}

function ofPod(pod: PodPlan, source: ServiceSource, families: readonly Family[], world: EndpointWorld): readonly EndpointPlan[] {
  const ports = source.ports.flatMap((port) => {
    const number = targetPortOn(pod, port);
    return number === null ? [] : [{ name: port.name, protocol: port.protocol, port: number }];
  });
  const addresses = pod.interface?.addresses ?? world.nodeAddresses(pod.node);
  const ready = pod.ready || source.publishNotReadyAddresses;
  const hints = source.trafficDistribution === undefined || !ready ? null : hintsFor(source.trafficDistribution, pod.node, world.zoneOf(pod.node));
  return families.flatMap((family) => {
    const own = addresses.find((address) => address.family === family);
    if (own === undefined) return [];
    return [
      {
        family,
        address: own.address,
        ports,
        node: pod.node,
        pod: pod.id,
        // Set in the slice only where pod and Service name each other: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
        hostname: pod.subdomain === source.name ? pod.hostname : '',
        ready,
        ...(hints === null ? {} : { hints }),
      },
    ];
  });
}

function ofSlices(source: ServiceSource, families: readonly Family[], world: EndpointWorld): readonly EndpointPlan[] {
  // The control plane mirrors Endpoints into slices for Services without a selector only; with one it writes them itself.
  const slices = world.slicesOf(source.namespace, source.name).filter((slice) => slice.kind === 'EndpointSlice' || source.selector === null);
  return slices.flatMap((slice) =>
    slice.endpoints.flatMap((endpoint): readonly EndpointPlan[] => {
      const parsed = tryParseAddress(endpoint.address);
      if (!parsed.ok || !families.includes(parsed.address.family)) return [];
      const pod = world.podWithId(`${world.cluster}/${endpoint.pod}`);
      const node = endpoint.node === '' ? pod?.node : endpoint.node;
      return [
        {
          family: parsed.address.family,
          address: formatAddress(parsed.address.family, parsed.address.value),
          ports: endpoint.ports.filter((port) => source.ports.some((has) => has.name === port.name && has.protocol === port.protocol)),
          node: node !== undefined && world.nodeAddresses(node).length > 0 ? node : null,
          pod: pod?.id ?? null,
          hostname: endpoint.hostname,
          ready: endpoint.ready,
          // Slices of others have the hints that they were written with: the controller adds none.
          ...(endpoint.hints === undefined ? {} : { hints: endpoint.hints }),
        },
      ];
    }),
  );
}

/** The same address and port is there once, however many slices name it. Where a name stands for two numbers on one address, these are two endpoints. */
function merged(endpoints: readonly EndpointPlan[]): readonly EndpointPlan[] {
  const byAddress = new Map<string, EndpointPlan[]>();
  for (const endpoint of endpoints) {
    const own = byAddress.get(endpoint.address);
    if (own === undefined) {
      byAddress.set(endpoint.address, [endpoint]);
      continue;
    }
    for (const port of endpoint.ports) {
      const namesake = ({ ports }: EndpointPlan): number | undefined => ports.find((has) => has.name === port.name && has.protocol === port.protocol)?.port;
      if (own.some((other) => namesake(other) === port.port)) continue;
      const free = own.findIndex((other) => other.ready === endpoint.ready && namesake(other) === undefined);
      const first = own[free];
      if (first === undefined) own.push({ ...endpoint, ports: [port] });
      else own[free] = { ...first, ports: [...first.ports, port] };
    }
  }
  return [...byAddress.values()].flat();
}

/**
 * The endpoints of a Service: pods of its namespace that its selector matches, in the order of the plan, then what EndpointSlices (and, without a
 * selector, Endpoints objects) name. A pod in its node's network counts with the node's address. Only families of the Service.
 */
export function endpointsOf(source: ServiceSource, families: readonly Family[], world: EndpointWorld): readonly EndpointPlan[] {
  if (source.type === 'ExternalName') return [];
  const { selector } = source;
  const pods = selector === null ? [] : world.podsWith(source.namespace, selector);
  return merged([...pods.flatMap((pod) => ofPod(pod, source, families, world)), ...ofSlices(source, families, world)]);
}
