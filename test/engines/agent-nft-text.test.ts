import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { updateTable } from '../../engines/netns/agent/nft-text.ts';
import { nftablesServiceRules } from '../../topology/services/proxy/nftables-rules.ts';
import { clusterOf, endpoint, port, service, workerOf } from '../topology/proxy-fixture.ts';

const text = (...lines: string[]): string => ['add table ip t', ...lines, ''].join('\n');
const lines = (update: string | null): string[] => (update ?? 'whole').trimEnd().split('\n');

describe('the transaction from one table to another', () => {
  it('is empty between equals', () => {
    const same = text('add chain ip t c', 'add rule ip t c accept');
    expect(updateTable(same, same)).toBe('');
  });

  it('fills only chains whose rules differ, in an order that the kernel takes', () => {
    const before = text(
      'add chain ip t stays',
      'add chain ip t changes',
      'add chain ip t goes',
      'add set ip t learned { type ipv4_addr ; flags dynamic,timeout ; timeout 60s ; }',
      'add set ip t old { type ipv4_addr ; }',
      'add map ip t m { type ipv4_addr . inet_proto . inet_service : verdict ; }',
      'add rule ip t stays ip saddr @learned accept',
      'add rule ip t changes ip saddr @old accept',
      'add rule ip t goes accept',
      'add element ip t m { 10.0.0.1 . tcp . 80 : goto goes }',
      'add element ip t m { 10.0.0.2 . tcp . 80 comment "a:b" : drop }',
    );
    const after = text(
      'add chain ip t stays',
      'add chain ip t changes',
      'add chain ip t comes',
      'add set ip t learned { type ipv4_addr ; flags dynamic,timeout ; timeout 60s ; }',
      'add map ip t m { type ipv4_addr . inet_proto . inet_service : verdict ; }',
      'add rule ip t stays ip saddr @learned accept',
      'add rule ip t changes drop',
      'add rule ip t comes accept',
      'add element ip t m { 10.0.0.1 . tcp . 80 : goto comes }',
      'add element ip t m { 10.0.0.2 . tcp . 80 comment "a:b" : drop }',
    );
    expect(lines(updateTable(before, after))).toEqual([
      'add chain ip t comes',
      'delete element ip t m { 10.0.0.1 . tcp . 80 }',
      'flush chain ip t changes',
      'flush chain ip t comes',
      'flush chain ip t goes',
      'delete set ip t old',
      'add rule ip t changes drop',
      'add rule ip t comes accept',
      'add element ip t m { 10.0.0.1 . tcp . 80 : goto comes }',
      'delete chain ip t goes',
    ]);
  });

  it('deletes an element by its key, comment or not', () => {
    const map = 'add map ip t m { type inet_proto . inet_service : verdict ; }';
    const before = text(map, 'add element ip t m { tcp . 30001 comment "ns/svc:port" : drop }');
    expect(lines(updateTable(before, text(map)))).toEqual(['delete element ip t m { tcp . 30001 }']);
  });

  it('replaces the whole where a declaration differs, or a text is not of one command a line', () => {
    const before = text('add chain ip t c { type filter hook input priority 0 ; }');
    expect(updateTable(before, text('add chain ip t c { type filter hook input priority 10 ; }'))).toBeNull();
    expect(updateTable(before, 'table ip t {\n}\n')).toBeNull();
    expect(updateTable(before, before.replaceAll('ip t', 'ip u'))).toBeNull();
  });

  it("of Services: one endpoint more is its chain, its Service's chain and nothing else", () => {
    const of = (...addresses: string[]): string => {
      const cluster = clusterOf([
        service({ affinitySeconds: 60, endpoints: addresses.map((address) => endpoint(address, null)) }),
        service({ name: 'other', clusterIPs: ['172.30.0.42'], ports: [port({ nodePort: 30_001 })] }),
      ]);
      return nftablesServiceRules(cluster, workerOf(cluster), 'ipv4');
    };
    const update = lines(updateTable(of('10.180.0.1'), of('10.180.0.1', '10.180.0.2')));
    expect(update.filter((line) => line.includes('other'))).toEqual([]);
    expect(update.filter((line) => line.startsWith('add chain'))).toHaveLength(1);
    expect(update.filter((line) => line.startsWith('add set'))).toHaveLength(1);
    expect(update.filter((line) => line.startsWith('flush chain')).map((line) => line.replace(/-[A-Z2-7]{8}-/, ' '))).toEqual([
      'flush chain ip kube-proxy service ns1/svc1/tcp/p80',
      'flush chain ip kube-proxy endpoint ns1/svc1/tcp/p80__10.180.0.2/80',
    ]);
  });

  it('back and forth is the same as never having changed', () => {
    const chains = ['a', 'b', 'c', 'd'];
    const table = fc
      .record({
        rules: fc.dictionary(fc.constantFrom(...chains), fc.array(fc.constantFrom('accept', 'drop', 'counter'), { maxLength: 3 })),
        keys: fc.uniqueArray(fc.integer({ min: 1, max: 5 })),
      })
      .map(({ rules, keys }) =>
        text(
          'add set ip t s { type inet_service ; }',
          ...Object.keys(rules).map((chain) => `add chain ip t ${chain}`),
          ...Object.entries(rules).flatMap(([chain, each]) => each.map((rule) => `add rule ip t ${chain} ${rule}`)),
          ...keys.map((key) => `add element ip t s { ${key} }`),
        ),
      );
    fc.assert(
      fc.property(table, table, (before, after) => {
        expect(played(before, updateTable(before, after) ?? 'whole')).toEqual(played(after, ''));
      }),
    );
  });
});

/** What nft would have after the commands of a text and then those of an update. */
function played(before: string, update: string): unknown {
  const chains = new Map<string, string[]>();
  const sets = new Map<string, Set<string>>();
  for (const line of `${before}${update}`.split('\n')) {
    const [, verb, kind, name = '', rest = ''] = /^(\w+) (\w+) ip t(?: (\S+))?(?: (.*))?$/.exec(line) ?? [];
    if (kind === 'chain') {
      if (verb === 'add') chains.set(name, chains.get(name) ?? []);
      else if (verb === 'flush') chains.set(name, []);
      else if (!chains.delete(name)) throw new Error(line);
    } else if (kind === 'rule') {
      const rules = chains.get(name);
      if (rules === undefined) throw new Error(line);
      rules.push(rest);
    } else if (kind === 'set') sets.set(name, sets.get(name) ?? new Set());
    else if (kind === 'element') {
      const set = sets.get(name);
      if (set === undefined || (verb === 'delete' && !set.delete(rest))) throw new Error(line);
      if (verb === 'add') set.add(rest);
    }
  }
  return { chains: Object.fromEntries([...chains].sort()), sets: Object.fromEntries([...sets].map(([name, set]) => [name, [...set].sort()])) };
}
