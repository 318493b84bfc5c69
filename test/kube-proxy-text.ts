/** What `iptables-save` and `nft list table` print of a kube-proxy, as values that can be compared; and where ours differ on purpose. */
import type { Family } from '../topology/spec.ts';

/** Chain → its rules. */
export type Chains = Record<string, string[]>;

interface Difference {
  /** Of these families. */
  readonly families: readonly Family[];
  /** Table and chain. */
  readonly chain: RegExp;
  /** The rule that the real one has and ours not; null: the chain itself. */
  readonly rule: RegExp | null;
  readonly because: string;
}

/** All that a real kube-proxy's node has and a node of ours has not, in mode iptables; mode nftables: nothing. */
export const DIFFERENCES: readonly Difference[] = [
  {
    families: ['ipv4', 'ipv6'],
    chain: /^nat KUBE-NODEPORTS$/,
    rule: /^-d 127\.0\.0\.0\/8 /,
    because: 'counts what uses node ports on 127.0.0.1 (nfacct), and does the same as the rule after it',
  },
  {
    families: ['ipv6'],
    chain: /^filter /,
    rule: /^-j KUBE-FIREWALL$/,
    because: 'the kubelet has its chain in both families, kube-proxy needs it for IPv4 alone',
  },
  { families: ['ipv6'], chain: /^filter KUBE-FIREWALL$/, rule: null, because: 'as above' },
];

/** The real rules without {@link DIFFERENCES}. */
export function withoutDifferences(chains: Chains, family: Family): Chains {
  const own = DIFFERENCES.filter((one) => one.families.includes(family));
  return Object.fromEntries(
    Object.entries(chains)
      .filter(([name]) => !own.some(({ chain, rule }) => rule === null && chain.test(name)))
      .map(([name, rules]) => [name, rules.filter((text) => !own.some(({ chain, rule }) => rule !== null && chain.test(name) && rule.test(text)))]),
  );
}

/** Rules by table and chain, in order. */
export function chainsOf(saved: string): Chains {
  const chains: Chains = {};
  let table = '';
  for (const raw of saved.split('\n')) {
    const line = raw.replace(/^\[\d+:\d+\] /, '').replace(/ -m nfacct --nfacct-name +\S+/, '');
    if (line.startsWith('*')) table = line.slice(1);
    if (!line.includes('KUBE-') || /CANARY|KUBE-IPTABLES-HINT/.test(line)) continue;
    const declared = /^:(\S+)/.exec(line)?.[1];
    if (declared !== undefined) chains[`${table} ${declared}`] ??= [];
    const [, chain = '', rule = ''] = /^-A (\S+) (.*)$/.exec(line) ?? [];
    if (chain !== '') (chains[`${table} ${chain}`] ??= []).push(rule);
  }
  return chains;
}

/** kube-proxy goes through Services in no order: where the order of rules means nothing, they are sorted. The last rule for services stays the last. */
export function settled(chains: Chains): Chains {
  const free = /KUBE-(SERVICES|EXTERNAL-SERVICES|NODEPORTS|PROXY-FIREWALL)$/;
  return Object.fromEntries(
    Object.entries(chains).map(([name, rules]) => {
      const kept = name === 'nat KUBE-SERVICES' ? rules.slice(-1) : [];
      return [name, free.test(name) ? [...rules.slice(0, rules.length - kept.length).sort(), ...kept] : rules];
    }),
  );
}

/** Chains, sets and maps of a table: their lines, and the elements in order. */
export function blocksOf(listing: string): Chains {
  return Object.fromEntries(
    [...listing.matchAll(/^\t(?:chain|set|map) (\S+) \{\n([^]*?)^\t\}$/gm)].map(([, name, body = '']) => {
      const elements = /elements = \{([^]*)\}/.exec(body)?.[1] ?? '';
      const lines = body.replace(/\s*elements = \{[^]*\}/, '').split('\n');
      return [
        name,
        [
          ...lines.map((line) => line.trim()),
          ...elements
            .split(',')
            .map((element) => element.trim())
            .sort(),
        ].filter((line) => line !== ''),
      ];
    }),
  );
}

/**
 * Our table without the rule for addresses that no Service has, where the real one lacks it too. kube-proxy hears of the ServiceCIDR by a watch of its own, which
 * asks for no new writing (`OnServiceCIDRsChanged`, pkg/proxy/nftables/proxier.go of Kubernetes 1.34): comes that after the first writing, then the rule
 * waits for the next full one.
 */
export function withWhatItKnew(ours: Chains, real: Chains): Chains {
  const chain = 'cluster-ips-check';
  const late = (rule: string): boolean => rule.endsWith('drop comment "Drop traffic to unallocated ClusterIPs"');
  if (real[chain]?.some(late) !== false) return ours;
  return { ...ours, [chain]: (ours[chain] ?? []).filter((rule) => !late(rule)) };
}
