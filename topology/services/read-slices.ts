import { labelsOf, recordOf, recordsOf, textOf, textsOf, wordOf, type Json } from '../json.ts';
import type { KubernetesObject } from '../spec.ts';
import { PROTOCOLS } from './read-service.ts';
import type { EndpointPlan } from './service-plan.ts';

/** Label of an EndpointSlice with the name of its Service. */
export const SLICE_SERVICE_LABEL = 'kubernetes.io/service-name';

/** One endpoint of an EndpointSlice, or one address of an Endpoints object. */
export interface SliceEndpoint extends Pick<EndpointPlan, 'address' | 'hostname' | 'ready' | 'ports' | 'hints'> {
  /** Name of the node; '' where it says none. */
  readonly node: string;
  /** `namespace/name` of the pod that it names; ''. */
  readonly pod: string;
}

export interface Slice {
  readonly kind: 'EndpointSlice' | 'Endpoints';
  readonly namespace: string;
  /** Name of its Service; '' for a slice without the label. */
  readonly service: string;
  readonly endpoints: readonly SliceEndpoint[];
}

function portsOf(value: unknown): EndpointPlan['ports'] {
  return recordsOf(value).flatMap((port) =>
    Number.isInteger(port['port']) && typeof port['port'] === 'number'
      ? [{ name: textOf(port['name'], ''), protocol: wordOf(port['protocol'], PROTOCOLS, 'TCP'), port: port['port'] }]
      : [],
  );
}

function podOf(reference: Json, namespace: string): string {
  return reference['kind'] === 'Pod' ? `${textOf(reference['namespace'], namespace)}/${textOf(reference['name'], '')}` : '';
}

/** Names that no node or zone can have are passed over. */
function hintsOf(value: unknown): Pick<EndpointPlan, 'hints'> {
  const named = (field: string): readonly string[] => recordsOf(recordOf(value)[field]).flatMap(({ name }) => textOf(name, '') || []);
  const hints = { zones: named('forZones'), nodes: named('forNodes') };
  return hints.zones.length + hints.nodes.length === 0 ? {} : { hints };
}

function ofSlice(object: KubernetesObject, namespace: string): readonly SliceEndpoint[] {
  const ports = portsOf(object['ports']);
  if (object['addressType'] === 'FQDN') return [];
  return recordsOf(object['endpoints']).flatMap((endpoint) =>
    // kube-proxy looks at the first address only; the others of an endpoint stand for the same.
    textsOf(endpoint['addresses'])
      .slice(0, 1)
      .map((address) => ({
        address,
        ports,
        hostname: textOf(endpoint['hostname'], ''),
        node: textOf(endpoint['nodeName'], ''),
        pod: podOf(recordOf(endpoint['targetRef']), namespace),
        ready: recordOf(endpoint['conditions'])['ready'] !== false,
        ...hintsOf(endpoint['hints']),
      })),
  );
}

function ofEndpoints(object: KubernetesObject, namespace: string): readonly SliceEndpoint[] {
  return recordsOf(object['subsets']).flatMap((subset) => {
    const ports = portsOf(subset['ports']);
    const read = (field: string, ready: boolean): readonly SliceEndpoint[] =>
      recordsOf(subset[field]).map((address) => ({
        address: textOf(address['ip'], ''),
        ports,
        hostname: textOf(address['hostname'], ''),
        node: textOf(address['nodeName'], ''),
        pod: podOf(recordOf(address['targetRef']), namespace),
        ready,
      }));
    return [...read('addresses', true), ...read('notReadyAddresses', false)];
  });
}

/** The EndpointSlices (discovery.k8s.io/v1) and Endpoints (v1) among the objects, read alike. Forgiving: the rules report what is wrong in them. */
export function readSlices(objects: readonly KubernetesObject[]): readonly Slice[] {
  return objects.flatMap((object): readonly Slice[] => {
    const namespace = object.metadata.namespace ?? 'default';
    if (object.kind === 'EndpointSlice' && object.apiVersion.startsWith('discovery.k8s.io/'))
      return [{ kind: object.kind, namespace, service: labelsOf(object.metadata.labels)[SLICE_SERVICE_LABEL] ?? '', endpoints: ofSlice(object, namespace) }];
    return object.kind === 'Endpoints' && object.apiVersion === 'v1'
      ? [{ kind: object.kind, namespace, service: object.metadata.name, endpoints: ofEndpoints(object, namespace) }]
      : [];
  });
}
