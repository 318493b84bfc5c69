/** What a capture of one failing pair says: where its packets passed, and where they were never seen. Pure. */
import type { Capture, CapturedPacket } from '../../engines/port.ts';
import { describePacket, type PacketText } from '../evidence/packet.ts';
import { CAPTURE_LINES, type CaptureReading } from './document.ts';

/** A namespace on the way, by the name that people know it by. */
export interface Place {
  readonly netns: string;
  readonly name: string;
}

export interface CapturedPair {
  readonly client: string;
  readonly server: string;
  /** Packets with one of these addresses, inside or outside, belong to it. */
  readonly addresses: ReadonlySet<string>;
  /** From the client to the server. */
  readonly way: readonly Place[];
  readonly overlayPorts: ReadonlySet<number>;
}

interface Told {
  readonly packet: CapturedPacket;
  readonly text: PacketText;
}

/** The packets of a pair among all that were captured. Loopback devices carry nothing from one place to another. */
export function packetsOfPair(capture: Capture, { addresses, overlayPorts }: Pick<CapturedPair, 'addresses' | 'overlayPorts'>): readonly CapturedPacket[] {
  return told(capture, overlayPorts)
    .filter(({ text }) => [...addresses].some((address) => text.addresses.has(address)))
    .map(({ packet }) => packet);
}

/** Reads the packets of a pair in the order of time. */
export function readCapture(capture: Capture, pair: CapturedPair): CaptureReading {
  const names = new Map(pair.way.map(({ netns, name }) => [netns, name]));
  const own = told({ ...capture, packets: packetsOfPair(capture, pair) }, pair.overlayPorts);
  const first = own[0]?.packet.atUs ?? 0;
  const where = ({ netns, dev, direction }: CapturedPacket): string => `${names.get(netns) ?? netns} ${dev} ${direction}`;
  // Kernels ask for neighbours of their own accord, also where the connection never came.
  const flowing = own.filter(({ text }) => !text.resolves);
  const seen = new Set(flowing.map(({ packet }) => packet.netns));
  return {
    client: pair.client,
    server: pair.server,
    passed: [...new Set(flowing.map(({ packet }) => where(packet)))],
    unseen: pair.way.filter(({ netns }) => !seen.has(netns)).map(({ name }) => name),
    packets: own.slice(0, CAPTURE_LINES).map(({ packet, text }) => ({ afterUs: packet.atUs - first, where: where(packet), text: text.text })),
    packetsTotal: own.length,
    dropped: capture.dropped,
  };
}

function told({ packets }: Capture, overlayPorts: ReadonlySet<number>): readonly Told[] {
  return packets.filter(({ dev }) => dev !== 'lo').map((packet) => ({ packet, text: describePacket(packet, overlayPorts) }));
}
