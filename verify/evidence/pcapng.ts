/** Writes packets as a pcapng file (draft-ietf-opsawg-pcapng), which wireshark, tshark and tcpdump read; every device is an interface with its name. Pure. */
import type { CapturedPacket } from '../../engines/port.ts';

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;
const BYTE_ORDER = 0x1a2b3c4d;
/** LINKTYPE_ETHERNET and LINKTYPE_RAW. */
const LINK_TYPES = { ethernet: 1, ip: 101 } as const;
const IF_NAME = 2;
const EPB_FLAGS = 2;
const DIRECTIONS = { in: 1, out: 2 } as const;

/** Bytes kept of each captured packet: headers, also inside of an overlay. */
export const SNAP_BYTES = 256;

/** A file of a lab's packets, in which a device is named by its namespace and itself. */
export function pcapngOf(packets: readonly CapturedPacket[]): Buffer {
  return writePcapng(packets, SNAP_BYTES, ({ netns, dev }) => `${netns} ${dev}`);
}

/** Makes a file piece by piece: whenever it ends after one of them, it is whole. */
export interface PcapngWriter {
  readonly head: Buffer;
  /** The blocks of one packet; where it was the first of its device, that interface's before it. */
  packet(packet: CapturedPacket): Buffer;
}

/**
 * Times are microseconds, as pcapng has them by default.
 *
 * @param snapBytes what packets were cut to
 * @param nameOf the interface's name: where a namespace's packets were seen
 */
export function pcapngWriter(snapBytes: number, nameOf: (packet: CapturedPacket) => string): PcapngWriter {
  const interfaces = new Map<string, number>();
  return {
    head: block(SECTION_HEADER, [words(BYTE_ORDER, 0x0000_0001, 0xffff_ffff, 0xffff_ffff)]),
    packet: (packet) => {
      const blocks: Buffer[] = [];
      const name = nameOf(packet);
      const index = interfaces.get(name) ?? interfaces.size;
      if (index === interfaces.size) {
        interfaces.set(name, index);
        blocks.push(block(INTERFACE_DESCRIPTION, [words(LINK_TYPES[packet.link], snapBytes), option(IF_NAME, Buffer.from(name)), words(0)]));
      }
      const data = Buffer.from(packet.data, 'base64');
      const [high, low] = [Math.floor(packet.atUs / 0x1_0000_0000), packet.atUs % 0x1_0000_0000];
      const header = words(index, high, low, data.length, packet.length);
      blocks.push(block(ENHANCED_PACKET, [header, padded(data), option(EPB_FLAGS, words(DIRECTIONS[packet.direction])), words(0)]));
      return Buffer.concat(blocks);
    },
  };
}

/** The file of packets that are there already. */
export function writePcapng(packets: readonly CapturedPacket[], snapBytes: number, nameOf: (packet: CapturedPacket) => string): Buffer {
  const writer = pcapngWriter(snapBytes, nameOf);
  return Buffer.concat([writer.head, ...packets.map((packet) => writer.packet(packet))]);
}

/** Type, length, body, length again. */
function block(type: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const length = body.length + 12;
  return Buffer.concat([words(type, length), body, words(length)]);
}

function option(code: number, value: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(code, 0);
  head.writeUInt16LE(value.length, 2);
  return Buffer.concat([head, padded(value)]);
}

/** Everything is aligned to four bytes. */
function padded(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((4 - (data.length % 4)) % 4)]);
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, at) => bytes.writeUInt32LE(value, at * 4));
  return bytes;
}
