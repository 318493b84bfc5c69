/** Captured packets in words, as far as a diagnosis needs them: addresses, ports, what became of the connection, and what an overlay carries. Pure. */
import type { CapturedPacket } from '../../engines/port.ts';
import { formatAddress } from '../../topology/cidr.ts';
import type { Family } from '../../topology/spec.ts';

export interface PacketText {
  /** Every address in it, of the headers outside and inside, and of ARP. */
  readonly addresses: ReadonlySet<string>;
  readonly text: string;
  /** It asks for, or tells, who has an address: no packet of a connection, and sent whenever the kernel likes. */
  readonly resolves: boolean;
}

const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const;
const ETHERNET_BYTES = 14;
const VXLAN_BYTES = 8;
/** IANA protocol numbers. */
const PROTOCOL = { icmp: 1, ipip: 4, tcp: 6, udp: 17, ipv6: 41, icmpv6: 58 } as const;

/** Describes a packet. What it cannot read it says so of; never throws.
 *
 * @param overlayPorts UDP ports behind which VXLAN is (RFC 7348)
 */
export function describePacket(packet: CapturedPacket, overlayPorts: ReadonlySet<number>): PacketText {
  const addresses = new Set<string>();
  const context: Context = { addresses, overlayPorts, resolves: false };
  const data = Buffer.from(packet.data, 'base64');
  try {
    const text = packet.link === 'ethernet' ? frame(data, context) : network(data, context);
    return { addresses, text, resolves: context.resolves };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { addresses, text: 'cut short', resolves: false };
  }
}

interface Context {
  readonly addresses: Set<string>;
  readonly overlayPorts: ReadonlySet<number>;
  resolves: boolean;
}

function frame(data: Buffer, context: Context): string {
  const type = data.readUInt16BE(12);
  const rest = data.subarray(ETHERNET_BYTES);
  if (type === ETHERTYPE.arp) return arp(rest, context);
  return type === ETHERTYPE.ipv4 || type === ETHERTYPE.ipv6 ? network(rest, context) : `ethertype 0x${type.toString(16).padStart(4, '0')}`;
}

function arp(data: Buffer, context: Context): string {
  context.resolves = true;
  const sender = address(data, 14, 'ipv4', context);
  const target = address(data, 24, 'ipv4', context);
  if (data.readUInt16BE(6) === 1) return `ARP who has ${target}? tell ${sender}`;
  return `ARP ${sender} is at ${[...data.subarray(8, 14)].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`;
}

function network(data: Buffer, context: Context): string {
  return data.readUInt8(0) >> 4 === 6 ? ipv6(data, context) : ipv4(data, context);
}

function ipv4(data: Buffer, context: Context): string {
  const source = address(data, 12, 'ipv4', context);
  const destination = address(data, 16, 'ipv4', context);
  const fragment = data.readUInt16BE(6);
  const ttl = `ttl ${data.readUInt8(8)}${(fragment & 0x4000) !== 0 ? ', DF' : ''}`;
  if ((fragment & 0x1fff) !== 0) return `${source} > ${destination} a later fragment, ${ttl}`;
  const more = (fragment & 0x2000) !== 0 ? ', first fragment' : '';
  return transport(data.readUInt8(9), data.subarray((data.readUInt8(0) & 15) * 4), { source, destination, tail: `${ttl}${more}` }, context);
}

function ipv6(data: Buffer, context: Context): string {
  const source = address(data, 8, 'ipv6', context);
  const destination = address(data, 24, 'ipv6', context);
  return transport(data.readUInt8(6), data.subarray(40), { source, destination, tail: `hop limit ${data.readUInt8(7)}` }, context);
}

interface Ends {
  readonly source: string;
  readonly destination: string;
  readonly tail: string;
}

function transport(protocol: number, data: Buffer, { source, destination, tail }: Ends, context: Context): string {
  const pair = `${source} > ${destination}`;
  switch (protocol) {
    case PROTOCOL.tcp:
      return `${ported(source, data.readUInt16BE(0))} > ${ported(destination, data.readUInt16BE(2))} tcp ${tcpFlags(data.readUInt8(13))}, ${tail}`;
    case PROTOCOL.udp: {
      const port = data.readUInt16BE(2);
      if (context.overlayPorts.has(port)) {
        const vni = data.readUIntBE(8 + 4, 3);
        return `${pair} vxlan ${vni} [${frame(data.subarray(8 + VXLAN_BYTES), context)}]`;
      }
      return `${ported(source, data.readUInt16BE(0))} > ${ported(destination, port)} udp, ${tail}`;
    }
    case PROTOCOL.icmp:
      return `${pair} ${icmp(data, context)}, ${tail}`;
    case PROTOCOL.icmpv6:
      return `${pair} ${icmpv6(data, context)}, ${tail}`;
    case PROTOCOL.ipip:
    case PROTOCOL.ipv6:
      return `${pair} ip in ip [${network(data, context)}]`;
    default:
      return `${pair} protocol ${protocol}, ${tail}`;
  }
}

/** SYN, ACK, … (RFC 9293). */
function tcpFlags(flags: number): string {
  const names = ['FIN', 'SYN', 'RST', 'PSH', 'ACK'].filter((_, bit) => (flags & (1 << bit)) !== 0);
  return names.length === 0 ? 'without flags' : names.join('+');
}

const UNREACHABLE: Readonly<Record<number, string>> = {
  0: 'network unreachable',
  1: 'host unreachable',
  3: 'port unreachable',
  4: 'fragmentation needed',
  13: 'prohibited',
};

/** RFC 792; an error quotes the packet that it is about. */
function icmp(data: Buffer, context: Context): string {
  const [type, code] = [data.readUInt8(0), data.readUInt8(1)];
  if (type === 8) return 'echo request';
  if (type === 0) return 'echo reply';
  const what = type === 3 ? (UNREACHABLE[code] ?? `unreachable, code ${code}`) : type === 11 ? 'time exceeded' : `ICMP type ${type}`;
  const mtu = type === 3 && code === 4 ? ` (MTU ${data.readUInt16BE(6)})` : '';
  return `${what}${mtu}${quoted(data, context)}`;
}

const UNREACHABLE_SIX: Readonly<Record<number, string>> = { 0: 'no route', 1: 'prohibited', 3: 'address unreachable', 4: 'port unreachable' };

/** RFC 4443 and RFC 4861. */
function icmpv6(data: Buffer, context: Context): string {
  const [type, code] = [data.readUInt8(0), data.readUInt8(1)];
  switch (type) {
    case 128:
      return 'echo request';
    case 129:
      return 'echo reply';
    case 135:
      context.resolves = true;
      return `who has ${address(data, 8, 'ipv6', context)}?`;
    case 136:
      context.resolves = true;
      return `${address(data, 8, 'ipv6', context)} is here`;
    case 1:
      return `${UNREACHABLE_SIX[code] ?? `unreachable, code ${code}`}${quoted(data, context)}`;
    case 2:
      return `too big (MTU ${data.readUInt32BE(4)})${quoted(data, context)}`;
    case 3:
      return `time exceeded${quoted(data, context)}`;
    default:
      return `ICMPv6 type ${type}`;
  }
}

function quoted(data: Buffer, context: Context): string {
  try {
    return ` [${network(data.subarray(8), context)}]`;
  } catch (error) {
    if (error instanceof RangeError) return '';
    throw error;
  }
}

function ported(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function address(data: Buffer, at: number, family: Family, { addresses }: Context): string {
  const bytes = family === 'ipv4' ? 4 : 16;
  if (at + bytes > data.length) throw new RangeError('the packet ends before');
  const text = formatAddress(family, BigInt(`0x${data.toString('hex', at, at + bytes)}`));
  addresses.add(text);
  return text;
}
