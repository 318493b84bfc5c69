/**
 * Listening TCP sockets of a namespace, by sock_diag (include/uapi/linux/inet_diag.h): the kernel walks its table of listeners alone. procfs walks the table of all
 * connections of the machine besides, 10 ms for each namespace; it is asked where the kernel has no inet_diag.
 */
import { addressText } from './address-bytes.ts';
import type { Namespace } from './namespaces.ts';
import { readListeningFiles } from './read-proc.ts';
import { AF_INET, AF_INET6, AF_NETLINK, close, inNamespace, NETLINK_SOCK_DIAG, recv, send, SOCK_CLOEXEC, SOCK_RAW, socket } from './sys.ts';

const SOCK_DIAG_BY_FAMILY = 20;
const REQUEST_AND_DUMP = 0x301;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const HEADER = 16;
/** struct inet_diag_req_v2. */
const REQUEST_BYTES = 56;
const IPPROTO_TCP = 6;
const LISTEN = 1 << 10;
/** In struct inet_diag_msg, behind the header: the port, then the address. */
const PORT_AT = HEADER + 4;
const ADDRESS_AT = HEADER + 8;

const answer = Buffer.alloc(1 << 16);

/** `0.0.0.0:80` and `[::]:80`, sorted. */
export function readListening(namespace: Namespace): string[] {
  const fd = inNamespace(namespace.fd, () => socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (fd < 0) return readListeningFiles(namespace);
  try {
    const [four, six] = [listenersOf(fd, AF_INET), listenersOf(fd, AF_INET6)];
    return four === null ? readListeningFiles(namespace) : [...four, ...(six ?? [])].sort();
  } finally {
    close(fd);
  }
}

/** Null where the kernel cannot tell. */
function listenersOf(fd: number, family: number): readonly string[] | null {
  const message = Buffer.alloc(HEADER + REQUEST_BYTES);
  message.writeUInt32LE(message.length, 0);
  message.writeUInt16LE(SOCK_DIAG_BY_FAMILY, 4);
  message.writeUInt16LE(REQUEST_AND_DUMP, 6);
  message[HEADER] = family;
  message[HEADER + 1] = IPPROTO_TCP;
  message.writeUInt32LE(LISTEN, HEADER + 4);
  if (send(fd, message, message.length, 0) < 0) return null;
  const found: string[] = [];
  for (;;) {
    const length = recv(fd, answer, answer.length, 0);
    if (length < 0) return null;
    for (let at = 0; at + HEADER <= length; ) {
      const size = answer.readUInt32LE(at);
      const type = answer.readUInt16LE(at + 4);
      if (type === NLMSG_DONE || size < HEADER) return found;
      if (type === NLMSG_ERROR) return null;
      const address = addressText(answer.subarray(at + ADDRESS_AT, at + ADDRESS_AT + (family === AF_INET ? 4 : 16)));
      found.push(`${family === AF_INET ? address : `[${address}]`}:${answer.readUInt16BE(at + PORT_AT)}`);
      at += (size + 3) & ~3;
    }
  }
}
