/** The process of kube-proxy's mode userspace, on the loopback of this machine. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createSocket, type Socket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import type { Portal } from '../../topology/services/proxy/userspace-rules.ts';
import { useScratch } from '../lab/scratch.ts';

const scratch = useScratch();
const PROXY = fileURLToPath(new URL('../../engines/netns/agent/userspace-proxy.ts', import.meta.url));
const LOOPBACK = '127.0.0.1';
const EVERY_MS = 50;

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, LOOPBACK);
  await once(socket, 'listening');
  return socket;
}

async function freePort(): Promise<number> {
  const socket = await bound();
  const { port } = socket.address();
  socket.close();
  return port;
}

it('outlives endpoints that datagrams cannot be sent to, and gives the next datagram to the next one', async () => {
  const [echo, client] = [await bound(), await bound()];
  echo.on('message', (message, from) => echo.send(message, from.port, from.address));
  let answers = 0;
  client.on('message', () => {
    answers += 1;
  });
  const listen = await freePort();
  const portal: Portal = {
    protocol: 'udp',
    family: 'ipv4',
    address: LOOPBACK,
    listen,
    affinitySeconds: null,
    endpoints: [
      // No socket may be connected there by accident: EACCES (ip(7)).
      { address: '255.255.255.255', port: 9 },
      // Refused, which the socket hears of later.
      { address: LOOPBACK, port: await freePort() },
      { address: LOOPBACK, port: echo.address().port },
    ],
  };
  const file = scratch.write('portals.json', JSON.stringify([portal]));
  const proxy = spawn(process.execPath, ['--import', 'tsx/esm', PROXY, file], { stdio: ['ignore', 'inherit', 'inherit'] });
  onTestFinished(() => {
    proxy.kill('SIGKILL');
    echo.close();
    client.close();
  });
  const send = async (): Promise<void> => {
    client.send('hello', listen, LOOPBACK);
    await sleep(EVERY_MS);
  };
  while (answers === 0 && proxy.exitCode === null) await send();
  // For longer than a flow may be silent: the timers of the first two end nothing of the third.
  for (let more = 0; more < 10; more += 1) await send();
  expect(proxy.exitCode).toBeNull();
  expect(answers).toBeGreaterThan(1);
});
