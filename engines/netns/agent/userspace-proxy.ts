/**
 * The process of kube-proxy's mode userspace, run in a node's namespace with a file of portals: it takes connections and datagrams, and opens its own ones to
 * endpoints, in turn. So endpoints see the node, and never the client. On a host with Docker it plays docker-proxy, for all published ports at once.
 */
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import type { Portal } from '../../../topology/services/proxy/userspace-rules.ts';

/** As kube-proxy 1.25: how long it waits for an endpoint before it tries the next, and how long a UDP client may be silent. */
const CONNECT_MS = [250, 500, 1000, 2000] as const;
const UDP_IDLE_MS = 250;

type Place = Portal['endpoints'][number];

/** Gives the endpoints of a portal away, in turn; with affinity a client gets the one it had. */
function chooser({ endpoints, affinitySeconds }: Portal): (client: string) => Place | undefined {
  const kept = new Map<string, { readonly place: Place; readonly until: number }>();
  let turn = 0;
  return (client) => {
    const before = kept.get(client);
    const place = before !== undefined && before.until > Date.now() ? before.place : endpoints[turn++ % Math.max(1, endpoints.length)];
    if (affinitySeconds !== null && place !== undefined) kept.set(client, { place, until: Date.now() + affinitySeconds * 1000 });
    return place;
  };
}

function serveTcp(portal: Portal): void {
  const choose = chooser(portal);
  const dial = (client: Socket, attempt: number): void => {
    const place = choose(client.remoteAddress ?? '');
    const timeout = CONNECT_MS[attempt];
    if (place === undefined || timeout === undefined) return void client.destroy();
    const endpoint = connect({ host: place.address, port: place.port, allowHalfOpen: true });
    const timer = setTimeout(() => endpoint.destroy(new Error('no answer')), timeout);
    let open = false;
    endpoint.once('connect', () => {
      open = true;
      clearTimeout(timer);
      client.pipe(endpoint);
      endpoint.pipe(client);
    });
    endpoint.on('error', () => {
      clearTimeout(timer);
      if (open) client.destroy();
      else dial(client, attempt + 1);
    });
    client.on('error', () => endpoint.destroy());
    client.on('close', () => endpoint.destroy());
  };
  createServer({ allowHalfOpen: true, pauseOnConnect: false }, (client) => {
    client.on('error', () => client.destroy());
    dial(client, 0);
  }).listen({ host: portal.address ?? (portal.family === 'ipv6' ? '::' : '0.0.0.0'), port: portal.listen, ipv6Only: true });
}

/** A client and its endpoint. */
interface UdpFlow {
  readonly idle: NodeJS.Timeout;
  readonly pass: (message: Buffer) => void;
}

function serveUdp(portal: Portal): void {
  const choose = chooser(portal);
  const type = portal.family === 'ipv6' ? 'udp6' : 'udp4';
  const flows = new Map<string, UdpFlow>();
  const server = createSocket({ type, ipv6Only: portal.family === 'ipv6' });
  server.on('message', (message, from) => {
    const key = `${from.address} ${from.port}`;
    const flow = flows.get(key) ?? open(key, from);
    flow?.idle.refresh();
    flow?.pass(message);
  });
  const open = (key: string, from: { readonly address: string; readonly port: number }): ReturnType<typeof flows.get> => {
    const place = choose(from.address);
    if (place === undefined) return undefined;
    const socket = createSocket(type);
    const end = (): void => {
      // Its timer may outlive it, and meet the next flow of the client.
      if (flows.get(key) !== flow) return;
      flows.delete(key);
      socket.close();
    };
    const idle = setTimeout(end, UDP_IDLE_MS);
    socket.on('message', (answer) => server.send(answer, from.port, from.address));
    socket.on('error', end);
    // It takes a moment, in which nothing can be sent. Where no way leads there, it is the callback that is told.
    const connected = new Promise<void>((done) => socket.connect(place.port, place.address, (error?: Error) => (error === undefined ? done() : end())));
    const pass = (message: Buffer): void => void connected.then(() => flows.get(key) === flow && socket.send(message));
    const flow: UdpFlow = { idle, pass };
    flows.set(key, flow);
    return flow;
  };
  server.bind({ port: portal.listen, ...(portal.address === undefined ? {} : { address: portal.address }) });
}

const portals = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as readonly Portal[];
for (const portal of portals) if (portal.protocol === 'udp') serveUdp(portal);
for (const portal of portals) if (portal.protocol === 'tcp') serveTcp(portal);
