import { familyNamed, tryParseAddress } from '../cidr.ts';
import type { Diagnostic } from '../diagnostic.ts';
import { labelsOf, recordOf, recordsOf, textsOf } from '../json.ts';
import { DEFAULTS } from '../draft.ts';
import { isAtLeast, parseKubernetesVersion } from '../kubernetes-version.ts';
import { isPort, labelProblem } from '../names.ts';
import { PROTOCOLS } from '../services/read-service.ts';
import { selecting, type Selecting } from '../services/endpoints.ts';
import { readSlices, SLICE_SERVICE_LABEL } from '../services/read-slices.ts';
import { TRAFFIC_DISTRIBUTIONS } from '../services/traffic-distribution.ts';
import type { KubernetesObject, LabSpec } from '../spec.ts';
import type { PodDraft } from '../workloads.ts';
import { caution, note, problem, type Path } from './findings.ts';
import { clustersOf, type ClusterView } from './lab-view.ts';
import { fieldProblems } from './object-fields.ts';
import { MAX_PODS, podsAskedFor, scheduledPods } from './pods-view.ts';
import { remoteAddressProblem } from './service-addresses.ts';
import { ENDPOINT_SLICE, ENDPOINTS } from './service-fields.ts';
import { servicesOf, type ServiceView } from './services-view.ts';

/** Named target ports that are on none of the selected pods: such an endpoint takes no packet. */
function targetPorts(service: ServiceView, pods: readonly PodDraft[]): readonly Diagnostic[] {
  return service.source.ports.flatMap(({ targetPort, protocol }, i) => {
    if (typeof targetPort === 'number' || pods.some((pod) => pod.ports.some((port) => port.name === targetPort && port.protocol === protocol))) return [];
    const known = [
      ...new Set(pods.flatMap((pod) => pod.ports.filter((port) => port.name !== '').map((port) => `${port.name} (${port.containerPort}/${port.protocol})`))),
    ];
    return [
      caution(
        'TARGET_PORT_UNKNOWN',
        [...service.path, 'ports', i, 'targetPort'],
        `none of the pods of ${service.what} has a ${protocol} port named ${JSON.stringify(targetPort)}; named ports: ${known.length === 0 ? 'none' : known.join(', ')}`,
        known.length === 0 ? 'name the container port, or write its number' : 'write one of these names, or a number',
      ),
    ];
  });
}

function ofService(service: ServiceView, pods: readonly PodDraft[], podsWith: Selecting<PodDraft>, sliced: ReadonlySet<string>): readonly Diagnostic[] {
  const { selector, namespace, name, type, headless } = service.source;
  if (type === 'ExternalName') return [];
  if (selector === null) {
    if (sliced.has(`${namespace}/${name}`)) return [];
    const hint = `add a selector, or an EndpointSlice with the label ${SLICE_SERVICE_LABEL}: ${name}`;
    const what = `${service.what} has no selector, and no EndpointSlice names endpoints for it`;
    // A headless one is a name that does not exist yet; any other takes an address and refuses all that comes.
    return headless
      ? [caution('SERVICE_WITHOUT_ENDPOINTS', service.path, `${what}: its name does not exist`, hint)]
      : [problem('SERVICE_WITHOUT_ENDPOINTS', service.path, `${what}: connections to it are refused`, hint)];
  }
  const own = podsWith(namespace, selector);
  if (own.length > 0) return targetPorts(service, own);
  const wanted = Object.entries(selector)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');
  const elsewhere = pods.find((pod) => podsWith(pod.namespace, selector).includes(pod));
  return [
    caution(
      'SERVICE_SELECTS_NOTHING',
      [...service.path, 'selector'],
      `no pod in namespace ${namespace} has the labels ${wanted} of ${service.what}: connections to it are refused`,
      elsewhere === undefined
        ? 'compare the selector with the labels of the pods'
        : `pods like ${elsewhere.namespace}/${elsewhere.name} do: put the Service into their namespace`,
    ),
  ];
}

/** Addresses of a slice's endpoints with their places. */
function addressesOf(object: KubernetesObject): readonly { readonly text: string; readonly path: Path }[] {
  if (object.kind === 'EndpointSlice')
    return recordsOf(object['endpoints']).flatMap((endpoint, i) =>
      textsOf(endpoint['addresses']).map((text, j) => ({ text, path: ['endpoints', i, 'addresses', j] })),
    );
  return recordsOf(object['subsets']).flatMap((subset, i) =>
    ['addresses', 'notReadyAddresses'].flatMap((field) =>
      recordsOf(subset[field]).flatMap((address, j) =>
        typeof address['ip'] === 'string' ? [{ text: address['ip'], path: ['subsets', i, field, j, 'ip'] }] : [],
      ),
    ),
  );
}

/** Ports and hostnames that the API server refuses. A port of a slice may be without a number: it stands for all, and no proxy uses it. */
function endpointParts(object: KubernetesObject, what: string, path: Path): readonly Diagnostic[] {
  const slice = object.kind === 'EndpointSlice';
  const bad = (at: Path, value: unknown, reason: string | null, hint: string): readonly Diagnostic[] =>
    reason === null ? [] : [problem('ENDPOINT_INVALID', [...path, ...at], `${what}: Invalid value: ${JSON.stringify(value)}: ${reason}`, hint)];
  const ports = (owner: unknown, at: Path): readonly Diagnostic[] => {
    const all = recordsOf(recordOf(owner)['ports']);
    return all.flatMap(({ name, port, protocol }, i) => {
      const here = [...at, 'ports', i];
      const named = typeof name === 'string' && name !== '';
      return [
        ...(slice && (port === undefined || port === null)
          ? []
          : bad([...here, 'port'], port, isPort(port) ? null : 'must be between 1 and 65535, inclusive', 'write the port that the endpoint listens on')),
        ...(protocol === undefined || protocol === null
          ? []
          : bad(
              [...here, 'protocol'],
              protocol,
              PROTOCOLS.some((known) => known === protocol) ? null : `supported values: ${PROTOCOLS.join(', ')}`,
              'write it in capitals, or leave it out for TCP',
            )),
        ...(named ? bad([...here, 'name'], name, labelProblem(name), 'use the name of the port in the Service') : []),
        ...bad(
          [...here, 'name'],
          name ?? '',
          all.slice(0, i).some((other) => (other['name'] ?? '') === (name ?? '')) ? 'Duplicate value: two ports of one name' : null,
          'give every port the name that it has in the Service',
        ),
      ];
    });
  };
  const hostnames = (owners: unknown, at: Path): readonly Diagnostic[] =>
    recordsOf(owners).flatMap(({ hostname }, i) =>
      typeof hostname === 'string' && hostname !== '' ? bad([...at, i, 'hostname'], hostname, labelProblem(hostname), 'use a-z, 0-9 and "-"') : [],
    );
  if (slice) return [...ports(object, []), ...hostnames(object['endpoints'], ['endpoints'])];
  return recordsOf(object['subsets']).flatMap((subset, i) => [
    ...ports(subset, ['subsets', i]),
    ...['addresses', 'notReadyAddresses'].flatMap((field) => hostnames(subset[field], ['subsets', i, field])),
  ]);
}

/** Hints that the proxies of that version do not follow: before, the Service had to ask for it by an annotation. */
function hints(
  { spec: { kubernetesVersion = DEFAULTS.kubernetesVersion } }: ClusterView,
  object: KubernetesObject,
  what: string,
  path: Path,
): readonly Diagnostic[] {
  const version = parseKubernetesVersion(kubernetesVersion);
  if (version === null || object.kind !== 'EndpointSlice') return [];
  return recordsOf(object['endpoints']).flatMap((endpoint, i) =>
    [['forZones', TRAFFIC_DISTRIBUTIONS.PreferClose.on] as const, ['forNodes', TRAFFIC_DISTRIBUTIONS.PreferSameNode.on] as const].flatMap(([field, on]) =>
      recordsOf(recordOf(endpoint['hints'])[field]).length === 0 || isAtLeast(version, on)
        ? []
        : [
            problem(
              'ENDPOINT_HINTS_TOO_EARLY',
              [...path, 'endpoints', i, 'hints', field],
              `${what}: kube-proxy follows hints ${field} from Kubernetes ${on} on; this is ${kubernetesVersion}`,
              `remove them, or use kubernetesVersion ${on} or newer`,
            ),
          ],
    ),
  );
}

function ofSlice(cluster: ClusterView, object: KubernetesObject, path: Path, services: readonly ServiceView[]): readonly Diagnostic[] {
  const [slice] = readSlices([object]);
  if (slice === undefined) return [];
  const what = `${slice.kind} ${slice.namespace}/${object.metadata.name}`;
  const found: Diagnostic[] = [
    ...fieldProblems('ENDPOINT_INVALID', what, object, slice.kind === 'EndpointSlice' ? ENDPOINT_SLICE : ENDPOINTS, path),
    ...endpointParts(object, what, path),
    ...hints(cluster, object, what, path),
  ];
  const type = object['addressType'];
  const family = familyNamed(type);
  if (slice.kind === 'EndpointSlice' && family === undefined)
    found.push(
      type === 'FQDN'
        ? note(
            'OBJECT_NOT_ACTED_ON',
            [...path, 'addressType'],
            `${what} names endpoints by FQDN, which kube-proxy ignores`,
            'write addresses, or use an ExternalName Service',
          )
        : problem(
            'ENDPOINT_INVALID',
            [...path, 'addressType'],
            `${what}: addressType: ${type === undefined ? 'Required value' : `Unsupported value: ${JSON.stringify(type)}`}`,
            'write IPv4 or IPv6',
          ),
    );
  if (type !== 'FQDN')
    for (const { text, path: at } of addressesOf(object)) {
      const parsed = tryParseAddress(text);
      const reason =
        remoteAddressProblem(text) ?? (family !== undefined && parsed.ok && parsed.address.family !== family ? `must be an ${String(type)} address` : null);
      if (reason !== null)
        found.push(
          problem(
            'ENDPOINT_INVALID',
            [...path, ...at],
            `${what}: Invalid value: ${JSON.stringify(text)}: ${reason}`,
            'write the address of a pod or a machine',
          ),
        );
    }
  const service = services.find(({ source }) => source.namespace === slice.namespace && source.name === slice.service);
  if (service === undefined) {
    const label = labelsOf(object.metadata.labels)[SLICE_SERVICE_LABEL];
    found.push(
      caution(
        'ENDPOINTS_WITHOUT_SERVICE',
        [...path, 'metadata', ...(slice.kind === 'EndpointSlice' && label !== undefined ? ['labels', SLICE_SERVICE_LABEL] : ['name'])],
        slice.service === ''
          ? `${what} has no label ${SLICE_SERVICE_LABEL}: it belongs to no Service`
          : `${what} belongs to Service ${slice.namespace}/${slice.service}, which cluster ${cluster.name} does not have`,
        `add the Service, or ${slice.kind === 'EndpointSlice' ? 'correct the label' : 'give it the name of a Service'}`,
      ),
    );
  } else if (slice.kind === 'Endpoints' && service.source.selector !== null)
    found.push(
      note(
        'OBJECT_NOT_ACTED_ON',
        path,
        `${service.what} has a selector: the control plane writes its Endpoints, and ${what} would be overwritten`,
        'remove the selector of the Service, or this object',
      ),
    );
  return found;
}

/** Behind every Service there is somebody, on a port that exists; what names endpoints by hand names them right. */
export function serviceEndpoints(spec: LabSpec): readonly Diagnostic[] {
  return clustersOf(spec).flatMap((cluster) => {
    const all = servicesOf(cluster);
    const objects = cluster.spec.objects ?? [];
    const sliced = new Set(readSlices(objects).flatMap((slice) => (slice.endpoints.length === 0 ? [] : [`${slice.namespace}/${slice.service}`])));
    const pods = all.length === 0 || podsAskedFor(cluster) > MAX_PODS ? null : scheduledPods(cluster).map(({ draft }) => draft);
    const podsWith = selecting(pods ?? []);
    return [
      ...(pods === null ? [] : all.flatMap((service) => ofService(service, pods, podsWith, sliced))),
      ...objects.flatMap((object, i) => ofSlice(cluster, object, [...cluster.path, 'objects', i], all)),
    ];
  });
}
