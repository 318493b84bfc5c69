/**
 * The few system calls of the agent, through koffi on libc. Linux numbers (asm-generic; x86-64, arm64, riscv64).
 *
 * A network namespace belongs to a thread: `setns` on the main thread leaves libuv's pool at home. So whatever must happen in a namespace happens in one
 * synchronous section ({@link inNamespace}): make the socket, write the sysctl by a Sync call, spawn the child; nothing asynchronous can leak into it.
 */
import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';
import { KernelError } from './kernel-error.ts';

const libc = koffi.load(null);

/** Bytes handed to a call that reads them, or filled by a call that writes them. */
export type Bytes = Uint8Array;
/** A length that a call reads and overwrites, in its first element. A Uint32Array is passed by pointer, twice as fast as an array that is copied. */
export type Length = number[] | Uint32Array;

export const unshare: (flags: number) => number = libc.func('int unshare(int)');
export const setns: (fd: number, type: number) => number = libc.func('int setns(int, int)');
export const socket: (domain: number, type: number, protocol: number) => number = libc.func('int socket(int, int, int)');
export const bind: (fd: number, address: Bytes, length: number) => number = libc.func('int bind(int, const uint8_t*, uint)');
export const listen: (fd: number, backlog: number) => number = libc.func('int listen(int, int)');
/** `length` is in and out: `[capacity]` before, `[used]` after. */
export const accept4: (fd: number, address: Bytes, length: Length, flags: number) => number = libc.func('int accept4(int, _Out_ uint8_t*, _Inout_ uint*, int)');
export const connect: (fd: number, address: Bytes, length: number) => number = libc.func('int connect(int, const uint8_t*, uint)');
export const send: (fd: number, data: Bytes, length: number, flags: number) => number = libc.func('long send(int, const uint8_t*, size_t, int)');
export const recv: (fd: number, data: Bytes, length: number, flags: number) => number = libc.func('long recv(int, _Out_ uint8_t*, size_t, int)');
export const recvfrom: (fd: number, data: Bytes, length: number, flags: number, address: Bytes, addressLength: Length) => number = libc.func(
  'long recvfrom(int, _Out_ uint8_t*, size_t, int, _Out_ uint8_t*, _Inout_ uint*)',
);
/** `message` is a `struct msghdr` laid out by the caller; see {@link addressOf} for its pointers. */
export const recvmsg: (fd: number, message: Bytes, flags: number) => number = libc.func('long recvmsg(int, _Inout_ uint8_t*, int)');
export const sendmsg: (fd: number, message: Bytes, flags: number) => number = libc.func('long sendmsg(int, const uint8_t*, int)');
export const getsockname: (fd: number, address: Bytes, length: Length) => number = libc.func('int getsockname(int, _Out_ uint8_t*, _Inout_ uint*)');
export const getsockopt: (fd: number, level: number, option: number, value: Bytes, length: Length) => number = libc.func(
  'int getsockopt(int, int, int, _Out_ uint8_t*, _Inout_ uint*)',
);
export const setsockopt: (fd: number, level: number, option: number, value: Bytes, length: number) => number = libc.func(
  'int setsockopt(int, int, int, const uint8_t*, uint)',
);
/** `set`: `struct pollfd` one after the other. Blocks the thread: only where nothing else is to be done meanwhile. */
export const poll: (set: Bytes, count: number, timeoutMs: number) => number = libc.func('int poll(_Inout_ uint8_t*, ulong, int)');
/** Of the requests that fill a buffer. */
export const ioctl: (fd: number, request: number, result: Bytes) => number = libc.func('int ioctl(int, ulong, _Out_ uint8_t*)');
export const close: (fd: number) => number = libc.func('int close(int)');
export const mount: (source: string, target: string, type: string, flags: number, data: string | null) => number = libc.func(
  'int mount(const char*, const char*, const char*, ulong, const char*)',
);
export const sethostname: (name: string, bytes: number) => number = libc.func('int sethostname(const char*, size_t)');
export const umount2: (target: string, flags: number) => number = libc.func('int umount2(const char*, int)');

/** errno of the last call that returned -1. Read it at once: the next call overwrites it. */
export const errno: () => number = () => koffi.errno();

/** Address of a buffer's memory, for pointers inside structs. Keep the buffer referenced for as long as the address is used. */
export const addressOf: (buffer: Bytes) => bigint = (buffer) => BigInt(koffi.address(buffer));

const CLONE_NEWNS = 0x20000;
const CLONE_NEWUTS = 0x4000000;
export const CLONE_NEWNET = 0x40000000;
export const AF_UNSPEC = 0;
export const AF_INET = 2;
export const AF_BRIDGE = 7;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const NETLINK_ROUTE = 0;
export const NETLINK_SOCK_DIAG = 4;
export const NETLINK_NETFILTER = 12;
export const SOL_SOCKET = 1;
export const SOL_NETLINK = 270;
export const SO_REUSEADDR = 2;
export const SO_ERROR = 4;
export const SO_RCVBUF = 8;
export const SO_LINGER = 13;
export const SO_RCVTIMEO = 20;
export const SO_RCVBUFFORCE = 33;
export const MSG_NOSIGNAL = 0x4000;
export const MS_BIND = 4096;
export const MNT_DETACH = 2;

/** Linux errno numbers that the agent acts on. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  ENXIO: 6,
  EAGAIN: 11,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ENOSPC: 28,
  EMSGSIZE: 90,
  EADDRNOTAVAIL: 99,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
  ENETUNREACH: 101,
  ECONNRESET: 104,
  ENOBUFS: 105,
  ENOTCONN: 107,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EHOSTUNREACH: 113,
  EINPROGRESS: 115,
} as const;

/** Namespace that the agent lives in, and always returns to. */
const home = openSync('/proc/thread-self/ns/net', 'r');
/** Descriptor of the namespace that the main thread is in now; null at home. */
let current: number | null = null;

/** Back to the agent's own namespace. A failure leaves the thread lost, so nothing after it could be trusted: the process ends. */
function goHome(fd = home, type = CLONE_NEWNET): void {
  if (setns(fd, type) !== 0) {
    process.stderr.write(`setns back home failed (errno ${errno()})\n`);
    process.exit(70);
  }
}

/**
 * Runs `work` with the main thread inside the network namespace held by descriptor `fd`, and returns home however it ends.
 * Children spawned in `work` inherit the namespace; sockets made in it stay in it. May be nested.
 *
 * @throws KernelError when the namespace cannot be entered, and whatever `work` throws.
 */
export function inNamespace<T>(fd: number, work: () => T): T {
  const before = current;
  enter(fd);
  try {
    return work();
  } finally {
    if (before === null) {
      goHome();
      current = null;
    } else {
      enter(before);
    }
  }
}

function enter(fd: number): void {
  if (setns(fd, CLONE_NEWNET) !== 0) throw new KernelError('cannot enter the network namespace', errno());
  current = fd;
}

/**
 * A new network namespace, as a descriptor; `work` runs inside it, then the thread is back home.
 *
 * @throws KernelError ENOSPC when user.max_net_namespaces is reached, EPERM without CAP_SYS_ADMIN.
 */
export function createNamespace(work: (fd: number) => void): number {
  if (unshare(CLONE_NEWNET) !== 0) throw new KernelError('cannot create a network namespace', errno());
  let fd = -1;
  try {
    fd = openSync('/proc/thread-self/ns/net', 'r');
    work(fd);
    return fd;
  } catch (error) {
    if (fd >= 0) closeSync(fd);
    throw error;
  } finally {
    goHome();
  }
}

/**
 * Runs `work` with the main thread in copies of the agent's mount and UTS namespaces, and returns home however it ends: what is mounted there (but for shared
 * mounts) and the host name that is set there are seen by the children spawned in `work` and by nobody else, and go with them.
 *
 * @throws KernelError when they cannot be made, and whatever `work` throws.
 */
export function withOwnMounts<T>(work: () => T): T {
  const mounts = openSync('/proc/thread-self/ns/mnt', 'r');
  const uts = openSync('/proc/thread-self/ns/uts', 'r');
  try {
    if (unshare(CLONE_NEWNS | CLONE_NEWUTS) !== 0) throw new KernelError('cannot create a mount namespace', errno());
    try {
      return work();
    } finally {
      goHome(uts, CLONE_NEWUTS);
      goHome(mounts, CLONE_NEWNS);
    }
  } finally {
    closeSync(mounts);
    closeSync(uts);
  }
}
