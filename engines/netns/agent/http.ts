/** HTTP through the lab: servers of the agent's own, each in a namespace, and a process per client that asks. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { HttpAsk, HttpReply, HttpRequest, HttpSummary, HttpWitness } from '../../port.ts';
import { netns } from './namespaces.ts';
import { runProcess } from './processes.ts';
import { inNamespace } from './sys.ts';

/** Asks of one client at a time, and clients at a time. */
const ASKS = 16;
const CLIENTS = 8;
const START_MS = 10_000;
/** By this the client knows that one of the servers below answered, and not a program of the lab. */
const WITNESS_TYPE = 'application/x-cnilab-witness+json';

/**
 * Sends the asks of a client. Input `{asks, deadlineMs}`, output a list of `{status, by}` or `{failed}`. Plain text for `node -e`: connections are made in the
 * namespace that the process has.
 */
const CLIENT = `
const [fs, http] = [require('node:fs'), require('node:http')];
const { asks, deadlineMs } = JSON.parse(fs.readFileSync(0, 'utf8'));
const one = ({ address, port, host, path }) => new Promise((resolve) => {
  const request = http.get({ host: address, port, path, headers: { host }, agent: false });
  const timer = setTimeout(() => { resolve({ failed: 'silent' }); request.destroy(); }, deadlineMs);
  const end = (said) => { clearTimeout(timer); resolve(said); };
  request.on('error', (error) => end({ failed: error.code ?? error.message }));
  request.on('response', (response) => {
    let body = '';
    response.setEncoding('utf8');
    response.on('data', (part) => { body += part; });
    response.on('error', (error) => end({ failed: error.code ?? error.message }));
    response.on('end', () => end({ status: response.statusCode, by: response.headers['content-type'] === '${WITNESS_TYPE}' ? JSON.parse(body) : null }));
  });
});
(async () => {
  const said = [];
  for (let at = 0; at < asks.length; at += ${ASKS}) said.push(...(await Promise.all(asks.slice(at, at + ${ASKS}).map(one))));
  fs.writeFileSync(1, JSON.stringify(said));
})();
`;

/** Carries out a request as `engines/port.ts` says. @throws CommandError when a client cannot be started or does not end */
export async function runHttp({ servers, clients, deadlineMs }: HttpRequest): Promise<HttpSummary> {
  const open: Server[] = [];
  try {
    const unusable: (string | null)[] = [];
    for (const { netns: ns, port } of servers) unusable.push(await openServer(ns, port, open));
    const replies: (readonly HttpReply[])[] = [];
    for (let at = 0; at < clients.length; at += CLIENTS) {
      replies.push(...(await Promise.all(clients.slice(at, at + CLIENTS).map(async ({ netns: ns, asks }) => await ask(ns, asks, deadlineMs)))));
    }
    return { replies, unusable };
  } finally {
    for (const server of open) {
      server.close();
      server.closeAllConnections();
    }
  }
}

/** @returns why it could not be opened, or null */
async function openServer(ns: string, port: number, open: Server[]): Promise<string | null> {
  const server = createServer((request, response) => {
    const { localAddress = '', localPort = 0 } = request.socket;
    const witness: HttpWitness = { address: localAddress.replace(/^::ffff:/, ''), port: localPort, host: request.headers.host ?? '', path: request.url ?? '' };
    response.writeHead(200, { 'content-type': WITNESS_TYPE }).end(JSON.stringify(witness));
  });
  try {
    const { fd } = netns(ns);
    // Without a host the socket is made before listen() returns, and so in that namespace.
    const listening = inNamespace(fd, () => once(server.listen(port), 'listening'));
    await listening;
    open.push(server);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function ask(ns: string, asks: readonly HttpAsk[], deadlineMs: number): Promise<readonly HttpReply[]> {
  const argv = [process.execPath, '-e', CLIENT];
  const timeoutMs = START_MS + deadlineMs * Math.ceil(asks.length / ASKS);
  const { exitCode, stdout, stderr } = await runProcess(ns, argv, { input: JSON.stringify({ asks, deadlineMs }), timeoutMs });
  if (exitCode !== 0) throw new Error(`asking over HTTP from ${ns} ended with ${exitCode}: ${stderr.trim().split('\n').at(-1) ?? ''}`);
  return JSON.parse(stdout) as readonly HttpReply[];
}
