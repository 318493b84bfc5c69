/**
 * The yardstick of verification: all ordered pairs, self included, TCP, raw calls through koffi, the source address as the server saw it, and nothing
 * else: all connections of a client, then their answers; no nonce, no ports compared, no conntrack, no report. Arguments NETNS=ADDRESS…, inside a holder; prints the milliseconds of the pairs.
 */
import { openSync } from 'node:fs';
import koffi from 'koffi';

const libc = koffi.load(null);
const setns = libc.func('int setns(int, int)');
const socket = libc.func('int socket(int, int, int)');
const bind = libc.func('int bind(int, const uint8_t*, uint)');
const listen = libc.func('int listen(int, int)');
const connect = libc.func('int connect(int, const uint8_t*, uint)');
const accept4 = libc.func('int accept4(int, _Out_ uint8_t*, _Inout_ uint*, int)');
const setsockopt = libc.func('int setsockopt(int, int, int, const uint8_t*, uint)');
const send = libc.func('long send(int, const uint8_t*, size_t, int)');
const recv = libc.func('long recv(int, _Out_ uint8_t*, size_t, int)');
const close = libc.func('int close(int)');

const NEWNET = 0x40000000;
const STREAM = 1 | 0o4000 | 0o2000000;
const PORT = 7000;
const ONE = Buffer.from([1, 0, 0, 0]);
const ABORT = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);

function sockaddr(address: string): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16LE(2, 0);
  bytes.writeUInt16BE(PORT, 2);
  Buffer.from(address.split('.').map(Number)).copy(bytes, 4);
  return bytes;
}

const home = openSync('/proc/thread-self/ns/net', 'r');
const pods = process.argv.slice(2).map((argument) => {
  const [netns = '', address = ''] = argument.split('=');
  return { fd: openSync(`/run/netns/${netns}`, 'r'), address, at: sockaddr(address), listener: -1 };
});
for (const pod of pods) {
  setns(pod.fd, NEWNET);
  pod.listener = socket(2, STREAM, 0) as number;
  setsockopt(pod.listener, 1, 2, ONE, 4);
  if (bind(pod.listener, pod.at, 16) !== 0 || listen(pod.listener, 4096) !== 0) throw new Error(`cannot listen in ${pod.address}`);
}

const from = Buffer.alloc(16);
const size = [16];
const message = Buffer.alloc(8);
const answer = Buffer.alloc(8);
const held: number[] = [];
let wrong = 0;

/** Tells every queued client the address it was seen with. */
function serve(listener: number): void {
  for (;;) {
    size[0] = 16;
    const accepted = accept4(listener, from, size, 0o4000) as number;
    if (accepted < 0) return;
    from.copy(message, 0, 4, 8);
    setsockopt(accepted, 1, 13, ABORT, 8);
    send(accepted, message, 8, 0x4000);
    held.push(accepted);
  }
}

const started = performance.now();
for (const client of pods) {
  setns(client.fd, NEWNET);
  const expected = client.at.readUInt32BE(4);
  const mine: number[] = [];
  for (const server of pods) {
    const fd = socket(2, STREAM, 0) as number;
    setsockopt(fd, 1, 13, ABORT, 8);
    connect(fd, server.at, 16);
    mine.push(fd);
    serve(server.listener);
  }
  for (const fd of mine) {
    if (recv(fd, answer, 8, 0) !== 8 || answer.readUInt32BE(0) !== expected) wrong += 1;
    close(fd);
  }
  for (const fd of held.splice(0)) close(fd);
}
const elapsed = performance.now() - started;
setns(home, NEWNET);
if (wrong > 0) throw new Error(`${wrong} of ${pods.length ** 2} pairs answered wrongly`);
process.stdout.write(`${elapsed}\n`);
