/** Changes the chains and maps of a proxy as one transaction, and puts them back as they were listed. */
import { PROXY_TABLE } from '../../topology/services/proxy/nftables-rules.ts';
import type { ProxyEntry, ProxyRules } from '../inventory/proxy-rules.ts';
import type { FaultScript, FaultStep } from './fault.ts';
import { flushConntrack } from './steps.ts';

/** What becomes of chains and elements of maps. */
export interface ProxyChange {
  /** Chain → its rules, without their chain's name; null: the chain is removed. */
  readonly chains?: ReadonlyMap<string, readonly string[] | null>;
  /** The same for the table filter; mode iptables alone. */
  readonly filters?: ReadonlyMap<string, readonly string[]>;
  /** Elements of maps that go, and that come, as `place` and `text`; mode nftables alone. */
  readonly without?: readonly Pick<ProxyEntry, 'place' | 'text'>[];
  readonly with?: readonly Pick<ProxyEntry, 'place' | 'text'>[];
}

/** A change of a node's proxy, and the way back. */
export function changeProxy(netns: string, rules: ProxyRules, change: ProxyChange): FaultScript {
  const asFound = (chains: ReadonlyMap<string, unknown>, table: 'chains' | 'filters'): [string, readonly string[] | null][] =>
    [...chains.keys()].map((name) => [name, rules[table].has(name) ? listedRules(rules, name, table) : null]);
  const back: ProxyChange = {
    chains: new Map(asFound(change.chains ?? new Map(), 'chains')),
    filters: new Map(asFound(change.filters ?? new Map(), 'filters').map(([name, listed]) => [name, listed ?? []])),
    without: change.with ?? [],
    with: change.without ?? [],
  };
  const step = rules.mode === 'iptables' ? restore : load;
  // What is translated stays translated while its entry lives, the old way and the new one.
  return { inject: [step(netns, rules, change), ...flushConntrack(netns)], undo: [step(netns, rules, back), ...flushConntrack(netns)] };
}

/** The rules of a chain as its own program takes them, without the name of the chain. */
export function listedRules(rules: ProxyRules, name: string, table: 'chains' | 'filters' = 'chains'): readonly string[] {
  const texts = (rules[table].get(name)?.rules ?? []).map(({ text }) => (rules.mode === 'iptables' ? text.replace(/^-t \S+ -A \S+ ?/, '') : text));
  // A line of nft with a verdict map is read as one rule for each of its elements.
  return rules.mode === 'iptables' ? texts : texts.filter((text, at) => text !== texts[at - 1]);
}

/** One `iptables-restore`: a chain that is declared is emptied first, whatever else there is stays. */
function restore(netns: string, { family }: ProxyRules, { chains = new Map(), filters = new Map() }: ProxyChange): FaultStep {
  const table = (name: string, all: ReadonlyMap<string, readonly string[] | null>): readonly string[] =>
    all.size === 0
      ? []
      : [
          `*${name}`,
          ...[...all.keys()].map((chain) => `:${chain} - [0:0]`),
          ...[...all].flatMap(([chain, rules]) => (rules ?? []).map((rule) => `-A ${chain} ${rule}`)),
          ...[...all].flatMap(([chain, rules]) => (rules === null ? [`-X ${chain}`] : [])),
          'COMMIT',
        ];
  const argv = [family === 'ipv4' ? 'iptables-nft-restore' : 'ip6tables-nft-restore', '--noflush', '-w'];
  return { netns, argv, input: [...table('filter', filters), ...table('nat', chains), ''].join('\n') };
}

/** One `nft -f`: all or nothing. */
function load(netns: string, { family }: ProxyRules, { chains = new Map(), without = [], with: added = [] }: ProxyChange): FaultStep {
  const table = `${family === 'ipv4' ? 'ip' : 'ip6'} ${PROXY_TABLE}`;
  const removed = [...chains].filter(([, rules]) => rules === null).map(([name]) => name);
  const lines = [
    ...without.map(({ place, text }) => `delete element ${table} ${place} { ${text} }`),
    ...[...chains.keys()].flatMap((name) => [`add chain ${table} ${name}`, `flush chain ${table} ${name}`]),
    ...[...chains].flatMap(([name, rules]) => (rules ?? []).map((rule) => `add rule ${table} ${name} ${rule}`)),
    ...removed.map((name) => `delete chain ${table} ${name}`),
    ...added.map(({ place, text }) => `add element ${table} ${place} { ${text} }`),
  ];
  return { netns, argv: ['nft', '-f', '-'], input: `${lines.join('\n')}\n` };
}
