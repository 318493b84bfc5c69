/**
 * Filters of captured packets: a part of the language of pcap-filter(7), with its meaning. Outer headers only, as there: what an overlay carries is filtered on
 * the overlay's own device. `and` and `or` bind equally and from the left, `not` binds closest; parentheses group. Pure.
 */
import type { CapturedPacket } from '../../engines/port.ts';
import { type Address, CidrError, cidrContains, cidrOf, familyBits, parseAddress, parseCidr, tryParseAddress } from '../../topology/cidr.ts';
import { LabError } from '../../topology/errors.ts';
import { nearest } from '../../topology/names.ts';
import { readHeaders, type PacketHeaders } from './headers.ts';

export type PacketFilter = (packet: Pick<CapturedPacket, 'data' | 'link'>) => boolean;

type Test = (headers: PacketHeaders) => boolean;
type Direction = 'src' | 'dst' | 'either' | 'both';

const isIp = ({ network }: PacketHeaders): boolean => network === 'ipv4' || network === 'ipv6';

const PROTOCOLS: ReadonlyMap<string | undefined, Test> = new Map([
  ['ip', ({ network }) => network === 'ipv4'],
  ['ip6', ({ network }) => network === 'ipv6'],
  ['arp', ({ network }) => network === 'arp'],
  ['tcp', (headers) => isIp(headers) && headers.protocol === 6],
  ['udp', (headers) => isIp(headers) && headers.protocol === 17],
  ['icmp', ({ network, protocol }) => network === 'ipv4' && protocol === 1],
  ['icmp6', ({ network, protocol }) => network === 'ipv6' && protocol === 58],
] satisfies readonly (readonly [string, Test])[]);
/** What may stand between a protocol and an address, or a port. */
const CARRIERS: Readonly<Record<'host' | 'net' | 'port', readonly string[]>> = { host: ['ip', 'ip6', 'arp'], net: ['ip', 'ip6', 'arp'], port: ['tcp', 'udp'] };
const JOINTS: ReadonlyMap<string | undefined, 'and' | 'or'> = new Map([
  ['and', 'and'],
  ['&&', 'and'],
  ['or', 'or'],
  ['||', 'or'],
]);
const NEGATIONS: ReadonlySet<string> = new Set(['not', '!']);
const WORDS: readonly string[] = ['host', 'net', 'port', 'src', 'dst', 'and', 'or', 'not', 'ip', 'ip6', 'arp', 'tcp', 'udp', 'icmp', 'icmp6'];

/** The language in a line. */
export const FILTER_LANGUAGE = '[tcp|udp|icmp|icmp6|arp|ip|ip6] [src|dst] host ADDRESS, net CIDR, port NUMBER; and, or, not, ( )';

/**
 * Reads a filter; an empty one lets everything pass.
 *
 * @example parseFilter('tcp port 80 and not host 10.244.1.2')
 * @throws LabError USAGE that names the word, and what could stand there
 */
export function parseFilter(text: string): PacketFilter {
  const tokens = text.match(/[()!]|&&|\|\||[^\s()!&|]+|[&|]/g) ?? [];
  if (tokens.length === 0) return () => true;
  const reader = new Reader(tokens);
  const test = expression(reader);
  if (reader.peek() !== undefined)
    throw refused(`${quoted(reader.peek())} cannot stand there`, 'join two conditions by `and` or `or`, and close what was opened');
  return (packet) => test(readHeaders(packet));
}

class Reader {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  peek(ahead = 0): string | undefined {
    return this.#tokens[this.#at + ahead];
  }

  take(): string | undefined {
    this.#at += 1;
    return this.#tokens[this.#at - 1];
  }
}

function expression(reader: Reader): Test {
  let left = factor(reader);
  for (;;) {
    const joint = JOINTS.get(reader.peek());
    if (joint === undefined) return left;
    reader.take();
    const [one, other] = [left, factor(reader)];
    left = joint === 'and' ? (headers) => one(headers) && other(headers) : (headers) => one(headers) || other(headers);
  }
}

function factor(reader: Reader): Test {
  const word = reader.peek();
  if (word !== undefined && NEGATIONS.has(word)) {
    reader.take();
    const test = factor(reader);
    return (headers) => !test(headers);
  }
  if (word !== '(') return primitive(reader);
  reader.take();
  const test = expression(reader);
  if (reader.take() !== ')') throw refused('a parenthesis is not closed', 'close it by )');
  return test;
}

function primitive(reader: Reader): Test {
  const protocol = PROTOCOLS.has(reader.peek()) ? reader.take() : undefined;
  const direction = directionOf(reader);
  const next = reader.peek();
  if (next === 'host' || next === 'net' || next === 'port') {
    reader.take();
    return carried(protocol, next, idTest(next, direction ?? 'either', reader.take()));
  }
  const carrier = PROTOCOLS.get(protocol);
  const bare = next !== undefined && (tryParseAddress(next).ok || /^[\da-f:.]+\/\d+$/i.test(next));
  if (!bare && direction === null && carrier !== undefined) return carrier;
  if (bare) {
    reader.take();
    const kind = next.includes('/') ? 'net' : 'host';
    return carried(protocol, kind, idTest(kind, direction ?? 'either', next));
  }
  if (next === undefined) throw refused('the filter ends too early', `a condition is one of: ${FILTER_LANGUAGE}`);
  throw unknownWord(next, direction);
}

/** `src`, `dst`, `src or dst`, `src and dst`. */
function directionOf(reader: Reader): Direction | null {
  const word = reader.peek();
  if (word !== 'src' && word !== 'dst') return null;
  reader.take();
  const joint = JOINTS.get(reader.peek());
  const other = reader.peek(1);
  if (joint === undefined || (other !== 'src' && other !== 'dst') || other === word) return word;
  reader.take();
  reader.take();
  return joint === 'and' ? 'both' : 'either';
}

function carried(protocol: string | undefined, kind: 'host' | 'net' | 'port', test: Test): Test {
  if (protocol === undefined) return test;
  const carrier = PROTOCOLS.get(protocol);
  if (carrier === undefined || !CARRIERS[kind].includes(protocol))
    throw refused(`${protocol} has no ${kind}`, `${CARRIERS[kind].join(', ')} have one; for both write \`${protocol} and ${kind} …\``);
  return (headers) => carrier(headers) && test(headers);
}

function idTest(kind: 'host' | 'net' | 'port', direction: Direction, id: string | undefined): Test {
  if (id === undefined) throw refused(`the filter ends after ${quoted(kind)}`, `write ${EXAMPLES[kind]}`);
  if (kind === 'port') {
    if (!/^\d{1,5}$/.test(id) || Number(id) > 65_535) throw refused(`${quoted(id)} is no port`, 'a port is a number up to 65535');
    const port = Number(id);
    return ({ ports }) => ports !== null && eitherEnd(direction, ports.source === port, ports.destination === port);
  }
  const range = rangeOf(kind, id);
  const inside = (address: Address | null): boolean => address !== null && address.family === range.family && cidrContains(range, address);
  return ({ source, destination }) => eitherEnd(direction, inside(source), inside(destination));
}

const EXAMPLES = { host: '`host 10.244.1.2`', net: '`net 10.244.0.0/16`', port: '`port 80`' } as const;

function rangeOf(kind: 'host' | 'net', id: string): ReturnType<typeof parseCidr> {
  try {
    if (kind === 'net') return parseCidr(id);
    const address = parseAddress(id);
    return cidrOf(address, familyBits(address.family));
  } catch (error) {
    if (!(error instanceof CidrError)) throw error;
    throw refused(`after ${quoted(kind)}: ${error.message}`, `write ${EXAMPLES[kind]}; \`cnilab inspect LAB\` lists the addresses`);
  }
}

function eitherEnd(direction: Direction, source: boolean, destination: boolean): boolean {
  switch (direction) {
    case 'src':
      return source;
    case 'dst':
      return destination;
    case 'either':
      return source || destination;
    case 'both':
      return source && destination;
  }
}

function unknownWord(word: string, direction: Direction | null): LabError {
  if (/^\d+$/.test(word)) return refused(`${quoted(word)} alone says nothing`, `write \`port ${word}\``);
  if (direction !== null)
    return refused(`${quoted(word)} is neither host, net, port nor an address`, `write ${direction} host ADDRESS, net CIDR or port NUMBER`);
  if (word === ')' || JOINTS.has(word)) return refused(`there is no condition before ${quoted(word)}`, `a condition is one of: ${FILTER_LANGUAGE}`);
  const guess = nearest(word, WORDS);
  return refused(`${quoted(word)} is no word of a filter`, `${guess === null ? '' : `did you mean ${guess}? `}a filter is made of: ${FILTER_LANGUAGE}`);
}

const quoted = (word: string | undefined): string => JSON.stringify(word ?? '');

function refused(what: string, hint: string): LabError {
  return new LabError({ code: 'USAGE', message: `filter: ${what}`, hint });
}
