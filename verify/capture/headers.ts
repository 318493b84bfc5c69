/** The outer headers of a captured packet, as far as a filter asks for them. Pure. */
import type { CapturedPacket } from '../../engines/port.ts';
import type { Address } from '../../topology/cidr.ts';
import type { Family } from '../../topology/spec.ts';

export interface PacketHeaders {
  readonly network: 'ipv4' | 'ipv6' | 'arp' | 'other';
  /** Of IP; of ARP the two protocol addresses. Null where there are none, or the packet was cut before them. */
  readonly source: Address | null;
  readonly destination: Address | null;
  /** IANA protocol number of what IP carries, -1 where it is not IP. */
  readonly protocol: number;
  /** Of TCP, UDP and SCTP; null for anything else, and for fragments that do not begin with them. */
  readonly ports: { readonly source: number; readonly destination: number } | null;
}

const ETHERTYPES: ReadonlyMap<number, PacketHeaders['network']> = new Map([
  [0x0800, 'ipv4'],
  [0x0806, 'arp'],
  [0x86dd, 'ipv6'],
]);
const ETHERNET_BYTES = 14;
const IPV6_BYTES = 40;
const FRAGMENT_HEADER = 44;
/** TCP, UDP, SCTP. */
const PORTED: ReadonlySet<number> = new Set([6, 17, 132]);
const NOTHING: PacketHeaders = { network: 'other', source: null, destination: null, protocol: -1, ports: null };

/** Reads them; a packet that was cut short has those that are there. Never throws. */
export function readHeaders({ data: text, link }: Pick<CapturedPacket, 'data' | 'link'>): PacketHeaders {
  const data = Buffer.from(text, 'base64');
  if (link === 'ip') return data.length === 0 ? NOTHING : network(data[0] !== undefined && data[0] >> 4 === 6 ? 'ipv6' : 'ipv4', data);
  const type = data.length < ETHERNET_BYTES ? undefined : ETHERTYPES.get(data.readUInt16BE(12));
  return type === undefined ? NOTHING : network(type, data.subarray(ETHERNET_BYTES));
}

function network(kind: PacketHeaders['network'], data: Buffer): PacketHeaders {
  switch (kind) {
    case 'arp':
      return { ...NOTHING, network: kind, source: address(data, 14, 'ipv4'), destination: address(data, 24, 'ipv4') };
    case 'ipv4': {
      const protocol = data[9] ?? -1;
      const later = data.length >= 8 && (data.readUInt16BE(6) & 0x1fff) !== 0;
      return {
        network: kind,
        source: address(data, 12, 'ipv4'),
        destination: address(data, 16, 'ipv4'),
        protocol,
        ports: later ? null : ports(protocol, data.subarray(((data[0] ?? 0) & 15) * 4)),
      };
    }
    case 'ipv6': {
      const next = data[6] ?? -1;
      return {
        network: kind,
        source: address(data, 8, 'ipv6'),
        destination: address(data, 24, 'ipv6'),
        protocol: next === FRAGMENT_HEADER ? (data[IPV6_BYTES] ?? -1) : next,
        ports: ports(next, data.subarray(IPV6_BYTES)),
      };
    }
    case 'other':
      return NOTHING;
  }
}

function ports(protocol: number, data: Buffer): PacketHeaders['ports'] {
  return PORTED.has(protocol) && data.length >= 4 ? { source: data.readUInt16BE(0), destination: data.readUInt16BE(2) } : null;
}

function address(data: Buffer, at: number, family: Family): Address | null {
  const bytes = family === 'ipv4' ? 4 : 16;
  return data.length < at + bytes ? null : { family, value: BigInt(`0x${data.toString('hex', at, at + bytes)}`) };
}
