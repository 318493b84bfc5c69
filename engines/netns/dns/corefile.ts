/** The configuration of CoreDNS: what kubeadm's Corefile does, from zone files instead of the API. */
import { serverBlock, type CorefilePlugin } from '../../../topology/services/corefile.ts';
import { TTL, type DnsRecord } from '../../../topology/services/dns-records.ts';
import type { ServedZone } from './zone.ts';

/** Names of files and their text; `Corefile` is read first. */
export type ConfigFiles = Readonly<Record<string, string>>;

/** A type for private use (RFC 6895): what has it exists, and answers nothing that anybody asks for. */
const NOTHING = 'TYPE65280 \\# 0';

/** @param folder where the files will be */
export function coreDnsFiles(zone: ServedZone, folder: string): ConfigFiles {
  const zones = [zone.domain, ...zone.reverse];
  const forwards = zone.forwarders.length > 0;
  const corefile = serverBlock(forwards ? ['.'] : zones, [
    'errors',
    'prometheus :9153',
    'loadbalance',
    ...podTemplates(zone),
    ...zones.map((name): CorefilePlugin => [`file ${folder}/${name}.zone ${name}`, 'reload 0']),
    ...(forwards ? [`forward . ${zone.forwarders.join(' ')}`] : []),
  ]);
  return {
    Corefile: corefile,
    ...Object.fromEntries(zones.map((name) => [`${name}.zone`, zoneFile(zone, name)])),
  };
}

/** 0 to 255, without leading zeros. */
const OCTET = '25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9]';

/** `pods insecure`: every name that looks like an IPv4 address in a namespace that exists. For IPv6 no pattern says it: those are in the zone file. */
function podTemplates({ domain, namespaces }: ServedZone): readonly CorefilePlugin[] {
  const label = ['a', 'b', 'c', 'd'].map((group) => `(?P<${group}>${OCTET})`).join('-');
  const match = `match "^${label}\\.(${namespaces.join('|')})\\.pod\\.${domain.replaceAll('.', '\\.')}\\.$"`;
  const address = `answer "{{ .Name }} ${TTL} IN A {{ .Group.a }}.{{ .Group.b }}.{{ .Group.c }}.{{ .Group.d }}"`;
  return [
    [`template IN A ${domain}`, match, address, 'fallthrough'],
    // They exist for every type.
    [`template IN ANY ${domain}`, match, 'rcode NOERROR', `authority "${authority(domain, domain)}"`, 'fallthrough'],
  ];
}

/** The serial never changes: there are no secondaries. */
function authority(domain: string, name: string): string {
  return `${name}. ${TTL} IN SOA ns.dns.${domain}. hostmaster.${domain}. 1 7200 1800 86400 ${TTL}`;
}

function zoneFile(zone: ServedZone, origin: string): string {
  const within = ({ name }: { readonly name: string }): boolean => name === origin || name.endsWith(`.${origin}`);
  const pods = zone.pods.filter((record) => record.type === 'AAAA');
  return [
    authority(zone.domain, origin),
    `${origin}. ${TTL} IN NS kube-dns.kube-system.svc.${zone.domain}.`,
    ...[...zone.records, ...pods].filter(within).map((record) => `${record.name}. ${record.ttl} IN ${record.type} ${dataOf(record)}`),
    ...zone.bare.filter((name) => within({ name })).map((name) => `${name}. ${TTL} IN ${NOTHING}`),
    '',
  ].join('\n');
}

function dataOf(record: DnsRecord): string {
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return record.address;
    case 'CNAME':
    case 'PTR':
      return `${record.target}.`;
    case 'SRV':
      return `${record.priority} ${record.weight} ${record.port} ${record.target}.`;
    case 'TXT':
      return JSON.stringify(record.text);
  }
}
