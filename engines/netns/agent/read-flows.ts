/**
 * UDP flows of a namespace's connection tracking, by a ctnetlink dump. Layout: include/uapi/linux/netfilter/nfnetlink_conntrack.h.
 *
 * A dump walks the table of all namespaces (see conntrack.ts for what that costs): only where flows are not known beforehand.
 */
import type { ConntrackEntry, ConntrackTuple } from '../../port.ts';
import { addressText } from './address-bytes.ts';
import { KernelError } from './kernel-error.ts';
import { netns } from './namespaces.ts';
import { AF_INET, AF_INET6, close, errno, inNamespace, NETLINK_NETFILTER, AF_NETLINK, recv, send, SOCK_CLOEXEC, SOCK_RAW, socket } from './sys.ts';

/** (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET. */
const GET = 0x101;
const NLM_F_REQUEST = 1;
const NLM_F_DUMP = 0x300;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const HEADER = 20;
const IPPROTO_UDP = 17;
const IPS_SEEN_REPLY = 2;
const CTA = { TUPLE_ORIG: 1, TUPLE_REPLY: 2, STATUS: 3, ID: 12, ZONE: 18, TUPLE_IP: 1, TUPLE_PROTO: 2, PROTO_NUM: 1, SRC_PORT: 2, DST_PORT: 3 } as const;

export interface UdpFlow {
  readonly family: number;
  readonly original: ConntrackTuple;
  readonly reply: ConntrackTuple;
  readonly replied: boolean;
  /** Attributes by which it is found again. */
  readonly identity: Buffer;
}

/** A socket of ctnetlink in a namespace. @throws KernelError */
export function openConntrack(ns: string): number {
  const fd = inNamespace(netns(ns).fd, () => socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (fd < 0) throw new KernelError(`cannot ask the connection tracking of ${ns}`, errno());
  return fd;
}

/** The flows that are translated, of both families. @throws KernelError when the table cannot be read */
export function readTranslatedFlows(ns: string): readonly ConntrackEntry[] {
  const fd = openConntrack(ns);
  try {
    return [AF_INET, AF_INET6]
      .flatMap((family) => readUdpFlows(fd, family))
      .filter(({ original, reply }) => original.destination !== reply.source || original.source !== reply.destination)
      .map(({ original, reply, replied }) => ({ netns: ns, protocol: 'udp', original, reply, replied }));
  } finally {
    close(fd);
  }
}

/** UDP flows of a family. All of them are read before one is touched: a dump goes on while its messages are read. @throws KernelError */
export function readUdpFlows(fd: number, family: number): readonly UdpFlow[] {
  askConntrack(fd, GET, NLM_F_DUMP, family, Buffer.alloc(0));
  const answer = Buffer.alloc(1 << 17);
  const flows: UdpFlow[] = [];
  for (;;) {
    const length = recv(fd, answer, answer.length, 0);
    if (length < 0) throw new KernelError('cannot read the connection tracking table', errno());
    for (let at = 0; at + 16 <= length; ) {
      const size = answer.readUInt32LE(at);
      const type = answer.readUInt16LE(at + 4);
      if (type === NLMSG_DONE || size < 16) return flows;
      if (type === NLMSG_ERROR) throw new KernelError('cannot read the connection tracking table', -answer.readInt32LE(at + 16));
      flows.push(...readFlow(answer.subarray(at, at + size), family));
      at += (size + 3) & ~3;
    }
  }
}

/** Sends a request of ctnetlink. @throws KernelError */
export function askConntrack(fd: number, type: number, flags: number, family: number, body: Buffer): void {
  const head = Buffer.alloc(HEADER);
  head.writeUInt32LE(HEADER + body.length, 0);
  head.writeUInt16LE(type, 4);
  head.writeUInt16LE(NLM_F_REQUEST | flags, 6);
  head[16] = family;
  const message = Buffer.concat([head, body]);
  if (send(fd, message, message.length, 0) < 0) throw new KernelError('cannot ask the connection tracking', errno());
}

function readFlow(message: Buffer, family: number): UdpFlow[] {
  const parts = new Map(attributes(message, HEADER));
  const original = tupleOf(parts.get(CTA.TUPLE_ORIG));
  const reply = tupleOf(parts.get(CTA.TUPLE_REPLY));
  if (original === null || reply === null) return [];
  const identity = [CTA.TUPLE_ORIG, CTA.ZONE, CTA.ID].flatMap((type) => parts.get(type) ?? []);
  const replied = ((parts.get(CTA.STATUS)?.readUInt32BE(4) ?? 0) & IPS_SEEN_REPLY) !== 0;
  return [{ family, original, reply, replied, identity: Buffer.concat(identity) }];
}

/** null for other protocols. */
function tupleOf(attribute: Buffer | undefined): ConntrackTuple | null {
  if (attribute === undefined) return null;
  const tuple = new Map(attributes(attribute, 4));
  const proto = new Map(attributes(tuple.get(CTA.TUPLE_PROTO) ?? attribute.subarray(0, 0), 4));
  if (proto.get(CTA.PROTO_NUM)?.[4] !== IPPROTO_UDP) return null;
  // 1 and 2 are IPv4 source and destination, 3 and 4 the IPv6 ones.
  const addresses = attributes(tuple.get(CTA.TUPLE_IP) ?? attribute.subarray(0, 0), 4).map(
    ([type, body]) => [type % 2, addressText(body.subarray(4))] as const,
  );
  const address = (odd: number): string => addresses.find(([is]) => is === odd)?.[1] ?? '';
  const port = (type: number): number => proto.get(type)?.readUInt16BE(4) ?? 0;
  return { source: address(1), destination: address(0), sourcePort: port(CTA.SRC_PORT), destinationPort: port(CTA.DST_PORT) };
}

/** Type and whole (header and padding included) of each attribute. */
function attributes(data: Buffer, from: number): [type: number, whole: Buffer][] {
  const found: [number, Buffer][] = [];
  for (let at = from; at + 4 <= data.length; ) {
    const length = data.readUInt16LE(at);
    if (length < 4) break;
    const end = at + ((length + 3) & ~3);
    found.push([data.readUInt16LE(at + 2) & 0x3fff, Buffer.from(data.subarray(at, end))]);
    at = end;
  }
  return found;
}
