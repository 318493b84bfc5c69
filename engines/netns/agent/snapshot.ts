/** Kernel state of namespaces, read at once: the material of diagnosis. */
import type { LinkSnapshot, NamespaceSnapshot, Snapshot } from '../../port.ts';
import { readCniSetup } from './cni-setup.ts';
import { readEndedServer } from './dns.ts';
import { readIdentity } from './own-etc.ts';
import { type Namespace, netns } from './namespaces.ts';
import { findProgram, runProcess } from './processes.ts';
import { readTranslatedFlows } from './read-flows.ts';
import { readLinkTable } from './read-links.ts';
import { readAddressTable, readForwardingTable, readNeighbourTable } from './read-neighbours.ts';
import { readListening } from './read-listening.ts';
import { readCounters, readLegacyTables } from './read-proc.ts';
import { readRouteTable } from './read-routes.ts';
import { readSysctls } from './sysctls.ts';
import { mayHaveTables } from './read-tables.ts';

export interface SnapshotRequest {
  readonly namespaces: readonly string[];
  /** Also list the packet filters: three processes per namespace that has any. */
  readonly rules: boolean;
  /** Also read the UDP flows that are translated. */
  readonly flows?: boolean;
}

/** Namespaces whose packet filters are listed at the same time. */
const SIDE_BY_SIDE = 4;
const RULES_TIMEOUT_MS = 20_000;

const GLOBAL_SYSCTLS = [
  'net/ipv4/ip_forward',
  'net/ipv4/icmp_ratelimit',
  'net/ipv4/ping_group_range',
  'net/ipv6/conf/all/forwarding',
  'net/ipv6/icmp/ratelimit',
  'net/ipv6/conf/all/disable_ipv6',
  'net/bridge/bridge-nf-call-iptables',
  'net/bridge/bridge-nf-call-ip6tables',
] as const;

/** @throws KernelError when a namespace does not exist */
export async function takeSnapshot(request: SnapshotRequest): Promise<Snapshot> {
  const tables = request.namespaces.map((name) => readTables(netns(name)));
  const rules: NamespaceSnapshot['rules'][] = [];
  for (let at = 0; at < tables.length; at += SIDE_BY_SIDE) {
    rules.push(...(await Promise.all(tables.slice(at, at + SIDE_BY_SIDE).map(async (table) => (request.rules ? await readRules(table) : NO_RULES)))));
  }
  const namespaces = Object.fromEntries(
    tables.map((table, at) => [
      table.netns,
      { ...table, rules: rules[at] ?? NO_RULES, ...(request.flows === true ? { flows: readTranslatedFlows(table.netns) } : {}) },
    ]),
  );
  return { takenAt: new Date().toISOString(), namespaces };
}

const NO_RULES: NamespaceSnapshot['rules'] = { iptables: '', ip6tables: '', nft: '' };

/** Everything but the packet filters: in one synchronous go, so that it belongs together. */
function readTables(namespace: Namespace): Omit<NamespaceSnapshot, 'rules'> {
  const links = readLinkTable(namespace);
  const names = new Map(links.map(({ index, name }) => [index, name]));
  return {
    netns: namespace.name,
    links,
    addresses: readAddressTable(namespace, names),
    routes: readRouteTable(namespace, names),
    neighbours: readNeighbourTable(namespace, names),
    fdb: readForwardingTable(namespace, names),
    sysctls: readSysctls(namespace, sysctlKeys(links)),
    counters: readCounters(namespace),
    listening: readListening(namespace),
    ...readCniSetup(namespace.name),
    ...readIdentity(namespace.name),
    ...readEndedServer(namespace.name),
  };
}

function sysctlKeys(links: readonly LinkSnapshot[]): string[] {
  const devices = ['all', 'default', ...links.map(({ name }) => name)];
  return [
    ...GLOBAL_SYSCTLS,
    ...devices.map((dev) => `net/ipv4/conf/${dev}/rp_filter`),
    ...devices.map((dev) => `net/ipv4/conf/${dev}/proxy_arp`),
    ...devices.map((dev) => `net/ipv4/conf/${dev}/forwarding`),
    ...links.map(({ name }) => `net/ipv6/conf/${name}/disable_ipv6`),
  ];
}

/** With counters. A program that is not installed, or fails, lists nothing. */
async function readRules(table: Omit<NamespaceSnapshot, 'rules'>): Promise<NamespaceSnapshot['rules']> {
  const legacyTables = readLegacyTables(netns(table.netns));
  // Pods have none, as a rule, and then no process is started.
  if (!legacyTables.ipv4 && !legacyTables.ipv6 && !mayHaveTables(table.netns)) return NO_RULES;
  const hasIpv6 = table.addresses.some(({ family }) => family === 'ipv6');
  const [iptables, ip6tables, nft] = await Promise.all([
    listing(table.netns, ['iptables-nft-save', 'iptables-save'], ['-c']),
    hasIpv6 ? listing(table.netns, ['ip6tables-nft-save', 'ip6tables-save'], ['-c']) : '',
    listing(table.netns, ['nft'], ['list', 'ruleset']),
  ]);
  const legacy = await readLegacyRules(table.netns, legacyTables);
  return { iptables, ip6tables, nft, ...(legacy === null ? {} : { legacy }) };
}

/** Most namespaces have no legacy tables: procfs told. Where no other backend is installed, its rules were read above. */
async function readLegacyRules(ns: string, has: ReturnType<typeof readLegacyTables>): Promise<NonNullable<NamespaceSnapshot['rules']['legacy']> | null> {
  if ((!has.ipv4 && !has.ipv6) || findProgram(['iptables-nft-save']) === null) return null;
  const [iptables, ip6tables] = await Promise.all([
    has.ipv4 ? listing(ns, ['iptables-legacy-save'], ['-c']) : '',
    has.ipv6 ? listing(ns, ['ip6tables-legacy-save'], ['-c']) : '',
  ]);
  return { iptables, ip6tables };
}

async function listing(ns: string, names: readonly string[], args: readonly string[]): Promise<string> {
  const program = findProgram(names);
  if (program === null) return '';
  const { exitCode, stdout } = await runProcess(ns, [program, ...args], { timeoutMs: RULES_TIMEOUT_MS });
  return exitCode === 0 ? stdout : '';
}
