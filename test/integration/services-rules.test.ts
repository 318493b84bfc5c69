import { describe, expect, it } from 'vitest';
import { nftablesServiceRules } from '../../topology/services/proxy/nftables-rules.ts';
import { iptablesServiceRules } from '../../topology/services/proxy/iptables-rules.ts';
import type { Op } from '../../engines/netns/ops.ts';
import type { ServicePlan } from '../../topology/services/service-plan.ts';
import type { Family } from '../../topology/spec.ts';
import { lacking } from '../requires.ts';
import { clusterOf, endpoint, port, service, workerOf } from '../topology/proxy-fixture.ts';
import { type AgentLab, startAgentLab } from './agent-lab.ts';

const reason = lacking('root');

const address = (family: Family, n: number): string => (family === 'ipv4' ? `172.29.0.${n}` : `fd00:96::${n}`);

/** Every kind of Service, in both families. */
function everyKind(): readonly ServicePlan[] {
  const [four, six] = [
    [endpoint('10.180.0.1', 'worker1'), endpoint('10.180.2.1', 'control-plane1')],
    [endpoint('fd00:10:0:1::5', 'worker1'), endpoint('fd00:10:0:2::5', 'control-plane1')],
  ] as const;
  const one = (n: number, name: string, more: Partial<ServicePlan>): ServicePlan =>
    service({ name, families: ['ipv4', 'ipv6'], clusterIPs: [address('ipv4', n), address('ipv6', n)], endpoints: [...four, ...six], ...more });
  const elsewhere = [four[1], six[1]];
  const two = (['UDP', 'SCTP'] as const).map((protocol) => ({ name: 'p80', protocol, port: 5353 }));
  return [
    one(1, 'plain', { ports: [port({ nodePort: 30_001 })] }),
    one(2, 'sticky', { affinitySeconds: 10_800 }),
    one(3, 'local', { externalTrafficPolicy: 'Local', ports: [port({ nodePort: 30_003 })] }),
    one(4, 'elsewhere', { externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Local', ports: [port({ nodePort: 30_004 })], endpoints: elsewhere }),
    one(5, 'none', { endpoints: [], ports: [port({ nodePort: 30_005 })], externalIPs: ['192.0.2.1', '2001:db8::1'] }),
    one(6, 'lb', {
      loadBalancerIPs: ['203.0.113.9', '2001:db8:113::9'],
      loadBalancerSourceRanges: ['198.51.100.0/24', 'fd00:30::/64'],
      externalTrafficPolicy: 'Local',
      ports: [port({ nodePort: 30_006 })],
      healthCheckNodePort: 30_007,
    }),
    one(7, 'udp-sctp', {
      ports: [port({ protocol: 'UDP' }), port({ protocol: 'SCTP' })],
      endpoints: [...four, ...six].map((e) => ({ ...e, ports: two })),
    }),
  ];
}

async function withNode(
  services: readonly ServicePlan[],
  check: (lab: AgentLab, texts: Readonly<Record<'rules' | 'nft', Readonly<Record<Family, string>>>>) => Promise<void>,
): Promise<void> {
  await using lab = await startAgentLab();
  await lab.apply([{ op: 'netns', ns: 'node' }]);
  const cluster = clusterOf(services);
  const node = workerOf(cluster);
  const of = (synthesize: typeof iptablesServiceRules): Record<Family, string> => ({
    ipv4: synthesize(cluster, node, 'ipv4'),
    ipv6: synthesize(cluster, node, 'ipv6'),
  });
  await check(lab, { rules: of(iptablesServiceRules), nft: of(nftablesServiceRules) });
}
const rules = (family: Family, text: string): Op => ({ op: 'rules', ns: 'node', family, text });
const nft = (family: Family, text: string): Op => ({ op: 'nft', ns: 'node', family: family === 'ipv4' ? 'ip' : 'ip6', table: 'kube-proxy', text });

/** Options of a rule as words, in an order of its own: the kernel prints them in another one than they were written in. */
function essence(rule: string, family: Family): string {
  const words = rule
    .replace(/--or-mark (\S+)/, '--set-xmark $1/$1')
    .replace(/--xor-mark (\S+)/, '--set-xmark $1/0x0')
    .replace(/(-[sd] [0-9a-f.:]+)(?= |$)/g, `$1/${family === 'ipv4' ? 32 : 128}`)
    .replace(/--reap --name (\S+)|--name (\S+) --rcheck --seconds (\d+) --reap/, (_, a, b, seconds) =>
      a ? `--reap --name ${a}` : `--rcheck --seconds ${seconds} --reap --name ${b}`,
    )
    .replace(/--mask \S+ --rsource ?/, '')
    .replace(/-j REJECT --reject-with \S+/, '-j REJECT')
    .replace(/--probability (\d\.\d{6})\d*/, '--probability $1')
    .replace(/--comment "([^"]*)"/, (_, text: string) => `--comment ${text.replaceAll(' ', '_')}`);
  return words
    .trim()
    .split(/ (?=!|-)/)
    .flatMap((option) => option.split(' ! '))
    .map((option) => option.trim())
    .filter((option) => !/^-m (tcp|udp|sctp)$/.test(option))
    .sort()
    .join(' ');
}
/** Rules by table and chain. */
function chainsOf(text: string, family: Family): Record<string, string[]> {
  const chains: Record<string, string[]> = {};
  let table = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1);
    const declared = /^:(KUBE-\S+) /.exec(line)?.[1];
    if (declared !== undefined) chains[`${table} ${declared}`] ??= [];
    const [, verb, chain = '', rule = ''] = /^(?:\[\d+:\d+\] )?-([AI]) (\S+) ?(.*)$/.exec(line) ?? [];
    if (verb === undefined) continue;
    const list = (chains[`${table} ${chain}`] ??= []);
    if (verb === 'A') list.push(essence(rule, family));
    else list.unshift(essence(rule, family));
  }
  return chains;
}

describe.skipIf(reason !== null)(`rules of Services in the kernel${reason === null ? '' : ` (${reason})`}`, () => {
  it.each(['iptables-nft', 'iptables-legacy'] as const)('%s: what is read back is what was written, chain by chain and rule by rule', async (backend) => {
    await withNode(everyKind(), async (lab, texts) => {
      for (const family of ['ipv4', 'ipv6'] as const) {
        const program = family === 'ipv4' ? backend : backend.replace('ip', 'ip6');
        if (backend === 'iptables-nft') await lab.apply([rules(family, texts.rules[family])]);
        else await lab.sh('node', `XTABLES_LOCKFILE=/run/lock/x ${program}-restore --noflush <<'EOF'\n${texts.rules[family]}EOF`);
        const saved = await lab.sh('node', `${program}-save`);
        const written = chainsOf(texts.rules[family], family);
        expect(Object.keys(written).length).toBeGreaterThan(40);
        expect(chainsOf(saved, family)).toEqual(written);
      }
    });
  });

  it('nftables: chains, rules, sets and maps are as written, and an update leaves what a full load would', async () => {
    await withNode(everyKind(), async (lab, texts) => {
      await lab.apply([nft('ipv4', texts.nft.ipv4), nft('ipv6', texts.nft.ipv6)]);
      for (const family of ['ipv4', 'ipv6'] as const) expect(count(await listed(lab, family))).toEqual(countText(texts.nft[family]));
      const full = await listed(lab, 'ipv4');

      const bare = clusterOf(everyKind().slice(0, 2));
      await lab.apply([nft('ipv4', nftablesServiceRules(bare, workerOf(bare), 'ipv4'))]);
      expect(count(await listed(lab, 'ipv4'))).toEqual(countText(nftablesServiceRules(bare, workerOf(bare), 'ipv4')));
      await lab.apply([nft('ipv4', texts.nft.ipv4)]);
      expect(normal(await listed(lab, 'ipv4'))).toEqual(normal(full));

      // Somebody broke it by hand: the next change puts it right.
      await lab.sh('node', 'nft delete table ip kube-proxy');
      await lab.apply([nft('ipv4', nftablesServiceRules(bare, workerOf(bare), 'ipv4'))]);
      expect(count(await listed(lab, 'ipv4'))).toEqual(countText(nftablesServiceRules(bare, workerOf(bare), 'ipv4')));
      await lab.apply([], [nft('ipv4', ''), nft('ipv6', '')]);
      expect(await lab.sh('node', 'nft list tables')).toBe('');
    });
  });

  it.each([false, true])('are taken by the kernel as often as they are written, and are gone when taken out (rootless: %s)', async (rootless) => {
    await using lab = await startAgentLab({ rootless });
    const cluster = clusterOf(everyKind());
    const node = workerOf(cluster);
    const texts = (['ipv4', 'ipv6'] as const).flatMap((family) => [
      rules(family, iptablesServiceRules(cluster, node, family)),
      nft(family, nftablesServiceRules(cluster, node, family)),
    ]);
    await lab.apply([{ op: 'netns', ns: 'node' }, ...texts]);
    const once = await lab.sh('node', 'iptables-nft-save | grep -c ^-A; nft list table ip kube-proxy | wc -l');
    await lab.apply(texts);
    expect(await lab.sh('node', 'iptables-nft-save | grep -c ^-A; nft list table ip kube-proxy | wc -l')).toBe(once);
    await lab.apply([], texts);
    expect(await lab.sh('node', 'iptables-nft-save; ip6tables-nft-save; nft list tables')).not.toMatch(/KUBE|kube-proxy/);
  });

  it('nftables: an update keeps what the affinity sets learned', async () => {
    const sticky = service({ affinitySeconds: 10_800 });
    await withNode([sticky], async (lab, texts) => {
      await lab.apply([nft('ipv4', texts.nft.ipv4)]);
      const [set = ''] = /affinity-\S+/.exec(texts.nft.ipv4) ?? [];
      await lab.sh('node', `nft add element ip kube-proxy ${set} '{ 10.1.2.3 }'`);
      const more = clusterOf([sticky, service({ name: 'more', clusterIPs: ['172.29.0.9'] })]);
      await lab.apply([nft('ipv4', nftablesServiceRules(more, workerOf(more), 'ipv4'))]);
      expect(await lab.sh('node', `nft list set ip kube-proxy ${set}`)).toContain('10.1.2.3');
    });
  });
});

async function listed(lab: AgentLab, family: Family): Promise<string> {
  return await lab.sh('node', `nft -nn list table ${family === 'ipv4' ? 'ip' : 'ip6'} kube-proxy`);
}

/** Chains with their number of rules, sets and maps with their number of elements. */
function count(listing: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [, kind, name = '', body = ''] of listing.matchAll(/^\t(chain|set|map) (\S+) \{\n([^]*?)^\t\}$/gm)) {
    if (kind === 'chain') counts[`chain ${name}`] = body.split('\n').filter((line) => !/^\s*(type .* hook .*|comment .*)?$/.test(line)).length;
    else counts[`${kind} ${name}`] = (/elements = \{([^]*)\}/.exec(body)?.[1] ?? '').split(',').filter((element) => element.trim() !== '').length;
  }
  return counts;
}
function countText(text: string): Record<string, number> {
  const counts: Record<string, number> = {};
  const setOf: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const [, verb, name = ''] = /^add (chain|set|map|rule|element) ip6? kube-proxy (\S+)/.exec(line) ?? [];
    if (verb === 'rule') counts[`chain ${name}`] = (counts[`chain ${name}`] ?? 0) + 1;
    else if (verb === 'element') counts[setOf[name] ?? ''] = (counts[setOf[name] ?? ''] ?? 0) + 1;
    else if (verb !== undefined) {
      setOf[name] = `${verb} ${name}`;
      counts[`${verb} ${name}`] = 0;
    }
  }
  return counts;
}
/** Chains in any order. */
function normal(listing: string): string[] {
  return [...listing.matchAll(/^\t(?:chain|set|map) \S+ \{\n[^]*?^\t\}$/gm)]
    .map(([block]) =>
      block.replace(/elements = \{([^]*)\}/, (_, elements: string) =>
        elements
          .split(',')
          .map((e) => e.trim())
          .sort()
          .join(','),
      ),
    )
    .sort();
}
