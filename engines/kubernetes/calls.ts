/** What the suites beyond the network ask of a cluster, as lines that the probe script takes (constructs/synth/verification/probe-script.ts). Pure. */
import type { ProbeProtocol } from '../port.ts';

export type Call =
  /** Connections to an address, as a responder is probed. */
  | { readonly kind: 'call'; readonly protocol: 'tcp' | 'udp'; readonly address: string; readonly port: number; readonly attempts: number }
  /** A DNS message (base64) to a server. */
  | { readonly kind: 'ask'; readonly protocol: 'tcp' | 'udp'; readonly address: string; readonly data: string }
  /** A name, by the resolver of the system. */
  | { readonly kind: 'resolve'; readonly name: string; readonly family: 4 | 6 }
  /** The text of /etc/resolv.conf. */
  | { readonly kind: 'conf' };

/** Place (`netns` of an endpoint) → what is asked from there. */
export type Calls = ReadonlyMap<string, readonly Call[]>;

/** Bytes of length before a message over TCP (RFC 1035, 4.2.2). */
const LENGTH_BYTES = 2;

/** The message as it is sent. */
function onWire({ protocol, data }: Extract<Call, { readonly kind: 'ask' }>): string {
  if (protocol === 'udp') return data;
  const message = Buffer.from(data, 'base64');
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]).toString('base64');
}

/** A message as it came, without the length that TCP puts before it. */
export function offWire(protocol: 'tcp' | 'udp', data: string): string {
  return protocol === 'udp' ? data : Buffer.from(data, 'base64').subarray(LENGTH_BYTES).toString('base64');
}

/** The line of a call: kind, protocol, address, port, the rest; separated by tabs, what is not there is "-". */
export function callLine(call: Call): string {
  switch (call.kind) {
    case 'call':
      return ['call', call.protocol, call.address, call.port, call.attempts].join('\t');
    case 'ask':
      return ['ask', call.protocol, call.address, 53, onWire(call)].join('\t');
    case 'resolve':
      return ['resolve', call.family === 4 ? 'ipv4' : 'ipv6', '-', 0, call.name].join('\t');
    case 'conf':
      return ['conf', '-', '-', 0, '-'].join('\t');
  }
}

/** The file that a place is given. */
export function callsText(calls: readonly Call[]): string {
  return calls.map((call) => `${callLine(call)}\n`).join('');
}

/** Connections and questions of a place: what its time is reckoned by. */
export function amountOf(calls: readonly Call[]): number {
  return calls.reduce((sum, call) => sum + (call.kind === 'call' ? call.attempts : 1), 0);
}

/** Has the protocol calls? */
export function isCalled(protocol: ProbeProtocol): protocol is 'tcp' | 'udp' {
  return protocol !== 'icmp';
}
