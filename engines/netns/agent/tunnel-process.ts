/**
 * What flanneld is with backend udp, run in a node's namespace with a file of its peers: every packet that the kernel routes into the TUN device becomes the
 * payload of one datagram to the node whose range it is for, and every datagram that comes becomes a packet again. As flannel's `proxy_amd64.c`, either end
 * counts as a router.
 */
import { createSocket } from 'node:dgram';
import { read, readFileSync, writeSync } from 'node:fs';
import { cidrContains, parseCidr, type Cidr } from '../../../topology/cidr.ts';
import type { Op } from '../ops.ts';
import { passOn } from './tunnel-packet.ts';
import { attachTun } from './tun.ts';

type TunnelOp = Extract<Op, { readonly op: 'tunnel' }>;

const { device, mtu, port, local, peers } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as TunnelOp;
const ranges: readonly { readonly range: Cidr; readonly underlay: string }[] = peers.map(({ to, underlay }) => ({ range: parseCidr(to), underlay }));
const DESTINATION_AT = 16;

/** Underlay address of the node that has the destination of a packet. */
function nodeOf(packet: Buffer): string | null {
  const destination = { family: 'ipv4', value: BigInt(packet.readUInt32BE(DESTINATION_AT)) } as const;
  return ranges.find(({ range }) => cidrContains(range, destination))?.underlay ?? null;
}

const socket = createSocket('udp4');
socket.bind(port, local, () => {
  const tun = attachTun(device);
  socket.on('message', (packet) => {
    if (!passOn(packet)) return;
    try {
      writeSync(tun, packet);
    } catch {
      // As in `proxy_amd64.c`: what the device does not take, as one that is down, is lost.
    }
  });
  const buffer = Buffer.alloc(mtu);
  const take = (): void =>
    read(tun, buffer, 0, mtu, null, (error, length) => {
      if (error !== null) throw error;
      // Sent later than the next packet is read into the buffer.
      const packet = Buffer.from(buffer.subarray(0, length));
      const node = passOn(packet) ? nodeOf(packet) : null;
      if (node !== null) socket.send(packet, port, node);
      take();
    });
  take();
});
// The port is taken, or nothing has the address: a socket that is not connected is told nothing of peers that are gone.
socket.on('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
