/**
 * A datagram with its ancillary data: where it was sent to (IP_PKTINFO, RFC 3542 IPV6_PKTINFO) and with which TTL or hop limit. One `struct msghdr`
 * (64-bit layout) and its buffers are allocated once and used for every datagram.
 */
import type { Family } from '../../../topology/spec.ts';
import { createSocketAddress, type SocketAddress } from './probe-address.ts';
import {
  IP_PKTINFO,
  IP_RECVTTL,
  IP_TTL,
  IPV6_HOPLIMIT,
  IPV6_PKTINFO,
  IPV6_RECVHOPLIMIT,
  IPV6_RECVPKTINFO,
  ONE,
  setOption,
  SOL_IP,
  SOL_IPV6,
} from './probe-socket.ts';
import { addressOf, recvmsg, sendmsg } from './sys.ts';

/** The largest IP packet. */
export const MAX_DATAGRAM = 65_535;
const CONTROL = 256;
const CMSG_HEADER = 16;
/** Words of struct msghdr. */
const NAME_LENGTH = 2;
const CONTROL_LENGTH = 10;
const FLAGS = 12;

export interface Message {
  readonly bytes: Uint8Array;
  /** The same memory. */
  readonly words: Uint32Array;
  readonly source: SocketAddress;
  /** Ancillary data of the last receive: the destination address begins at word `destinationAt`, 0 when it was not told. */
  readonly control: Uint32Array;
  readonly destinationAt: number;
  /** TTL or hop limit, 0 when it was not told. */
  readonly ttl: number;
  /** @returns length of the datagram, or -1 with errno */
  receive(fd: number): number;
  /** Sends the first `length` bytes back to `source`, from the address that the datagram had come to. @returns as `sendmsg` */
  reply(fd: number, length: number): number;
}

export function createMessage(family: Family): Message {
  const memory = new ArrayBuffer(MAX_DATAGRAM + 1);
  const bytes = new Uint8Array(memory);
  const source = createSocketAddress(family);
  const incoming = header(bytes, source, CONTROL);
  const infoSize = family === 'ipv4' ? 12 : 20;
  const outgoing = header(bytes, source, CMSG_HEADER + ((infoSize + 7) & ~7));
  outgoing.control[0] = CMSG_HEADER + infoSize;
  outgoing.control[2] = family === 'ipv4' ? SOL_IP : SOL_IPV6;
  outgoing.control[3] = family === 'ipv4' ? IP_PKTINFO : IPV6_PKTINFO;
  const { control } = incoming;
  const message = {
    bytes,
    words: new Uint32Array(memory),
    source,
    control,
    destinationAt: 0,
    ttl: 0,
    receive(fd: number): number {
      incoming.words[NAME_LENGTH] = source.size;
      incoming.words[CONTROL_LENGTH] = CONTROL;
      incoming.words[FLAGS] = 0;
      const length = recvmsg(fd, incoming.bytes, 0);
      if (length < 0) return length;
      message.destinationAt = message.ttl = 0;
      const end = incoming.words[CONTROL_LENGTH]! >> 2;
      for (let at = 0; at + 4 <= end && control[at]! >= CMSG_HEADER; at += ((control[at]! + 7) & ~7) >> 2) {
        const level = control[at + 2];
        const type = control[at + 3];
        // struct in_pktinfo {ifindex, spec_dst, addr}: `addr` is the destination in the packet. struct in6_pktinfo {addr, ifindex}.
        if (level === SOL_IP && type === IP_PKTINFO) message.destinationAt = at + 6;
        else if (level === SOL_IPV6 && type === IPV6_PKTINFO) message.destinationAt = at + 4;
        else if (level === SOL_IP ? type === IP_TTL : level === SOL_IPV6 && type === IPV6_HOPLIMIT) message.ttl = control[at + 4]!;
      }
      return length;
    },
    reply(fd: number, length: number): number {
      outgoing.vector[2] = length;
      const from = message.destinationAt;
      // spec_dst of in_pktinfo and addr of in6_pktinfo choose the source; interface 0 leaves the route to the kernel.
      if (family === 'ipv4') outgoing.control[5] = control[from]!;
      else for (let i = 0; i < 4; i++) outgoing.control[4 + i] = control[from + i]!;
      return sendmsg(fd, outgoing.bytes, 0);
    },
  };
  return message;
}

interface Header {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly vector: Uint32Array;
  readonly control: Uint32Array;
}

/** struct msghdr {name, namelen, iov, iovlen, control, controllen, flags} with one struct iovec {base, len}. */
function header(data: Uint8Array, name: SocketAddress, controlSize: number): Header {
  const memory = new ArrayBuffer(56);
  const pointers = new BigUint64Array(memory);
  const vector = new ArrayBuffer(16);
  const control = new ArrayBuffer(controlSize);
  new BigUint64Array(vector).set([addressOf(data), BigInt(data.length)]);
  pointers.set([addressOf(name.bytes), BigInt(name.size), addressOf(new Uint8Array(vector)), 1n, addressOf(new Uint8Array(control)), BigInt(controlSize), 0n]);
  return { bytes: new Uint8Array(memory), words: new Uint32Array(memory), vector: new Uint32Array(vector), control: new Uint32Array(control) };
}

/** Makes the kernel tell destination and TTL (hop limit) of what the socket receives. @throws KernelError */
export function tellDestinations(fd: number, family: Family): void {
  if (family === 'ipv4') {
    setOption(fd, SOL_IP, IP_PKTINFO, ONE);
    setOption(fd, SOL_IP, IP_RECVTTL, ONE);
  } else {
    setOption(fd, SOL_IPV6, IPV6_RECVPKTINFO, ONE);
    setOption(fd, SOL_IPV6, IPV6_RECVHOPLIMIT, ONE);
  }
}
