/** Services as they will be: addresses and ports chosen, endpoints known. Plain JSON, no `undefined`. */
import type { Family } from '../spec.ts';

export type ServiceProtocol = 'TCP' | 'UDP' | 'SCTP';

/** Which endpoints a proxy prefers: those in its node's zone, or on its node. PreferClose is the old name of PreferSameZone. */
export type TrafficDistribution = 'PreferClose' | 'PreferSameZone' | 'PreferSameNode';

/** Whom an endpoint is meant for, as its EndpointSlice says. One of the lists may be empty. */
export interface EndpointHints {
  /** Zones. */
  readonly zones: readonly string[];
  /** Names of nodes in the plan. */
  readonly nodes: readonly string[];
}

export interface ServicePortPlan {
  /** '' for the only port of a Service without a name. */
  readonly name: string;
  readonly protocol: ServiceProtocol;
  readonly port: number;
  /** As written: a number, or the name of a container port. */
  readonly targetPort: number | string;
  /** null where the type has none. */
  readonly nodePort: number | null;
}

export interface EndpointPlan {
  readonly family: Family;
  readonly address: string;
  /** One per port of the Service that resolves on this endpoint, by the Service port's name and protocol. */
  readonly ports: readonly { readonly name: string; readonly protocol: ServiceProtocol; readonly port: number }[];
  /** Name of the node in the plan; null for an address outside of the cluster. */
  readonly node: string | null;
  /** Identity of the pod; null for an EndpointSlice that names addresses only. */
  readonly pod: string | null;
  /** The pod's hostname where DNS serves it (hostname and subdomain set, or a StatefulSet's pod); else ''. */
  readonly hostname: string;
  readonly ready: boolean;
  /** Absent: for everybody. */
  readonly hints?: EndpointHints;
}

export interface ServicePlan {
  /** `cluster/namespace/name`. */
  readonly id: string;
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
  readonly headless: boolean;
  /** Families in the order of its addresses. */
  readonly families: readonly Family[];
  /** One per family; none for headless and ExternalName. */
  readonly clusterIPs: readonly string[];
  /** '' unless ExternalName. */
  readonly externalName: string;
  readonly externalIPs: readonly string[];
  readonly loadBalancerIPs: readonly string[];
  readonly loadBalancerSourceRanges: readonly string[];
  readonly ports: readonly ServicePortPlan[];
  /** ClientIP affinity in seconds; null: none. */
  readonly affinitySeconds: number | null;
  readonly internalTrafficPolicy: 'Cluster' | 'Local';
  readonly externalTrafficPolicy: 'Cluster' | 'Local';
  /** Absent: all endpoints alike. */
  readonly trafficDistribution?: TrafficDistribution;
  readonly healthCheckNodePort: number | null;
  readonly publishNotReadyAddresses: boolean;
  /** null: endpoints come from EndpointSlices alone. */
  readonly selector: Readonly<Record<string, string>> | null;
  readonly endpoints: readonly EndpointPlan[];
}
