import { formatAddress, parseAddress } from '../cidr.ts';
import { reverseName, TTL, type DnsRecord } from '../services/dns-records.ts';
import type { ZoneRecordSpec, ZoneSpec } from '../spec.ts';

/** A name as a master file has it (RFC 1035 5.1): absolute, in lower case, without the last dot. */
export function absoluteName(name: string, zone: string): string {
  const lower = name.toLowerCase();
  if (lower.endsWith('.')) return lower.slice(0, -1);
  return lower === '@' ? zone : `${lower}.${zone}`;
}

/** Name of a zone as it is compared. */
export const zoneName = ({ name }: Pick<ZoneSpec, 'name'>): string => name.toLowerCase().replace(/\.$/, '');

function record(zone: string, { name: written, type, data }: ZoneRecordSpec): DnsRecord {
  const common = { name: absoluteName(written, zone), ttl: TTL };
  switch (type) {
    case 'A':
    case 'AAAA': {
      const { family, value } = parseAddress(data);
      return { ...common, type, address: formatAddress(family, value) };
    }
    case 'CNAME':
    case 'PTR':
      return { ...common, type, target: absoluteName(data, zone) };
    case 'TXT':
      return { ...common, type, text: data };
  }
}

/**
 * The records of zones, in order, and a PTR for every address that has none of its own in them: an address is found under the first name that has it.
 *
 * @throws CidrError for what is no address
 */
export function zoneRecords(zones: readonly ZoneSpec[]): readonly DnsRecord[] {
  const written = zones.flatMap((zone) => zone.records.map((one) => record(zoneName(zone), one)));
  const reversed = new Set(written.filter((one) => one.type === 'PTR').map((one) => one.name));
  const implied = written.flatMap((one): readonly DnsRecord[] => {
    if (one.type !== 'A' && one.type !== 'AAAA') return [];
    const name = reverseName(one.address);
    if (reversed.has(name)) return [];
    reversed.add(name);
    return [{ name, ttl: one.ttl, type: 'PTR', target: one.name }];
  });
  return [...written, ...implied];
}
