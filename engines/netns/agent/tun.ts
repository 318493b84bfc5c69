/** TUN devices: what a process writes comes in by the device, and what is routed into it the process reads (Documentation/networking/tuntap.rst of Linux). */
import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';
import { TUN_FILE } from '../kernel-feature.ts';
import { KernelError } from './kernel-error.ts';
import { type Bytes, errno } from './sys.ts';

/** include/uapi/linux/if_tun.h. */
const TUNSETIFF = 0x4004_54ca;
const TUNSETPERSIST = 0x4004_54cb;
const IFF_TUN = 0x0001;
/** Packets as they are, without four bytes in front. */
const IFF_NO_PI = 0x1000;
/** struct ifreq: the name in 16 bytes, then the flags. */
const IFREQ_BYTES = 40;
const FLAGS_AT = 16;

const libc = koffi.load(null);
const ioctlRequest: (fd: number, request: number, value: Bytes) => number = libc.func('int ioctl(int, ulong, _Inout_ uint8_t*)');
const ioctlNumber: (fd: number, request: number, value: number) => number = libc.func('int ioctl(int, ulong, long)');

/**
 * The device of that name in the namespace of this thread, made where it is not there, as a descriptor of packets. Its carrier is up for as long as that is open.
 *
 * @throws KernelError; a failure of `open` where there is no {@link TUN_FILE}
 */
export function attachTun(name: string): number {
  const fd = openSync(TUN_FILE, 'r+');
  const request = Buffer.alloc(IFREQ_BYTES);
  request.write(name, 0, FLAGS_AT - 1, 'latin1');
  request.writeUInt16LE(IFF_TUN | IFF_NO_PI, FLAGS_AT);
  if (ioctlRequest(fd, TUNSETIFF, request) === 0) return fd;
  const number = errno();
  closeSync(fd);
  throw new KernelError(`cannot attach to ${name}`, number);
}

/** Makes a device that stays when nobody has it open, in the namespace of this thread. @throws as {@link attachTun} */
export function createTun(name: string): void {
  const fd = attachTun(name);
  try {
    if (ioctlNumber(fd, TUNSETPERSIST, 1) !== 0) throw new KernelError(`cannot keep ${name}`, errno());
  } finally {
    closeSync(fd);
  }
}
