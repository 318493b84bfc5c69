/** Options and opening of the prober's sockets. Numbers of linux/in.h, in6.h, icmp.h and icmpv6.h. */
import type { Family } from '../../../topology/spec.ts';
import { KernelError } from './kernel-error.ts';
import { socketAddressOf } from './probe-address.ts';
import {
  AF_INET,
  AF_INET6,
  bind,
  close,
  errno,
  listen,
  setsockopt,
  SO_LINGER,
  SO_REUSEADDR,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  socket,
  SOL_SOCKET,
} from './sys.ts';

export const SOL_IP = 0;
export const SOL_IPV6 = 41;
export const IP_TTL = 2;
export const IP_PKTINFO = 8;
export const IP_MTU_DISCOVER = 10;
export const IP_RECVERR = 11;
export const IP_RECVTTL = 12;
export const IPV6_MTU_DISCOVER = 23;
export const IPV6_RECVERR = 25;
export const IPV6_V6ONLY = 26;
export const IPV6_RECVPKTINFO = 49;
export const IPV6_PKTINFO = 50;
export const IPV6_RECVHOPLIMIT = 51;
export const IPV6_HOPLIMIT = 52;

const BACKLOG = 4096;
/** struct linger {1, 0}: close sends RST, which leaves no TIME_WAIT behind and so no port taken. */
export const ABORT: Uint8Array = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);

/** int 1. */
export const ONE: Uint8Array = Buffer.from([1, 0, 0, 0]);
/** IP_PMTUDISC_DO and IPV6_PMTUDISC_DO: set DF, never fragment, refuse what is larger than the path MTU. */
export const PMTUDISC_DO: Uint8Array = Buffer.from([2, 0, 0, 0]);

/** A socket in the namespace that the thread is in. @throws KernelError, naming `what` */
export function openSocket(domain: number, type: number, protocol: number, what: string): number {
  const fd = socket(domain, type, protocol);
  if (fd < 0) throw new KernelError(`cannot open ${what}`, errno());
  return fd;
}

/** @throws KernelError: an option that silently does not hold would make observations wrong */
export function setOption(fd: number, level: number, option: number, value: Uint8Array): void {
  if (setsockopt(fd, level, option, value, value.length) !== 0) throw new KernelError(`cannot set socket option ${level}/${option}`, errno());
}

export const tcpSocketType: number = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

/**
 * Listens on all addresses of the namespace that the thread is in. What it accepts is closed by RST.
 *
 * @param port 0: one that is free
 * @param what for messages, with its article
 * @throws KernelError
 */
export function listenTcp(family: Family, port: number, what: string): number {
  const fd = openSocket(family === 'ipv4' ? AF_INET : AF_INET6, tcpSocketType, 0, what);
  setOption(fd, SOL_SOCKET, SO_REUSEADDR, ONE);
  // Accepted sockets inherit it: no call per connection.
  setOption(fd, SOL_SOCKET, SO_LINGER, ABORT);
  if (family === 'ipv6') setOption(fd, SOL_IPV6, IPV6_V6ONLY, ONE);
  const address = socketAddressOf(family, '', port);
  if (bind(fd, address.bytes, address.size) === 0 && listen(fd, BACKLOG) === 0) return fd;
  const number = errno();
  close(fd);
  throw new KernelError(`cannot listen on TCP port ${port}`, number);
}
