/** Options and opening of the prober's sockets. Numbers of linux/in.h, in6.h, icmp.h and icmpv6.h. */
import { KernelError } from './kernel-error.ts';
import { errno, setsockopt, socket } from './sys.ts';

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
