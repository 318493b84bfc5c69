/** Follows one packet through the packet filter of a namespace, as the kernel would (netfilter hooks in order of priority). */
import { cidrContains, tryParseAddress, tryParseCidr, type Address } from '../../topology/cidr.ts';
import type { Family } from '../../topology/spec.ts';
import type { FilterChain, FilterRule, Hook, Match } from './packet-filter.ts';

/** A probe's packet as one namespace sees it. null: not known. */
export interface Packet {
  readonly family: Family;
  readonly source: string;
  readonly destination: string;
  /** Is the address one of this namespace's own? */
  readonly sourceLocal: boolean;
  readonly destinationLocal: boolean;
  readonly protocol: string;
  readonly destinationPort: number | null;
  readonly in: string | null;
  readonly out: string | null;
  readonly state: 'new' | 'established';
  /** Given: marks that rules set are followed. */
  readonly mark?: number;
  /** Does it fail the reverse path test here? Absent: not known. */
  readonly reversePathFails?: boolean;
}

/** A rule that decides about the packet, or a chain's policy (`rule` null). */
export interface Hit {
  readonly chain: FilterChain;
  readonly rule: FilterRule | null;
  /** false: a match of the rule, or of one that leads to it, could not be evaluated. */
  readonly certain: boolean;
  /** The share of packets that it takes, 1 without a random match. */
  readonly probability: number;
  /** The rules by which its chain was come to, the first one in the base chain. */
  readonly via: readonly FilterRule[];
  /** Its mark when it met the rule; 0 where marks are not followed. */
  readonly mark: number;
}

type Truth = 'yes' | 'no' | 'maybe';

/**
 * What the rules of a hook do with the packet: every rule that may decide, up to the first that certainly does.
 * A nat decision ends the nat chains of the hook; a drop ends the hook.
 * @param accepts also tell the rules that accept
 */
export function walkHook(chains: readonly FilterChain[], hook: Hook, nat: boolean, packet: Packet, accepts = false): readonly Hit[] {
  const bases = chains
    .filter((chain) => chain.hook === hook && chain.nat === nat && (chain.family === 'inet' || chain.family === packet.family))
    .sort((a, b) => a.priority - b.priority);
  const hits: Hit[] = [];
  for (const base of bases) {
    const walk: Walk = { chains, packet, accepts, hits, doubtful: false };
    const { end } = walkChain(walk, base, { certain: true, probability: 1, via: [], mark: packet.mark ?? 0 });
    if (end === 'stop') break;
    if (end === 'fell-through' && base.policy === 'drop') {
      hits.push({ chain: base, rule: null, certain: true, probability: 1, via: [], mark: 0 });
      break;
    }
  }
  return hits;
}

type Path = Pick<Hit, 'certain' | 'probability' | 'via' | 'mark'>;

/** Of one base chain. */
interface Walk {
  readonly chains: readonly FilterChain[];
  readonly packet: Packet;
  readonly accepts: boolean;
  readonly hits: Hit[];
  /** A rule before may have accepted it. */
  doubtful: boolean;
}

/** accepted: this base chain lets it pass; stop: the hook is over; fell-through: the end of the chain. */
type End = 'accepted' | 'stop' | 'fell-through';

function walkChain(walk: Walk, chain: FilterChain, path: Path): { readonly end: End; readonly mark: number } {
  let { mark } = path;
  const ended = (end: End): { readonly end: End; readonly mark: number } => ({ end, mark });
  for (const rule of path.via.length > 32 ? [] : chain.rules) {
    const { truth, probability } = judge(rule.matches, walk.packet, mark);
    if (truth === 'no') continue;
    const here: Path = { ...path, certain: path.certain && truth === 'yes' && !walk.doubtful, probability: path.probability * probability, mark };
    const decided = truth === 'yes' && probability === 1;
    if (decided && rule.marks !== undefined && walk.packet.mark !== undefined) mark = ((mark & ~rule.marks.mask) ^ rule.marks.value) >>> 0;
    const { action } = rule;
    switch (action.kind) {
      case 'continue':
        break;
      case 'return':
        if (decided) return ended('fell-through');
        break;
      case 'accept':
        if (walk.accepts) walk.hits.push({ chain, rule, ...here });
        if (!here.certain) walk.doubtful = true;
        if (decided) return ended('accepted');
        break;
      case 'queue':
        if (decided) return ended('accepted');
        break;
      case 'jump':
      case 'goto': {
        const target = walk.chains.find(
          (one) => one.name === action.chain && one.table === chain.table && one.family === chain.family && one.program === chain.program,
        );
        if (target === undefined) break;
        const inner = walkChain(walk, target, { ...here, via: [...here.via, rule] });
        if (decided) ({ mark } = inner);
        if (decided && inner.end !== 'fell-through') return inner;
        if (decided && action.kind === 'goto') return ended('fell-through');
        break;
      }
      case 'drop':
      case 'reject':
      case 'masquerade':
      case 'snat':
      case 'dnat':
      case 'redirect':
      case 'tproxy':
        walk.hits.push({ chain, rule, ...here });
        if (decided) return ended('stop');
        break;
    }
  }
  return ended('fell-through');
}

function judge(matches: readonly Match[], packet: Packet, mark: number): { readonly truth: Truth; readonly probability: number } {
  let truth: Truth = 'yes';
  let probability = 1;
  for (const match of matches) {
    if (match.kind === 'random') {
      probability *= match.not ? 1 - match.probability : match.probability;
      continue;
    }
    const plain = holds(match, packet, mark);
    const one = match.not ? negate(plain) : plain;
    if (one === 'no') return { truth: 'no', probability };
    if (one === 'maybe') truth = 'maybe';
  }
  return { truth, probability };
}

function holds(match: Match, packet: Packet, mark: number): Truth {
  switch (match.kind) {
    case 'always':
      return 'yes';
    case 'source':
      return inside(match.cidrs, packet.source);
    case 'destination':
      return inside(match.cidrs, packet.destination);
    case 'in':
      return named(match.names, packet.in);
    case 'out':
      return named(match.names, packet.out);
    case 'protocol':
      return yesNo(match.protocols.includes(packet.protocol) || match.protocols.includes(PROTOCOL_NUMBERS[packet.protocol] ?? ''));
    case 'source-port':
      return packet.protocol === 'icmp' || (match.protocol !== null && match.protocol !== packet.protocol) ? 'no' : 'maybe';
    case 'destination-port': {
      const port = packet.destinationPort;
      if (packet.protocol === 'icmp' || (match.protocol !== null && match.protocol !== packet.protocol)) return 'no';
      return port === null ? 'maybe' : yesNo(match.ports.some((range) => port >= range.first && port <= range.last));
    }
    case 'source-local':
      return yesNo(packet.sourceLocal);
    case 'destination-local':
      return yesNo(packet.destinationLocal);
    case 'state':
      return yesNo(match.states.includes(packet.state));
    // Nothing marks a probe, except rules of the packet filter itself.
    case 'mark':
      return yesNo((mark & match.mask) >>> 0 === match.value);
    // Probes are echo requests; errors are not probes.
    case 'icmp-type':
      return packet.protocol === 'icmp' ? yesNo(match.types.some((type) => ECHO.has(type))) : 'no';
    case 'reverse-path-fails':
      return packet.reversePathFails === undefined ? 'maybe' : yesNo(packet.reversePathFails);
    case 'unknown':
    case 'random':
      return 'maybe';
  }
}

const PROTOCOL_NUMBERS: Readonly<Record<string, string>> = { tcp: '6', udp: '17', icmp: '1' };
const ECHO: ReadonlySet<string> = new Set(['8', '8/0', 'echo-request', '0', '0/0', 'echo-reply', '128', '129', 'any']);

function inside(cidrs: readonly string[], address: string): Truth {
  let unread = false;
  for (const text of cidrs) {
    if (text.includes('-')) {
      const range = tryParseRange(text);
      if (range === null) unread = true;
      else if (isBetween(range, address)) return 'yes';
    } else if (text.includes('/')) {
      const range = tryParseCidr(text);
      if (!range.ok) unread = true;
      else if (cidrContains(range.cidr, address)) return 'yes';
    } else if (tryParseAddress(text).ok) {
      if (text === address) return 'yes';
    } else {
      unread = true;
    }
  }
  return unread ? 'maybe' : 'no';
}

/** `10.0.0.1-10.0.0.9`. */
function tryParseRange(text: string): readonly [Address, Address] | null {
  const [first, last] = text.split('-').map(tryParseAddress);
  return first?.ok === true && last?.ok === true ? [first.address, last.address] : null;
}

function isBetween([first, last]: readonly [Address, Address], text: string): boolean {
  const parsed = tryParseAddress(text);
  return parsed.ok && parsed.address.family === first.family && parsed.address.value >= first.value && parsed.address.value <= last.value;
}

/** iptables ends a prefix with +, nft with *. */
function named(names: readonly string[], name: string | null): Truth {
  if (name === null) return 'maybe';
  return yesNo(names.some((one) => (/[+*]$/.test(one) ? name.startsWith(one.slice(0, -1)) : one === name)));
}

function yesNo(value: boolean): Truth {
  return value ? 'yes' : 'no';
}

function negate(truth: Truth): Truth {
  return truth === 'yes' ? 'no' : truth === 'no' ? 'yes' : 'maybe';
}
