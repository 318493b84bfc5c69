/** Asks questions from inside a namespace of the lab: by messages to a server, or as programs do, by the resolver of the system. */
import type { EngineSession } from '../../engines/port.ts';
import type { DnsType } from '../../topology/services/dns-records.ts';
import { decodeReply, encodeQuestion, type DnsReply } from './message.ts';

export interface Question {
  readonly name: string;
  readonly type: DnsType;
  readonly protocol: 'udp' | 'tcp';
}

/** A reply, or what happened in its place: `silent`, or the errno's name. */
export type Answer = DnsReply | { readonly failed: string };

/** Asks a DNS server from a namespace; answers in the order of the questions. @throws what the session throws, and Error where it has no way to send messages */
export async function askServer(
  session: Pick<EngineSession, 'names' | 'exchangeNames'>,
  netns: string,
  server: string,
  questions: readonly Question[],
  deadlineMs: number,
): Promise<readonly Answer[]> {
  const messages = questions.map(({ name, type, protocol }, at) => ({
    protocol,
    data: Buffer.from(encodeQuestion((at + 1) & 0xffff, name, type)).toString('base64'),
  }));
  const said: readonly { readonly data?: string; readonly failed?: string }[] | undefined =
    (await session.names?.exchange(netns, server, messages, deadlineMs)) ?? (await session.exchangeNames?.(netns, server, messages, deadlineMs));
  if (said === undefined) throw new Error(`no DNS messages can be sent from ${netns}`);
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
  const argv = ['env', `RES_OPTIONS=timeout:${seconds} attempts:1`, process.execPath, '-e', RESOLVE];
  const { exitCode, stdout, stderr } = await session.run(netns, argv, { input: JSON.stringify({ names }), timeoutMs: deadlineMs + RESOLVER_MS });
  if (exitCode !== 0) throw new Error(`asking for names in ${netns} ended with ${exitCode}: ${stderr.trim().split('\n').at(-1) ?? ''}`);
  return JSON.parse(stdout) as readonly (readonly string[] | { readonly failed: string })[];
}

/** Its start included. */
const RESOLVER_MS = 40_000;

/** The answers, or what went wrong in asking, in words. */
export async function answersOf<T>(asking: Promise<T>): Promise<T | string> {
  try {
    return await asking;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
