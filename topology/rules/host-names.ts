import { tryParseAddress } from '../cidr.ts';
import type { Diagnostic } from '../diagnostic.ts';
import { asList } from '../draft.ts';
import { absoluteName, zoneName } from '../hosts/zone-records.ts';
import { subdomainProblem } from '../names.ts';
import type { LabSpec, ResolverSpec, ZoneRecordSpec, ZoneSpec } from '../spec.ts';
import { caution, counted, problem, type Path } from './findings.ts';

/** What the C library asks at most: MAXNS in resolv.h. */
const MAX_NAMESERVERS = 3;

function addresses(texts: readonly string[], path: Path): readonly Diagnostic[] {
  return texts.flatMap((text, i) => {
    const parsed = tryParseAddress(text);
    return parsed.ok ? [] : [problem('RESOLVER_INVALID', [...path, i], parsed.message, 'write an address, like 192.168.1.100')];
  });
}

/** A domain as programs take it, perhaps with a dot at its end. */
function domain(text: string, path: Path): readonly Diagnostic[] {
  const reason = subdomainProblem(text.toLowerCase().replace(/\.$/, ''));
  return reason === null ? [] : [problem('RESOLVER_INVALID', path, `${JSON.stringify(text)} is no domain name: ${reason}`, 'write a name like mycompany.com')];
}

function resolver(host: string, { nameservers = [], search = [], hosts = {}, order = [] }: ResolverSpec, path: Path): readonly Diagnostic[] {
  return [
    ...addresses(nameservers, [...path, 'nameservers']),
    ...(nameservers.length > MAX_NAMESERVERS
      ? [
          caution(
            'NAMESERVERS_IGNORED',
            [...path, 'nameservers'],
            `host ${host} has ${counted(nameservers.length, 'name server')}; the C library asks the first ${MAX_NAMESERVERS} and never the others`,
            `keep ${MAX_NAMESERVERS}`,
          ),
        ]
      : []),
    ...search.flatMap((text, i) => domain(text, [...path, 'search', i])),
    ...Object.entries(hosts).flatMap(([name, given]) => [
      ...domain(name, [...path, 'hosts', name]),
      ...addresses(asList<string>(given), [...path, 'hosts', name]),
    ]),
    ...(new Set(order).size < order.length
      ? [problem('RESOLVER_INVALID', [...path, 'order'], `${order.join(' ')} names a source twice`, 'write files and dns once each')]
      : []),
  ];
}

/** Why the data of a record is not what its type needs; null when it is. */
function dataProblem(zone: string, { type, data }: ZoneRecordSpec): string | null {
  if (type === 'A' || type === 'AAAA') {
    const parsed = tryParseAddress(data);
    if (!parsed.ok) return parsed.message;
    const family = type === 'A' ? 'ipv4' : 'ipv6';
    return parsed.address.family === family ? null : `${data} is no ${family === 'ipv4' ? 'IPv4' : 'IPv6'} address`;
  }
  if (type === 'TXT') return /[\n\r",]/.test(data) ? 'a text holds no quotes, commas or line ends here' : null;
  const reason = subdomainProblem(absoluteName(data, zone));
  return reason === null ? null : `${JSON.stringify(data)} is no name: ${reason}`;
}

function zone(spec: ZoneSpec, path: Path): readonly Diagnostic[] {
  const name = zoneName(spec);
  const bad = subdomainProblem(name);
  if (bad !== null)
    return [problem('ZONE_INVALID', [...path, 'name'], `${JSON.stringify(spec.name)} is no name of a zone: ${bad}`, 'write a name like mycompany.com')];
  const names = spec.records.map((record) => absoluteName(record.name, name));
  return spec.records.flatMap((record, i): readonly Diagnostic[] => {
    const at = [...path, 'records', i];
    const own = names[i] ?? '';
    const reason = subdomainProblem(own);
    if (reason !== null)
      return [
        problem('ZONE_INVALID', [...at, 'name'], `${JSON.stringify(record.name)} is no name of a record: ${reason}`, 'write @, or a name below the zone'),
      ];
    if (own !== name && !own.endsWith(`.${name}`))
      return [
        problem('ZONE_INVALID', [...at, 'name'], `${own} is not below the zone ${name}`, 'leave the dot at its end out, or put it into a zone of its own'),
      ];
    const wrong = dataProblem(name, record);
    if (wrong !== null) return [problem('ZONE_INVALID', [...at, 'data'], `${record.type} of ${own}: ${wrong}`, 'write what the type of the record asks for')];
    const other = spec.records.find((one, j) => j !== i && names[j] === own);
    if (record.type !== 'CNAME' || other === undefined) return [];
    return [
      problem(
        'CNAME_NOT_ALONE',
        at,
        `${own} is an alias, and has another record (${other.type} ${other.data}): a name with a CNAME has nothing else, and one CNAME only`,
        'let each name be an alias of its own: other names may all point to one, not one to many',
      ),
    ];
  });
}

/** Resolver settings and zones of hosts are what the C library and a DNS server take. */
export function hostNames(spec: LabSpec): readonly Diagnostic[] {
  return (spec.hosts ?? []).flatMap((host, h) => {
    const path = ['hosts', h];
    const zones = host.zones ?? [];
    return [
      ...(host.resolver === undefined ? [] : resolver(host.name, host.resolver, [...path, 'resolver'])),
      ...zones.flatMap((one, i) => zone(one, [...path, 'zones', i])),
      ...zones.flatMap((one, i) =>
        zones.findIndex((other) => zoneName(other) === zoneName(one)) === i
          ? []
          : [problem('ZONE_INVALID', [...path, 'zones', i, 'name'], `host ${host.name} has two zones ${zoneName(one)}`, 'put all records into one')],
      ),
      ...addresses(host.forwarders ?? [], [...path, 'forwarders']),
    ];
  });
}
