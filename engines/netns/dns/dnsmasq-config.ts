/** The configuration of dnsmasq with a cluster's records. */
import { TTL, type DnsRecord } from '../../../topology/services/dns-records.ts';
import type { ConfigFiles } from './corefile.ts';
import type { ServedZone } from './zone.ts';

/**
 * Nothing of the machine that runs the lab, nothing from memory.
 *
 * @param log a file, or `-` for standard error
 */
export const serverLines = (log: string): readonly string[] => [
  'no-resolv',
  'no-hosts',
  'port=53',
  // It would become somebody else, who may not read the lab's files, and where ids are not mapped cannot.
  'user=root',
  'group=root',
  `log-facility=${log}`,
  'cache-size=0',
  `local-ttl=${TTL}`,
];

/**
 * Differs from CoreDNS where dnsmasq cannot do it: pods' names exist for the lab's pods only (its synth-domain would also make up reverse records), names
 * below them have their address, too, and the target of an alias that lies outside is not looked up.
 */
export function dnsmasqFiles(zone: ServedZone): ConfigFiles {
  return {
    'dnsmasq.conf': [
      ...serverLines('-'),
      ...[zone.domain, ...zone.reverse].map((name) => `local=/${name}/`),
      ...zone.forwarders.map((address) => `server=${address}`),
      ...zone.records.map(recordLine),
      ...zone.pods.map(({ name, address }) => `address=/${name}/${address}`),
      // Makes the name exist, for every type.
      ...[...zone.bare, ...new Set(zone.pods.map(({ name }) => name))].map((name) => `ptr-record=${name}`),
      '',
    ].join('\n'),
  };
}

/** A record as dnsmasq is told of it. */
export function recordLine(record: DnsRecord): string {
  const { name, ttl } = record;
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return `host-record=${name},${record.address},${ttl}`;
    case 'CNAME':
      return `cname=${name},${record.target},${ttl}`;
    case 'PTR':
      return `ptr-record=${name},${record.target}`;
    case 'SRV':
      return `srv-host=${name},${record.target},${record.port},${record.priority},${record.weight}`;
    case 'TXT':
      return `txt-record=${name},${record.text}`;
  }
}
