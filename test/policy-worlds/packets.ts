/** First packets of connections, as bytes, and what is read off them where they arrive. A number of ours is in each, where no stack changes it. */
import { addressBytes } from '../../engines/netns/agent/address-bytes.ts';
import type { PolicyProtocol } from '../../topology/policy/model.ts';
import type { Family } from '../../topology/spec.ts';

export interface Packet {
  readonly family: Family;
  readonly protocol: PolicyProtocol;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** 31 bits. */
  readonly id: number;
}

const NUMBERS = { TCP: 6, UDP: 17, SCTP: 132 } as const satisfies Readonly<Record<PolicyProtocol, number>>;
/** IP protocol numbers that arrivals are looked for in. */
export const PROTOCOL_NUMBERS: readonly number[] = Object.values(NUMBERS);
const SYN = 2;
const UDP_PAYLOAD = 4;
const SCTP_INIT = 20;
const LENGTHS = { TCP: 20, UDP: 8 + UDP_PAYLOAD, SCTP: 12 + SCTP_INIT } as const satisfies Readonly<Record<PolicyProtocol, number>>;

/** An IP packet: a TCP SYN, a UDP datagram or an SCTP INIT. Checksums of the transports are left out; the kernel of the test is told not to look at them. */
export function ipPacket({ family, protocol, source, destination, sourcePort, destinationPort, id }: Packet): Buffer {
  const length = LENGTHS[protocol];
  const header = family === 'ipv4' ? 20 : 40;
  const packet = Buffer.alloc(header + length);
  if (family === 'ipv4') {
    packet[0] = 0x45;
    packet.writeUInt16BE(header + length, 2);
    packet[8] = 64;
    packet[9] = NUMBERS[protocol];
    packet.set(addressBytes(source), 12);
    packet.set(addressBytes(destination), 16);
    packet.writeUInt16BE(checksum(packet.subarray(0, header)), 10);
  } else {
    packet[0] = 0x60;
    packet.writeUInt16BE(length, 4);
    packet[6] = NUMBERS[protocol];
    packet[7] = 64;
    packet.set(addressBytes(source), 8);
    packet.set(addressBytes(destination), 24);
  }
  packet.writeUInt16BE(sourcePort, header);
  packet.writeUInt16BE(destinationPort, header + 2);
  if (protocol === 'TCP') {
    packet.writeUInt32BE(id, header + 4);
    packet[header + 12] = 5 << 4;
    packet[header + 13] = SYN;
    packet.writeUInt16BE(1024, header + 14);
  } else if (protocol === 'UDP') {
    packet.writeUInt16BE(length, header + 4);
    packet.writeUInt32BE(id, header + 8);
  } else {
    // Chunk INIT: type 1, its length, our tag, window, streams.
    packet[header + 12] = 1;
    packet.writeUInt16BE(SCTP_INIT, header + 14);
    packet.writeUInt32BE(id, header + 16);
    packet.writeUInt32BE(65_536, header + 20);
    packet.writeUInt16BE(1, header + 24);
    packet.writeUInt16BE(1, header + 26);
  }
  return packet;
}

function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** Our number in a transport segment, -1 where it is none of ours (a reset, an ICMP error). */
export function idOfSegment(protocol: number, segment: Buffer): number {
  if (protocol === NUMBERS.TCP) return segment.length >= 20 && segment[13] === SYN ? segment.readUInt32BE(4) : -1;
  if (protocol === NUMBERS.UDP) return segment.length === LENGTHS.UDP ? segment.readUInt32BE(8) : -1;
  if (protocol === NUMBERS.SCTP) return segment.length === LENGTHS.SCTP && segment[12] === 1 ? segment.readUInt32BE(16) : -1;
  return -1;
}

/** Our number in an IP packet, -1 where it is none of ours. */
export function idOfPacket(packet: Buffer): number {
  const version = (packet[0] ?? 0) >> 4;
  if (version === 4) return idOfSegment(packet[9] ?? 0, packet.subarray(20, packet.readUInt16BE(2)));
  return version === 6 ? idOfSegment(packet[6] ?? 0, packet.subarray(40, 40 + packet.readUInt16BE(4))) : -1;
}
