/** Asks questions from inside a namespace of the lab: by messages to a server, or as programs do, by the resolver of the system. */
import type { EngineSession, NameReply } from '../../engines/port.ts';
import type { DnsType } from '../../topology/services/dns-records.ts';
import { decodeReply, encodeQuestion, type DnsReply } from './message.ts';

export interface Question {
  readonly name: string;
  readonly type: DnsType;
  readonly protocol: 'udp' | 'tcp';
}

/** A reply, or what happened in its place: `silent`, or the errno's name. */
export type Answer = DnsReply | { readonly failed: string };

/**
 * Sends messages and collects replies: all at once, each by a socket of its own, nothing is sent twice. Input `{server, deadlineMs, messages: [{protocol,
 * data}]}`, output a list of `{data}` or `{failed}`. Plain text for `node -e`: it runs in the lab, and needs no file there.
 */
const EXCHANGE = `
const [fs, dgram, net] = [require('node:fs'), require('node:dgram'), require('node:net')];
const { server, deadlineMs, messages } = JSON.parse(fs.readFileSync(0, 'utf8'));
const udp = (data, done) => {
  const socket = dgram.createSocket(server.includes(':') ? 'udp6' : 'udp4');
  const end = (said) => { done(said); try { socket.close(); } catch {} };
  socket.on('error', (error) => end({ failed: error.code }));
  socket.on('message', (reply) => end({ data: reply.toString('base64') }));
  socket.connect(53, server, () => socket.send(data));
  return () => end({ failed: 'silent' });
};
const tcp = (data, done) => {
  const socket = net.connect({ host: server, port: 53 });
  const end = (said) => { done(said); socket.destroy(); };
  let got = Buffer.alloc(0);
  socket.on('connect', () => socket.write(Buffer.concat([Buffer.from([data.length >> 8, data.length & 255]), data])));
  socket.on('error', (error) => end({ failed: error.code }));
  socket.on('close', () => end({ failed: 'closed' }));
  socket.on('data', (part) => {
    got = Buffer.concat([got, part]);
    if (got.length >= 2 && got.length >= 2 + got.readUInt16BE(0)) end({ data: got.subarray(2).toString('base64') });
  });
  return () => end({ failed: 'silent' });
};
const one = ({ protocol, data }) => new Promise((resolve) => {
  let timer;
  const late = (protocol === 'tcp' ? tcp : udp)(Buffer.from(data, 'base64'), (said) => { clearTimeout(timer); resolve(said); });
  timer = setTimeout(late, deadlineMs);
});
(async () => {
  const said = [];
  for (let at = 0; at < messages.length; at += 64) said.push(...(await Promise.all(messages.slice(at, at + 64).map(one))));
  fs.writeFileSync(1, JSON.stringify(said));
})();
`;

/** Asks a DNS server from a namespace; answers in the order of the questions. @throws what the session throws */
export async function askServer(
  session: Pick<EngineSession, 'run' | 'names'>,
  netns: string,
  server: string,
  questions: readonly Question[],
  deadlineMs: number,
): Promise<readonly Answer[]> {
  const messages = questions.map(({ name, type, protocol }, at) => ({
    protocol,
    data: Buffer.from(encodeQuestion((at + 1) & 0xffff, name, type)).toString('base64'),
  }));
  const said: readonly { readonly data?: string; readonly failed?: string }[] =
    session.names === undefined
      ? ((await runScript(session, netns, EXCHANGE, { server, deadlineMs, messages }, deadlineMs * Math.ceil(messages.length / 64))) as readonly NameReply[])
      : await session.names.exchange(netns, server, messages, deadlineMs);
  return questions.map((_, at): Answer => {
    const { data, failed } = said[at] ?? {};
    if (data === undefined) return { failed: failed ?? 'silent' };
    try {
      const reply = decodeReply(Buffer.from(data, 'base64'));
      return reply.id === ((at + 1) & 0xffff) ? reply : { failed: 'the answer to another question' };
    } catch {
      return { failed: 'what came back is no DNS message' };
    }
  });
}

/** getaddrinfo() for each name and family. Input `{names: [{name, family}]}`, output a list of addresses or `{failed}`. */
const RESOLVE = `
const [fs, dns] = [require('node:fs'), require('node:dns/promises')];
const { names } = JSON.parse(fs.readFileSync(0, 'utf8'));
const one = ({ name, family }) => dns.lookup(name, { family, all: true, hints: 0 }).then((found) => found.map((has) => has.address), (error) => ({ failed: error.code }));
Promise.all(names.map(one)).then((said) => fs.writeFileSync(1, JSON.stringify(said)));
`;

/** Resolves names as a program in the namespace would: by its resolv.conf. */
export async function resolveNames(
  session: Pick<EngineSession, 'run' | 'names'>,
  netns: string,
  names: readonly { readonly name: string; readonly family: 4 | 6 }[],
  deadlineMs: number,
): Promise<readonly (readonly string[] | { readonly failed: string })[]> {
  if (session.names !== undefined) return await session.names.resolve(netns, names, deadlineMs);
  // By itself the system's resolver waits 5 seconds for a server, and asks again (resolv.conf(5)): four names at a time.
  const seconds = Math.ceil(deadlineMs / 1000);
  const once = ['env', `RES_OPTIONS=timeout:${seconds} attempts:1`];
  const said = await runScript(session, netns, RESOLVE, { names }, deadlineMs + RESOLVER_MS, once);
  return said as readonly (readonly string[] | { readonly failed: string })[];
}

const RESOLVER_MS = 30_000;
const START_MS = 10_000;

async function runScript(
  session: Pick<EngineSession, 'run'>,
  netns: string,
  script: string,
  input: unknown,
  patienceMs: number,
  before: readonly string[] = [],
): Promise<unknown> {
  const argv = [...before, process.execPath, '-e', script];
  const { exitCode, stdout, stderr } = await session.run(netns, argv, { input: JSON.stringify(input), timeoutMs: patienceMs + START_MS });
  if (exitCode !== 0) throw new Error(`asking for names in ${netns} ended with ${exitCode}: ${stderr.trim().split('\n').at(-1) ?? ''}`);
  return JSON.parse(stdout);
}
