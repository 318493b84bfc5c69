/** The texts are real: captured from iptables 1.8.9 (nf_tables) and nftables 1.0.6 in a scratch namespace. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseIptables } from '../../verify/inventory/iptables-text.ts';
import { parseNft } from '../../verify/inventory/nft-text.ts';
import { type FilterChain, parseNatTarget } from '../../verify/inventory/packet-filter.ts';
import { type Packet, walkHook } from '../../verify/inventory/walk-rules.ts';

const captured = (name: string): string => readFileSync(new URL(`captured/${name}`, import.meta.url), 'utf8');
const iptables = parseIptables(captured('iptables-save.txt'), 'ipv4');
const nft = parseNft(captured('nft-ruleset.txt'), ['ipv6']);

const packet = (rest: Partial<Packet> = {}): Packet => ({
  family: 'ipv4',
  source: '10.244.1.2',
  destination: '10.244.2.2',
  sourceLocal: false,
  destinationLocal: false,
  protocol: 'tcp',
  destinationPort: null,
  in: 'cni0',
  out: 'eth0',
  state: 'new',
  ...rest,
});
const chain = (chains: readonly FilterChain[], name: string): FilterChain => {
  const found = chains.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no chain ${name}`);
  return found;
};
const targets = (chains: readonly FilterChain[], ...args: [Parameters<typeof walkHook>[1], boolean, Packet]): readonly string[] =>
  walkHook(chains, ...args).map(
    (hit) => `${hit.rule?.action.kind ?? `policy ${hit.chain.policy}`}${hit.certain ? '' : '?'}${hit.probability < 1 ? ` ${hit.probability.toFixed(1)}` : ''}`,
  );

describe('iptables-save', () => {
  it('reads policy, hook and priority of built-in chains', () => {
    expect(iptables.filter((one) => one.hook === 'forward').map((one) => [one.table, one.policy])).toEqual([['filter', 'drop']]);
    expect(chain(iptables, 'POSTROUTING')).toMatchObject({ hook: 'postrouting', nat: true, priority: 100, policyPackets: 0 });
    expect(chain(iptables, 'FLANNEL-POSTRTG').hook).toBeNull();
  });

  it('reads targets with their options', () => {
    expect(chain(iptables, 'POSTROUTING').rules.map((rule) => rule.action)).toEqual([
      { kind: 'jump', chain: 'FLANNEL-POSTRTG' },
      { kind: 'snat', to: '10.244.1.2', ports: { first: 200, last: 999 } },
      { kind: 'snat', to: '10.244.1.1', ports: null },
    ]);
    const [prerouting] = iptables.filter((one) => one.name === 'PREROUTING' && one.nat);
    expect(prerouting?.rules[0]?.action).toEqual({ kind: 'redirect', ports: { first: 15001, last: 15001 } });
  });

  it('keeps a quoted comment together and does not take it for a match', () => {
    expect(chain(iptables, 'POSTROUTING').rules[0]?.matches).toEqual([]);
  });

  it('reads negation, multiport and state', () => {
    const [mark, , , foreign] = chain(iptables, 'FLANNEL-POSTRTG').rules;
    expect(mark?.matches).toEqual([{ kind: 'mark', value: 0x4000, mask: 0x4000, not: false }]);
    expect(foreign?.matches).toEqual([
      { kind: 'source', cidrs: ['10.244.0.0/16'], not: true },
      { kind: 'destination', cidrs: ['10.244.1.0/24'], not: false },
    ]);
    expect(chain(iptables, 'FORWARD').rules[1]?.matches).toContainEqual({
      kind: 'destination-port',
      ports: [
        { first: 80, last: 80 },
        { first: 443, last: 443 },
      ],
      protocol: null,
      not: false,
    });
    expect(chain(iptables, 'FORWARD').rules[1]?.matches).toContainEqual({ kind: 'state', states: ['new'], not: false });
  });

  it('leaves the truth of what it does not model open', () => {
    expect(chain(iptables, 'INPUT').rules[1]?.matches).toContainEqual({ kind: 'unknown', text: '--physdev-is-bridged', not: true });
    expect(parseIptables('*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m set --match-set x src -j DROP\nCOMMIT\n', 'ipv4')[0]?.rules[0]?.matches).toEqual([
      { kind: 'unknown', text: '--match-set x', not: false },
      { kind: 'unknown', text: 'src', not: false },
    ]);
  });
});

describe('a packet through iptables', () => {
  it("is exempted by flannel's rules and then takes the first SNAT rule", () => {
    expect(targets(iptables, 'postrouting', true, packet())).toEqual(['snat']);
    expect(targets(iptables, 'postrouting', true, packet({ protocol: 'udp' }))).toEqual([]);
  });

  it('is masqueraded by flannel on its way out of the network', () => {
    const hits = walkHook(iptables, 'postrouting', true, packet({ destination: '198.51.100.1' }));
    expect(hits.map((hit) => hit.rule?.text)).toEqual(['-t nat -A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE --random-fully']);
  });

  it('of the node itself meets the rule for local sources', () => {
    expect(walkHook(iptables, 'postrouting', true, packet({ source: '10.244.1.0', sourceLocal: true })).map((hit) => hit.rule?.text)).toEqual([
      '-t nat -A POSTROUTING -d 10.244.2.0/24 -m addrtype --src-type LOCAL -j SNAT --to-source 10.244.1.1',
    ]);
  });

  it('is accepted by a chain before the DROP policy, and dropped by it otherwise', () => {
    expect(targets(iptables, 'forward', false, packet())).toEqual([]);
    expect(targets(iptables, 'forward', false, packet({ source: '172.30.0.2', protocol: 'icmp' }))).toEqual(['drop 0.2', 'policy drop']);
  });

  it('hits a rule on its port only when the port may be that one', () => {
    const from = { source: '172.30.0.2' };
    expect(targets(iptables, 'forward', false, packet({ ...from, destinationPort: 80 }))).toEqual(['reject']);
    expect(targets(iptables, 'forward', false, packet({ ...from, destinationPort: 81 }))).toEqual(['drop 0.2', 'policy drop']);
    expect(targets(iptables, 'forward', false, packet({ ...from }))).toEqual(['reject?', 'drop 0.2', 'policy drop']);
    expect(targets(iptables, 'prerouting', true, packet({ in: 'eth0' }))).toEqual([]);
    expect(targets(iptables, 'prerouting', true, packet())).toEqual(['redirect?']);
  });

  it('is no ICMP error', () => {
    expect(targets(iptables, 'output', false, packet({ protocol: 'icmp', sourceLocal: true }))).toEqual([]);
  });

  it('may fail a reverse path rule', () => {
    expect(targets(iptables, 'prerouting', false, packet())).toEqual(['drop?']);
  });
});

describe('nft list ruleset', () => {
  it('leaves the tables that iptables keeps to iptables', () => {
    expect(nft.map((one) => `${one.family} ${one.table} ${one.name}`)).toEqual([
      'inet lossy f',
      'ipv4 own post',
      'ipv4 own last',
      'ipv4 own sub',
      'ipv4 own pre',
      'ipv4 own forwarding',
      'ipv6 own6 post',
    ]);
    expect(parseNft(captured('nft-ruleset.txt'), []).map((one) => one.name)).toContain('POSTROUTING');
  });

  it('reads a map at the head of a table behind one that is left to iptables', () => {
    const text = [
      'table ip filter {',
      '\tchain OUTPUT {',
      '\t\ttype filter hook output priority filter; policy accept;',
      '\t}',
      '}',
      'table inet policies {',
      '\tmap egress {',
      '\t\ttype ipv4_addr : verdict',
      '\t\telements = { 10.244.1.2 : jump pod }',
      '\t}',
      '\tchain pod {',
      '\t\tdrop',
      '\t}',
      '\tchain egress {',
      '\t\ttype filter hook forward priority filter - 6; policy accept;',
      '\t\tip saddr vmap @egress',
      '\t}',
      '}',
    ].join('\n');
    const chains = parseNft(text, ['ipv4']);
    expect(chains.map((one) => one.name)).toEqual(['pod', 'egress']);
    expect(targets(chains, 'forward', false, packet())).toEqual(['drop']);
  });

  it('reads hooks, named priorities and policies', () => {
    expect(chain(nft, 'pre')).toMatchObject({ hook: 'prerouting', nat: true, priority: -100 });
    expect(chain(nft, 'forwarding')).toMatchObject({ hook: 'forward', nat: false, priority: 0, policy: 'drop' });
  });

  it('reads counters, random matches and NAT targets', () => {
    const [counted, below] = chain(nft, 'f').rules;
    expect(counted).toMatchObject({ packets: 0, matches: [{ kind: 'random', probability: 0.2 }], action: { kind: 'drop' } });
    expect(below).toMatchObject({ packets: null, matches: [{ kind: 'random', probability: 0.2 }] });
    expect(chain(nft, 'post').rules.map((rule) => rule.action)).toEqual([
      { kind: 'masquerade' },
      { kind: 'snat', to: '10.244.1.2', ports: { first: 200, last: 999 } },
      { kind: 'masquerade' },
      { kind: 'snat', to: '1.2.3.4', ports: null },
    ]);
    expect(nft.at(-1)?.rules[0]?.action).toEqual({ kind: 'snat', to: 'fd00::1', ports: { first: 200, last: 999 } });
  });

  it('follows jumps and gotos, by family', () => {
    expect(targets(nft, 'postrouting', true, packet())).toEqual(['masquerade']);
    expect(targets(nft, 'postrouting', true, packet({ destination: '10.244.1.3', protocol: 'udp' }))).toEqual([]);
    expect(targets(nft, 'postrouting', true, packet({ source: '10.0.0.1', protocol: 'udp' }))).toEqual(['masquerade']);
    expect(targets(nft, 'forward', false, packet({ destination: '192.0.2.1' }))).toEqual(['drop 0.2', 'drop 0.2', 'drop']);
    expect(targets(nft, 'forward', false, packet({ in: 'eth0', out: 'cni0', state: 'established' }))).toEqual(['drop 0.2', 'drop 0.2']);
    expect(targets(nft, 'postrouting', true, packet({ family: 'ipv6', source: 'fd00:10::2', destination: 'fd00:20::2' }))).toEqual(['snat']);
  });
});

describe('parseNatTarget', () => {
  it.each([
    ['10.0.0.1', { to: '10.0.0.1', ports: null }],
    ['10.0.0.1:80', { to: '10.0.0.1', ports: { first: 80, last: 80 } }],
    [':15001', { to: '', ports: { first: 15001, last: 15001 } }],
    ['fd00::1', { to: 'fd00::1', ports: null }],
    ['[fd00::1]:1-2', { to: 'fd00::1', ports: { first: 1, last: 2 } }],
  ])('%s', (text, expected) => {
    expect(parseNatTarget(text)).toEqual(expected);
  });
});
