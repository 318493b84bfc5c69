/** One packet through the hooks of a namespace: filters, translations, and what connection tracking turns back. Pure. */
import { endpointText } from '../../topology/services/proxy/hashes.ts';
import type { FilterChain, Hook } from '../inventory/packet-filter.ts';
import { ruleEvidence } from '../inventory/rule-text.ts';
import { type Hit, type Packet, walkHook } from '../inventory/walk-rules.ts';
import type { HopCounter } from './document.ts';
import type { Trail, Translation } from './trail.ts';
import { machineOf, placeName, type World } from './world.ts';

/** The packet under way: what the rules see, and the port that a reply comes from. */
export interface Walker extends Packet {
  readonly mark: number;
  readonly sourcePort: number | null;
}

/** Why a packet or frame goes no further. `unread`: as far as was read; it need not be lost. */
export interface Lost {
  readonly lost: string;
  readonly unread?: boolean;
}

/** The packet around a packet, node to node. */
export interface OuterPacket {
  readonly source: string;
  readonly destination: string;
  /** UDP. */
  readonly port: number;
}

/** What all legs of a walk share. */
export interface Walk {
  readonly world: World;
  /** Of the inner packet; what the legs there wrote the legs back read. */
  readonly translations: Translation[];
  /** The choices of endpoints that rules offered, by the text of their target. */
  readonly offered: { readonly text: string; readonly share: number }[];
  /** Walks the packet around a packet. `quiet`: no rules, no counters. */
  readonly outer: (walk: Walk, trail: Trail, netns: string, packet: OuterPacket, quiet: boolean) => { readonly netns: string } | Lost;
  /** The endpoint to follow, `address:port`; null: the first. */
  readonly choice: string | null;
}

export type Passed = { readonly packet: Walker } | { readonly lost: string } | { readonly process: string };

/** Drops and rejects of a hook, and what accepted the packet. */
export function passFilters({ world }: Walk, trail: Trail, netns: string, hook: Hook, packet: Walker): Passed {
  for (const hit of walkHook(world.rulesOf(netns), hook, false, packet, true)) {
    const { rule, chain } = hit;
    const kind = rule?.action.kind ?? 'policy';
    const common = { netns, state: stateOf(world, netns, hit), argv: listing(chain), counter: counterOf(netns, hit) };
    if (kind === 'accept') {
      if (hit.certain) trail.add({ ...common, kind: 'rule', says: `a rule of ${chain.table}, chain ${chain.name}, accepts it in ${hook}` });
      continue;
    }
    if (kind === 'tproxy') return { process: `a rule of ${chain.table} hands it to a process of ${placeName(world, netns)} (tproxy)` };
    const verb = kind === 'reject' ? 'rejects' : 'drops';
    const what = rule === null ? `the policy of ${chain.table}, chain ${chain.name},` : `a rule of ${chain.table}, chain ${chain.name},`;
    if (hit.certain && hit.probability === 1) {
      const name = kind === 'reject' ? 'filter-rejects' : rule === null && hook === 'forward' ? 'forward-policy-drops' : 'policy-drops';
      trail.add({ ...common, kind: 'loss', says: `${what} ${verb} it in ${hook}`, cause: { name } });
      return { lost: `${what} ${verb} it in ${hook} on ${placeName(world, netns)}` };
    }
    const how = hit.probability < 1 ? `${Math.round(hit.probability * 100)} % of such packets, at random` : 'it; a match of the rule could not be evaluated';
    trail.add({ ...common, kind: 'rule', says: `${what} may ${verb.slice(0, -1)} ${how}` });
  }
  return { packet };
}

/** Translations of where it goes (prerouting, output), or of whom it comes from (postrouting). */
export function translate(walk: Walk, trail: Trail, netns: string, hook: 'prerouting' | 'output' | 'postrouting', packet: Walker, own: string | null): Passed {
  const { world } = walk;
  if (packet.state === 'established') return { packet: turnBack(walk, trail, netns, hook, packet) };
  const hits = walkHook(world.rulesOf(netns), hook, true, packet).filter((hit) => hit.certain);
  const hit = hook === 'postrouting' ? hits.find(({ probability }) => probability === 1) : choose(walk, hits);
  const action = hit?.rule?.action;
  if (hit === undefined || action === undefined) return { packet };
  const common = { netns, state: stateOf(world, netns, hit), argv: listing(hit.chain), counter: counterOf(netns, hit) };
  for (const rule of hook === 'postrouting' ? [] : hit.via) {
    const chain = world.rulesOf(netns).find((one) => one.rules.includes(rule)) ?? hit.chain;
    trail.add({
      kind: 'service',
      netns,
      argv: listing(chain),
      state: rule.text,
      counter: rule.packets === null ? null : { kind: 'rule', netns, chain: chain.name, text: rule.text },
      says: `a rule of chain ${chain.name} leads to ${'chain' in rule.action ? rule.action.chain : hit.chain.name}`,
    });
  }
  switch (action.kind) {
    case 'redirect':
      trail.add({ ...common, kind: 'translation', says: `it is turned to port ${action.ports?.first ?? '?'} of ${placeName(world, netns)} itself` });
      return { process: listener(world, netns, action.ports?.first ?? 0) };
    case 'dnat': {
      const destinationPort = action.ports?.first ?? packet.destinationPort;
      const next: Walker = { ...packet, mark: hit.mark, destinationPort, destination: action.to === '' ? packet.destination : action.to };
      trail.add({
        ...common,
        kind: 'translation',
        says: `its destination becomes ${textOf(next.destination, destinationPort)}; connection tracking remembers`,
      });
      walk.translations.push({ netns, before: tupleOf(packet), after: tupleOf(next) });
      if (machineOf(world.view, netns)?.interfaces.some((one) => one.addresses.some((has) => has.address === next.destination)) === true) {
        const process = listener(world, netns, destinationPort ?? 0);
        if (isProxied(world, netns, packet)) return { process };
      }
      return { packet: next };
    }
    case 'snat':
    case 'masquerade': {
      const source = action.kind === 'snat' && action.to !== '' ? action.to : (own ?? packet.source);
      if (source === packet.source) return { packet };
      trail.add({ ...common, kind: 'translation', says: `its source becomes ${source}: the other side sees that, and not ${packet.source}` });
      const next = { ...packet, mark: hit.mark, source };
      walk.translations.push({ netns, before: tupleOf(packet), after: tupleOf(next) });
      return { packet: next };
    }
    default:
      return { packet };
  }
}

/** In mode userspace a Service's connections end at a process of the node. */
function isProxied({ view }: World, netns: string, { destination }: Walker): boolean {
  const node = view.nodes.find((one) => one.netns === netns);
  const cluster = node === undefined ? undefined : view.clusters.get(node.cluster);
  return cluster?.kubeProxy.mode === 'userspace' && cluster.services.some((service) => service.clusterIPs.includes(destination));
}

function listener(world: World, netns: string, port: number): string {
  const name = placeName(world, netns);
  const socket = world.view.snapshot.namespaces[netns]?.listening.find((one) => one.endsWith(`:${port}`));
  return `a process of ${name}${socket === undefined ? '' : `, which listens on ${socket},`} takes it, and opens a connection of its own; which endpoint it chooses is not read`;
}

/** Each rule takes its share of what those before it left. */
function choose(walk: Walk, hits: readonly Hit[]): Hit | undefined {
  let left = 1;
  const shares = hits.map((hit) => {
    const share = left * hit.probability;
    left -= share;
    const action = hit.rule?.action;
    return { hit, share, text: action?.kind === 'dnat' ? textOf(action.to, action.ports?.first ?? null) : '' };
  });
  const targets = shares.filter(({ text }) => text !== '');
  if (walk.offered.length === 0) walk.offered.push(...targets.map(({ text, share }) => ({ text, share })));
  return (targets.find(({ text }) => text === walk.choice) ?? shares[0])?.hit;
}

/** A reply is turned back where its connection was translated: its destination as it comes in, its source as it leaves. */
function turnBack({ world, translations }: Walk, trail: Trail, netns: string, hook: 'prerouting' | 'output' | 'postrouting', packet: Walker): Walker {
  const argv = ['conntrack', '-L', '-f', packet.family];
  return translations.toReversed().reduce((now, { netns: where, before, after }) => {
    if (where !== netns) return now;
    const name = placeName(world, netns);
    if (hook !== 'postrouting' && before.source !== after.source && now.destination === after.source) {
      trail.add({ kind: 'translation', netns, argv, says: `connection tracking of ${name} turns its destination back into ${before.source}` });
      return { ...now, destination: before.source };
    }
    if (hook === 'postrouting' && before.destination !== after.destination && now.source === after.destination) {
      trail.add({
        kind: 'translation',
        netns,
        argv,
        says: `connection tracking of ${name} turns its source back into ${textOf(before.destination, before.destinationPort)}`,
      });
      return { ...now, source: before.destination, sourcePort: before.destinationPort };
    }
    return now;
  }, packet);
}

function tupleOf({ source, destination, destinationPort }: Walker): Translation['before'] {
  return { source, destination, destinationPort };
}

export function textOf(address: string, port: number | null): string {
  return port === null ? address : endpointText(address, port);
}

function stateOf(world: World, netns: string, hit: Hit): string {
  return hit.rule?.text ?? ruleEvidence({ name: placeName(world, netns) }, hit)[0] ?? '';
}

function counterOf(netns: string, { chain, rule }: Hit): HopCounter | null {
  return rule === null || rule.packets === null ? null : { kind: 'rule', netns, chain: chain.name, text: rule.text };
}

/** The program that lists a chain. */
export function listing({ program, family, table, name }: FilterChain): readonly string[] {
  if (program === 'nft') return ['nft', 'list', 'chain', family === 'ipv4' ? 'ip' : family === 'ipv6' ? 'ip6' : 'inet', table, name];
  return [program.replace('iptables', family === 'ipv6' ? 'ip6tables' : 'iptables'), '-t', table, '-nvL', name];
}
