/** Sockets and requests of nfnetlink, which connection tracking and nftables share. Layout: include/uapi/linux/netfilter/nfnetlink.h. */
import { netns } from './namespaces.ts';
import { MessageWriter } from './netlink-message.ts';
import { AF_NETLINK, inNamespace, NETLINK_NETFILTER, SOCK_CLOEXEC, SOCK_RAW, socket } from './sys.ts';

/** Of netlink and of nfnetlink, together. */
export const HEADER_BYTES = 20;

/** A socket to the netfilter of a namespace; negative when the kernel refuses it. @throws KernelError when there is no such namespace */
export function netfilterSocket(ns: string): number {
  return inNamespace(netns(ns).fd, () => socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
}

/** Begins a request about what a family has. `capacity`: bytes of the whole message at most. */
export function netfilterRequest(type: number, flags: number, family: number, capacity: number): MessageWriter {
  return new MessageWriter(capacity).begin(type, flags, 0).u8(family).u8(0).u16(0);
}
