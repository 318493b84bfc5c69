/**
 * What the rules of a node's proxy do with one port of one Service, read from the kernel and not from what should be there: the chain that takes the traffic,
 * the endpoints that it chooses from, and whether it refuses instead. Modes iptables and nftables.
 */
import type { NamespaceSnapshot } from '../../engines/port.ts';
import { cidrContains, tryParseCidr } from '../../topology/cidr.ts';
import type { ProxiedPort } from '../../topology/services/proxy/proxied-ports.ts';
import { PROXY_TABLE } from '../../topology/services/proxy/nftables-rules.ts';
import type { Family, ProxyMode } from '../../topology/spec.ts';
import { parseIptables } from './iptables-text.ts';
import { parseNft } from './nft-text.ts';
import type { FilterChain, FilterRule } from './packet-filter.ts';

export interface ProxyRules {
  readonly mode: 'iptables' | 'nftables';
  readonly family: Family;
  /** Chains by name: those of table nat, and of nftables' own table. */
  readonly chains: ReadonlyMap<string, FilterChain>;
  /** Those of the table filter; mode iptables alone. */
  readonly filters: ReadonlyMap<string, FilterChain>;
  /** Elements of a map, key → verdict; mode nftables alone. */
  readonly maps: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

/** A way into the balancing: a rule, or an element of a map. */
export interface ProxyEntry {
  /** Chain or map that it is in. */
  readonly place: string;
  /** The rule, or `key : verdict`. */
  readonly text: string;
  /** The chain it leads to; '' for a verdict. */
  readonly chain: string;
}

export interface ProgrammedEndpoint {
  readonly address: string;
  readonly port: number;
  readonly chain: string;
  /** Marks what the endpoint itself asks, so that it leaves as the node. */
  readonly masquerades: boolean;
  /** Remembers who came, and is chosen again for those; of meaning with session affinity alone. */
  readonly remembers: boolean;
  readonly recalled: boolean;
  /** The rule that translates. */
  readonly text: string;
}

export interface ProgrammedPort {
  /** null: nothing takes traffic to the cluster IP. */
  readonly clusterIP: ProxyEntry | null;
  /** null: nothing takes traffic to the node port. */
  readonly nodePort: ProxyEntry | null;
  /** What refuses for want of any endpoint. A drop is none of these: that is what the proxy does where a Local policy finds no endpoint on its node. */
  readonly refusals: Readonly<Record<'clusterIP' | 'nodePort', ProxyEntry | null>>;
  /** Chains that choose an endpoint: those of policy Cluster and Local. */
  readonly balancing: readonly string[];
  readonly endpoints: readonly ProgrammedEndpoint[];
}

/** Chains or rules that mark packets for masquerade. */
const MARKING = { iptables: 'KUBE-MARK-MASQ', nftables: 'mark-for-masquerade' } as const;

/** The proxy's rules in a namespace; null where the mode has none that can be read, or none were listed. */
export function readProxyRules(namespace: NamespaceSnapshot | undefined, mode: ProxyMode, family: Family): ProxyRules | null {
  if (namespace === undefined) return null;
  if (mode === 'iptables') {
    const text = namespace.rules[family === 'ipv4' ? 'iptables' : 'ip6tables'];
    if (text === '') return null;
    const chains = parseIptables(text, family);
    const named = (table: string): ReadonlyMap<string, FilterChain> => new Map(chains.filter((one) => one.table === table).map((one) => [one.name, one]));
    return { mode, family, chains: named('nat'), filters: named('filter'), maps: new Map() };
  }
  if (mode !== 'nftables' || namespace.rules.nft === '') return null;
  const chains = parseNft(namespace.rules.nft, []).filter((one) => one.table === PROXY_TABLE && one.family === family);
  return { mode, family, chains: new Map(chains.map((one) => [one.name, one])), filters: new Map(), maps: readMaps(namespace.rules.nft, family) };
}

/** Maps of kube-proxy's table, as `nft list ruleset` shows them. */
function readMaps(text: string, family: Family): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const start = text.indexOf(`table ${family === 'ipv4' ? 'ip' : 'ip6'} ${PROXY_TABLE} {`);
  const end = start < 0 ? -1 : text.indexOf('\n}', start);
  const table = start < 0 ? '' : text.slice(start, end < 0 ? undefined : end);
  const maps = new Map<string, ReadonlyMap<string, string>>();
  for (const [, name = '', body = ''] of table.matchAll(/^\tmap (\S+) \{\n([\s\S]*?)^\t\}/gm)) {
    const elements = /elements = \{([\s\S]*)\}/.exec(body)?.[1] ?? '';
    const pairs = elements.split(',').flatMap((one): readonly (readonly [string, string])[] => {
      const found = /^([^"]*?)(?: comment "[^"]*")? : (\S.*)$/.exec(one.trim());
      return found === null ? [] : [[found[1] ?? '', found[2] ?? '']];
    });
    maps.set(name, new Map(pairs));
  }
  return maps;
}

/** The rules of one port. */
export function readProgrammedPort(rules: ProxyRules, port: ProxiedPort): ProgrammedPort {
  const entries = rules.mode === 'iptables' ? iptablesEntries(rules, port) : nftablesEntries(rules, port);
  const balancing = [...new Set([entries.clusterIP, entries.nodePort].flatMap((entry) => (entry === null ? [] : balancingFrom(rules, entry.chain))))];
  const chains = [...new Set(balancing.flatMap((name) => (rules.chains.get(name)?.rules ?? []).flatMap((rule) => targetsOf(rule))))];
  const endpoints = chains.flatMap((name) => readEndpoint(rules, name, balancing));
  return { ...entries, balancing, endpoints };
}

type Entries = Pick<ProgrammedPort, 'clusterIP' | 'nodePort' | 'refusals'>;

function iptablesEntries({ chains, filters, family }: ProxyRules, { clusterIP, protocol, port }: ProxiedPort): Entries {
  const asks = (rule: FilterRule, number: number, address: string | null): boolean =>
    rule.matches.some((match) => match.kind === 'protocol' && match.protocols.includes(protocol)) &&
    rule.matches.some((match) => match.kind === 'destination-port' && match.ports.some((range) => range.first === number)) &&
    (address === null ||
      rule.matches.some(
        (match) => match.kind === 'destination' && match.cidrs.some((text) => text === address || text === `${address}/${family === 'ipv4' ? 32 : 128}`),
      ));
  const find = (rules: readonly FilterRule[] = [], place: string, number: number | null, address: string | null): ProxyEntry | null => {
    const rule = number === null ? undefined : rules.find((one) => asks(one, number, address));
    return rule === undefined ? null : { place, text: rule.text, chain: rule.action.kind === 'jump' ? rule.action.chain : '' };
  };
  const rejecting = (place: string): readonly FilterRule[] => (filters.get(place)?.rules ?? []).filter(({ action }) => action.kind === 'reject');
  return {
    clusterIP: find(chains.get('KUBE-SERVICES')?.rules, 'KUBE-SERVICES', port.port, clusterIP),
    nodePort: find(chains.get('KUBE-NODEPORTS')?.rules, 'KUBE-NODEPORTS', port.nodePort, null),
    refusals: {
      clusterIP: find(rejecting('KUBE-SERVICES'), 'KUBE-SERVICES', port.port, clusterIP),
      nodePort: find(rejecting('KUBE-EXTERNAL-SERVICES'), 'KUBE-EXTERNAL-SERVICES', port.nodePort, null),
    },
  };
}

function nftablesEntries({ maps }: ProxyRules, { clusterIP, protocol, port }: ProxiedPort): Entries {
  const find = (place: string, key: string): ProxyEntry | null => {
    const verdict = maps.get(place)?.get(key);
    return verdict === undefined ? null : { place, text: `${key} : ${verdict}`, chain: /^goto (\S+)$/.exec(verdict)?.[1] ?? '' };
  };
  const rejected = (place: string, key: string): ProxyEntry | null => {
    const entry = find(place, key);
    return entry !== null && (entry.chain === REJECTING || entry.text.endsWith(': reject')) ? entry : null;
  };
  const key = `${clusterIP} . ${protocol} . ${port.port}`;
  const nodeKey = `${protocol} . ${port.nodePort}`;
  return {
    clusterIP: find('service-ips', key),
    nodePort: find('service-nodeports', nodeKey),
    refusals: { clusterIP: rejected('no-endpoint-services', key), nodePort: rejected('no-endpoint-nodeports', nodeKey) },
  };
}

/** The chain that refuses; mode nftables. */
const REJECTING = 'reject-chain';
const ENDPOINT_CHAIN = /^(?:KUBE-SEP-|endpoint-)/;

/** The chains from `name` on that choose an endpoint; a chain for the outside leads to them. */
function balancingFrom(rules: ProxyRules, name: string, seen: readonly string[] = []): readonly string[] {
  if (seen.includes(name)) return [];
  const chain = rules.chains.get(name);
  if (chain === undefined || name === MARKING[rules.mode]) return [];
  if (chain.rules.some((rule) => targetsOf(rule).length > 0)) return [name];
  return chain.rules.flatMap(({ action }) => (action.kind === 'jump' || action.kind === 'goto' ? balancingFrom(rules, action.chain, [...seen, name]) : []));
}

/** Chains of endpoints that a rule leads to, by a jump or a verdict map. */
function targetsOf({ action, text }: FilterRule): readonly string[] {
  if ((action.kind === 'jump' || action.kind === 'goto') && ENDPOINT_CHAIN.test(action.chain)) return [action.chain];
  return [...text.matchAll(/: goto (endpoint-[^\s,}]+)/g)].map((found) => found[1] ?? '');
}

function readEndpoint(rules: ProxyRules, name: string, balancing: readonly string[]): readonly ProgrammedEndpoint[] {
  const own = rules.chains.get(name)?.rules ?? [];
  return own.flatMap(({ action, text }): readonly ProgrammedEndpoint[] => {
    if (action.kind !== 'dnat') return [];
    const leading = balancing.flatMap((chain) => (rules.chains.get(chain)?.rules ?? []).filter((rule) => targetsOf(rule).includes(name)));
    return [
      {
        address: action.to,
        port: action.ports?.first ?? 0,
        chain: name,
        text,
        masquerades: own.some((rule) => isMarking(rules, rule, action.to)),
        remembers: own.some((rule) => /--set |^update @/.test(rule.text)),
        recalled: leading.some((rule) => isRecall(rule)),
      },
    ];
  });
}

/** Marks packets from that address. */
export function isMarking({ mode }: Pick<ProxyRules, 'mode'>, { action, matches }: FilterRule, address: string): boolean {
  if (action.kind !== 'jump' || action.chain !== MARKING[mode]) return false;
  return matches.some((match) => match.kind === 'source' && !match.not && match.cidrs.some((text) => holds(text, address)));
}

/** Sends a client back to where it went before. */
export function isRecall({ text }: FilterRule): boolean {
  return /--rcheck |saddr @\S+ goto /.test(text);
}

function holds(text: string, address: string): boolean {
  const range = tryParseCidr(text);
  return range.ok ? cidrContains(range.cidr, address) : text === address;
}
