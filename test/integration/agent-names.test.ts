/** DNS messages by the agent's own sockets: every way in which one can end, and many at once. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NameMessage, NameReply } from '../../engines/port.ts';
import { lacking } from '../requires.ts';
import { type AgentLab, startAgentLab } from './agent-lab.ts';

const reason = lacking('root');

/** Answers on an address by UDP and TCP with what it was sent, in two parts by TCP; to `mute` with nothing, to `close` with an end, to `large` with 40 000 bytes. */
const ECHO = `
const [dgram, net, fs, host, ready] = [require('dgram'), require('net'), require('fs'), process.argv[2], process.argv[3]];
const udp = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4', (data, from) => { if (String(data) !== 'mute') udp.send(data, from.port, from.address); });
const answer = (socket, text) => {
  if (text === 'mute') return;
  if (text === 'close') return socket.end();
  const body = Buffer.from(text === 'large' ? 'x'.repeat(40000) : text);
  socket.write(Buffer.from([body.length >> 8, body.length & 255, ...body.subarray(0, 1)]));
  setTimeout(() => socket.write(body.subarray(1)), 20);
};
const server = net.createServer((socket) => { socket.on('error', () => {}).once('data', (data) => answer(socket, String(data.subarray(2)))); });
udp.bind(53, host, () => server.listen(53, host, () => fs.writeFileSync(ready, 'ready')));`;

const ADDRESSES = [
  ['192.0.2.1', 24],
  ['192.0.2.3', 24],
  ['2001:db8::1', 64],
] as const;

describe.skipIf(reason !== null)(`names by the agent${reason === null ? '' : ` (skipped: ${reason})`}`, () => {
  let folder = '';
  let lab: AgentLab;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cnilab-names-'));
    lab = await startAgentLab();
    const veth = { op: 'veth', ns: 'client', name: 'eth0', mac: '02:00:00:00:00:0a', mtu: 1500, master: null, hairpin: false } as const;
    await lab.apply([
      { op: 'netns', ns: 'client' },
      { op: 'netns', ns: 'server' },
      { ...veth, peer: { ns: 'server', name: 'eth0', mac: '02:00:00:00:00:0b', mtu: 1500 } },
      { op: 'address', ns: 'client', dev: 'eth0', address: '192.0.2.2', prefixLength: 24 },
      { op: 'address', ns: 'client', dev: 'eth0', address: '2001:db8::2', prefixLength: 64 },
      ...ADDRESSES.map(([address, prefixLength]) => ({ op: 'address', ns: 'server', dev: 'eth0', address, prefixLength }) as const),
    ]);
    writeFileSync(join(folder, 'echo.cjs'), ECHO);
    // 192.0.2.3 has no server.
    for (const [at, address] of ['192.0.2.1', '2001:db8::1'].entries()) {
      const ready = join(folder, `ready-${at}`);
      const start = `setsid ${process.execPath} ${folder}/echo.cjs ${address} ${ready} </dev/null >${folder}/log 2>&1 &`;
      await lab.sh('server', `${start} i=0; until [ -e ${ready} ]; do i=$((i+1)); [ $i -lt 400 ] || { cat ${folder}/log; exit 1; }; sleep 0.02; done`);
    }
  });
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const message = (protocol: 'udp' | 'tcp', text: string): NameMessage => ({ protocol, data: Buffer.from(text).toString('base64') });
  const asked = async (server: string, messages: readonly NameMessage[], deadlineMs = 1000): Promise<readonly string[]> => {
    const replies: readonly NameReply[] = await lab.call('exchangeNames', { netns: 'client', server, messages, deadlineMs });
    return replies.map((reply) => ('data' in reply ? Buffer.from(reply.data, 'base64').toString() : reply.failed));
  };

  it.each(['192.0.2.1', '2001:db8::1'])('come back from %s in their order, silence and an end told apart', async (server) => {
    const messages = [
      message('udp', 'one'),
      message('tcp', 'two'),
      message('udp', 'mute'),
      message('tcp', 'mute'),
      message('tcp', 'close'),
      message('tcp', 'large'),
    ];
    expect(await asked(server, messages, 500)).toEqual(['one', 'two', 'silent', 'silent', 'closed', 'x'.repeat(40_000)]);
  });

  it('end at once where nobody listens, or nothing leads', async () => {
    const both = [message('udp', 'one'), message('tcp', 'two')];
    expect(await asked('192.0.2.3', both)).toEqual(['ECONNREFUSED', 'ECONNREFUSED']);
    expect(await asked('198.51.100.1', both)).toEqual(['ENETUNREACH', 'ENETUNREACH']);
    expect(await asked('192.0.2.99', both, 100)).toEqual(['silent', 'silent']);
  });

  it('leave as many as are asked, and no descriptor behind', async () => {
    const open = async (): Promise<number> => Number(await lab.sh('client', 'ls /proc/$PPID/fd | wc -l'));
    const before = await open();
    const many = Array.from({ length: 200 }, (_, at) => message(at % 2 === 0 ? 'udp' : 'tcp', `message ${at}`));
    expect(await asked('192.0.2.1', many)).toEqual(many.map(({ data }) => Buffer.from(data, 'base64').toString()));
    // The pipes of the shell that counts come and go as well.
    await expect.poll(open, { timeout: 10_000 }).toBeLessThanOrEqual(before);
  });
});
