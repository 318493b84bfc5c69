import { formatAddress, parseAddress, tryParseAddress, type Address } from '../cidr.ts';
import type { ClusterPlan } from '../plan.ts';
import type { EndpointPlan, ServicePlan } from './service-plan.ts';

interface DnsName {
  /** Absolute, in lower case, without the trailing dot. */
  readonly name: string;
  /** Seconds. */
  readonly ttl: number;
}

export interface AddressRecord extends DnsName {
  readonly type: 'A' | 'AAAA';
  readonly address: string;
}
export interface NameRecord extends DnsName {
  readonly type: 'CNAME' | 'PTR';
  readonly target: string;
}
export interface ServiceRecord extends DnsName {
  readonly type: 'SRV';
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}
export interface TextRecord extends DnsName {
  readonly type: 'TXT';
  readonly text: string;
}

/** A record of the cluster's DNS. */
export type DnsRecord = AddressRecord | NameRecord | ServiceRecord | TextRecord;
export type DnsType = DnsRecord['type'];

/** What the cluster's DNS answers from. */
export interface DnsZone {
  /** `cluster.local`. */
  readonly domain: string;
  /** Namespaces that exist: pods have names in these. */
  readonly namespaces: readonly string[];
  readonly records: readonly DnsRecord[];
}

/** Seconds; `ttl 30` of kubeadm's Corefile. */
export const TTL = 30;
/** Version of https://github.com/kubernetes/dns/blob/master/docs/specification.md that CoreDNS follows. */
const SCHEMA_VERSION = '1.1.0';

/** Namespaces of every cluster. */
const NAMESPACES: readonly string[] = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];

/** `5.2.244.10.in-addr.arpa`, or 32 nibbles under `ip6.arpa` (RFC 3596). */
export function reverseName(address: string): string {
  const { family, value } = parseAddress(address);
  if (family === 'ipv4') return `${address.split('.').reverse().join('.')}.in-addr.arpa`;
  return `${value.toString(16).padStart(32, '0').split('').reverse().join('.')}.ip6.arpa`;
}

/** An address as one label: `10-244-2-5`, `fd00-10--5`. */
export function dashed(address: string): string {
  return address.replaceAll(/[.:]/g, '-');
}

/** The address that a dashed label stands for; null when it is none. Three dashes, no two together, mean IPv4. */
export function undashed(label: string): Address | null {
  const v4 = label.split('-').length === 4 && !label.includes('--');
  const parsed = tryParseAddress(label.replaceAll('-', v4 ? '.' : ':'));
  return parsed.ok ? parsed.address : null;
}

function addressRecord(name: string, address: string): AddressRecord {
  return { name, ttl: TTL, type: address.includes(':') ? 'AAAA' : 'A', address };
}

/** A pod's own name and its address: `10-244-2-5.default.pod.cluster.local`. */
export function podRecord(namespace: string, address: string, domain: string): AddressRecord {
  return addressRecord(`${dashed(address)}.${namespace}.pod.${domain}`, address);
}

/** The records that say where a named port is, each of the same weight. */
function portRecords(name: string, targets: readonly { readonly port: number; readonly target: string }[]): readonly ServiceRecord[] {
  const weight = Math.floor(100 / Math.max(1, targets.length));
  return targets.map(({ port, target }) => ({ name, ttl: TTL, type: 'SRV', priority: 0, weight, port, target }));
}

const unique = <T>(items: readonly T[]): readonly T[] => [...new Map(items.map((item) => [JSON.stringify(item), item])).values()];

function headlessRecords(service: ServicePlan, base: string): readonly DnsRecord[] {
  const ready = service.endpoints.filter((endpoint) => endpoint.ready);
  const host = (endpoint: EndpointPlan): string => `${endpoint.hostname === '' ? dashed(endpoint.address) : endpoint.hostname}.${base}`;
  const named = service.ports.filter((port) => port.name !== '');
  return [
    ...ready.map(({ address }) => addressRecord(base, address)),
    ...ready.map((endpoint) => addressRecord(host(endpoint), endpoint.address)),
    ...named.flatMap((port) =>
      portRecords(
        `_${port.name}._${port.protocol.toLowerCase()}.${base}`,
        unique(
          ready.flatMap((endpoint) =>
            endpoint.ports.filter((has) => has.name === port.name && has.protocol === port.protocol).map((has) => ({ port: has.port, target: host(endpoint) })),
          ),
        ),
      ),
    ),
    ...ready.map((endpoint): NameRecord => ({ name: reverseName(endpoint.address), ttl: TTL, type: 'PTR', target: host(endpoint) })),
  ];
}

function serviceRecords(service: ServicePlan, domain: string): readonly DnsRecord[] {
  const base = `${service.name}.${service.namespace}.svc.${domain}`;
  if (service.type === 'ExternalName') {
    // An alias has a name; CoreDNS gives no answer for one that is an address.
    return tryParseAddress(service.externalName).ok ? [] : [{ name: base, ttl: TTL, type: 'CNAME', target: service.externalName.toLowerCase() }];
  }
  if (service.headless) return headlessRecords(service, base);
  return [
    ...service.clusterIPs.map((address) => addressRecord(base, address)),
    ...service.ports
      .filter((port) => port.name !== '')
      .flatMap((port) => portRecords(`_${port.name}._${port.protocol.toLowerCase()}.${base}`, [{ port: port.port, target: base }])),
    ...service.clusterIPs.map((address): NameRecord => ({ name: reverseName(address), ttl: TTL, type: 'PTR', target: base })),
  ];
}

/**
 * The records of a cluster's DNS as the Kubernetes DNS specification 1.1.0 has them, in the order of the Services: A and AAAA, SRV for named ports,
 * PTR of cluster addresses and of the endpoints of headless Services, CNAME of ExternalName Services, and the TXT record with the version of the
 * specification. Pods' own names (`10-244-2-5.default.pod.cluster.local`) follow from a rule: {@link resolveDns} knows it.
 */
export function dnsRecords(cluster: Pick<ClusterPlan, 'dnsDomain' | 'services'>): readonly DnsRecord[] {
  const version: TextRecord = { name: `dns-version.${cluster.dnsDomain}`, ttl: TTL, type: 'TXT', text: SCHEMA_VERSION };
  return unique([version, ...cluster.services.flatMap((service) => serviceRecords(service, cluster.dnsDomain))]);
}

/** A cluster's DNS as data: what its server is fed with, and what its answers are judged by. */
export function dnsZone(cluster: Pick<ClusterPlan, 'dnsDomain' | 'services' | 'pods' | 'objects'>): DnsZone {
  const declared = cluster.objects.filter((object) => object.kind === 'Namespace').map((object) => object.metadata.name);
  const used = [...cluster.pods, ...cluster.services].map((one) => one.namespace);
  return { domain: cluster.dnsDomain, namespaces: [...new Set([...NAMESPACES, ...declared, ...used])].sort(), records: dnsRecords(cluster) };
}

export interface DnsQuestion {
  /** Absolute, with or without the trailing dot, in any case. */
  readonly name: string;
  readonly type: DnsType;
}

export interface DnsAnswer {
  /** NOERROR without answers: the name exists, and has no record of the type. */
  readonly rcode: 'NOERROR' | 'NXDOMAIN';
  readonly answers: readonly DnsRecord[];
}

/** Longest chain of aliases that is followed. */
const MAX_ALIASES = 8;

/**
 * What the cluster's DNS must answer. Names are compared without regard to case (RFC 4343).
 *
 * @returns null for what the cluster passes on to a resolver of the outside: names beyond its domain, and addresses that nothing of it has
 */
export function resolveDns(zone: DnsZone, question: DnsQuestion): DnsAnswer | null {
  const answers: DnsRecord[] = [];
  let name = question.name.replace(/\.$/, '').toLowerCase();
  for (let followed = 0; followed <= MAX_ALIASES; followed += 1) {
    const found = lookUp(zone, name, question.type);
    if (found === null) return answers.length === 0 ? null : { rcode: 'NOERROR', answers };
    answers.push(...found.answers);
    const alias = found.answers.find((record): record is NameRecord => record.type === 'CNAME');
    if (alias === undefined || question.type === 'CNAME') return { rcode: found.rcode, answers };
    name = alias.target;
  }
  return { rcode: 'NOERROR', answers };
}

function lookUp(zone: DnsZone, name: string, type: DnsType): DnsAnswer | null {
  const here = zone.records.filter((record) => record.name === name);
  // Of the reverse zones the cluster keeps single addresses only: the rest belongs to others (fallthrough in kubeadm's Corefile).
  if (name.endsWith('.arpa') && !here.some((record) => record.type === type)) return null;
  if (here.length > 0) return { rcode: 'NOERROR', answers: here.filter((record) => record.type === type || record.type === 'CNAME') };
  if (name !== zone.domain && !name.endsWith(`.${zone.domain}`)) return null;
  const labels = name === zone.domain ? [] : name.slice(0, -zone.domain.length - 1).split('.');
  const [kind, namespace, first, ...more] = labels.toReversed();
  const nothing: DnsAnswer = { rcode: 'NOERROR', answers: [] };
  const missing: DnsAnswer = { rcode: 'NXDOMAIN', answers: [] };
  if (kind === undefined) return nothing;
  if ((kind === 'svc' || kind === 'pod') && namespace === undefined) return nothing;
  if ((kind === 'svc' || kind === 'pod') && namespace !== undefined && first === undefined) return zone.namespaces.includes(namespace) ? nothing : missing;
  if (kind === 'pod' && namespace !== undefined && first !== undefined && more.length === 0) {
    const address = zone.namespaces.includes(namespace) ? undashed(first) : null;
    if (address === null) return missing;
    const record = addressRecord(name, formatAddress(address.family, address.value));
    return { rcode: 'NOERROR', answers: record.type === type ? [record] : [] };
  }
  // Names above others exist, though nothing is written of them (RFC 8020).
  return zone.records.some((record) => record.name.endsWith(`.${name}`)) ? nothing : missing;
}
