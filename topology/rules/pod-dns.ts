import { tryParseAddress } from '../cidr.ts';
import type { Diagnostic } from '../diagnostic.ts';
import { recordOf, recordsOf, textOf, textsOf, type Json } from '../json.ts';
import { labelProblem, subdomainProblem } from '../names.ts';
import { hasDns } from '../services/cluster-services.ts';
import type { KubernetesObject, LabSpec } from '../spec.ts';
import { DNS_POLICIES, POD_KINDS, templateOf } from '../workloads.ts';
import { caution, note, problem, type Path } from './findings.ts';
import { clustersOf, type ClusterView } from './lab-view.ts';
import { servicesOf } from './services-view.ts';

/** Limits of the API server: pkg/apis/core/validation, MaxDNSNameservers and MaxDNSSearchPaths. */
const MAX_NAMESERVERS = 3;
const MAX_SEARCHES = 32;

function policy(spec: Json, what: string, path: Path): readonly Diagnostic[] {
  const value = spec['dnsPolicy'];
  if (value !== undefined && !DNS_POLICIES.some((known) => known === value))
    return [
      problem(
        'DNS_POLICY_UNSUPPORTED',
        [...path, 'dnsPolicy'],
        `${what}: Unsupported value: ${JSON.stringify(value)}: supported values: ${DNS_POLICIES.join(', ')}`,
        'leave it out for ClusterFirst',
      ),
    ];
  if (value === 'None' && textsOf(recordOf(spec['dnsConfig'])['nameservers']).length === 0)
    return [
      problem(
        'DNS_CONFIG_MISSING',
        [...path, 'dnsConfig'],
        `${what}: must provide at least one DNS nameserver when \`dnsPolicy\` is None`,
        'add dnsConfig: { nameservers: [10.96.0.10] }',
      ),
    ];
  return [];
}

function config(spec: Json, what: string, path: Path): readonly Diagnostic[] {
  const written = recordOf(spec['dnsConfig']);
  const bad = (at: Path, message: string, hint: string): Diagnostic =>
    problem('DNS_CONFIG_INVALID', [...path, 'dnsConfig', ...at], `${what}: ${message}`, hint);
  const nameservers = textsOf(written['nameservers']);
  const searches = textsOf(written['searches']);
  return [
    ...(nameservers.length > MAX_NAMESERVERS
      ? [bad(['nameservers'], `must not have more than ${MAX_NAMESERVERS} nameservers`, 'the C library asks the first three only')]
      : []),
    ...nameservers.flatMap((server, i) => {
      const parsed = tryParseAddress(server);
      return parsed.ok
        ? []
        : [bad(['nameservers', i], `${JSON.stringify(server)}: must be a valid IP address: ${parsed.message}`, 'write the address of a resolver')];
    }),
    ...(searches.length > MAX_SEARCHES ? [bad(['searches'], `must not have more than ${MAX_SEARCHES} search paths`, 'remove some')] : []),
    ...searches.flatMap((search, i) => {
      const reason = search === '.' ? null : subdomainProblem(search.replace(/\.$/, ''));
      return reason === null
        ? []
        : [bad(['searches', i], `${JSON.stringify(search)} is not an RFC 1123 subdomain: ${reason}`, 'write a domain, like shop.svc.cluster.local')];
    }),
    ...recordsOf(written['options']).flatMap((option, i) => [
      ...(textOf(option['name'], '') === '' ? [bad(['options', i, 'name'], 'an option must have a name', 'write { name: ndots, value: "2" }')] : []),
      // A space or a new line would be another option, or another line, of the pod's resolv.conf.
      ...['name', 'value'].flatMap((field) =>
        /\s/.test(textOf(option[field], ''))
          ? [bad(['options', i, field], `${JSON.stringify(option[field])} holds white space`, 'write one word; each option is an item of its own')]
          : [],
      ),
    ]),
  ];
}

/** Lines that the pod's /etc/hosts is to have: an address and its names, which are texts without a space or a new line in them. */
function hostAliases(spec: Json, what: string, path: Path): readonly Diagnostic[] {
  const aliases = recordsOf(spec['hostAliases']);
  const at = [...path, 'hostAliases'];
  return [
    ...aliases.flatMap((alias, i) => {
      const ip = textOf(alias['ip'], '');
      const parsed = tryParseAddress(ip);
      return parsed.ok
        ? []
        : [
            problem(
              'HOST_ALIAS_INVALID',
              [...at, i, 'ip'],
              `${what}: ${JSON.stringify(ip)}: must be a valid IP address: ${parsed.message}`,
              'write the address that the names stand for',
            ),
          ];
    }),
    ...aliases.flatMap((alias, i) =>
      textsOf(alias['hostnames']).flatMap((name, n) => {
        const reason = subdomainProblem(name);
        return reason === null
          ? []
          : [
              problem(
                'HOST_ALIAS_INVALID',
                [...at, i, 'hostnames', n],
                `${what}: ${JSON.stringify(name)} is not an RFC 1123 subdomain: ${reason}`,
                'write a name, like db or db.example.com',
              ),
            ];
      }),
    ),
  ];
}

function hostNetwork(cluster: ClusterView, what: string, path: Path): Diagnostic {
  return note(
    'DNS_POLICY_HOST_NETWORK',
    path,
    `${what} lives in its node's network with dnsPolicy ClusterFirst, which then means Default: its pods do not ask the DNS of cluster ${cluster.name}`,
    'set dnsPolicy: ClusterFirstWithHostNet, or Default to say so',
  );
}

function names(spec: Json, what: string, path: Path): readonly Diagnostic[] {
  return ['hostname', 'subdomain'].flatMap((field) => {
    const value = spec[field];
    const reason = typeof value === 'string' && value !== '' ? labelProblem(value) : null;
    return reason === null
      ? []
      : [
          problem(
            'NAME_INVALID',
            [...path, field],
            `the ${field} ${JSON.stringify(value)} of ${what} is not an RFC 1123 label: ${reason}`,
            'use a-z, 0-9 and "-"',
          ),
        ];
  });
}

/** Pods that would have names of their own, in the domain of a headless Service that is not there. */
function domain(cluster: ClusterView, object: KubernetesObject, spec: Json, what: string, path: Path, at: Path): readonly Diagnostic[] {
  const stateful = object.kind === 'StatefulSet';
  const wanted = stateful ? recordOf(object['spec'])['serviceName'] : spec['hostname'] === undefined ? undefined : spec['subdomain'];
  if (typeof wanted !== 'string' || wanted === '') return [];
  const namespace = object.metadata.namespace ?? 'default';
  const service = servicesOf(cluster).find(({ source }) => source.namespace === namespace && source.name === wanted);
  if (service?.source.headless === true) return [];
  return [
    caution(
      'HEADLESS_SERVICE_MISSING',
      stateful ? [...path, 'spec', 'serviceName'] : [...at, 'subdomain'],
      `the pods of ${what} get no names in DNS: Service ${namespace}/${wanted} ${service === undefined ? 'does not exist' : 'is not headless'}`,
      `add a Service ${wanted} with clusterIP: None that selects them`,
    ),
  ];
}

function ofObject(cluster: ClusterView, object: KubernetesObject, path: Path): readonly Diagnostic[] {
  if (!POD_KINDS.includes(object.kind)) return [];
  const { template, path: within } = templateOf(object);
  const spec = recordOf(template['spec']);
  const at = [...path, ...within, 'spec'];
  const what = `${object.kind} ${object.metadata.namespace ?? 'default'}/${object.metadata.name}`;
  const asNode = spec['hostNetwork'] === true && (spec['dnsPolicy'] ?? 'ClusterFirst') === 'ClusterFirst' && hasDns(cluster.spec);
  return [
    ...names(spec, what, at),
    ...policy(spec, what, at),
    ...config(spec, what, at),
    ...hostAliases(spec, what, at),
    ...(asNode ? [hostNetwork(cluster, what, [...at, 'dnsPolicy'])] : []),
    ...domain(cluster, object, spec, what, path, at),
  ];
}

/** What pods say of DNS is what the API server takes, and does what it says. */
export function podDns(spec: LabSpec): readonly Diagnostic[] {
  return clustersOf(spec).flatMap((cluster) => [
    ...(cluster.spec.workloads ?? []).flatMap((workload, i) =>
      workload.hostNetwork === true && hasDns(cluster.spec)
        ? [hostNetwork(cluster, `workload ${workload.namespace ?? 'default'}/${workload.name}`, [...cluster.path, 'workloads', i, 'hostNetwork'])]
        : [],
    ),
    ...(cluster.spec.objects ?? []).flatMap((object, i) => ofObject(cluster, object, [...cluster.path, 'objects', i])),
  ]);
}
