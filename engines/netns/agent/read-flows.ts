/**
 * UDP flows of a namespace's connection tracking, by a ctnetlink dump.
 *
 * A dump walks the table of all namespaces (see conntrack.ts for what that costs): only where flows are not known beforehand.
 */
import type { ConntrackEntry, ConntrackTuple } from '../../port.ts';
import { addressText } from './address-bytes.ts';
import { CT_GET, CTA, IPS_SEEN_REPLY } from './ctnetlink.ts';
import { KernelError } from './kernel-error.ts';
import {
  type Attributes,
  type MessageWriter,
  NLA_F_NESTED,
  NLM_F_DUMP,
  NLMSG_DONE,
  NLMSG_ERROR,
  readAttributes,
  readError,
  splitMessages,
} from './netlink-message.ts';
import { HEADER_BYTES, netfilterRequest, netfilterSocket } from './nfnetlink.ts';
import { AF_INET, AF_INET6, close, errno, recv, send } from './sys.ts';

const IPPROTO_UDP = 17;
/** Attributes by which a flow is found again, as they are sent. */
const IDENTITY = [CTA.TUPLE_ORIG | NLA_F_NESTED, CTA.ZONE, CTA.ID];

export interface UdpFlow {
  readonly family: number;
  readonly original: ConntrackTuple;
  readonly reply: ConntrackTuple;
  readonly replied: boolean;
  readonly identity: readonly (readonly [type: number, body: Buffer])[];
}

/** A socket of ctnetlink in a namespace. @throws KernelError */
export function openConntrack(ns: string): number {
  const fd = netfilterSocket(ns);
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
  askConntrack(fd, netfilterRequest(CT_GET, NLM_F_DUMP, family, HEADER_BYTES));
  const answer = Buffer.alloc(1 << 17);
  const flows: UdpFlow[] = [];
  for (;;) {
    const length = recv(fd, answer, answer.length, 0);
    if (length < 0) throw new KernelError('cannot read the connection tracking table', errno());
    for (const message of splitMessages(answer, length)) {
      if (message.type === NLMSG_DONE) return flows;
      if (message.type === NLMSG_ERROR) throw new KernelError('cannot read the connection tracking table', readError(message).errno);
      flows.push(...readFlow(readAttributes(message.body, 4), family));
    }
  }
}

/** Sends a request of ctnetlink. @throws KernelError */
export function askConntrack(fd: number, request: MessageWriter): void {
  const { bytes, length } = request.end();
  if (send(fd, bytes, length, 0) < 0) throw new KernelError('cannot ask the connection tracking', errno());
}

function readFlow(parts: Attributes, family: number): UdpFlow[] {
  const original = tupleOf(nested(parts, CTA.TUPLE_ORIG));
  const reply = tupleOf(nested(parts, CTA.TUPLE_REPLY));
  if (original === null || reply === null) return [];
  const replied = ((parts.get(CTA.STATUS)?.readUInt32BE(0) ?? 0) & IPS_SEEN_REPLY) !== 0;
  const identity = IDENTITY.flatMap((type) => {
    const body = parts.get(type & ~NLA_F_NESTED);
    // The next read overwrites the body.
    return body === undefined ? [] : [[type, Buffer.from(body)] as const];
  });
  return [{ family, original, reply, replied, identity }];
}

/** null for other protocols. */
function tupleOf(tuple: Attributes): ConntrackTuple | null {
  const proto = nested(tuple, CTA.TUPLE_PROTO);
  if (proto.get(CTA.PROTO_NUM)?.[0] !== IPPROTO_UDP) return null;
  const ip = nested(tuple, CTA.TUPLE_IP);
  const address = (v4: number, v6: number): string => {
    const bytes = ip.get(v4) ?? ip.get(v6);
    return bytes === undefined ? '' : addressText(bytes);
  };
  const port = (type: number): number => proto.get(type)?.readUInt16BE(0) ?? 0;
  return { source: address(1, 3), destination: address(2, 4), sourcePort: port(CTA.SRC_PORT), destinationPort: port(CTA.DST_PORT) };
}

function nested(parts: Attributes, type: number): Attributes {
  return readAttributes(parts.get(type) ?? Buffer.alloc(0));
}
