/**
 * ICMP probes: echo requests from a ping socket, answered by the server's kernel (RFC 792, RFC 4443). A raw socket in the server's namespace observes the
 * requests. The echo id plays the part of the source port; the payload carries the nonce and comes back unchanged.
 */
import { createSocketAddress, portOf } from './probe-address.ts';
import { createMessage, MAX_DATAGRAM, tellDestinations } from './probe-message.ts';
import { NO_DESCRIPTOR, NOT_RUN, OK, outcomeOf, SILENT, WAITING } from './probe-outcome.ts';
import { enterSight, NONCE_BYTES, type ProbeRun, type Responder, slotOf, type Transport, writeProbe } from './probe-run.ts';
import { IP_MTU_DISCOVER, IP_RECVERR, IPV6_MTU_DISCOVER, IPV6_RECVERR, ONE, openSocket, PMTUDISC_DO, setOption, SOL_IP, SOL_IPV6 } from './probe-socket.ts';
import { NONCE_BACK, NONCE_THERE } from '../../probe-batch.ts';
import {
  AF_INET,
  AF_INET6,
  close,
  connect,
  ERRNO,
  errno,
  getsockname,
  MSG_NOSIGNAL,
  recvfrom,
  send,
  setsockopt,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
  socket,
} from './sys.ts';

const IPPROTO_ICMP = 1;
const IPPROTO_ICMPV6 = 58;
const SOL_RAW = 255;
/** ICMP_FILTER and ICMPV6_FILTER have the same number. */
const FILTER = 1;
const HEADER = 8;
/** Word of the payload in a message. */
const PAYLOAD = HEADER / 4;
/** Stages: which kind of socket the client has. */
const PING = 0;
const RAW = 1;

export function createIcmp(run: ProbeRun): Transport {
  const {
    slots,
    addresses,
    family,
    payloadBytes,
    request: { df },
  } = run;
  const { columns } = slots;
  const v4 = family === 'ipv4';
  const domain = v4 ? AF_INET : AF_INET6;
  const protocol = v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
  const level = v4 ? SOL_IP : SOL_IPV6;
  const [request, reply] = v4 ? [8, 0] : [128, 129];
  const flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
  const own = createSocketAddress(family);
  const peer = createSocketAddress(family);
  const message = createMessage(family);
  const words = new Uint32Array(new ArrayBuffer(MAX_DATAGRAM + 1));
  const bytes = new Uint8Array(words.buffer);
  let nextId = 1;

  const failed = (slot: number, number: number): number => {
    columns.errno[slot] = number;
    return outcomeOf(number, performance.now() - slots.startedAt[slot]!, false);
  };

  /** A raw IPv4 socket gets the IP header too, an ICMPv6 one does not: its addresses come as ancillary data. */
  const serve = (responder: Responder, most: number): void => {
    for (let served = 0; served < most; served++) {
      const length = message.receive(responder.socket);
      if (length < 0) return;
      const at = v4 ? message.bytes[0]! & 15 : 0;
      if (length < at * 4 + HEADER + NONCE_BYTES || message.bytes[at * 4] !== request || message.destinationAt === 0) continue;
      const slot = slotOf(run, message.words, at + PAYLOAD);
      if (slot < 0) continue;
      const id = (message.bytes[at * 4 + 4]! << 8) | message.bytes[at * 4 + 5]!;
      const source = addresses.indexOf(message.source.words, message.source.at);
      enterSight(run, slot, responder, source, id, addresses.indexOf(message.control, message.destinationAt), 0, message.ttl);
    }
  };

  const advance = (slot: number): number => {
    for (;;) {
      peer.length[0] = peer.size;
      const length = recvfrom(slots.socket[slot]!, bytes, bytes.length, 0, peer.bytes, peer.length);
      if (length < 0) {
        const number = errno();
        return number === ERRNO.EAGAIN ? WAITING : failed(slot, number);
      }
      const raw = slots.stage[slot] === RAW;
      const at = raw && v4 ? bytes[0]! & 15 : 0;
      const id = (bytes[at * 4 + 4]! << 8) | bytes[at * 4 + 5]!;
      // A raw socket gets the replies to all pings of its namespace.
      if (bytes[at * 4] !== reply || (raw && id !== columns.localPort[slot])) continue;
      // The kernel queues the observer's copy before it answers (ip_local_deliver: raw sockets first); where another processor did both, that was after the last look.
      if ((columns.nonce[slot]! & NONCE_THERE) === 0) for (const responder of run.responders) serve(responder, Number.POSITIVE_INFINITY);
      columns.replyFromAddress[slot] = addresses.indexOf(peer.words, peer.at);
      if (length === at * 4 + HEADER + payloadBytes && slotOf(run, words, at + PAYLOAD) === slot) columns.nonce[slot] = columns.nonce[slot]! | NONCE_BACK;
      return OK;
    }
  };

  return {
    open(): number {
      const fd = openSocket(domain, SOCK_RAW | flags, protocol, 'the icmp observer');
      try {
        setOption(fd, v4 ? SOL_RAW : IPPROTO_ICMPV6, FILTER, onlyType(v4, request));
        tellDestinations(fd, family);
        return fd;
      } catch (error) {
        close(fd);
        throw error;
      }
    },

    start(slot, destination): number {
      let fd = socket(domain, SOCK_DGRAM | flags, protocol);
      slots.stage[slot] = PING;
      // net.ipv4.ping_group_range may exclude us; the raw socket needs CAP_NET_RAW, which the agent has.
      if (fd < 0 && (errno() === ERRNO.EACCES || errno() === ERRNO.EPERM)) {
        fd = socket(domain, SOCK_RAW | flags, protocol);
        slots.stage[slot] = RAW;
      }
      if (fd < 0) {
        const number = errno();
        columns.errno[slot] = number;
        return number === ERRNO.EMFILE || number === ERRNO.ENFILE ? NO_DESCRIPTOR : NOT_RUN;
      }
      slots.socket[slot] = fd;
      const raw = slots.stage[slot] === RAW;
      setsockopt(fd, level, v4 ? IP_RECVERR : IPV6_RECVERR, ONE, 4);
      if (df === true) setsockopt(fd, level, v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, PMTUDISC_DO, 4);
      if (raw) setsockopt(fd, v4 ? SOL_RAW : IPPROTO_ICMPV6, FILTER, onlyType(v4, reply), v4 ? 4 : 32);
      columns.dialledAddress[slot] = destination.index;
      if (connect(fd, destination.address.bytes, destination.address.size) !== 0) return failed(slot, errno());
      own.length[0] = own.size;
      getsockname(fd, own.bytes, own.length);
      columns.localAddress[slot] = addresses.indexOf(own.words, own.at);
      const id = raw ? (nextId = (nextId % 0xffff) + 1) : portOf(own);
      columns.localPort[slot] = id;

      words[0] = request;
      words[1] = (id >> 8) | ((id & 0xff) << 8);
      bytes[7] = 1;
      writeProbe(run, slot, words, PAYLOAD);
      const length = HEADER + payloadBytes;
      // A ping socket fills in id and checksum, a raw ICMPv6 socket the checksum.
      if (raw && v4) words[0] = request | (checksum(bytes, length) << 16);
      if (send(fd, bytes, length, MSG_NOSIGNAL) < 0) return failed(slot, errno());
      if (destination.responder !== null) serve(destination.responder, 1);
      return advance(slot);
    },

    serve,
    advance,
    overdue: () => SILENT,
    discard: () => {},
  };
}

/** The filter that lets one ICMP type pass; a set bit blocks. */
function onlyType(v4: boolean, type: number): Uint8Array {
  const filter = new Uint8Array(v4 ? 4 : 32).fill(0xff);
  filter[type >> 3] = filter[type >> 3]! & ~(1 << (type & 7));
  return filter;
}

/** Internet checksum (RFC 1071) with its two bytes as they lie in memory, the field itself being 0. */
function checksum(bytes: Uint8Array, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i += 2) sum += bytes[i]! | (i + 1 < length ? bytes[i + 1]! << 8 : 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
