/** A NETLINK_ROUTE socket that lives in one network namespace, used synchronously: the kernel answers before `send` returns. */
import { KernelError } from './kernel-error.ts';
import { MessageWriter, NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, readError, splitMessages } from './netlink-message.ts';
import {
  AF_NETLINK,
  close,
  ERRNO,
  errno,
  NETLINK_ROUTE,
  recv,
  send,
  setsockopt,
  SO_RCVBUF,
  SO_RCVTIMEO,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_NETLINK,
  SOL_SOCKET,
  socket,
} from './sys.ts';

const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const MAX_DUMPS = 5;

const writer = new MessageWriter();
const received = Buffer.alloc(262_144);
let sequence = 0;

const int = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
};
const one = int(1);
const receiveBuffer = int(1 << 20);
/** struct timeval of 10 s: the kernel answers at once, so a longer silence is a bug that must not hang the agent. */
const patience = Buffer.from([10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

export interface Rtnetlink {
  /**
   * Sends one request and waits for its acknowledgement.
   *
   * @param fill writes header and attributes after the netlink header
   * @param what begins the error: `cannot add it`, where the caller names the object
   * @throws KernelError with the errno and the kernel's extended text
   */
  request(type: number, flags: number, fill: (message: MessageWriter) => void, what: string): void;
  /** Asks for one object and hands the answer to `each`. @throws KernelError */
  query(type: number, fill: (message: MessageWriter) => void, each: (body: Buffer) => void): void;
  /**
   * Reads a whole table. `each` gets the body of every message, valid during the call only; a dump interrupted by a change is read again, at most
   * five times, and `restart` is told to forget what it saw.
   */
  dump(type: number, fill: (message: MessageWriter) => void, each: (body: Buffer, type: number) => void, restart: () => void): void;
  close(): void;
}

/** Opens a socket in the namespace that the thread is in. @throws KernelError (EMFILE when descriptors run out) */
export function openRtnetlink(): Rtnetlink {
  const fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) throw new KernelError('cannot open an rtnetlink socket', errno());
  for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) setsockopt(fd, SOL_NETLINK, option, one, 4);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, patience, 16);

  const transmit = (type: number, flags: number, fill: (message: MessageWriter) => void, what: string): number => {
    sequence = (sequence + 1) >>> 0;
    fill(writer.begin(type, flags, sequence));
    writer.end();
    if (send(fd, writer.bytes, writer.length, 0) < 0) throw new KernelError(what, errno());
    return sequence;
  };
  const receive = (what: string): number => {
    for (;;) {
      const length = recv(fd, received, received.length, 0);
      if (length >= 0) return length;
      if (errno() !== ERRNO.EINTR) throw new KernelError(what, errno());
    }
  };

  const dumpOnce = (type: number, fill: (message: MessageWriter) => void, each: (body: Buffer, type: number) => void): boolean => {
    const what = `cannot read rtnetlink table ${type}`;
    const mine = transmit(type, NLM_F_DUMP, fill, what);
    let whole = true;
    for (;;) {
      for (const message of splitMessages(received, receive(what))) {
        if (message.sequence !== mine) continue;
        if ((message.flags & NLM_F_DUMP_INTR) !== 0) whole = false;
        if (message.type === NLMSG_DONE || message.type === NLMSG_ERROR) {
          const { errno: failed, extended } = readError(message);
          if (failed !== 0) throw new KernelError(what, failed, extended);
          return whole;
        }
        if (whole) each(message.body, message.type);
      }
    }
  };

  return {
    request(type, flags, fill, what): void {
      const mine = transmit(type, flags | NLM_F_ACK, fill, what);
      for (;;) {
        for (const message of splitMessages(received, receive(what))) {
          if (message.sequence !== mine || message.type !== NLMSG_ERROR) continue;
          const { errno: failed, extended } = readError(message);
          if (failed !== 0) throw new KernelError(what, failed, extended);
          return;
        }
      }
    },
    query(type, fill, each): void {
      const what = `rtnetlink does not answer request ${type}`;
      const mine = transmit(type, 0, fill, what);
      for (;;) {
        for (const message of splitMessages(received, receive(what))) {
          if (message.sequence !== mine) continue;
          if (message.type !== NLMSG_ERROR) return each(message.body);
          const { errno: failed, extended } = readError(message);
          throw new KernelError(what, failed, extended);
        }
      }
    },
    dump(type, fill, each, restart): void {
      setsockopt(fd, SOL_SOCKET, SO_RCVBUF, receiveBuffer, 4);
      for (let attempt = 0; attempt < MAX_DUMPS; attempt++) {
        if (dumpOnce(type, fill, each)) return;
        restart();
      }
      throw new KernelError(`rtnetlink table ${type} changed during each of ${MAX_DUMPS} readings`, ERRNO.EINTR);
    },
    close(): void {
      close(fd);
    },
  };
}
