/** A session that sends nothing and notes what it is asked: what the Jobs of a verification have to ask is known before they start. */
import { REPORTED_SIGHT, type EngineSession } from '../port.ts';
import { isCalled, type Call, type Calls } from './calls.ts';

export interface Rehearsal {
  readonly session: EngineSession;
  /** All that was asked for so far, each thing once. */
  readonly calls: () => Calls;
}

/**
 * The same checks, judging the same plan, ask the same again: their requests here are what is run, and what was run answers them there. Some ask on
 * only when they were answered.
 *
 * @param answer the reply to a DNS message, both base64
 */
export function rehearse(answer: (message: string) => string): Rehearsal {
  const asked = new Map<string, Map<string, Call>>();
  const note = (place: string, key: string, call: Call): void => {
    const known = asked.get(place) ?? new Map<string, Call>();
    asked.set(place, known);
    const before = known.get(key);
    // A second request for the same connections means those of the first.
    known.set(key, call.kind === 'call' && before?.kind === 'call' ? { ...call, attempts: Math.max(call.attempts, before.attempts) } : call);
  };
  const session: EngineSession = {
    sight: REPORTED_SIGHT,
    probe: ({ protocol, family, endpoints, pairs, attempts }) => {
      if (pairs.kind === 'list' && isCalled(protocol)) {
        for (const [client, server] of pairs.pairs) {
          const to = endpoints[server];
          const address = to?.addresses.find((one) => one.family === family)?.address;
          if (to?.port === undefined || address === undefined) continue;
          note(endpoints[client]?.netns ?? '', `${protocol} ${address} ${to.port}`, { kind: 'call', protocol, address, port: to.port, attempts });
        }
      }
      return Promise.resolve({ probes: 0, elapsedMs: 0, conntrack: [], unusable: {} });
    },
    names: {
      exchange: (place, address, messages) => {
        for (const { protocol, data } of messages) note(place, `${protocol} ${address} ${data}`, { kind: 'ask', protocol, address, data });
        return Promise.resolve(messages.map(({ data }) => ({ data: answer(data) })));
      },
      resolve: (place, names) => {
        for (const { name, family } of names) note(place, `${family} ${name}`, { kind: 'resolve', name, family });
        return Promise.resolve(names.map(() => ({ failed: 'ENOTFOUND' })));
      },
    },
    run: (place, argv) => {
      if (argv.join(' ') === READ_CONF) note(place, READ_CONF, { kind: 'conf' });
      return Promise.resolve({ exitCode: 1, stdout: '', stderr: 'a rehearsal runs nothing' });
    },
    snapshot: () => Promise.resolve({ takenAt: '', namespaces: {} }),
    checkAttachments: () => Promise.resolve(0),
    close: () => Promise.resolve(),
  };
  return { session, calls: () => new Map([...asked].map(([place, calls]) => [place, [...calls.values()]])) };
}

/** The one program of which checks want the output. */
export const READ_CONF = 'cat /etc/resolv.conf';
