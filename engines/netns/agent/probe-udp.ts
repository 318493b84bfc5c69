/**
 * UDP probes: one datagram there and one of the same size back. The client's socket is connected, so that ICMP errors reach it and getsockname() knows its
 * address; the kernel then drops replies from any other address, and such a probe is silent although the server saw it.
 */
import { KernelError } from './kernel-error.ts';
import { createSocketAddress, portOf, socketAddressOf } from './probe-address.ts';
import { createMessage, MAX_DATAGRAM, tellDestinations } from './probe-message.ts';
import { NO_DESCRIPTOR, NOT_RUN, OK, outcomeOf, SILENT, WAITING } from './probe-outcome.ts';
import { enterReply, enterSight, NONCE_BYTES, type ProbeRun, type Responder, slotOf, type Transport, writeProbe, writeReply } from './probe-run.ts';
import {
  IP_MTU_DISCOVER,
  IP_RECVERR,
  IPV6_MTU_DISCOVER,
  IPV6_RECVERR,
  IPV6_V6ONLY,
  ONE,
  openSocket,
  PMTUDISC_DO,
  setOption,
  SOL_IP,
  SOL_IPV6,
} from './probe-socket.ts';
import {
  AF_INET,
  AF_INET6,
  bind,
  close,
  connect,
  ERRNO,
  errno,
  getsockname,
  MSG_NOSIGNAL,
  recv,
  send,
  setsockopt,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  socket,
} from './sys.ts';

export function createUdp(run: ProbeRun): Transport {
  const {
    slots,
    addresses,
    family,
    payloadBytes,
    request: { df, endpoints },
  } = run;
  const { columns } = slots;
  const v4 = family === 'ipv4';
  const domain = v4 ? AF_INET : AF_INET6;
  const type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const level = v4 ? SOL_IP : SOL_IPV6;
  const own = createSocketAddress(family);
  const message = createMessage(family);
  const words = new Uint32Array(new ArrayBuffer(MAX_DATAGRAM + 1));
  const bytes = new Uint8Array(words.buffer);

  const failed = (slot: number, number: number): number => {
    columns.errno[slot] = number;
    return outcomeOf(number, performance.now() - slots.startedAt[slot]!, false);
  };

  const serve = (responder: Responder, most: number): void => {
    for (let served = 0; served < most; served++) {
      const length = message.receive(responder.socket);
      if (length < 0) return;
      const slot = length < NONCE_BYTES || message.destinationAt === 0 ? -1 : slotOf(run, message.words, 0);
      if (slot < 0) continue;
      const source = addresses.indexOf(message.source.words, message.source.at);
      const destination = addresses.indexOf(message.control, message.destinationAt);
      const endpoint = enterSight(run, slot, responder, source, portOf(message.source), destination, responder.port, message.ttl);
      writeReply(run, message.words, 0, endpoint);
      message.reply(responder.socket, length);
    }
  };

  const advance = (slot: number): number => {
    const length = recv(slots.socket[slot]!, bytes, bytes.length, 0);
    if (length < 0) {
      const number = errno();
      return number === ERRNO.EAGAIN ? WAITING : failed(slot, number);
    }
    columns.replyFromAddress[slot] = columns.dialledAddress[slot]!;
    if (length === payloadBytes) enterReply(run, slot, words, 0, length);
    return OK;
  };

  return {
    open(port): number {
      const fd = openSocket(domain, type, 0, 'the udp responder');
      try {
        if (!v4) setOption(fd, SOL_IPV6, IPV6_V6ONLY, ONE);
        if (df === true) setOption(fd, level, v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, PMTUDISC_DO);
        tellDestinations(fd, family);
        const address = socketAddressOf(family, '', port);
        if (bind(fd, address.bytes, address.size) !== 0) throw new KernelError(`cannot bind UDP port ${port}`, errno());
        return fd;
      } catch (error) {
        close(fd);
        throw error;
      }
    },

    start(slot, destination): number {
      const fd = socket(domain, type, 0);
      if (fd < 0) {
        const number = errno();
        columns.errno[slot] = number;
        return number === ERRNO.EMFILE || number === ERRNO.ENFILE ? NO_DESCRIPTOR : NOT_RUN;
      }
      slots.socket[slot] = fd;
      // Without it only a port unreachable is told, not a host or network unreachable (ip(7), IP_RECVERR).
      setsockopt(fd, level, v4 ? IP_RECVERR : IPV6_RECVERR, ONE, 4);
      if (df === true) setsockopt(fd, level, v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, PMTUDISC_DO, 4);
      const from = endpoints[columns.client[slot]!]?.sourcePort;
      if (from !== undefined) {
        const source = socketAddressOf(family, '', from);
        if (bind(fd, source.bytes, source.size) !== 0) {
          columns.errno[slot] = errno();
          return NOT_RUN;
        }
      }
      columns.dialledAddress[slot] = destination.index;
      columns.dialledPort[slot] = destination.port;
      if (connect(fd, destination.address.bytes, destination.address.size) !== 0) return failed(slot, errno());
      own.length[0] = own.size;
      getsockname(fd, own.bytes, own.length);
      columns.localAddress[slot] = addresses.indexOf(own.words, own.at);
      columns.localPort[slot] = portOf(own);
      writeProbe(run, slot, words, 0);
      if (send(fd, bytes, payloadBytes, MSG_NOSIGNAL) < 0) return failed(slot, errno());
      if (destination.responder !== null) serve(destination.responder, 1);
      return advance(slot);
    },

    serve,
    advance,
    overdue: () => SILENT,
    discard: () => {},
  };
}
