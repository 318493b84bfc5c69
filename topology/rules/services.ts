import type { Diagnostic } from '../diagnostic.ts';
import { DEFAULTS } from '../draft.ts';
import { recordOf, recordsOf } from '../json.ts';
import { isAtLeast, parseKubernetesVersion } from '../kubernetes-version.ts';
import { isPort, labelProblem, nearest, portNameProblem, subdomainProblem } from '../names.ts';
import { isApiService } from '../services/cluster-services.ts';
import { FAMILY_POLICIES, PROTOCOLS, SERVICE_TYPES, TRAFFIC_POLICIES } from '../services/read-service.ts';
import type { LabSpec } from '../spec.ts';
import { TRAFFIC_DISTRIBUTION_WORDS, TRAFFIC_DISTRIBUTIONS, ZONE_LABEL } from '../services/traffic-distribution.ts';
import { caution, note, problem, type Path } from './findings.ts';
import { clustersOf, type ClusterView } from './lab-view.ts';
import { fieldProblems } from './object-fields.ts';
import { SERVICE } from './service-fields.ts';
import { invalid, servicesOf, type ServiceView } from './services-view.ts';

/** Fields of a Service that hold one of a few words. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  type: SERVICE_TYPES,
  sessionAffinity: ['ClientIP', 'None'],
  internalTrafficPolicy: TRAFFIC_POLICIES,
  externalTrafficPolicy: TRAFFIC_POLICIES,
  ipFamilyPolicy: FAMILY_POLICIES,
  trafficDistribution: TRAFFIC_DISTRIBUTION_WORDS,
};

/** Fields that change what a real cluster does, and nothing here. */
const NOT_ACTED_ON: readonly string[] = ['loadBalancerClass'];

/** Longest time of affinity: a day. */
const MAX_AFFINITY_SECONDS = 86_400;

function unsupported(service: ServiceView, at: Path, value: unknown, words: readonly string[]): readonly Diagnostic[] {
  if (value === undefined || (typeof value === 'string' && words.includes(value))) return [];
  const near = typeof value === 'string' ? nearest(value, words) : null;
  return [
    problem(
      'SERVICE_VALUE_UNSUPPORTED',
      [...service.path, ...at],
      `${service.what}: Unsupported value: ${JSON.stringify(value)}: supported values: ${words.join(', ')}`,
      near === null ? `write ${words[0] ?? ''}, or leave it out` : `did you mean ${near}?`,
    ),
  ];
}

function words(service: ServiceView): readonly Diagnostic[] {
  const families = service.spec['ipFamilies'];
  return [
    ...Object.entries(WORDS).flatMap(([field, known]) => unsupported(service, [field], service.spec[field], known)),
    ...(Array.isArray(families) ? families.flatMap((word: unknown, i) => unsupported(service, ['ipFamilies', i], word, ['IPv4', 'IPv6'])) : []),
    ...recordsOf(service.spec['ports']).flatMap((port, i) => unsupported(service, ['ports', i, 'protocol'], port['protocol'], PROTOCOLS)),
  ];
}

/** Is a field there at all? Neither null nor an empty list is. */
const isWritten = (value: unknown): boolean => value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);

/** Fields that are refused for the type that the Service has: the field, whether it is there, and why it may not be. */
function forbidden(service: ServiceView): readonly Diagnostic[] {
  const { source, spec } = service;
  const { type } = source;
  const outward = type === 'NodePort' || type === 'LoadBalancer';
  const externallyVisible = outward || source.externalIPs.length > 0;
  const localBalancer = type === 'LoadBalancer' && source.externalTrafficPolicy === 'Local';
  const ip = typeof spec['clusterIP'] === 'string' ? spec['clusterIP'] : '';
  const rows: readonly (readonly [Path, boolean, string, string])[] = [
    [['clusterIP'], type === 'ExternalName' && ip !== '' && ip !== 'None', 'may not be set for ExternalName services', 'remove clusterIP'],
    [['clusterIP'], outward && source.headless, `may not be set to 'None' for ${type} services`, 'remove clusterIP, or make it a ClusterIP service'],
    ...['clusterIPs', 'ipFamilies', 'ipFamilyPolicy'].map(
      (field) => [[field], type === 'ExternalName' && isWritten(spec[field]), 'may not be set for ExternalName services', `remove ${field}`] as const,
    ),
    [
      ['externalTrafficPolicy'],
      isWritten(spec['externalTrafficPolicy']) && !externallyVisible,
      'may only be set for externally-accessible services',
      'set type: NodePort or LoadBalancer, or use internalTrafficPolicy',
    ],
    [
      ['allocateLoadBalancerNodePorts'],
      isWritten(spec['allocateLoadBalancerNodePorts']) && type !== 'LoadBalancer',
      "may only be used when `type` is 'LoadBalancer'",
      'set type: LoadBalancer, or remove it',
    ],
    [
      ['sessionAffinityConfig'],
      isWritten(spec['sessionAffinityConfig']) && source.affinitySeconds === null,
      'must not be set when session affinity is None',
      'set sessionAffinity: ClientIP, or remove it',
    ],
    [
      ['healthCheckNodePort'],
      source.healthCheckNodePort !== null && !localBalancer,
      "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
      'remove healthCheckNodePort',
    ],
    [
      ['loadBalancerSourceRanges'],
      isWritten(spec['loadBalancerSourceRanges']) && type !== 'LoadBalancer',
      "may only be used when `type` is 'LoadBalancer'",
      'set type: LoadBalancer, or remove it',
    ],
    ...source.ports.map(
      (port, i) =>
        [
          ['ports', i, 'nodePort'],
          port.nodePort !== null && !outward,
          `may not be used when \`type\` is '${type}'`,
          'set type: NodePort, or remove nodePort',
        ] as const,
    ),
  ];
  return rows.flatMap(([at, is, reason, hint]) =>
    is ? [problem('SERVICE_FIELD_FORBIDDEN', [...service.path, ...at], `${service.what}: ${at.at(-1)} ${reason}`, hint)] : [],
  );
}

function ports(service: ServiceView): readonly Diagnostic[] {
  const { source, spec } = service;
  const written = recordsOf(spec['ports']);
  if (written.length === 0 && source.type !== 'ExternalName' && !source.headless)
    return [problem('SERVICE_FIELD_MISSING', [...service.path, 'ports'], `${service.what}: ports: Required value`, 'add ports: [{ port: 80 }]')];
  return written.flatMap((port, i): readonly Diagnostic[] => {
    const at = (field: string): Path => ['ports', i, field];
    const bad = (field: string, value: unknown, reason: string | null, hint: string): readonly Diagnostic[] =>
      reason === null ? [] : [invalid('SERVICE_PORT_INVALID', service, at(field), value, reason, hint)];
    const name = source.ports[i]?.name ?? '';
    const earlier = source.ports.slice(0, i);
    const { targetPort: target } = port;
    const same = earlier.find((other) => other.port === port['port'] && other.protocol === source.ports[i]?.protocol);
    return [
      ...bad('port', port['port'], isPort(port['port']) ? null : 'must be between 1 and 65535, inclusive', 'write the port that clients use'),
      ...(typeof target === 'string'
        ? bad('targetPort', target, portNameProblem(target), 'write the name of a container port, or its number')
        : bad(
            'targetPort',
            target,
            target === undefined || target === 0 || isPort(target) ? null : 'must be between 1 and 65535, inclusive',
            'write the port that the pods listen on',
          )),
      ...(name === '' ? [] : bad('name', name, labelProblem(name), 'use a-z, 0-9 and "-"')),
      ...(name === '' && written.length > 1
        ? [
            problem(
              'SERVICE_FIELD_MISSING',
              [...service.path, ...at('name')],
              `${service.what}: name of port ${JSON.stringify(port['port'])}: Required value where there are several ports`,
              'give every port a name',
            ),
          ]
        : []),
      ...(name !== '' && earlier.some((other) => other.name === name)
        ? [
            problem(
              'SERVICE_PORT_DUPLICATE',
              [...service.path, ...at('name')],
              `${service.what}: Duplicate value: ${JSON.stringify(name)}: two ports of one name`,
              'rename one of them',
            ),
          ]
        : []),
      ...(same === undefined
        ? []
        : [
            problem(
              'SERVICE_PORT_DUPLICATE',
              [...service.path, ...at('port')],
              `${service.what}: Duplicate value: ${same.port}/${same.protocol} is a port of it already`,
              'remove one of them, or change its number or protocol',
            ),
          ]),
    ];
  });
}

function affinity(service: ServiceView): readonly Diagnostic[] {
  const seconds = recordOf(recordOf(service.spec['sessionAffinityConfig'])['clientIP'])['timeoutSeconds'];
  if (service.source.affinitySeconds === null || seconds === undefined) return [];
  if (typeof seconds === 'number' && Number.isInteger(seconds) && seconds > 0 && seconds <= MAX_AFFINITY_SECONDS) return [];
  return [
    invalid(
      'SERVICE_AFFINITY_TIMEOUT',
      service,
      ['sessionAffinityConfig', 'clientIP', 'timeoutSeconds'],
      seconds,
      `must be greater than 0 and at most ${MAX_AFFINITY_SECONDS}`,
      'write whole seconds, up to a day; the default is 10800',
    ),
  ];
}

function externalName(service: ServiceView): readonly Diagnostic[] {
  const { type, externalName: name } = service.source;
  if (type !== 'ExternalName') return [];
  if (name === '')
    return [
      problem(
        'SERVICE_FIELD_MISSING',
        [...service.path, 'externalName'],
        `${service.what}: externalName: Required value`,
        'write a DNS name, like db.example.com',
      ),
    ];
  const reason = subdomainProblem(name);
  return reason === null
    ? []
    : [
        invalid(
          'EXTERNAL_NAME_INVALID',
          service,
          ['externalName'],
          name,
          `it is not an RFC 1123 subdomain: ${reason}`,
          'write a DNS name in lower case, like db.example.com',
        ),
      ];
}

function ignored(service: ServiceView): readonly Diagnostic[] {
  return NOT_ACTED_ON.flatMap((field) =>
    service.spec[field] === undefined
      ? []
      : [
          note(
            'OBJECT_NOT_ACTED_ON',
            [...service.path, field],
            `nothing in the lab acts on ${field} of ${service.what}: it is kept in the plan only`,
            'remove it, or look at it on a real cluster',
          ),
        ],
  );
}

/** A preference that the version knows, that there are zones for, and that some proxy follows. */
function distribution({ spec: { kubernetesVersion = DEFAULTS.kubernetesVersion }, name, nodes }: ClusterView, service: ServiceView): readonly Diagnostic[] {
  const { trafficDistribution: word, headless, type } = service.source;
  if (word === undefined) return [];
  const path = [...service.path, 'trafficDistribution'];
  const { alpha, on, stable } = TRAFFIC_DISTRIBUTIONS[word];
  const version = parseKubernetesVersion(kubernetesVersion);
  if (version !== null && !isAtLeast(version, on))
    return [
      problem(
        'TRAFFIC_DISTRIBUTION_TOO_EARLY',
        path,
        `trafficDistribution ${word} of ${service.what} came with Kubernetes ${on} (alpha, and off, in ${alpha}; stable ${stable}); this is ${kubernetesVersion}`,
        word !== 'PreferClose' && isAtLeast(version, TRAFFIC_DISTRIBUTIONS.PreferClose.on)
          ? `use PreferClose, the old name of PreferSameZone, or kubernetesVersion ${on} or newer`
          : `remove it, or use kubernetesVersion ${on} or newer`,
      ),
    ];
  if (headless || type === 'ExternalName')
    return [
      note(
        'OBJECT_NOT_ACTED_ON',
        path,
        `nothing acts on trafficDistribution of ${service.what}: proxies follow it, and none stands behind a ${headless ? 'headless Service' : 'name'}`,
        'remove it, or give the Service an address',
      ),
    ];
  if (word !== 'PreferSameNode' && nodes.every(({ labels }) => labels[ZONE_LABEL] === undefined))
    return [
      caution(
        'TRAFFIC_DISTRIBUTION_WITHOUT_ZONES',
        path,
        `no node of cluster ${name} is in a zone, so ${word} of ${service.what} prefers nobody: all its endpoints are used`,
        `give nodes the label ${ZONE_LABEL}, or use PreferSameNode`,
      ),
    ];
  return [];
}

/** Services are what the API server takes, field by field. What they refer to is looked at by the other rules of Services. */
export function services(spec: LabSpec): readonly Diagnostic[] {
  return clustersOf(spec).flatMap((cluster) =>
    servicesOf(cluster).flatMap((service) => [
      ...(isApiService(service.object)
        ? [
            problem(
              'SERVICE_RESERVED',
              [...service.path.slice(0, -1), 'metadata', 'name'],
              'services "kubernetes" already exists: the API server makes default/kubernetes itself',
              'remove it, or rename it',
            ),
          ]
        : []),
      ...fieldProblems('SERVICE_FIELD', service.what, service.object, SERVICE, service.path.slice(0, -1)),
      ...words(service),
      ...forbidden(service),
      ...ports(service),
      ...affinity(service),
      ...externalName(service),
      ...ignored(service),
      ...distribution(cluster, service),
    ]),
  );
}
