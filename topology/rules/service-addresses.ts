import { gatewayOf } from '../allocate.ts';
import {
  addressAt,
  cidrContains,
  cidrSize,
  familyName,
  familyNamed,
  formatAddress,
  formatCidr,
  tryParseAddress,
  tryParseCidr,
  type Address,
  type Cidr,
} from '../cidr.ts';
import type { Diagnostic } from '../diagnostic.ts';
import { asList } from '../draft.ts';
import { textsOf } from '../json.ts';
import { DNS_INDEX, hasDns, isDnsService } from '../services/cluster-services.ts';
import { clusterIPBands } from '../services/plan-services.ts';
import { serviceFamilies } from '../services/read-service.ts';
import type { LabSpec } from '../spec.ts';
import { caution, note, problem, type Path } from './findings.ts';
import { attachmentsOf, clustersOf, segmentsOf, type ClusterView, type PlacedCidr } from './lab-view.ts';
import { invalid, servicesOf, type ServiceView } from './services-view.ts';

interface FixedIP {
  readonly service: ServiceView;
  readonly text: string;
  readonly at: Path;
}

/** The addresses that a Service asks for, each where it is written; `clusterIP` repeats the first of `clusterIPs`. */
function fixedIPs(service: ServiceView): readonly FixedIP[] {
  const { spec } = service;
  if (service.source.type === 'ExternalName') return [];
  const single = asList<unknown>(spec['clusterIP'] ?? []).filter((ip): ip is string => typeof ip === 'string');
  const all = textsOf(spec['clusterIPs']);
  const written = [
    ...single.filter((ip) => !all.includes(ip)).map((text) => ({ service, text, at: ['clusterIP'] })),
    ...all.map((text, i) => ({ service, text, at: ['clusterIPs', i] })),
  ];
  return written.filter(({ text }) => text !== '' && text !== 'None');
}

/** The two fields say the same where both are written, and None stands alone. */
function agreeing(service: ServiceView): readonly Diagnostic[] {
  const { clusterIP } = service.spec;
  const all = textsOf(service.spec['clusterIPs']);
  const [first] = all;
  return [
    ...(typeof clusterIP !== 'string' || first === undefined || clusterIP === first
      ? []
      : [invalid('CLUSTER_IP_INVALID', service, ['clusterIPs', 0], first, 'first value must match `clusterIP`', 'leave one of them out')]),
    ...(all.includes('None') && all.length > 1
      ? [invalid('CLUSTER_IP_INVALID', service, ['clusterIPs'], all, "'None' must be the first and only value", 'write None alone, or addresses')]
      : []),
  ];
}

/** One address per family, and each of the family that ipFamilies names at its place. */
function addressFamilies(service: ServiceView): readonly Diagnostic[] {
  const words = textsOf(service.spec['ipFamilies']);
  const fixed = fixedIPs(service).flatMap((one) => {
    const parsed = tryParseAddress(one.text);
    return parsed.ok ? [{ ...one, family: parsed.address.family }] : [];
  });
  return fixed.flatMap(({ text, at, family }, i) => {
    const word = words[typeof at[1] === 'number' ? at[1] : 0];
    const bad = (reason: string, hint: string): readonly Diagnostic[] => [invalid('SERVICE_FAMILY', service, at, text, reason, hint)];
    if (fixed.findIndex((other) => other.family === family) < i)
      return bad('may specify no more than one IP for each IP family', 'keep one of them, or give the other one the other family');
    return word === undefined || (familyNamed(word) ?? family) === family
      ? []
      : bad(`expected an ${word} value as indicated by \`ipFamilies[${typeof at[1] === 'number' ? at[1] : 0}]\``, 'put both in the same order');
  });
}

/** What the cluster's own Services have. */
function reserved(cluster: ClusterView): ReadonlyMap<string, string> {
  const at = (index: number, name: string): readonly (readonly [string, string])[] =>
    cluster.serviceCIDRs.filter((c) => cidrSize(c.cidr) > BigInt(index)).map((c) => [addressAt(c.cidr, index), name]);
  const dns = hasDns(cluster.spec) || cluster.spec.objects?.some(isDnsService) === true;
  return new Map([...at(1, 'Service default/kubernetes'), ...(dns ? at(DNS_INDEX, 'Service kube-system/kube-dns') : [])]);
}

function inRange(cluster: ClusterView, { service, text, at }: FixedIP, address: Address, range: PlacedCidr | undefined): readonly Diagnostic[] {
  const ranges = cluster.serviceCIDRs.map((c) => `${formatCidr(c.cidr)}${c.isDefault ? ' by default' : ''}`).join(', ');
  if (range === undefined) {
    return [
      problem(
        'CLUSTER_IP_OUTSIDE',
        [...service.path, ...at],
        `clusterIP ${text} of ${service.what} is not in the service CIDR of cluster ${cluster.name} (${ranges})`,
        text.startsWith('10.96.') || /^10\.(9[6-9]|10[0-9]|11[01])\./.test(text)
          ? 'set serviceCIDR: 10.96.0.0/12'
          : 'widen serviceCIDR so that it holds the address, or change the address',
      ),
    ];
  }
  const index = Number(address.value - range.cidr.base);
  const [upper, lower] = clusterIPBands(range.cidr);
  if (upper === undefined || index < 1 || index > upper.to)
    return [
      invalid(
        'CLUSTER_IP_INVALID',
        service,
        at,
        text,
        `it is the first or the last of ${formatCidr(range.cidr)}`,
        'choose another address of the service CIDR',
      ),
    ];
  if (index < upper.from || lower === undefined) return [];
  return [
    note(
      'CLUSTER_IP_UPPER_BAND',
      [...service.path, ...at],
      `clusterIP ${text} of ${service.what} lies in the upper band, from which addresses are given to Services that ask for none`,
      `choose one of ${addressAt(range.cidr, DNS_INDEX + 1)}-${addressAt(range.cidr, lower.to)}, which nobody is given`,
    ),
  ];
}

function clusterIPs(cluster: ClusterView, all: readonly ServiceView[]): readonly Diagnostic[] {
  const owners = new Map(reserved(cluster));
  return all.flatMap(fixedIPs).flatMap((fixed): readonly Diagnostic[] => {
    const { service, text, at } = fixed;
    const parsed = tryParseAddress(text);
    if (!parsed.ok) {
      return [
        problem(
          'CLUSTER_IP_INVALID',
          [...service.path, ...at],
          `clusterIP of ${service.what}: ${parsed.message}`,
          'write an address of the service CIDR, None, or leave it out',
        ),
      ];
    }
    const address = formatAddress(parsed.address.family, parsed.address.value);
    const owner = owners.get(address);
    // kube-dns may stand where the cluster would put it.
    if (owner !== undefined && owner !== service.what)
      return [invalid('CLUSTER_IP_TAKEN', service, at, text, `provided IP is already allocated, to ${owner}`, 'choose another address, or leave it out')];
    owners.set(address, service.what);
    return inRange(
      cluster,
      fixed,
      parsed.address,
      cluster.serviceCIDRs.find((c) => cidrContains(c.cidr, parsed.address)),
    );
  });
}

function families(cluster: ClusterView, service: ServiceView): readonly Diagnostic[] {
  const { spec, source } = service;
  if (source.type === 'ExternalName') return [];
  const has = new Set(cluster.serviceCIDRs.map((c) => c.cidr.family));
  if (has.size === 0) return [];
  const asked = textsOf(spec['ipFamilies']);
  const bad = (at: Path, value: unknown, reason: string, hint: string): Diagnostic => invalid('SERVICE_FAMILY', service, at, value, reason, hint);
  const single = has.size === 1;
  const dual = 'give the cluster two service CIDRs, one per family';
  return [
    ...asked.flatMap((word, i) => {
      const family = familyNamed(word);
      if (asked.indexOf(word) < i) return [bad(['ipFamilies', i], word, 'Duplicate value', 'name each family once')];
      return family === undefined || has.has(family) || source.headless
        ? []
        : [bad(['ipFamilies', i], word, 'not configured on this cluster', `remove it, or ${dual}`)];
    }),
    ...(spec['ipFamilyPolicy'] === 'RequireDualStack' && single && !(source.headless && source.selector === null)
      ? [bad(['ipFamilyPolicy'], 'RequireDualStack', 'this cluster is not configured for dual-stack services', `use PreferDualStack, or ${dual}`)]
      : []),
    ...(source.ipFamilyPolicy === 'SingleStack' && Math.max(asked.length, source.clusterIPs.length) > 1
      ? [
          bad(
            ['ipFamilyPolicy'],
            spec['ipFamilyPolicy'] ?? 'SingleStack',
            "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified",
            'set ipFamilyPolicy: PreferDualStack',
          ),
        ]
      : []),
  ];
}

/** Ranges in which the API server takes no address of an endpoint or from outside. */
const REFUSED: readonly (readonly [cidr: string, what: string])[] = [
  ['127.0.0.0/8', 'in the loopback range (127.0.0.0/8, ::1/128)'],
  ['::1/128', 'in the loopback range (127.0.0.0/8, ::1/128)'],
  ['169.254.0.0/16', 'in the link-local range (169.254.0.0/16, fe80::/10)'],
  ['fe80::/10', 'in the link-local range (169.254.0.0/16, fe80::/10)'],
  ['224.0.0.0/24', 'in the link-local multicast range (224.0.0.0/24, ff02::/10)'],
  ['ff02::/16', 'in the link-local multicast range (224.0.0.0/24, ff02::/10)'],
];

/** Why the API server takes a text for no address of a machine elsewhere; null when it does. */
export function remoteAddressProblem(text: string): string | null {
  const parsed = tryParseAddress(text);
  if (!parsed.ok) return `must be a valid IP address: ${parsed.message}`;
  const { address } = parsed;
  if (address.value === 0n) return 'may not be unspecified (0.0.0.0 or ::)';
  const range = REFUSED.find(([cidr]) => {
    const refused = tryParseCidr(cidr);
    return refused.ok && cidrContains(refused.cidr, address);
  });
  return range === undefined ? null : `may not be ${range[1]}`;
}

/** Why nobody may have an address of the outside: it is the range's own, or its router's. */
function reservedOutside(cidr: Cidr, address: Address): string | null {
  const index = address.value - cidr.base;
  if (formatAddress(address.family, address.value) === gatewayOf(cidr)) return "it is the address of the outside's router";
  if (cidrSize(cidr) <= 2n) return null;
  if (index === 0n) return `it is the first of ${formatCidr(cidr)}`;
  return cidr.family === 'ipv4' && index === cidrSize(cidr) - 1n ? `it is the last of ${formatCidr(cidr)}` : null;
}

function fromOutside(spec: LabSpec, cluster: ClusterView, service: ServiceView): readonly Diagnostic[] {
  const { source } = service;
  const bad = (at: Path, value: string, reason: string | null, hint: string): readonly Diagnostic[] =>
    reason === null ? [] : [invalid('SERVICE_ADDRESS_INVALID', service, at, value, reason, hint)];
  const found = [
    ...source.externalIPs.flatMap((ip, i) => bad(['externalIPs', i], ip, remoteAddressProblem(ip), 'write an address that reaches a node')),
    ...source.loadBalancerSourceRanges.flatMap((range, i) => {
      const parsed = tryParseCidr(range);
      return bad(
        ['loadBalancerSourceRanges', i],
        range,
        parsed.ok ? null : `must be a valid CIDR value: ${parsed.message}`,
        'write a range, like 203.0.113.0/24',
      );
    }),
  ];
  if (source.type !== 'LoadBalancer') return found;
  const outside = segmentsOf(spec).find((s) => s.path[0] === 'outside');
  if (outside === undefined) {
    return [
      ...found,
      caution(
        'LOAD_BALANCER_PENDING',
        [...service.path, 'type'],
        `${service.what} gets no address: the lab has no outside from which it could come`,
        'add outside: { hosts: [{ name: client }] } to the lab, or use type: NodePort',
      ),
    ];
  }
  const { loadBalancerIP: ip } = source;
  if (ip === '') return found;
  const parsed = tryParseAddress(ip);
  const ranges = outside.cidrs.map((c) => formatCidr(c.cidr)).join(', ');
  const problemOf = (address: Address): string | null => {
    const range = outside.cidrs.find((c) => cidrContains(c.cidr, address));
    if (range === undefined) return `it is not in the outside of the lab (${ranges})`;
    const has = serviceFamilies(
      source,
      cluster.serviceCIDRs.map((c) => c.cidr.family),
    );
    return has.length === 0 || has.includes(address.family)
      ? reservedOutside(range.cidr, address)
      : `the Service has no address of family ${familyName(address.family)}`;
  };
  const reason = parsed.ok ? problemOf(parsed.address) : parsed.message;
  return [...found, ...bad(['loadBalancerIP'], ip, reason, `choose an address of ${ranges}, or leave it out`)];
}

/** A load balancer with the address of another, or of a machine. */
function balancersApart(all: readonly ServiceView[], owners: Map<string, string>): readonly Diagnostic[] {
  return all.flatMap((service) => {
    const written = service.source.loadBalancerIP;
    const parsed = tryParseAddress(written);
    if (!parsed.ok) return [];
    const ip = formatAddress(parsed.address.family, parsed.address.value);
    const owner = owners.get(ip);
    owners.set(ip, owner ?? service.what);
    return owner === undefined
      ? []
      : [invalid('SERVICE_ADDRESS_INVALID', service, ['loadBalancerIP'], written, `${owner} has it already`, 'choose another address, or leave it out')];
  });
}

/** Addresses that are written for Services are of the cluster's or the outside's ranges, of its families, and of nobody else. */
export function serviceAddresses(spec: LabSpec): readonly Diagnostic[] {
  const balancers = new Map(
    attachmentsOf(spec).flatMap((plug) => plug.addresses.map(({ address: a }) => [formatAddress(a.family, a.value), plug.what] as const)),
  );
  return clustersOf(spec).flatMap((cluster) => {
    const all = servicesOf(cluster);
    return [
      ...clusterIPs(cluster, all),
      ...all.flatMap((service) => [...agreeing(service), ...addressFamilies(service), ...families(cluster, service), ...fromOutside(spec, cluster, service)]),
      ...balancersApart(all, balancers),
    ];
  });
}
