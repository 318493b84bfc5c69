/**
 * Captures what passes in namespaces: one AF_PACKET socket in each (packet(7)), which the kernel fills while something else goes on. The capture of a pair that
 * fails is small and read out at the end; a capture that is followed is read as long as it goes on.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Capture, CapturedPacket, CaptureRequest } from '../../port.ts';
import { KernelError } from './kernel-error.ts';
import { forgetLinks, linkIndex, type Namespace, netns } from './namespaces.ts';
import { readLinkTable } from './read-links.ts';
import {
  AF_PACKET,
  bind,
  close,
  errno,
  getsockopt,
  inNamespace,
  ioctl,
  recvfrom,
  setsockopt,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  socket,
  SOL_SOCKET,
} from './sys.ts';

/** ETH_P_ALL in network byte order. */
const EVERYTHING = 0x0300;
const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_MR_PROMISC = 1;
/** struct packet_mreq: index of the link, kind, length and bytes of an address. */
const PACKET_MREQ_BYTES = 16;
const PACKET_STATISTICS = 6;
/** Time of the packet that was read last; the first call makes the kernel keep it. */
const SIOCGSTAMPNS = 0x8907;
/** recvfrom answers with the whole length of a packet that was cut. */
const MSG_TRUNC = 0x20;
/** struct sockaddr_ll: family, protocol, index of the link, its kind, direction, address. */
const SOCKADDR_LL_BYTES = 20;
const PACKET_OUTGOING = 4;
/** Kinds of links that carry Ethernet frames: ARPHRD_ETHER and ARPHRD_LOOPBACK. */
const ETHERNET: ReadonlySet<number> = new Set([1, 772]);
const BUFFER_BYTES = 4 * 1024 * 1024;

const POLL_MS = 10;

export interface CaptureStart extends Pick<CaptureRequest, 'namespaces'> {
  /** One device of each namespace; null or absent: all. */
  readonly dev?: string | null;
}

export interface CaptureRead extends Pick<CaptureRequest, 'packets' | 'bytes'> {
  /** How long to wait for a first packet. */
  readonly waitMs: number;
}

interface Tap {
  readonly namespace: Namespace;
  readonly socket: number;
}

let taps: readonly Tap[] = [];

/**
 * From now on the kernel keeps what passes. A capture that was not ended is.
 * @throws KernelError when a namespace or the device does not exist, or its packets cannot be read: none is open then
 */
export function startCapture({ namespaces, dev = null }: CaptureStart): void {
  closeTaps();
  const opened: Tap[] = [];
  taps = opened;
  try {
    for (const name of namespaces) opened.push(openTap(netns(name), dev));
  } catch (error) {
    closeTaps();
    throw error;
  }
}

/** What passed since the last reading, in the order of time; nothing when nothing does for `waitMs`. */
export async function readCapture({ packets, bytes, waitMs }: CaptureRead): Promise<readonly CapturedPacket[]> {
  for (const deadline = performance.now() + waitMs; ; ) {
    const read = taps.flatMap((tap) => readTap(tap, packets, bytes));
    if (read.length > 0 || performance.now() >= deadline) return read.sort((a, b) => a.atUs - b.atUs);
    await sleep(POLL_MS);
  }
}

/** What passed since it was started, or read, in the order of time: of each namespace at most `packets`, each cut to `bytes`. */
export function endCapture({ packets, bytes }: Pick<CaptureRequest, 'packets' | 'bytes'>): Capture {
  try {
    const captured = taps.flatMap((tap) => readTap(tap, packets, bytes));
    const dropped = taps.reduce((sum, tap) => sum + droppedBy(tap), 0);
    return { packets: captured.sort((a, b) => a.atUs - b.atUs), dropped };
  } finally {
    closeTaps();
  }
}

function openTap(namespace: Namespace, dev: string | null): Tap {
  // What is known of the links may be of before somebody's command.
  forgetLinks(namespace.name);
  const index = dev === null ? null : linkIndex(namespace, dev);
  // Of one device: deaf until it is bound, so that nothing of the others gets in.
  const fd = inNamespace(namespace.fd, () => socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, index === null ? EVERYTHING : 0));
  if (fd < 0) throw new KernelError(`cannot capture packets in ${namespace.name}`, errno());
  const size = Buffer.alloc(4);
  size.writeInt32LE(BUFFER_BYTES);
  // Beyond the system's limit where that is allowed.
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, size, 4) !== 0) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, size, 4);
  ioctl(fd, SIOCGSTAMPNS, Buffer.alloc(16));
  // A bridge shows the frames that pass from port to port only to who asks for everything. It ends with the socket; where it is refused, the rest is seen.
  if (index !== null) setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, everythingOf(index), PACKET_MREQ_BYTES);
  if (index !== null && bind(fd, linkAddress(index), SOCKADDR_LL_BYTES) !== 0) {
    const error = new KernelError(`cannot capture packets of ${dev ?? ''} in ${namespace.name}`, errno());
    close(fd);
    throw error;
  }
  return { namespace, socket: fd };
}

function everythingOf(index: number): Buffer {
  const membership = Buffer.alloc(PACKET_MREQ_BYTES);
  membership.writeInt32LE(index, 0);
  membership.writeUInt16LE(PACKET_MR_PROMISC, 4);
  return membership;
}

function linkAddress(index: number): Buffer {
  const address = Buffer.alloc(SOCKADDR_LL_BYTES);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeUInt16LE(EVERYTHING, 2);
  address.writeInt32LE(index, 4);
  return address;
}

function readTap({ namespace, socket: fd }: Tap, packets: number, bytes: number): CapturedPacket[] {
  let names: ReadonlyMap<number, string> | null = null;
  const data = Buffer.alloc(bytes);
  const from = Buffer.alloc(SOCKADDR_LL_BYTES);
  const time = Buffer.alloc(16);
  const read: CapturedPacket[] = [];
  while (read.length < packets) {
    const length = recvfrom(fd, data, bytes, MSG_TRUNC, from, [SOCKADDR_LL_BYTES]);
    if (length < 0) break;
    ioctl(fd, SIOCGSTAMPNS, time);
    names ??= new Map(readLinkTable(namespace).map(({ index, name }) => [index, name]));
    read.push({
      netns: namespace.name,
      dev: names.get(from.readInt32LE(4)) ?? `link ${from.readInt32LE(4)}`,
      direction: from[10] === PACKET_OUTGOING ? 'out' : 'in',
      link: ETHERNET.has(from.readUInt16LE(8)) ? 'ethernet' : 'ip',
      atUs: Number(time.readBigInt64LE(0)) * 1_000_000 + Math.floor(Number(time.readBigInt64LE(8)) / 1000),
      length,
      data: data.toString('base64', 0, Math.min(length, bytes)),
    });
  }
  return read;
}

/** Packets that found the buffer full. */
function droppedBy({ socket: fd }: Tap): number {
  const statistics = Buffer.alloc(8);
  return getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, statistics, [8]) === 0 ? statistics.readUInt32LE(4) : 0;
}

function closeTaps(): void {
  for (const tap of taps) close(tap.socket);
  taps = [];
}
