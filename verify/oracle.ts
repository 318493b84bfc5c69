/**
 * The judgement of probes: pure. A probe is right when both ends saw the same exchange: the nonce arrived and came back, the server that
 * was meant answered, and the whole 5-tuple is the same at both sockets. The address alone is not enough: a translation that changes
 * only ports, only one protocol, or is undone before the last hop would pass.
 */
import { OUTCOMES } from '../topology/outcome.ts';
import type { ConntrackEntry, Outcome, ProbeBatch, ProbeProtocol, ProbeRecord } from '../engines/port.ts';
import type { Failure } from './report.ts';

export type FailureClass = Failure['class'];

export type Judgement =
  | { readonly verdict: 'pass' }
  | { readonly verdict: 'fail'; readonly class: FailureClass; readonly saw: string; readonly expected: string }
  | { readonly verdict: 'inconclusive'; readonly reason: string };

export interface JudgeContext {
  readonly protocol: ProbeProtocol;
  /** Does the address belong to the client, by the plan? */
  readonly ownsSource: (address: string) => boolean;
  /** Identity of the endpoint with that index. */
  readonly nameOf: (index: number) => string;
  /** Is a proxy meant to be in the server, and this an address of its own, from which that proxy would call? @default no proxy is meant to be anywhere */
  readonly isOwnProxy?: (server: number, address: string) => boolean;
}

const PASS: Judgement = { verdict: 'pass' };

/** Judges one probe; the order is from what explains most to what explains least. */
export function judgeProbe(record: ProbeRecord, context: JudgeContext): Judgement {
  if (record.outcome === 'not-run') return { verdict: 'inconclusive', reason: notRun(record) };
  const dialled = place(record.dialledAddress, record.dialledPort, context.protocol);
  if (record.outcome !== 'ok') {
    return fail(record.outcome, symptom(record, context), `an answer from ${dialled}`);
  }
  const expectedServer = context.nameOf(record.server);
  if (record.answeredBy !== record.server) {
    const who = record.answeredBy < 0 ? 'something that is no responder of this lab' : context.nameOf(record.answeredBy);
    return fail('wrong-server', `${who} answered for ${dialled}${sightOf(record, context.protocol)}`, `${expectedServer} answers`);
  }
  if (!record.nonceThere || !record.nonceBack) {
    const where = record.nonceThere ? 'the client got another nonce back' : 'the server never got the nonce that was sent';
    return fail('foreign-nonce', where, 'the nonce of this probe, both ways');
  }
  const seenDestination = place(record.seenDestinationAddress, record.seenDestinationPort, context.protocol);
  if (record.seenDestinationAddress !== record.dialledAddress || (context.protocol !== 'icmp' && record.seenDestinationPort !== record.dialledPort)) {
    return fail('rewritten', `server saw destination ${seenDestination}`, dialled);
  }
  const local = sourcePlace(record.localAddress, record.localPort, context.protocol);
  const proxied = context.protocol === 'tcp' && context.isOwnProxy?.(record.server, record.seenSourceAddress) === true;
  if (!proxied && (record.seenSourceAddress !== record.localAddress || record.seenSourcePort !== record.localPort)) {
    return fail('rewritten', `server saw ${sourcePlace(record.seenSourceAddress, record.seenSourcePort, context.protocol)}`, local);
  }
  if (record.replyFromAddress !== '' && record.replyFromAddress !== record.dialledAddress) {
    return fail('rewritten', `the reply came from ${record.replyFromAddress}`, record.dialledAddress);
  }
  if (!context.ownsSource(record.localAddress)) {
    return fail(
      'address-differs',
      `the client's own socket is at ${record.localAddress}`,
      `an address that the plan gives to ${context.nameOf(record.client)}`,
    );
  }
  return PASS;
}

/**
 * The same judgement read from the columns, without the owner of the source address: false means "look closer", and a row that
 * passes here passes {@link judgeProbe} whenever its source belongs to the client. (An address has one index in a batch.)
 */
export function rowAgrees(batch: ProbeBatch, row: number, icmp: boolean): boolean {
  return (
    batch.outcome[row] === OK &&
    batch.nonce[row] === 3 &&
    batch.answeredBy[row] === batch.server[row] &&
    batch.seenSourceAddress[row] === batch.localAddress[row] &&
    batch.seenSourcePort[row] === batch.localPort[row] &&
    batch.seenDestinationAddress[row] === batch.dialledAddress[row] &&
    (icmp || batch.seenDestinationPort[row] === batch.dialledPort[row]) &&
    (batch.replyFromAddress[row] === 0 || batch.replyFromAddress[row] === batch.dialledAddress[row])
  );
}

/** Index of `ok` in OUTCOMES. */
export const OK: number = OUTCOMES.indexOf('ok');

/** How a connection was translated, in words; '' when the reply is the exact reverse of the original. */
export function translation(entry: ConntrackEntry): string {
  const { original, reply } = entry;
  const ports = entry.protocol !== 'icmp';
  const changes: string[] = [];
  if (reply.destination !== original.source) changes.push(`source ${original.source} became ${reply.destination}`);
  else if (ports && reply.destinationPort !== original.sourcePort) changes.push(`source port ${original.sourcePort} became ${reply.destinationPort}`);
  if (reply.source !== original.destination) changes.push(`destination ${original.destination} became ${reply.source}`);
  else if (ports && reply.sourcePort !== original.destinationPort) changes.push(`destination port ${original.destinationPort} became ${reply.sourcePort}`);
  return changes.join(', ');
}

function fail(kind: FailureClass, saw: string, expected: string): Judgement {
  return { verdict: 'fail', class: kind, saw, expected };
}

function notRun(record: ProbeRecord): string {
  return record.errno === 0 ? 'the probe did not run' : `the probe did not run (errno ${record.errno})`;
}

const SYMPTOMS: Readonly<Record<Exclude<Outcome, 'ok' | 'not-run'>, string>> = {
  refused: 'connection refused',
  silent: 'no answer before the deadline',
  'no-route': 'network unreachable: a router on the way has no route',
  unreachable: 'host unreachable, answered at once',
  'no-host': 'host unreachable: nobody answered for the address',
  'too-big': 'too big to be sent whole, and fragmenting is forbidden',
  stalled: 'connected, then no data before the deadline',
  error: 'failed',
};

function symptom(record: ProbeRecord, context: JudgeContext): string {
  if (record.outcome === 'ok' || record.outcome === 'not-run') return '';
  const text = record.outcome === 'error' ? `failed with errno ${record.errno}` : SYMPTOMS[record.outcome];
  if (record.seenSourceAddress === '') return text;
  const who = record.answeredBy >= 0 && record.answeredBy !== record.server ? `; ${context.nameOf(record.answeredBy)} got it` : '; it did arrive';
  return `${text}${who}${sightOf(record, context.protocol)}`;
}

/** What the server saw, for the end of a sentence. */
function sightOf(record: ProbeRecord, protocol: ProbeProtocol): string {
  if (record.seenSourceAddress === '') return '';
  const source = sourcePlace(record.seenSourceAddress, record.seenSourcePort, protocol);
  return ` (there: from ${source} to ${place(record.seenDestinationAddress, record.seenDestinationPort, protocol)})`;
}

function place(address: string, port: number, protocol: ProbeProtocol): string {
  if (protocol === 'icmp' || port === 0) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** As {@link place}; an ICMP echo id plays the role of the source port. */
function sourcePlace(address: string, port: number, protocol: ProbeProtocol): string {
  return protocol === 'icmp' ? `${address} (echo id ${port})` : place(address, port, protocol);
}
