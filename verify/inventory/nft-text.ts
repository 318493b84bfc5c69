/** Reads what `nft list ruleset` prints. What it does not model becomes an unknown match, never a guess. */
import type { Family } from '../../topology/spec.ts';
import {
  type Action,
  type FilterChain,
  type FilterRule,
  type Hook,
  type MarkChange,
  type Match,
  type PortRange,
  parseNatTarget,
  parsePorts,
} from './packet-filter.ts';

const PRIORITY: Readonly<Record<string, number>> = { raw: -300, mangle: -150, dstnat: -100, filter: 0, security: 50, srcnat: 100 };
const IPTABLES_TABLES: ReadonlySet<string> = new Set(['filter', 'nat', 'mangle', 'raw', 'security']);
const HOOKS: ReadonlySet<string> = new Set(['prerouting', 'input', 'forward', 'output', 'postrouting']);

/**
 * Chains of all tables of family ip, ip6 and inet.
 * @param alsoInIptables the families whose iptables rules were read besides: tables that iptables-nft keeps are left out there.
 */
export function parseNft(text: string, alsoInIptables: readonly Family[]): readonly FilterChain[] {
  const chains: FilterChain[] = [];
  let family: Family | 'inet' | null = null;
  let table = '';
  let name: string | null = null;
  let base: Base = NO_BASE;
  let rules: FilterRule[] = [];
  let sets = new Map<string, string>();
  let set = '';
  // Long lists of elements are wrapped.
  for (const raw of text.replaceAll(/elements = \{[^}]*\}/g, (list) => list.replaceAll(/\s+/g, ' ')).split('\n')) {
    const line = raw.trim();
    const opensTable = /^table (\S+) (\S+) \{$/.exec(line);
    if (opensTable !== null) {
      table = opensTable[2] ?? '';
      family = tableFamily(opensTable[1] ?? '');
      if (family !== null && family !== 'inet' && alsoInIptables.includes(family) && IPTABLES_TABLES.has(table)) family = null;
      sets = new Map();
      continue;
    }
    const opensSet = /^(?:set|map) (\S+) \{$/.exec(line);
    if (opensSet !== null) {
      set = opensSet[1] ?? '';
      sets.set(set, '{ }');
      continue;
    }
    if (name === null && line.startsWith('elements = ')) sets.set(set, line.slice('elements = '.length));
    const opensChain = /^chain (\S+) \{$/.exec(line);
    if (opensChain !== null) {
      name = opensChain[1] ?? '';
      base = NO_BASE;
      rules = [];
      continue;
    }
    if (name === null) continue;
    if (line === '}') {
      if (family !== null) chains.push({ program: 'nft', family, table, name, policyPackets: null, rules, ...base });
      name = null;
    } else if (line.startsWith('type ')) {
      base = parseBase(line);
    } else if (line !== '') {
      rules.push(...parseRule(line, sets));
    }
  }
  return chains;
}

type Base = Pick<FilterChain, 'hook' | 'nat' | 'priority' | 'policy'>;
const NO_BASE: Base = { hook: null, nat: false, priority: 0, policy: 'accept' };

function tableFamily(word: string): Family | 'inet' | null {
  return word === 'ip' ? 'ipv4' : word === 'ip6' ? 'ipv6' : word === 'inet' ? 'inet' : null;
}

/** `type nat hook postrouting priority srcnat; policy accept;` */
function parseBase(line: string): Base {
  const found = /^type (\S+) hook (\S+)(?: device \S+)? priority (\w+|-?\d+)(?: ([+-]) (\d+))?;(?: policy (\w+);)?/.exec(line);
  if (found === null) return NO_BASE;
  const [, type, hook = '', word = '0', sign, offset = '0', policy] = found;
  const priority = (PRIORITY[word] ?? Number(word)) + (sign === '-' ? -Number(offset) : Number(offset));
  return { hook: HOOKS.has(hook) ? (hook as Hook) : null, nat: type === 'nat', priority, policy: policy === 'drop' ? 'drop' : 'accept' };
}

/**
 * One rule; several where it looks something up in a map, or tuples in a set: one for each element, which is the same as long as one of them holds.
 * @param sets elements of the sets and maps of the table, in braces
 */
function parseRule(line: string, sets: ReadonlyMap<string, string>): readonly FilterRule[] {
  const words = joinSets(line.match(/"[^"]*"|[{}]|[^\s{}]+/g) ?? []).map((word) => (word.startsWith('@') ? (sets.get(word.slice(1)) ?? word) : word));
  const matches: Match[] = [];
  let cases: readonly Case[] = [{ matches: [], action: null }];
  let packets: number | null = null;
  let action: Action = { kind: 'continue' };
  let marks: MarkChange | null = null;
  let i = 0;
  const take = (): string => words[i++] ?? '';
  while (i < words.length) {
    const looked = lookUp(words.slice(i));
    if (looked !== null) {
      cases = looked.cases;
      i += looked.words;
      continue;
    }
    const marked = markChange(words.slice(i));
    if (marked !== null) {
      marks = marked.change;
      i += marked.words;
      continue;
    }
    const word = take();
    if (word === 'counter') {
      if (words[i] === 'packets') {
        packets = Number(words[i + 1]);
        i += 4;
      } else packets = 0;
    } else if (word === 'comment') {
      i++;
    } else if (word === 'log') {
      while (LOG_OPTIONS.has(words[i] ?? '')) i += 2;
    } else if (TERMINAL[word] !== undefined || word === 'jump' || word === 'goto') {
      action = verdictOf([word, words[i] ?? '']) ?? action;
      break;
    } else if (word === 'snat' || word === 'dnat' || word === 'redirect' || word === 'tproxy') {
      action = natAction(word, words.slice(i));
      break;
    } else {
      const found = parseMatch(word, words.slice(i));
      matches.push(found.match);
      i += found.words;
    }
  }
  return cases.map((one) => ({
    text: line,
    packets,
    matches: [...matches, ...one.matches],
    action: one.action ?? action,
    ...(marks === null ? {} : { marks }),
  }));
}

/** An element of a map, or a tuple of a set: what must hold, and what then happens. */
interface Case {
  readonly matches: readonly Match[];
  /** null: what the rest of the rule says. */
  readonly action: Action | null;
}

/** What is looked up: the words, and what one value of it means. */
const KEYS: readonly (readonly [words: readonly string[], (value: string) => Match])[] = [
  ...(['ip', 'ip6'] as const).flatMap((ip) => [
    [[ip, 'saddr'], (value: string) => addresses('source', [value])] as const,
    [[ip, 'daddr'], (value: string) => addresses('destination', [value])] as const,
  ]),
  [['meta', 'l4proto'], (value) => protocols([value])],
  ...(['tcp', 'udp', 'th'] as const).map((word) => [[word, 'dport'], (value: string) => ports('destination-port', [value], word)] as const),
  [['iifname'], (value) => ({ kind: 'in', names: [unquote(value)], not: false })],
  [['oifname'], (value) => ({ kind: 'out', names: [unquote(value)], not: false })],
];

/** `KEY . KEY { A . B, … }`, `KEY … vmap { A . B : VERDICT, … }`; null where nothing of the kind begins. */
function lookUp(words: readonly string[]): { readonly cases: readonly Case[]; readonly words: number } | null {
  const numbered = chooseByNumber(words);
  if (numbered !== null) return numbered;
  const made: ((value: string) => Match)[] = [];
  let at = 0;
  do {
    if (made.length > 0) at++;
    const key = KEYS.find(([start]) => start.every((word, k) => words[at + k] === word));
    if (key === undefined) return null;
    made.push(key[1]);
    at += key[0].length;
  } while (words[at] === '.');
  const map = words[at] === 'vmap';
  const list = words[at + (map ? 1 : 0)] ?? '';
  if (!list.startsWith('{') || (!map && made.length === 1)) return null;
  const cases = elementsOf(list).map((element): Case => {
    const [key = '', verdict = ''] = map ? splitAtVerdict(element) : [element];
    const values = key.split(' . ');
    return { matches: made.map((make, k) => make(values[k] ?? '')), action: map ? (verdictOf(verdict.split(' ')) ?? { kind: 'continue' }) : null };
  });
  return { cases, words: at + (map ? 2 : 1) };
}

/** `numgen random mod N vmap { 0 : VERDICT, … }`: each number is as likely as the others, so each element gets its share of what those before it left. */
function chooseByNumber(words: readonly string[]): { readonly cases: readonly Case[]; readonly words: number } | null {
  const [numgen, random, mod, , vmap, list = ''] = words;
  if (numgen !== 'numgen' || random !== 'random' || mod !== 'mod' || vmap !== 'vmap' || !list.startsWith('{')) return null;
  const elements = elementsOf(list);
  const cases = elements.map(
    (element, at): Case => ({
      matches: at === elements.length - 1 ? [] : [{ kind: 'random', probability: 1 / (elements.length - at), not: false }],
      action: verdictOf(splitAtVerdict(element)[1].split(' ')) ?? { kind: 'continue' },
    }),
  );
  return { cases, words: 6 };
}

/** `meta mark set meta mark | N` (or `^ N`, `& N`), `meta mark set N`. */
function markChange(words: readonly string[]): { readonly change: MarkChange; readonly words: number } | null {
  if (words[0] !== 'meta' || words[1] !== 'mark' || words[2] !== 'set') return null;
  const before = words[3] === 'meta' ? 5 : words[3] === 'mark' ? 4 : 3;
  if (before === 3) return { change: { value: Number(words[3]), mask: 0xffff_ffff }, words: 4 };
  const number = Number(words[before + 1]);
  const changes: Readonly<Record<string, MarkChange>> = {
    '|': { value: number, mask: number },
    or: { value: number, mask: number },
    '^': { value: number, mask: 0 },
    xor: { value: number, mask: 0 },
    '&': { value: 0, mask: ~number >>> 0 },
    and: { value: 0, mask: ~number >>> 0 },
  };
  const change = changes[words[before] ?? ''];
  return change === undefined ? null : { change, words: before + 2 };
}

/** `KEY : VERDICT`; an IPv6 address has colons of its own, without blanks. */
function splitAtVerdict(element: string): readonly [string, string] {
  const at = element.lastIndexOf(' : ');
  return at < 0 ? [element, ''] : [element.slice(0, at), element.slice(at + 3)];
}

/** What stands between the braces. */
function elementsOf(list: string): readonly string[] {
  return list
    .slice(1, -1)
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}

function verdictOf([word = '', chain = '']: readonly string[]): Action | null {
  return word === 'jump' || word === 'goto' ? { kind: word, chain } : (TERMINAL[word] ?? null);
}

const TERMINAL: Readonly<Record<string, Action>> = {
  accept: { kind: 'accept' },
  drop: { kind: 'drop' },
  reject: { kind: 'reject' },
  return: { kind: 'return' },
  masquerade: { kind: 'masquerade' },
  queue: { kind: 'queue' },
  continue: { kind: 'continue' },
};

const LOG_OPTIONS: ReadonlySet<string> = new Set(['prefix', 'level', 'group', 'flags', 'snaplen', 'queue-threshold']);

function natAction(kind: 'snat' | 'dnat' | 'redirect' | 'tproxy', rest: readonly string[]): Action {
  const target = parseNatTarget(rest[rest.indexOf('to') + 1] ?? '');
  return kind === 'snat' || kind === 'dnat' ? { kind, ...target } : { kind, ports: target.ports };
}

interface Found {
  readonly match: Match;
  readonly words: number;
}

/** One match that begins with `word`; `words` counts what it uses of `rest`. */
function parseMatch(word: string, rest: readonly string[]): Found {
  const [second = '', third = ''] = rest;
  if (word === 'ip' || word === 'ip6') {
    if (second === 'saddr') return valued(rest.slice(1), 1, (values) => addresses('source', values));
    if (second === 'daddr') return valued(rest.slice(1), 1, (values) => addresses('destination', values));
    if (second === 'protocol' || second === 'nexthdr') return valued(rest.slice(1), 1, protocols);
  }
  if (word === 'iifname' || word === 'iif') return valued(rest, 0, (names) => ({ kind: 'in', names: names.map(unquote), not: false }));
  if (word === 'oifname' || word === 'oif') return valued(rest, 0, (names) => ({ kind: 'out', names: names.map(unquote), not: false }));
  if (word === 'meta' && second === 'l4proto') return valued(rest.slice(1), 1, protocols);
  if ((word === 'meta' && second === 'mark') || word === 'mark') return parseMark(rest.slice(word === 'meta' ? 1 : 0), word === 'meta' ? 1 : 0);
  if (word === 'meta' && second === 'random' && third === '&') {
    return { match: { kind: 'random', probability: Number(rest[4]) / (Number(rest[2]) + 1), not: false }, words: 5 };
  }
  if ((word === 'tcp' || word === 'udp' || word === 'th') && (second === 'dport' || second === 'sport')) {
    const kind = second === 'dport' ? 'destination-port' : 'source-port';
    return valued(rest.slice(1), 1, (values) => ports(kind, values, word));
  }
  if ((word === 'icmp' || word === 'icmpv6') && second === 'type') {
    return valued(rest.slice(1), 1, (types) => ({ kind: 'icmp-type', types, not: false }));
  }
  if (word === 'ct' && second === 'state') return valued(rest.slice(1), 1, (states) => ({ kind: 'state', states, not: false }));
  if (word === 'fib' && (second === 'saddr' || second === 'daddr') && third === 'type') {
    return valued(rest.slice(2), 2, ([value]) =>
      value === 'local' ? { kind: second === 'saddr' ? 'source-local' : 'destination-local', not: false } : unknown([word, ...rest.slice(0, 4)]),
    );
  }
  // `fib saddr . iif oif missing` and `… oif 0`: no route leads back by where it came in.
  if (word === 'fib' && second === 'saddr') {
    const at = rest.indexOf('oif');
    const failing = at > 0 && rest.slice(0, at).includes('iif') && (rest[at + 1] === 'missing' || rest[at + 1] === '0');
    if (failing) return { match: { kind: 'reverse-path-fails', not: false }, words: at + 2 };
  }
  if (word === 'numgen' && second === 'random') {
    const modulus = Number(rest[2]);
    const below = rest[3] === '<' ? Number(rest[4]) : 1;
    return { match: { kind: 'random', probability: below / modulus, not: false }, words: rest[3] === '<' ? 5 : 4 };
  }
  return { match: unknown([word]), words: 0 };
}

/** `[!=] VALUE` or `[!=] { A, B }`, after `before` words that name what is compared. */
function valued(rest: readonly string[], before: number, make: (values: readonly string[]) => Match): Found {
  const not = rest[0] === '!=';
  const value = rest[not ? 1 : 0] ?? '';
  const words = before + (not ? 2 : 1);
  if (value.startsWith('@') || value.startsWith('$')) return { match: { ...unknown([value]), not }, words };
  // Without braces: `ct state established,related`.
  const values = elementsOf(value.startsWith('{') ? value : `{${value}}`);
  return { match: { ...make(values), not }, words };
}

function addresses(kind: 'source' | 'destination', values: readonly string[]): Match {
  return { kind, cidrs: values, not: false };
}

function protocols(values: readonly string[]): Match {
  return { kind: 'protocol', protocols: values.map((one) => (one === 'ipv6-icmp' || one === 'icmpv6' ? 'icmp' : one)), not: false };
}

function ports(kind: 'source-port' | 'destination-port', values: readonly string[], protocol: string): Match {
  const ranges: readonly PortRange[] = values.flatMap((one) => parsePorts(one) ?? []);
  return { kind, ports: ranges, protocol: protocol === 'th' ? null : protocol, not: false };
}

/** `& MASK == VALUE`, `== VALUE`, `VALUE`, `set …`. */
function parseMark(rest: readonly string[], before: number): Found {
  if (rest[0] === '&') {
    const not = rest[2] === '!=';
    return { match: { kind: 'mark', mask: Number(rest[1]), value: Number(rest[3]), not }, words: before + 4 };
  }
  if (rest[0] === 'set') return { match: { kind: 'always', not: false }, words: before + 2 };
  return valued(rest, before, ([value]) => ({ kind: 'mark', mask: 0xffff_ffff, value: Number(value), not: false }));
}

function unknown(words: readonly string[]): Match {
  return { kind: 'unknown', text: words.join(' '), not: false };
}

function unquote(text: string): string {
  return text.replaceAll('"', '');
}

/** Makes `{ 80, 443 }` one word. */
function joinSets(words: readonly string[]): readonly string[] {
  const joined: string[] = [];
  let open: string[] | null = null;
  for (const word of words) {
    if (open !== null) {
      open.push(word);
      if (word === '}') {
        joined.push(open.join(' '));
        open = null;
      }
    } else if (word === '{') open = [word];
    else joined.push(word);
  }
  return joined;
}
