/**
 * Asks a namespace's conntrack table about single flows by ctnetlink and keeps what is not symmetric: entries whose reply tuple is not the reverse of
 * the original.
 *
 * A dump would be simpler, but the table is one hash for all namespaces and every dump walks all of it: 10 to 40 ms per namespace, against 5 µs
 * for a flow. Whoever translates a flow first sees its original tuple, so asking for that one finds the first translation.
 */
import type { ConntrackEntry, ConntrackReading, ConntrackTuple, ProbeProtocol } from '../../port.ts';
import type { Family } from '../../../topology/spec.ts';
import { addressText } from './address-bytes.ts';
import { CT_GET, CTA, IPS_SEEN_REPLY } from './ctnetlink.ts';
import { errnoText } from './kernel-error.ts';
import { NLA_F_NESTED, NLMSG_ERROR } from './netlink-message.ts';
import { HEADER_BYTES, netfilterRequest, netfilterSocket } from './nfnetlink.ts';
import { AF_INET, AF_INET6, close, errno, ERRNO, recv, send } from './sys.ts';

const NLA_TYPE = 0x3fff;
const PROTOCOL_NUMBERS: Readonly<Record<Family, Readonly<Record<ProbeProtocol, number>>>> = {
  ipv4: { tcp: 6, udp: 17, icmp: 1 },
  ipv6: { tcp: 6, udp: 17, icmp: 58 },
};
/** At most that many asymmetric entries are kept per namespace: enough to show a rewrite, few enough to send. */
const MAX_KEPT = 1000;

/** Where a tuple's parts lie in the dump; -1 where there is none. */
interface Parts {
  source: number;
  destination: number;
  size: number;
  protocol: number;
  sourcePort: number;
  destinationPort: number;
  id: number;
}

const answer = Buffer.alloc(1 << 14);

function readTuple(data: Buffer, from: number, end: number, into: Parts): void {
  into.source = -1;
  into.sourcePort = -1;
  into.destinationPort = -1;
  into.id = -1;
  for (let at = from; at + 4 <= end; ) {
    const length = data.readUInt16LE(at);
    const type = data.readUInt16LE(at + 2) & NLA_TYPE;
    if (length < 4) return;
    for (let inner = at + 4; inner + 4 <= at + length; ) {
      const size = data.readUInt16LE(inner);
      const kind = data.readUInt16LE(inner + 2) & NLA_TYPE;
      if (size < 4) return;
      if (type === CTA.TUPLE_IP) {
        // 1 and 2 are IPv4 source and destination, 3 and 4 the IPv6 ones.
        if (kind % 2 === 1) into.source = inner + 4;
        else into.destination = inner + 4;
        into.size = size - 4;
      } else if (kind === CTA.PROTO_NUM) into.protocol = data[inner + 4] ?? 0;
      else if (kind === CTA.SRC_PORT) into.sourcePort = inner + 4;
      else if (kind === CTA.DST_PORT) into.destinationPort = inner + 4;
      else if (kind === CTA.ICMP_ID || kind === CTA.ICMPV6_ID) into.id = inner + 4;
      inner += (size + 3) & ~3;
    }
    at += (length + 3) & ~3;
  }
}

const sameBytes = (data: Buffer, a: number, b: number, size: number): boolean => data.compare(data, a, a + size, b, b + size) === 0;
const portAt = (data: Buffer, at: number): number => (at < 0 ? 0 : data.readUInt16BE(at));

function isReverse(data: Buffer, original: Parts, reply: Parts): boolean {
  return (
    sameBytes(data, original.source, reply.destination, original.size) &&
    sameBytes(data, original.destination, reply.source, original.size) &&
    portAt(data, original.sourcePort) === portAt(data, reply.destinationPort) &&
    portAt(data, original.destinationPort) === portAt(data, reply.sourcePort) &&
    portAt(data, original.id) === portAt(data, reply.id)
  );
}

function tuple(data: Buffer, parts: Parts): ConntrackTuple {
  const address = (at: number): string => addressText(data.subarray(at, at + parts.size));
  // The echo id plays the part of the source port, as in the prober's records.
  return {
    source: address(parts.source),
    destination: address(parts.destination),
    sourcePort: parts.id >= 0 ? portAt(data, parts.id) : portAt(data, parts.sourcePort),
    destinationPort: portAt(data, parts.destinationPort),
  };
}

/** A request for one flow, with the places where the flow is written in. */
interface Question {
  readonly bytes: Buffer;
  readonly source: number;
  readonly destination: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** Builds the request once; each flow overwrites addresses and ports. */
function question(protocol: ProbeProtocol, family: Family): Question {
  const v4 = family === 'ipv4';
  const nothing = Buffer.alloc(v4 ? 4 : 16);
  const [id, type, code, echo] = v4 ? [CTA.ICMP_ID, CTA.ICMP_TYPE, CTA.ICMP_CODE, 8] : [CTA.ICMPV6_ID, CTA.ICMPV6_TYPE, CTA.ICMPV6_CODE, 128];
  const request = netfilterRequest(CT_GET, 0, v4 ? AF_INET : AF_INET6, 128);
  /** Where the value of the attribute that comes next will be. */
  const next = (): number => request.length + 4;
  request.nest(CTA.TUPLE_ORIG | NLA_F_NESTED).nest(CTA.TUPLE_IP | NLA_F_NESTED);
  const source = next();
  request.attr(v4 ? 1 : 3, nothing);
  const destination = next();
  request.attr(v4 ? 2 : 4, nothing).leave();
  request.nest(CTA.TUPLE_PROTO | NLA_F_NESTED).attrU8(CTA.PROTO_NUM, PROTOCOL_NUMBERS[family][protocol]);
  const sourcePort = next();
  request.attrU16be(protocol === 'icmp' ? id : CTA.SRC_PORT, 0);
  const destinationPort = protocol === 'icmp' ? -1 : next();
  if (protocol === 'icmp') request.attrU8(type, echo).attrU8(code, 0);
  else request.attrU16be(CTA.DST_PORT, 0);
  const { bytes, length } = request.leave().leave().end();
  return { bytes: bytes.subarray(0, length), source, destination, sourcePort, destinationPort };
}

export interface ConntrackReader {
  /** Asks the namespaces that a flow crosses about it. Addresses in network byte order; for icmp `sourcePort` is the echo id. */
  ask(clientNode: string, serverNode: string, source: Uint8Array, sourcePort: number, destination: Uint8Array, destinationPort: number): void;
  readings(): readonly ConntrackReading[];
  close(): void;
}

interface Place {
  readonly name: string;
  readonly isRouter: boolean;
  fd: number;
  entries: number;
  readonly kept: Map<string, ConntrackEntry>;
  error: string | null;
}

/** A reader for one protocol and family. `nodes`: namespaces of machines that endpoints are on; the others among `namespaces` are routers. */
export function createConntrackReader(namespaces: readonly string[], nodes: ReadonlySet<string>, protocol: ProbeProtocol, family: Family): ConntrackReader {
  const places = new Map(namespaces.map((name): [string, Place] => [name, open(name, !nodes.has(name))]));
  const routers = [...places.values()].filter((place) => place.isRouter);
  const { bytes, ...at } = question(protocol, family);
  const original: Parts = { source: -1, destination: -1, size: 0, protocol: 0, sourcePort: -1, destinationPort: -1, id: -1 };
  const reply: Parts = { ...original };

  const enter = (place: Place, end: number): void => {
    let status = 0;
    for (let here = HEADER_BYTES; here + 4 <= end; ) {
      const length = answer.readUInt16LE(here);
      const type = answer.readUInt16LE(here + 2) & NLA_TYPE;
      if (length < 4) return;
      if (type === CTA.TUPLE_ORIG) readTuple(answer, here + 4, here + length, original);
      else if (type === CTA.TUPLE_REPLY) readTuple(answer, here + 4, here + length, reply);
      else if (type === CTA.STATUS) status = answer.readUInt32BE(here + 4);
      here += (length + 3) & ~3;
    }
    if (original.source < 0 || reply.source < 0) return;
    place.entries += 1;
    if (isReverse(answer, original, reply) || place.kept.size >= MAX_KEPT) return;
    const entry: ConntrackEntry = {
      netns: place.name,
      protocol,
      original: tuple(answer, original),
      reply: tuple(answer, reply),
      replied: (status & IPS_SEEN_REPLY) !== 0,
    };
    place.kept.set(JSON.stringify([entry.original, entry.reply]), entry);
  };

  const askOne = (place: Place | undefined): void => {
    if (place === undefined || place.fd < 0) return;
    if (send(place.fd, bytes, bytes.length, 0) < 0) {
      place.error = errnoText(errno());
      return;
    }
    const length = recv(place.fd, answer, answer.length, 0);
    if (length < HEADER_BYTES) return;
    if (answer.readUInt16LE(4) !== NLMSG_ERROR) enter(place, Math.min(length, answer.readUInt32LE(0)));
    else if (-answer.readInt32LE(16) !== ERRNO.ENOENT) place.error = errnoText(-answer.readInt32LE(16));
  };

  return {
    ask(clientNode, serverNode, source, sourcePort, destination, destinationPort): void {
      bytes.set(source, at.source);
      bytes.set(destination, at.destination);
      bytes.writeUInt16BE(sourcePort, at.sourcePort);
      if (at.destinationPort >= 0) bytes.writeUInt16BE(destinationPort, at.destinationPort);
      askOne(places.get(clientNode));
      if (clientNode === serverNode) return;
      askOne(places.get(serverNode));
      for (const router of routers) askOne(router);
    },
    readings: () => [...places.values()].map(({ name, entries, kept, error }) => ({ netns: name, entries, asymmetric: [...kept.values()], error })),
    close(): void {
      for (const place of places.values()) if (place.fd >= 0) close(place.fd);
    },
  };
}

function open(name: string, isRouter: boolean): Place {
  const place: Place = { name, isRouter, fd: -1, entries: 0, kept: new Map(), error: null };
  try {
    place.fd = netfilterSocket(name);
    if (place.fd < 0) place.error = errnoText(errno());
  } catch (error) {
    place.error = error instanceof Error ? error.message : String(error);
  }
  return place;
}
