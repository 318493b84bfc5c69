/**
 * Reads a namespace's conntrack table by ctnetlink and keeps what is not symmetric: entries whose reply tuple is not the reverse of the original.
 * Layout: include/uapi/linux/netfilter/nfnetlink_conntrack.h.
 */
import type { ConntrackEntry, ConntrackReading, ConntrackTuple, ProbeProtocol } from '../../port.ts';
import type { Family } from '../../../topology/spec.ts';
import { addressText } from './address-bytes.ts';
import { errnoText } from './kernel-error.ts';
import { netns } from './namespaces.ts';
import { AF_INET, AF_INET6, close, errno, inNamespace, NETLINK_NETFILTER, recv, send, socket, SOCK_CLOEXEC } from './sys.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
/** (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET */
const GET = 0x101;
/** NLM_F_REQUEST | NLM_F_DUMP */
const DUMP = 0x301;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLA_TYPE = 0x3fff;
const CTA = { ORIGINAL: 1, REPLY: 2, STATUS: 3, TUPLE_IP: 1, TUPLE_PROTO: 2, PROTO_NUM: 1, SOURCE_PORT: 2, DESTINATION_PORT: 3, ICMP_ID: 4, ICMPV6_ID: 7 } as const;
const IPS_SEEN_REPLY = 2;
const PROTOCOL_NUMBERS: Readonly<Record<ProbeProtocol, readonly number[]>> = { tcp: [6], udp: [17], icmp: [1, 58] };
/** At most that many asymmetric entries are kept per namespace: enough to show a rewrite, few enough to send. */
const MAX_KEPT = 1000;

/** Where a tuple's parts lie in the dump; -1 where there is none. */
interface Parts { source: number; destination: number; size: number; protocol: number; sourcePort: number; destinationPort: number; id: number }

const answer = Buffer.alloc(1 << 18);

function readTuple(data: Buffer, from: number, end: number, into: Parts): void {
  into.source = -1;
  into.sourcePort = -1;
  into.destinationPort = -1;
  into.id = -1;
  for (let at = from; at + 4 <= end;) {
    const length = data.readUInt16LE(at);
    const type = data.readUInt16LE(at + 2) & NLA_TYPE;
    if (length < 4) return;
    for (let inner = at + 4; inner + 4 <= at + length;) {
      const size = data.readUInt16LE(inner);
      const kind = data.readUInt16LE(inner + 2) & NLA_TYPE;
      if (size < 4) return;
      if (type === CTA.TUPLE_IP) {
        // 1 and 2 are IPv4 source and destination, 3 and 4 the IPv6 ones.
        if (kind % 2 === 1) into.source = inner + 4;
        else into.destination = inner + 4;
        into.size = size - 4;
      } else if (kind === CTA.PROTO_NUM) into.protocol = data[inner + 4] ?? 0;
      else if (kind === CTA.SOURCE_PORT) into.sourcePort = inner + 4;
      else if (kind === CTA.DESTINATION_PORT) into.destinationPort = inner + 4;
      else if (kind === CTA.ICMP_ID || kind === CTA.ICMPV6_ID) into.id = inner + 4;
      inner += (size + 3) & ~3;
    }
    at += (length + 3) & ~3;
  }
}

const sameBytes = (data: Buffer, a: number, b: number, size: number): boolean => data.compare(data, a, a + size, b, b + size) === 0;
const portAt = (data: Buffer, at: number): number => (at < 0 ? 0 : data.readUInt16BE(at));

function isReverse(data: Buffer, original: Parts, reply: Parts): boolean {
  return sameBytes(data, original.source, reply.destination, original.size) && sameBytes(data, original.destination, reply.source, original.size)
    && portAt(data, original.sourcePort) === portAt(data, reply.destinationPort) && portAt(data, original.destinationPort) === portAt(data, reply.sourcePort)
    && portAt(data, original.id) === portAt(data, reply.id);
}

function tuple(data: Buffer, parts: Parts): ConntrackTuple {
  const address = (at: number): string => addressText(data.subarray(at, at + parts.size));
  // The echo id plays the part of the source port, as in the prober's records.
  return {
    source: address(parts.source), destination: address(parts.destination),
    sourcePort: parts.id >= 0 ? portAt(data, parts.id) : portAt(data, parts.sourcePort), destinationPort: portAt(data, parts.destinationPort),
  };
}

export interface ConntrackReader {
  /** Reads every namespace once more; entries that were seen before are not counted twice among the asymmetric ones. */
  read(): void;
  readings(): readonly ConntrackReading[];
}

/** A reader for one protocol and family. Entries of closed connections live ten seconds, so a long run must read several times. */
export function createConntrackReader(namespaces: readonly string[], protocol: ProbeProtocol, family: Family): ConntrackReader {
  const wanted = new Set(PROTOCOL_NUMBERS[protocol]);
  const states = namespaces.map((name) => ({ name, entries: 0, kept: new Map<string, ConntrackEntry>(), error: null as string | null }));
  const original: Parts = { source: -1, destination: -1, size: 0, protocol: 0, sourcePort: -1, destinationPort: -1, id: -1 };
  const reply: Parts = { ...original };

  const enter = (state: (typeof states)[number], from: number, end: number): void => {
    let status = 0;
    let both = 0;
    for (let at = from; at + 4 <= end;) {
      const length = answer.readUInt16LE(at);
      const type = answer.readUInt16LE(at + 2) & NLA_TYPE;
      if (length < 4) return;
      if (type === CTA.ORIGINAL) readTuple(answer, at + 4, at + length, original);
      else if (type === CTA.REPLY) readTuple(answer, at + 4, at + length, reply);
      else if (type === CTA.STATUS) status = answer.readUInt32BE(at + 4);
      if (type === CTA.ORIGINAL || type === CTA.REPLY) both += 1;
      at += (length + 3) & ~3;
    }
    if (both !== 2 || !wanted.has(original.protocol) || original.source < 0 || reply.source < 0) return;
    state.entries += 1;
    if (isReverse(answer, original, reply) || state.kept.size >= MAX_KEPT) return;
    const entry: ConntrackEntry = {
      netns: state.name, protocol, original: tuple(answer, original), reply: tuple(answer, reply), replied: (status & IPS_SEEN_REPLY) !== 0,
    };
    state.kept.set(JSON.stringify([entry.original, entry.reply]), entry);
  };

  const dump = (state: (typeof states)[number], fd: number): void => {
    const request = Buffer.alloc(20);
    request.writeUInt32LE(20, 0);
    request.writeUInt16LE(GET, 4);
    request.writeUInt16LE(DUMP, 6);
    request[16] = family === 'ipv4' ? AF_INET : AF_INET6;
    if (send(fd, request, request.length, 0) < 0) throw new Error(errnoText(errno()));
    state.entries = 0;
    for (;;) {
      const length = recv(fd, answer, answer.length, 0);
      if (length < 0) throw new Error(errnoText(errno()));
      for (let at = 0; at + 16 <= length;) {
        const size = answer.readUInt32LE(at);
        const type = answer.readUInt16LE(at + 4);
        if (type === NLMSG_DONE) return;
        if (type === NLMSG_ERROR) throw new Error(errnoText(-answer.readInt32LE(at + 16)));
        if (size < 20) return;
        enter(state, at + 20, at + size);
        at += (size + 3) & ~3;
      }
      if (length === 0) return;
    }
  };

  return {
    read(): void {
      for (const state of states) {
        try {
          const fd = inNamespace(netns(state.name).fd, () => socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
          if (fd < 0) throw new Error(errnoText(errno()));
          try {
            const before = state.entries;
            dump(state, fd);
            state.entries = Math.max(before, state.entries);
          } finally {
            close(fd);
          }
        } catch (error) {
          state.error = error instanceof Error ? error.message : String(error);
        }
      }
    },
    readings: () => states.map(({ name, entries, kept, error }) => ({ netns: name, entries, asymmetric: [...kept.values()], error })),
  };
}
