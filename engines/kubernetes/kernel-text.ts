/** The state of the kernel as a shell on a node printed it (`kernel-script.ts`): pure. */
import type { CniSetupSnapshot, FdbSnapshot, NamespaceSnapshot, NeighbourSnapshot, RouteSnapshot } from '../port.ts';
import { listedCounters, pairedCounters, trackingCounters } from '../proc-counters.ts';
import { isSymmetric, parseConntrack } from './conntrack-text.ts';
import { addressSnapshots, linkSnapshot, linksOf } from './ip-json.ts';
import { CNI_FOLDERS, MARK } from './kernel-script.ts';

interface Part {
  readonly name: string;
  /** What stands after the name of the part. */
  readonly word: string;
  readonly text: string;
}

/** Every namespace that was read, by its name. One whose shell could not enter it is not there. */
export function parseKernels(text: string): Readonly<Record<string, NamespaceSnapshot>> {
  const places: { readonly netns: string; readonly parts: Part[] }[] = [];
  for (const block of `\n${text}`.split(`\n${MARK} `).slice(1)) {
    const end = block.indexOf('\n');
    const [name = '', ...rest] = (end < 0 ? block : block.slice(0, end)).split(' ');
    const part = { name, word: rest.join(' '), text: end < 0 ? '' : block.slice(end + 1) };
    if (name === 'place') places.push({ netns: part.word, parts: [] });
    else places.at(-1)?.parts.push(part);
  }
  return Object.fromEntries(places.flatMap(({ netns, parts }) => (linksOf(json(textOf(parts, 'links'))) === null ? [] : [[netns, namespaceOf(netns, parts)]])));
}

function namespaceOf(netns: string, parts: readonly Part[]): NamespaceSnapshot {
  const links = linksOf(json(textOf(parts, 'links'))) ?? [];
  const { [HELD]: held, [MOST]: most, ...sysctls } = sysctlsOf(textOf(parts, 'sysctls'));
  return {
    netns,
    links: links.map(linkSnapshot),
    addresses: links.flatMap(addressSnapshots),
    routes: [...routesOf('ipv4', textOf(parts, 'route4')), ...routesOf('ipv6', textOf(parts, 'route6'))],
    neighbours: rowsOf<NeighbourRow>(textOf(parts, 'neighbours')).map(neighbour),
    fdb: rowsOf<FdbRow>(textOf(parts, 'fdb')).flatMap(forwarding),
    sysctls,
    rules: rulesOf(parts),
    counters: {
      ...pairedCounters(textOf(parts, 'snmp')),
      ...pairedCounters(textOf(parts, 'netstat')),
      ...listedCounters(textOf(parts, 'snmp6')),
      ...trackingCounters(held, most, textOf(parts, 'tracking')),
    },
    listening: listeningOf(textOf(parts, 'listening')),
    ...(has(parts, 'flows') ? { flows: parseConntrack(netns, textOf(parts, 'flows')).filter((entry) => entry.protocol === 'udp' && !isSymmetric(entry)) } : {}),
    ...(has(parts, 'cni-plugins') ? { cni: cniOf(parts) } : {}),
  };
}

const has = (parts: readonly Part[], name: string): boolean => parts.some((part) => part.name === name);
const textOf = (parts: readonly Part[], name: string): string => parts.find((part) => part.name === name)?.text ?? '';

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** iproute2 prints nothing, or no JSON, where there is nothing to print. */
function rowsOf<T>(text: string): readonly T[] {
  const value = json(text);
  return Array.isArray(value) ? (value as readonly T[]) : [];
}

interface RouteRow {
  readonly type?: string;
  readonly dst?: string;
  readonly gateway?: string;
  readonly via?: { readonly host?: string };
  readonly dev?: string;
  readonly protocol?: string;
  readonly metric?: number;
  readonly flags?: readonly string[];
  readonly nexthops?: readonly RouteRow[];
}

/** RTN_* of linux/rtnetlink.h. */
const ROUTE_TYPES: Readonly<Record<string, string>> = {
  1: 'unicast',
  2: 'local',
  3: 'broadcast',
  4: 'anycast',
  5: 'multicast',
  6: 'blackhole',
  7: 'unreachable',
  8: 'prohibit',
  9: 'throw',
};
/** RT_TABLE_MAIN. */
const MAIN_TABLE = 254;

/** A multipath route is one row per next hop. */
function routesOf(family: 'ipv4' | 'ipv6', text: string): readonly RouteSnapshot[] {
  return rowsOf<RouteRow>(text).flatMap((row) =>
    (row.nexthops ?? [row]).map((hop) => ({
      family,
      to: destination(family, row.dst ?? 'default'),
      via: hop.gateway ?? hop.via?.host ?? null,
      dev: hop.dev ?? row.dev ?? null,
      type: ROUTE_TYPES[row.type ?? '1'] ?? row.type ?? 'unicast',
      proto: Number(row.protocol ?? 0),
      metric: row.metric ?? 0,
      table: MAIN_TABLE,
      onlink: [...(hop.flags ?? []), ...(row.flags ?? [])].includes('onlink'),
    })),
  );
}

function destination(family: 'ipv4' | 'ipv6', dst: string): string {
  if (dst === 'default') return family === 'ipv4' ? '0.0.0.0/0' : '::/0';
  return dst.includes('/') ? dst : `${dst}/${family === 'ipv4' ? 32 : 128}`;
}

interface NeighbourRow {
  readonly dst?: string;
  readonly dev?: string;
  readonly lladdr?: string;
  readonly state?: readonly string[];
}

function neighbour({ dst = '', dev = '', lladdr = '', state = [] }: NeighbourRow): NeighbourSnapshot {
  return { dev, family: dst.includes(':') ? 'ipv6' : 'ipv4', address: dst, mac: lladdr, state: (state[0] ?? 'none').toLowerCase() };
}

interface FdbRow {
  readonly mac?: string;
  readonly ifname?: string;
  readonly dst?: string;
  readonly state?: string;
}

/** Group addresses are receive filters of devices, not places that frames are forwarded to. */
function forwarding({ mac = '', ifname = '', dst, state }: FdbRow): readonly FdbSnapshot[] {
  const isGroup = (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
  return isGroup ? [] : [{ dev: ifname, mac, dst: dst ?? null, permanent: state === 'permanent' }];
}

const HELD = 'net/netfilter/nf_conntrack_count';
const MOST = 'net/netfilter/nf_conntrack_max';

/** `net/ipv4/ip_forward:1` */
function sysctlsOf(text: string): Readonly<Record<string, string>> {
  const pairs = text.split('\n').flatMap((line) => {
    const at = line.indexOf(':');
    return at < 0
      ? []
      : [
          [
            line.slice(0, at),
            line
              .slice(at + 1)
              .trim()
              .replaceAll('\t', ' '),
          ] as const,
        ];
  });
  return Object.fromEntries(pairs);
}

/** Columns of ss: state, two queues, the local end. A socket of both families is written `*:80`. */
function listeningOf(text: string): readonly string[] {
  return text
    .split('\n')
    .flatMap((line) => line.trim().split(/\s+/)[3] ?? [])
    .map((local) => local.replace(/%[^:\]]*/, '').replace(/^\*/, '[::]'))
    .toSorted();
}

function rulesOf(parts: readonly Part[]): NamespaceSnapshot['rules'] {
  const rules = { iptables: textOf(parts, 'iptables'), ip6tables: textOf(parts, 'ip6tables'), nft: textOf(parts, 'nft') };
  if (!has(parts, 'legacy4') && !has(parts, 'legacy6')) return rules;
  return { ...rules, legacy: { iptables: textOf(parts, 'legacy4'), ip6tables: textOf(parts, 'legacy6') } };
}

function cniOf(parts: readonly Part[]): CniSetupSnapshot {
  const configs = parts.filter((part) => part.name === 'cni-config').map(({ word, text }) => ({ file: word, text }));
  return {
    ...CNI_FOLDERS,
    configs: configs.toSorted((a, b) => (a.file < b.file ? -1 : 1)),
    plugins: textOf(parts, 'cni-plugins')
      .split('\n')
      .filter((name) => name !== ''),
  };
}
