/**
 * What the proxy of one node makes of Services, before any rule is written: per port and family the endpoints that it uses, and what becomes of traffic
 * that finds none. Source: Kubernetes pkg/proxy/topology.go (CategorizeEndpoints) and serviceport.go.
 */
import type { ClusterPlan, NodePlan } from '../../plan.ts';
import type { Family } from '../../spec.ts';
import type { EndpointHints, ServicePlan, ServicePortPlan } from '../service-plan.ts';
import { ZONE_LABEL } from '../traffic-distribution.ts';
import { endpointText, servicePortName } from './hashes.ts';

export interface ProxiedEndpoint {
  readonly address: string;
  readonly port: number;
  /** `10.244.1.5:8080`, `[fd00::5]:8080`. */
  readonly text: string;
  /** On the proxy's own node. */
  readonly local: boolean;
  readonly hints?: EndpointHints;
}

/** serve: there is an endpoint to go to. reject: the Service has none at all. drop: none on this node, under a Local policy. */
export type Fate = 'serve' | 'reject' | 'drop';

/** One port of one Service in one family, on one node. */
export interface ProxiedPort {
  readonly service: ServicePlan;
  readonly port: ServicePortPlan;
  /** `namespace/name:port`. */
  readonly name: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly clusterIP: string;
  readonly externalIPs: readonly string[];
  readonly loadBalancerIPs: readonly string[];
  /** Only these may use the load balancer's addresses; empty: everybody. */
  readonly sourceRanges: readonly string[];
  /** Reachable otherwise than by its cluster IP. */
  readonly exposed: boolean;
  /** Used under policy Cluster: those that are hinted for this node or its zone, else all; empty where no traffic of the port is under it. */
  readonly cluster: readonly ProxiedEndpoint[];
  /** Used under policy Local: those on this node; empty where no traffic of the port is under it. */
  readonly local: readonly ProxiedEndpoint[];
  /** Whatever this node sends to: each endpoint once. */
  readonly reachable: readonly ProxiedEndpoint[];
  /** Those that are ready, wherever they are. */
  readonly usable: readonly ProxiedEndpoint[];
  /** Traffic to the cluster IP. */
  readonly internal: Fate;
  /** Traffic to node ports, external and load balancer addresses, from outside of the cluster. */
  readonly external: Fate;
}

/** Every port that the proxy of `node` serves in `family`, in the order of the plan. */
export function proxiedPorts(cluster: ClusterPlan, node: NodePlan, family: Family): readonly ProxiedPort[] {
  return cluster.services.flatMap((service) => proxiedPortsOf(service, node, family));
}

/** Those of one Service; headless and ExternalName ones have none. */
export function proxiedPortsOf(service: ServicePlan, node: NodePlan, family: Family): readonly ProxiedPort[] {
  const clusterIP = service.clusterIPs.find((address) => isOf(family, address));
  if (clusterIP === undefined || service.headless || service.type === 'ExternalName') return [];
  return service.ports.map((port) => proxied(service, port, clusterIP, node, family));
}

function proxied(service: ServicePlan, port: ServicePortPlan, clusterIP: string, node: NodePlan, family: Family): ProxiedPort {
  const externalIPs = service.externalIPs.filter((address) => isOf(family, address));
  const loadBalancerIPs = service.loadBalancerIPs.filter((address) => isOf(family, address));
  const exposed = port.nodePort !== null || externalIPs.length > 0 || loadBalancerIPs.length > 0;
  const internalLocal = service.internalTrafficPolicy === 'Local';
  const externalLocal = service.externalTrafficPolicy === 'Local';
  const usable = usableEndpoints(service, port, node, family);
  // Traffic of the cluster's own pods and nodes to outside addresses is under policy Cluster even where the policy for the outside is Local.
  const usesCluster = !internalLocal || exposed;
  const usesLocal = internalLocal || (externalLocal && exposed);
  const local = usesLocal ? usable.filter((endpoint) => endpoint.local) : [];
  const near = usesCluster ? hintedEndpoints(usable, node) : [];
  const fate = (isLocal: boolean): Fate => (usable.length === 0 ? 'reject' : isLocal && local.length === 0 ? 'drop' : 'serve');
  return {
    service,
    port,
    name: servicePortName(service.namespace, service.name, port.name),
    protocol: PROTOCOLS[port.protocol],
    clusterIP,
    externalIPs,
    loadBalancerIPs,
    sourceRanges: service.loadBalancerSourceRanges.filter((cidr) => isOf(family, cidr)),
    exposed,
    cluster: near,
    local,
    reachable: !usesCluster ? local : near === usable ? usable : usable.filter((endpoint) => near.includes(endpoint) || local.includes(endpoint)),
    usable,
    internal: fate(internalLocal),
    external: fate(externalLocal),
  };
}

const PROTOCOLS = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' } as const;

/** How many there are of all ports of a Service, ready or not. */
export function endpointCount(service: ServicePlan, family: Family): number {
  if (service.headless || service.type === 'ExternalName') return 0;
  return service.endpoints.reduce((sum, endpoint) => sum + (endpoint.family === family ? endpoint.ports.length : 0), 0);
}

/**
 * Those that are hinted for a node. All of them where hints are to be ignored: an endpoint has none, or none is for here. Hints for nodes count before those
 * for zones (topologyModeFromHints).
 */
function hintedEndpoints(endpoints: readonly ProxiedEndpoint[], { name, labels }: NodePlan): readonly ProxiedEndpoint[] {
  const meantFor = (kind: keyof EndpointHints, place: string): readonly ProxiedEndpoint[] =>
    endpoints.every(({ hints }) => hints !== undefined && hints[kind].length > 0) ? endpoints.filter(({ hints }) => hints?.[kind].includes(place)) : [];
  const onNode = meantFor('nodes', name);
  const inZone = onNode.length > 0 ? onNode : meantFor('zones', labels[ZONE_LABEL] ?? '');
  return inZone.length > 0 ? inZone : endpoints;
}

/** Those of one port that are ready, each address and port once, in kube-proxy's order: by their text. */
function usableEndpoints(service: ServicePlan, port: ServicePortPlan, node: NodePlan, family: Family): readonly ProxiedEndpoint[] {
  const usable = new Map<string, ProxiedEndpoint>();
  for (const { address, family: its, ready, node: where, ports, hints } of service.endpoints) {
    const target = its === family ? ports.find((p) => p.name === port.name && p.protocol === port.protocol) : undefined;
    if (target === undefined || !ready) continue;
    const text = endpointText(address, target.port);
    usable.set(text, { address, port: target.port, text, local: where === node.name, ...(hints === undefined ? {} : { hints }) });
  }
  return [...usable.values()].sort((a, b) => (a.text < b.text ? -1 : 1));
}

function isOf(family: Family, text: string): boolean {
  return text.includes(':') === (family === 'ipv6');
}
