import { familyNamed } from '../cidr.ts';
import { asList } from '../draft.ts';
import { labelsOf, recordOf, recordsOf, textOf, textsOf, wordOf } from '../json.ts';
import type { Family, KubernetesObject } from '../spec.ts';
import type { ServicePlan, ServicePortPlan, ServiceProtocol } from './service-plan.ts';
import { TRAFFIC_DISTRIBUTION_WORDS } from './traffic-distribution.ts';

export const SERVICE_TYPES: readonly ServicePlan['type'][] = ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'];
export const PROTOCOLS: readonly ServiceProtocol[] = ['TCP', 'UDP', 'SCTP'];
export const TRAFFIC_POLICIES = ['Cluster', 'Local'] as const;
export const FAMILY_POLICIES = ['SingleStack', 'PreferDualStack', 'RequireDualStack'] as const;

/** Default of sessionAffinityConfig.clientIP.timeoutSeconds: three hours. */
export const AFFINITY_SECONDS = 10_800;

/** A Service as its author wrote it, with the API server's defaults, before anything is allocated. */
export interface ServiceSource extends Omit<ServicePlan, 'id' | 'cluster' | 'families' | 'loadBalancerIPs' | 'endpoints'> {
  /** Addresses asked for. */
  readonly clusterIPs: readonly string[];
  /** Families asked for. */
  readonly ipFamilies: readonly Family[];
  readonly ipFamilyPolicy: (typeof FAMILY_POLICIES)[number];
  /** '': any. */
  readonly loadBalancerIP: string;
  /** Do its ports get node ports? */
  readonly nodePorts: boolean;
}

function portOf(port: Readonly<Record<string, unknown>>): ServicePortPlan {
  const number = typeof port['port'] === 'number' ? port['port'] : 0;
  const target = port['targetPort'];
  return {
    name: textOf(port['name'], ''),
    protocol: wordOf(port['protocol'], PROTOCOLS, 'TCP'),
    port: number,
    targetPort: (typeof target === 'number' && target !== 0) || (typeof target === 'string' && target !== '') ? target : number,
    nodePort: typeof port['nodePort'] === 'number' && port['nodePort'] !== 0 ? port['nodePort'] : null,
  };
}

/** The words of spec.ipFamilies as families; other words are passed over. */
export function familiesAsked(value: unknown): readonly Family[] {
  return textsOf(value).flatMap((word) => familyNamed(word) ?? []);
}

/**
 * Reads a Service with the defaults that the API server fills in. Forgiving: what the rules refuse is read as if it were not there.
 *
 * Defaults: https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/
 */
export function readService(object: KubernetesObject): ServiceSource {
  const spec = recordOf(object['spec']);
  const type = wordOf(spec['type'], SERVICE_TYPES, 'ClusterIP');
  const external = type === 'ExternalName';
  const asked = [...new Set([...asList(spec['clusterIP'] ?? []), ...textsOf(spec['clusterIPs'])])].filter(
    (ip): ip is string => typeof ip === 'string' && ip !== '',
  );
  const headless = !external && asked.includes('None');
  const selector = labelsOf(spec['selector']);
  const selects = Object.keys(selector).length > 0;
  const outward = type === 'NodePort' || type === 'LoadBalancer';
  const affinity = recordOf(recordOf(spec['sessionAffinityConfig'])['clientIP'])['timeoutSeconds'];
  const clusterIPs = external ? [] : asked.filter((ip) => ip !== 'None');
  const ipFamilies = familiesAsked(spec['ipFamilies']);
  const distribution = TRAFFIC_DISTRIBUTION_WORDS.find((word) => word === spec['trafficDistribution']);
  return {
    namespace: object.metadata.namespace ?? 'default',
    name: object.metadata.name,
    type,
    headless,
    clusterIPs,
    ipFamilies,
    ipFamilyPolicy: wordOf(spec['ipFamilyPolicy'], FAMILY_POLICIES, headless && !selects ? 'RequireDualStack' : 'SingleStack'),
    externalName: external ? textOf(spec['externalName'], '').replace(/\.$/, '') : '',
    externalIPs: textsOf(spec['externalIPs']),
    loadBalancerIP: type === 'LoadBalancer' ? textOf(spec['loadBalancerIP'], '') : '',
    loadBalancerSourceRanges: type === 'LoadBalancer' ? textsOf(spec['loadBalancerSourceRanges']).map((range) => range.trim()) : [],
    ports: recordsOf(spec['ports']).map(portOf),
    nodePorts: outward && (type === 'NodePort' || spec['allocateLoadBalancerNodePorts'] !== false),
    affinitySeconds: spec['sessionAffinity'] === 'ClientIP' ? (typeof affinity === 'number' ? affinity : AFFINITY_SECONDS) : null,
    internalTrafficPolicy: wordOf(spec['internalTrafficPolicy'], TRAFFIC_POLICIES, 'Cluster'),
    externalTrafficPolicy: wordOf(spec['externalTrafficPolicy'], TRAFFIC_POLICIES, 'Cluster'),
    ...(distribution === undefined ? {} : { trafficDistribution: distribution }),
    healthCheckNodePort: typeof spec['healthCheckNodePort'] === 'number' && spec['healthCheckNodePort'] !== 0 ? spec['healthCheckNodePort'] : null,
    publishNotReadyAddresses: spec['publishNotReadyAddresses'] === true,
    selector: selects && !external ? selector : null,
  };
}

/**
 * The families of a Service in the order of its addresses: those it asks for first, one for SingleStack, and never one that the cluster has no
 * Services in. Families of the cluster are those of its service CIDRs, primary first.
 */
export function serviceFamilies(
  source: Pick<ServiceSource, 'ipFamilies' | 'ipFamilyPolicy' | 'clusterIPs' | 'type'>,
  cluster: readonly Family[],
): readonly Family[] {
  if (source.type === 'ExternalName') return [];
  const fixed = source.clusterIPs.map((ip): Family => (ip.includes(':') ? 'ipv6' : 'ipv4'));
  const wanted = [...new Set([...fixed, ...source.ipFamilies, ...cluster])].filter((family) => cluster.includes(family));
  return source.ipFamilyPolicy === 'SingleStack' ? wanted.slice(0, 1) : wanted;
}
