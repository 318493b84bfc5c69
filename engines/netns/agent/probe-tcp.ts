/**
 * TCP probes: connect, send a nonce, get it back with the name of who answers, and close by RST (SO_LINGER 0), which leaves no TIME_WAIT behind and so
 * no port taken. Inside one kernel the handshake is done when connect() returns, so a healthy probe ends within {@link Transport.start}.
 */
import { ERROR, NO_DESCRIPTOR, NOT_RUN, OK, outcomeOf, SILENT, STALLED, WAITING } from './probe-outcome.ts';
import { createSocketAddress, portOf } from './probe-address.ts';
import { enterReply, enterSight, NONCE_BYTES, type ProbeRun, type Responder, slotOf, type Transport, writeProbe, writeReply } from './probe-run.ts';
import { createStream } from './probe-stream.ts';
import { ABORT, listenTcp, tcpSocketType } from './probe-socket.ts';
import {
  accept4,
  AF_INET,
  AF_INET6,
  close,
  connect,
  ERRNO,
  errno,
  getsockname,
  getsockopt,
  MSG_NOSIGNAL,
  recv,
  send,
  setsockopt,
  SO_ERROR,
  SO_LINGER,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  socket,
  SOL_SOCKET,
} from './sys.ts';

const CONNECTING = 0;
/** The nonce is sent. */
const ASKED = 1;
const STREAMING = 2;
const ACCEPT_FLAGS = SOCK_NONBLOCK | SOCK_CLOEXEC;

/** A connection whose nonce has not arrived yet. */
interface Stranger {
  readonly socket: number;
  readonly responder: Responder;
  readonly source: number;
  readonly sourcePort: number;
  readonly since: number;
}

export function createTcp(run: ProbeRun): Transport {
  const {
    slots,
    addresses,
    family,
    request: { protocol },
  } = run;
  const { columns } = slots;
  const domain = family === 'ipv4' ? AF_INET : AF_INET6;
  const own = createSocketAddress(family);
  const peer = createSocketAddress(family);
  const words = new Uint32Array(new ArrayBuffer(NONCE_BYTES));
  const payload = new Uint8Array(words.buffer);
  const error = new Int32Array(1);
  const errorBytes = new Uint8Array(error.buffer);
  const errorLength = new Uint32Array(1);
  const stream = run.streamBytes > 0 ? createStream(run) : null;
  let strangers: Stranger[] = [];

  /** Reads the nonce of an accepted connection. @returns false while it has not arrived */
  const greet = (accepted: number, responder: Responder, source: number, sourcePort: number): boolean => {
    const length = recv(accepted, payload, NONCE_BYTES, 0);
    if (length < 0 && errno() === ERRNO.EAGAIN) return false;
    const slot = length === NONCE_BYTES ? slotOf(run, words, 0) : -1;
    if (slot < 0 || slots.accepted[slot] !== -1) {
      close(accepted);
      return true;
    }
    slots.accepted[slot] = accepted;
    own.length[0] = own.size;
    getsockname(accepted, own.bytes, own.length);
    const endpoint = enterSight(run, slot, responder, source, sourcePort, addresses.indexOf(own.words, own.at), portOf(own), 0);
    writeReply(run, words, 0, endpoint);
    send(accepted, payload, NONCE_BYTES, MSG_NOSIGNAL);
    return true;
  };

  const failed = (slot: number, number: number): number => {
    columns.errno[slot] = number;
    return outcomeOf(number, performance.now() - slots.startedAt[slot]!, slots.stage[slot] !== CONNECTING);
  };

  /**
   * An ICMP refusal that comes back while connect() holds the socket, as inside one kernel it does, is only noted there (tcp_v4_err: sk_err_soft), and would
   * be told when the SYN is sent again, after a second. Reading the socket's error takes the note, too.
   */
  const isRefused = (fd: number): boolean => {
    errorLength[0] = error.byteLength;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, errorBytes, errorLength) === 0 && error[0] === ERRNO.ECONNREFUSED;
  };

  const ask = (slot: number, fd: number): number => {
    writeProbe(run, slot, words, 0);
    if (send(fd, payload, NONCE_BYTES, MSG_NOSIGNAL) < 0) {
      const number = errno();
      return number === ERRNO.EAGAIN || number === ERRNO.ENOTCONN ? WAITING : failed(slot, number);
    }
    slots.stage[slot] = ASKED;
    return WAITING;
  };

  const advance = (slot: number): number => {
    const fd = slots.socket[slot]!;
    if (slots.stage[slot] === CONNECTING) {
      const outcome = ask(slot, fd);
      if (outcome !== WAITING || slots.stage[slot] === CONNECTING) return outcome;
    }
    if (slots.stage[slot] === ASKED) {
      const length = recv(fd, payload, NONCE_BYTES, 0);
      if (length < 0) {
        const number = errno();
        return number === ERRNO.EAGAIN ? WAITING : failed(slot, number);
      }
      if (length === 0) return ERROR;
      enterReply(run, slot, words, 0, length);
      if (stream === null) return OK;
      columns.rttUs[slot] = (performance.now() - slots.startedAt[slot]!) * 1000;
      slots.stage[slot] = STREAMING;
      stream.begin(slot);
    }
    const outcome = stream === null ? OK : stream.pump(slot);
    return outcome > OK ? failed(slot, outcome) : outcome;
  };

  const serve = (responder: Responder, most: number): void => {
    for (let served = 0; served < most; served++) {
      peer.length[0] = peer.size;
      const accepted = accept4(responder.socket, peer.bytes, peer.length, ACCEPT_FLAGS);
      if (accepted < 0) return;
      const source = addresses.indexOf(peer.words, peer.at);
      if (!greet(accepted, responder, source, portOf(peer))) {
        strangers.push({ socket: accepted, responder, source, sourcePort: portOf(peer), since: performance.now() });
      }
    }
  };

  return {
    open: (port) => listenTcp(family, port, `the ${protocol} responder`),

    start(slot, destination): number {
      const fd = socket(domain, tcpSocketType, 0);
      if (fd < 0) {
        const number = errno();
        columns.errno[slot] = number;
        return number === ERRNO.EMFILE || number === ERRNO.ENFILE ? NO_DESCRIPTOR : NOT_RUN;
      }
      slots.socket[slot] = fd;
      setsockopt(fd, SOL_SOCKET, SO_LINGER, ABORT, 8);
      columns.dialledAddress[slot] = destination.index;
      columns.dialledPort[slot] = destination.port;
      if (connect(fd, destination.address.bytes, destination.address.size) !== 0) {
        const number = errno();
        if (number !== ERRNO.EINPROGRESS) return failed(slot, number);
      }
      own.length[0] = own.size;
      getsockname(fd, own.bytes, own.length);
      columns.localAddress[slot] = addresses.indexOf(own.words, own.at);
      columns.localPort[slot] = portOf(own);
      const outcome = ask(slot, fd);
      if (outcome !== WAITING) return outcome;
      if (slots.stage[slot] === CONNECTING) return isRefused(fd) ? failed(slot, ERRNO.ECONNREFUSED) : WAITING;
      if (destination.responder !== null) serve(destination.responder, 1);
      return advance(slot);
    },

    serve(responder, most): void {
      serve(responder, most);
      if (strangers.length > 0) strangers = strangers.filter((s) => s.responder !== responder || !greet(s.socket, responder, s.source, s.sourcePort));
    },

    advance,

    overdue: (slot) => (slots.stage[slot] === CONNECTING ? SILENT : STALLED),

    discard(before): void {
      strangers = strangers.filter(({ socket: fd, since }) => {
        if (since <= before) close(fd);
        return since > before;
      });
    },
  };
}
