import { controllerService } from '../ingress/controller.ts';
import { addressAt, cidrContains, cidrSize, tryParseAddress, type Cidr } from '../cidr.ts';
import type { Diagnostic } from '../diagnostic.ts';
import { SpecError } from '../errors.ts';
import type { AddressPlan, NodePlan, PodPlan } from '../plan.ts';
import type { Family, KubernetesObject } from '../spec.ts';
import { allocateNumbers, type Asker, type Band } from './allocate-numbers.ts';
import { API_PORT, API_SERVICE, DNS_INDEX, DNS_SERVICE, isApiService, isDnsService, isService } from './cluster-services.ts';
import { endpointsOf, selecting, type EndpointWorld } from './endpoints.ts';
import { readService, serviceFamilies, type ServiceSource } from './read-service.ts';
import { readSlices, type Slice } from './read-slices.ts';
import type { EndpointPlan, ServicePlan } from './service-plan.ts';
import { ZONE_LABEL } from './traffic-distribution.ts';

/** What the Services of a cluster are planned from: everything else of it, and its Services as they run. */
export interface ServicesContext {
  readonly cluster: string;
  /** Where it is written in the lab. */
  readonly path: readonly (string | number)[];
  readonly objects: readonly KubernetesObject[];
  readonly nodes: readonly NodePlan[];
  readonly pods: readonly PodPlan[];
  readonly serviceCIDRs: readonly Cidr[];
  /** Has it a cluster DNS? */
  readonly dns: boolean;
  /** Has the lab an outside? */
  readonly outside: boolean;
  readonly previous: readonly ServicePlan[];
}

/** A Service on its way into the plan. */
interface Draft {
  readonly id: string;
  readonly source: ServiceSource;
  readonly families: readonly Family[];
  readonly before: ServicePlan | undefined;
}

/** Service node ports by default: --service-node-port-range of the API server. */
export const NODE_PORTS: Band = { from: 30_000, to: 32_767 };

/** The last band is for numbers that authors choose, and is used by nobody else before the first is used up (KEP-3668). */
export const NODE_PORT_BANDS: readonly Band[] = [
  { from: 30_086, to: NODE_PORTS.to },
  { from: NODE_PORTS.from, to: 30_085 },
];

/**
 * Indexes of a service CIDR that are handed out: the upper band first, the lower one, meant for addresses that authors choose, when it is used up.
 * Its size is between 16 and 256, a sixteenth of the range (KEP-3070). The first and tenth address belong to the cluster.
 */
export function clusterIPBands(cidr: Cidr): readonly Band[] {
  const size = Number(cidrSize(cidr));
  const last = size - (cidr.family === 'ipv4' ? 2 : 1);
  const lower = size <= 18 ? 0 : Math.min(256, Math.max(16, Math.floor(size / 16)));
  return [
    { from: Math.max(1, lower + 1), to: last },
    { from: 1, to: Math.min(lower, last) },
  ].filter((band) => band.from <= band.to);
}

function exhausted(context: ServicesContext, code: string, field: string, what: string, hint: string): SpecError {
  const finding: Diagnostic = { severity: 'error', code, path: [...context.path, field], message: what, hint };
  return new SpecError([finding], 'lab');
}

const needsClusterIP = ({ source }: Draft): boolean => !source.headless && source.type !== 'ExternalName';

/** Cluster addresses of one family, by the identity of the Service. */
function clusterIPs(context: ServicesContext, drafts: readonly Draft[], cidr: Cidr): ReadonlyMap<string, string> {
  const indexOf = (ip: string | undefined): number | null => {
    const parsed = ip === undefined ? null : tryParseAddress(ip);
    return parsed?.ok === true && cidrContains(cidr, parsed.address) ? Number(parsed.address.value - cidr.base) : null;
  };
  const of = (ips: readonly string[]): number | null => ips.map(indexOf).find((index) => index !== null) ?? null;
  const mine = drafts.filter((draft) => needsClusterIP(draft) && draft.families.includes(cidr.family));
  const fixed = new Map(
    mine.flatMap((draft) => {
      const index = of(draft.source.clusterIPs);
      return index === null ? [] : [[draft.id, index] as const];
    }),
  );
  const taken = new Set([1, DNS_INDEX, ...fixed.values()]);
  const askers = mine.filter((draft) => !fixed.has(draft.id)).map((draft): Asker => ({ key: draft.id, before: of(draft.before?.clusterIPs ?? []) }));
  const given = allocateNumbers(askers, taken, clusterIPBands(cidr));
  const without = askers.find((asker) => !given.has(asker.key));
  if (without !== undefined)
    throw exhausted(
      context,
      'SERVICE_CIDR_EXHAUSTED',
      'serviceCIDR',
      `the service CIDR has no address left for Service ${without.key}`,
      'use a larger serviceCIDR',
    );
  return new Map([...fixed, ...given].map(([id, index]) => [id, addressAt(cidr, index)]));
}

/** TCP and UDP of one port number of a Service share their node port, as the API server allocates it. */
const portKey = (id: string, port: number): string => `${id}:${port}`;
const healthKey = (id: string): string => `${id} health check`;
const hasNodePorts = ({ type }: ServiceSource): boolean => type === 'NodePort' || type === 'LoadBalancer';
const hasHealthCheck = ({ type, externalTrafficPolicy }: ServiceSource): boolean => type === 'LoadBalancer' && externalTrafficPolicy === 'Local';

/** Node ports by the keys above; a port that names its own may have another than the one of its key. */
function nodePorts(context: ServicesContext, drafts: readonly Draft[]): ReadonlyMap<string, number> {
  const fixed = new Map<string, number>();
  const taken = new Set<number>();
  const askers = new Map<string, Asker>();
  for (const { id, source, before } of drafts.filter((draft) => hasNodePorts(draft.source))) {
    const ask = (key: string, explicit: number | null, previous: number | null): void => {
      if (explicit === null) askers.set(key, { key, before: previous });
      else {
        taken.add(explicit);
        if (!fixed.has(key)) fixed.set(key, explicit);
      }
    };
    for (const { port, nodePort } of source.ports) {
      if (nodePort === null && !source.nodePorts) continue;
      ask(portKey(id, port), nodePort, before?.ports.find((had) => had.port === port && had.nodePort !== null)?.nodePort ?? null);
    }
    if (hasHealthCheck(source)) ask(healthKey(id), source.healthCheckNodePort, before?.healthCheckNodePort ?? null);
  }
  const open = [...askers.values()].filter((asker) => !fixed.has(asker.key));
  const given = allocateNumbers(open, taken, NODE_PORT_BANDS);
  const without = open.find((asker) => !given.has(asker.key));
  if (without !== undefined)
    throw exhausted(
      context,
      'NODE_PORTS_EXHAUSTED',
      'objects',
      `no node port is left for ${without.key}`,
      `the range ${NODE_PORTS.from}-${NODE_PORTS.to} holds ${NODE_PORTS.to - NODE_PORTS.from + 1}: use fewer NodePort Services`,
    );
  return new Map([...fixed, ...given]);
}

function apiEndpoints(nodes: readonly NodePlan[], families: readonly Family[]): readonly EndpointPlan[] {
  return nodes
    .filter((node) => node.role === 'control-plane')
    .flatMap((node) =>
      addressesOf(node)
        .filter((address) => families.includes(address.family))
        .map(({ family, address }) => ({
          family,
          address,
          ports: [{ name: 'https', protocol: 'TCP', port: API_PORT }],
          node: node.name,
          pod: null,
          hostname: '',
          ready: true,
        })),
    );
}

const addressesOf = (node: NodePlan): readonly AddressPlan[] => node.interfaces.flatMap((face) => face.addresses);

function worldOf(context: ServicesContext): EndpointWorld {
  const byId = new Map(context.pods.map((pod) => [pod.id, pod]));
  const slices = new Map<string, readonly Slice[]>();
  for (const slice of readSlices(context.objects)) {
    const service = `${slice.namespace}/${slice.service}`;
    slices.set(service, [...(slices.get(service) ?? []), slice]);
  }
  const nodes = new Map(context.nodes.map((node) => [node.name, node]));
  return {
    cluster: context.cluster,
    podsWith: selecting(context.pods),
    podWithId: (id) => byId.get(id),
    slicesOf: (namespace, service) => slices.get(`${namespace}/${service}`) ?? [],
    nodeAddresses: (name) => {
      const node = nodes.get(name);
      return node === undefined ? [] : addressesOf(node);
    },
    zoneOf: (name) => nodes.get(name)?.labels[ZONE_LABEL] ?? '',
  };
}

/** The sources in the order of the plan: the API, the cluster DNS, the author's, the Ingress controller. An author's own kube-dns stands in for kubeadm's. */
function sourcesOf(context: ServicesContext): readonly KubernetesObject[] {
  const own = context.objects.filter((object) => isService(object) && !isApiService(object));
  const dns = own.find(isDnsService) ?? (context.dns ? DNS_SERVICE : null);
  const controller = controllerService(context.objects, context.outside);
  return [API_SERVICE, ...(dns === null ? [] : [dns]), ...own.filter((object) => object !== dns), ...(controller === null ? [] : [controller])];
}

/** The address that a Service of the cluster's own has; null for all others. */
function ownIndex(object: KubernetesObject): number | null {
  return isApiService(object) ? 1 : isDnsService(object) ? DNS_INDEX : null;
}

/**
 * The Services of a cluster with every address, port and endpoint chosen: first default/kubernetes, then kube-system/kube-dns where the cluster has
 * DNS, then the author's in their order.
 *
 * What is written is kept; what the running lab has is kept; the rest is found by identity (see {@link allocateNumbers}). Addresses of load balancers
 * are not chosen here, since clusters share the lab's outside: see `planLoadBalancers`.
 *
 * @throws SpecError SERVICE_CIDR_EXHAUSTED, NODE_PORTS_EXHAUSTED
 */
export function planServices(context: ServicesContext): readonly ServicePlan[] {
  const families = context.serviceCIDRs.map((cidr) => cidr.family);
  const before = new Map(context.previous.map((service) => [service.id, service]));
  const drafts = sourcesOf(context).map((object): Draft => {
    const read = readService(object);
    const id = `${context.cluster}/${read.namespace}/${read.name}`;
    const index = ownIndex(object);
    const own = serviceFamilies(read, families);
    const fixed =
      index === null || read.headless || read.clusterIPs.length > 0
        ? read.clusterIPs
        : context.serviceCIDRs.filter((cidr) => own.includes(cidr.family)).map((cidr) => addressAt(cidr, index));
    return { id, source: { ...read, clusterIPs: fixed }, families: own, before: before.get(id) };
  });
  const ips = context.serviceCIDRs.map((cidr) => [cidr.family, clusterIPs(context, drafts, cidr)] as const);
  const ports = nodePorts(context, drafts);
  const world = worldOf(context);
  return drafts.map(({ id, source, families: own }): ServicePlan => {
    const { ipFamilies: _asked, ipFamilyPolicy: _policy, loadBalancerIP: _ip, nodePorts: _ports, ...rest } = source;
    const outward = hasNodePorts(source);
    return {
      id,
      cluster: context.cluster,
      ...rest,
      families: own,
      clusterIPs: own.flatMap((family) => ips.find(([of]) => of === family)?.[1].get(id) ?? []),
      loadBalancerIPs: [],
      ports: source.ports.map((port) => ({
        ...port,
        nodePort: outward ? (port.nodePort ?? (source.nodePorts ? ports.get(portKey(id, port.port)) : undefined) ?? null) : null,
      })),
      healthCheckNodePort: hasHealthCheck(source) ? (ports.get(healthKey(id)) ?? null) : null,
      endpoints: id === `${context.cluster}/default/kubernetes` ? apiEndpoints(context.nodes, own) : endpointsOf(source, own, world),
    };
  });
}
