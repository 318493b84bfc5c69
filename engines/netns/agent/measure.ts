/**
 * Measures one way through the lab by one TCP connection, both of whose ends are held here: a byte there and back, again and again, then a stream. One thread sends and
 * receives, in turns: two would be put on processors by the scheduler, now so and now so, and what is measured is the way and not that. Where a process passes the
 * packets on (flannel's backend udp) the thread sleeps until they come.
 */
import type { Family } from '../../../topology/spec.ts';
import type { Measurement, MeasureRequest } from '../../port.ts';
import { errnoText } from './kernel-error.ts';
import { netns } from './namespaces.ts';
import { createSocketAddress, portOf, socketAddressOf, type SocketAddress } from './probe-address.ts';
import { ABORT, listenTcp, ONE, openSocket, setOption, tcpSocketType } from './probe-socket.ts';
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
  inNamespace,
  MSG_NOSIGNAL,
  poll,
  recv,
  send,
  SO_ERROR,
  SO_LINGER,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOL_SOCKET,
} from './sys.ts';

const SOL_TCP = 6;
const TCP_NODELAY = 1;
/** poll(2). */
const POLLIN = 1;
const POLLOUT = 4;
/** The first ones find neighbours and fill caches. */
const WARM_UP = 5;
const CHUNK = 65_536;

/** The way does not carry what is sent: an outcome, not an error. */
class WayFailed extends Error {}

/** Carries out a request as `engines/port.ts` says. @throws KernelError where a socket cannot be opened */
export function runMeasure({ from, to, family, roundTrips, streamMs, deadlineMs }: MeasureRequest): Measurement {
  const open: number[] = [];
  const keep = (fd: number): number => {
    open.push(fd);
    return fd;
  };
  const roundTripsUs: number[] = [];
  let streamed = { streamedBytes: 0, streamedMs: 0 };
  try {
    const listener = keep(inNamespace(netns(to.netns).fd, () => listenTcp(family, 0, 'the listener that is measured')));
    const target = socketAddressOf(family, to.addresses.find((one) => one.family === family)?.address ?? '', portAt(listener, family));
    const client = keep(
      inNamespace(netns(from.netns).fd, () => openSocket(family === 'ipv4' ? AF_INET : AF_INET6, tcpSocketType, 0, 'the socket that measures')),
    );
    setOption(client, SOL_SOCKET, SO_LINGER, ABORT);
    setOption(client, SOL_TCP, TCP_NODELAY, ONE);
    reach(client, target, deadlineMs);
    const server = keep(welcome(listener, family, deadlineMs));
    setOption(server, SOL_TCP, TCP_NODELAY, ONE);
    for (let trip = -WARM_UP; trip < roundTrips; trip++) {
      const us = roundTrip(client, server, deadlineMs);
      if (trip >= 0) roundTripsUs.push(us);
    }
    if (streamMs > 0) streamed = stream(client, server, streamMs, deadlineMs);
    return { by: 'thread', roundTripsUs, ...streamed, failed: streamMs > 0 && streamed.streamedBytes === 0 ? 'stalled' : '' };
  } catch (error) {
    if (!(error instanceof WayFailed)) throw error;
    return { by: 'thread', roundTripsUs, ...streamed, failed: error.message };
  } finally {
    for (const fd of open) close(fd);
  }
}

function portAt(fd: number, family: Family): number {
  const own = createSocketAddress(family);
  own.length[0] = own.size;
  if (getsockname(fd, own.bytes, own.length) !== 0) throw failed();
  return portOf(own);
}

function reach(client: number, target: SocketAddress, deadlineMs: number): void {
  if (connect(client, target.bytes, target.size) === 0) return;
  if (errno() !== ERRNO.EINPROGRESS) throw failed();
  // Inside one kernel a refusal may be noted before connect() returns, and is not told by poll() then.
  refuseError(client);
  if (!waits([client, POLLOUT], performance.now() + deadlineMs)) throw new WayFailed('silent');
  refuseError(client);
}

/** @throws WayFailed for what the socket was told meanwhile */
function refuseError(fd: number): void {
  const error = new Int32Array(new ArrayBuffer(4));
  const length = new Uint32Array([4]);
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, new Uint8Array(error.buffer), length) !== 0) throw failed();
  if (error[0] !== 0) throw failed(error[0]);
}

function welcome(listener: number, family: Family, deadlineMs: number): number {
  const peer = createSocketAddress(family);
  const until = performance.now() + deadlineMs;
  for (;;) {
    peer.length[0] = peer.size;
    const fd = accept4(listener, peer.bytes, peer.length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) return fd;
    if (errno() !== ERRNO.EAGAIN) throw failed();
    if (!waits([listener, POLLIN], until)) throw new WayFailed('silent');
  }
}

const byte = new Uint8Array(new ArrayBuffer(1));

/** @returns microseconds */
function roundTrip(client: number, server: number, deadlineMs: number): number {
  const started = performance.now();
  const until = started + deadlineMs;
  pass(client, server, until);
  pass(server, client, until);
  return (performance.now() - started) * 1000;
}

function pass(from: number, to: number, until: number): void {
  if (send(from, byte, 1, MSG_NOSIGNAL) !== 1) throw failed();
  for (;;) {
    const length = recv(to, byte, 1, 0);
    if (length === 1) return;
    if (length === 0) throw failed(ERRNO.ECONNRESET);
    if (errno() !== ERRNO.EAGAIN) throw failed();
    if (!waits([to, POLLIN], until)) throw new WayFailed('stalled');
  }
}

/** Sends as much as goes until the time is up; counted is what arrived by then. What is under way still is waited for: it would stand in the way of who measures next. */
function stream(client: number, server: number, ms: number, deadlineMs: number): { readonly streamedBytes: number; readonly streamedMs: number } {
  const outgoing = new Uint8Array(new ArrayBuffer(CHUNK)).fill(0x5a);
  const incoming = new Uint8Array(new ArrayBuffer(CHUNK));
  let [sent, arrived] = [0, 0];
  /** @returns whether anything was there */
  const receive = (): boolean => {
    const before = arrived;
    for (let got = recv(server, incoming, CHUNK, 0); got !== -1; got = recv(server, incoming, CHUNK, 0)) {
      if (got === 0) throw failed(ERRNO.ECONNRESET);
      arrived += got;
    }
    if (errno() !== ERRNO.EAGAIN) throw failed();
    return arrived > before;
  };
  const started = performance.now();
  const until = started + ms;
  while (performance.now() < until) {
    const length = send(client, outgoing, CHUNK, MSG_NOSIGNAL);
    if (length > 0) sent += length;
    else if (errno() !== ERRNO.EAGAIN) throw failed();
    if (!receive() && length < 0) waits([client, POLLOUT, server, POLLIN], until);
  }
  const streamed = { streamedBytes: arrived, streamedMs: performance.now() - started };
  const drained = performance.now() + deadlineMs;
  while (arrived < sent && waits([server, POLLIN], drained)) receive();
  return streamed;
}

/** Sleeps until something happens to one of the sockets, given with its event. @returns false when the time is up */
function waits(sockets: readonly number[], until: number): boolean {
  const count = sockets.length / 2;
  const words = new Int32Array(new ArrayBuffer(8 * count));
  const halves = new Int16Array(words.buffer);
  for (let at = 0; at < count; at++) {
    words[2 * at] = sockets[2 * at] ?? -1;
    halves[4 * at + 2] = sockets[2 * at + 1] ?? 0;
  }
  for (;;) {
    const found = poll(new Uint8Array(words.buffer), count, Math.max(0, Math.ceil(until - performance.now())));
    if (found >= 0) return found > 0;
    if (errno() !== ERRNO.EINTR) throw failed();
  }
}

function failed(number = errno()): WayFailed {
  return new WayFailed(errnoText(number));
}
