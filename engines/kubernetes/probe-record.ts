/** A line of evidence as the record of a probe: pure. */
import type { ProbeRecord } from '../port.ts';
import { outcomeOf, type ProbeLine } from './evidence.ts';

/** What a record says when nothing arrived, and nothing came back. */
export const UNSEEN = {
  seenSourceAddress: '',
  seenSourcePort: 0,
  seenDestinationAddress: '',
  seenDestinationPort: 0,
  seenTtl: 0,
  answeredBy: -1,
  replyFromAddress: '',
  nonceThere: false,
  nonceBack: false,
} as const;
const NOTHING = { ...UNSEEN, outcome: 'not-run', errno: 0, rttUs: 0, localAddress: '', localPort: 0 } as const satisfies Partial<ProbeRecord>;

/**
 * The record of one connection; `not-run` without a line. What the server's socket saw as its own address is not observable.
 * @param whoIs index of the endpoint that has a host name, or -1
 */
export function recordOfLine(
  base: Pick<ProbeRecord, 'client' | 'server' | 'attempt' | 'dialledAddress' | 'dialledPort'>,
  line: ProbeLine | null,
  whoIs: (hostname: string) => number,
): ProbeRecord {
  if (line === null) return { ...NOTHING, ...base };
  const { outcome, errno } = outcomeOf(line);
  // More than one connection: the port that the server told of the first is not the one that the client tells of the last, nor need it be one server.
  if (outcome === 'ok' && line.protocol === 'tcp' && line.connects > 1) return { ...NOTHING, ...base };
  const seen = placeOf(line.seen);
  const nonce = line.nonce !== '' && line.echo === line.nonce;
  return {
    ...NOTHING,
    ...base,
    outcome,
    errno,
    // The handshake of TCP is one round trip; the time of a UDP exchange is that of programs that look for the answer every so often.
    rttUs: line.protocol === 'tcp' ? Math.round(line.connectMs * 1000) : 0,
    localAddress: line.localAddress,
    localPort: line.localPort,
    seenSourceAddress: seen.address,
    seenSourcePort: seen.port,
    answeredBy: whoIs(line.hostname),
    nonceThere: nonce,
    nonceBack: nonce,
  };
}

/** `10.244.0.5:43210` or `[fd00::5]:43210`. */
export function placeOf(text: string): { readonly address: string; readonly port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text);
  // A socket of both families shows an IPv4 peer as mapped.
  return { address: (match?.[1] ?? match?.[2] ?? '').replace(/^::ffff:(?=\d+\.)/, ''), port: Number(match?.[3] ?? 0) };
}
