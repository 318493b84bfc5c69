import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile } from '../../engines/netns/compile.ts';
import type { Op } from '../../engines/netns/ops.ts';
import { planNeeds } from '../../engines/netns/plan-needs.ts';
import { formatInterval, union, without, type Interval } from '../../engines/netns/policy/intervals.ts';
import { policyTable } from '../../engines/netns/policy/table.ts';
import { reconcile } from '../../engines/netns/reconcile.ts';
import type { PolicyPod, PolicyWorld } from '../../topology/policy/model.ts';
import { readPolicy } from '../../topology/policy/read-policy.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { CniSpec, KubernetesObject } from '../../topology/spec.ts';
import { smallPlan } from './compile-fixture.ts';

const interval = fc.tuple(fc.nat(60), fc.nat(20)).map(([first, length]): Interval => [BigInt(first), BigInt(first + length)]);
const numbers = (intervals: readonly Interval[]): readonly number[] =>
  intervals.flatMap(([first, last]) => Array.from({ length: Number(last - first) + 1 }, (_, i) => Number(first) + i));
const sorted = (list: Iterable<number>): readonly number[] => [...new Set(list)].sort((a, b) => a - b);

describe('intervals', () => {
  it('hold the same numbers when they are joined, each once and in order', () => {
    fc.assert(
      fc.property(fc.array(interval), (list) => {
        expect(numbers(union(list))).toEqual(sorted(numbers(list)));
      }),
    );
  });

  it('lose what is cut out of them', () => {
    fc.assert(
      fc.property(interval, fc.array(interval), (whole, holes) => {
        const gone = new Set(numbers(holes));
        expect(numbers(without(whole, holes))).toEqual(numbers([whole]).filter((n) => !gone.has(n)));
      }),
    );
  });

  it.each<[string, Interval, 'ipv4' | 'ipv6', string]>([
    ['one address', [167_772_161n, 167_772_161n], 'ipv4', '10.0.0.1'],
    ['a CIDR', [167_772_160n, 167_772_415n], 'ipv4', '10.0.0.0/24'],
    ['a range that begins elsewhere', [167_772_161n, 167_772_162n], 'ipv4', '10.0.0.1-10.0.0.2'],
    ['a range that is no power of two', [167_772_160n, 167_772_162n], 'ipv4', '10.0.0.0-10.0.0.2'],
    ['IPv6', [0xfdn << 120n, (0xfen << 120n) - 1n], 'ipv6', 'fd00::/8'],
  ])('are written as nft takes them: %s', (_title, given, family, text) => {
    expect(formatInterval(family, given)).toBe(text);
  });
});

const policy = (name: string, spec: unknown): KubernetesObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name, namespace: 'x' },
  spec,
});
const pod = (name: string, node: string, address: string, more: Partial<PolicyPod> = {}): PolicyPod => ({
  id: `c1/x/${name}`,
  namespace: 'x',
  labels: { pod: name },
  node,
  hostNetwork: false,
  addresses: [address, `fd00::${address.split('.').at(-1) ?? ''}`],
  ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
  ...more,
});
const world = (pods: readonly PolicyPod[], ...policies: readonly KubernetesObject[]): PolicyWorld => ({
  namespaces: { x: {} },
  pods,
  policies: policies.map((object) => readPolicy(object, []).policy),
});

describe('the policy table of a node', () => {
  const pods = [pod('a', 'n1', '10.0.0.2'), pod('b', 'n2', '10.0.0.3', { addresses: ['10.0.0.3'] })];

  it('is the sets of the rules, a chain per policy and per isolated pod, and one base chain per direction', () => {
    const text = policyTable(
      world(
        pods,
        policy('p', {
          podSelector: { matchLabels: { pod: 'a' } },
          ingress: [
            {
              from: [{ podSelector: { matchLabels: { pod: 'b' } } }, { ipBlock: { cidr: '192.168.0.0/16', except: ['192.168.5.0/24'] } }],
              ports: [{ port: 80 }, { port: 'http' }],
            },
            { from: [{ ipBlock: { cidr: '::/0' } }], ports: [{ protocol: 'UDP', port: 53, endPort: 54 }, { protocol: 'UDP', port: 60 }, { protocol: 'SCTP' }] },
          ],
        }),
      ),
      'n1',
    );
    expect(text).toBe(`table inet cnilab-policy {
	set policy.x.p.ingress.0.ipv4 {
		type ipv4_addr
		flags interval
		elements = { 10.0.0.3, 192.168.0.0-192.168.4.255, 192.168.6.0-192.168.255.255 }
	}
	chain policy.x.p.ingress {
		ip saddr @policy.x.p.ingress.0.ipv4 tcp dport 80 accept
		ip saddr @policy.x.p.ingress.0.ipv4 ip daddr . meta l4proto . th dport { 10.0.0.2 . tcp . 80 } accept
		meta nfproto ipv6 udp dport { 53-54, 60 } accept
		meta nfproto ipv6 meta l4proto sctp accept
	}
	chain pod.x.a.ingress {
		ip saddr 10.0.0.2 accept
		ip6 saddr fd00::2 accept
		jump policy.x.p.ingress
		counter drop
	}
	map ingress.ipv4 {
		type ipv4_addr : verdict
		elements = { 10.0.0.2 : jump pod.x.a.ingress }
	}
	map ingress.ipv6 {
		type ipv6_addr : verdict
		elements = { fd00::2 : jump pod.x.a.ingress }
	}
	chain ingress {
		type filter hook forward priority filter - 5; policy accept;
		ct state established,related accept
		ip daddr vmap @ingress.ipv4
		ip6 daddr vmap @ingress.ipv6
	}
}
`);
  });

  it('is none where no pod of the node is isolated', () => {
    const one = world(pods, policy('p', { podSelector: { matchLabels: { pod: 'a' } } }));
    expect(policyTable(one, 'n2')).toBeNull();
    expect(policyTable(world(pods), 'n1')).toBeNull();
    expect(policyTable(world([pod('h', 'n1', '172.30.0.1', { hostNetwork: true })], policy('p', {})), 'n1')).toBeNull();
  });

  it('keeps names within what nft takes, and apart', () => {
    const long = ['a', 'b'].map((end) => `${'very-long-name.'.repeat(15)}${end}`);
    const text =
      policyTable(
        world(
          long.map((name, i) => pod(name, 'n1', `10.0.0.${i + 2}`)),
          ...long.map((name) => policy(name, {})),
        ),
        'n1',
      ) ?? '';
    const chains = [...text.matchAll(/chain (\S+) \{/g)].map((m) => m[1] ?? '');
    expect(new Set(chains).size).toBe(5);
    expect(Math.max(...chains.map((chain) => chain.length))).toBeLessThan(120);
  });
});

describe('policies of a plan', () => {
  const plan = (type: CniSpec['type'], ...objects: readonly KubernetesObject[]): LabPlan =>
    smallPlan({ type } as CniSpec, {
      objects: [...objects, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', namespace: 'x' }, spec: { containers: [] } }],
    });
  const tables = (of: LabPlan): readonly Op[] => compile(of).flatMap((stage) => stage.ops.filter((op) => op.op === 'nft'));
  const deny = policy('deny', {});

  it('become a table where the CNI enforces them, before there are pods', () => {
    expect(tables(plan('calico', deny))).toMatchObject([
      { op: 'nft', family: 'inet', table: 'cnilab-policy', text: expect.stringContaining('chain pod.x.a.ingress') },
    ]);
    const stages = compile(plan('calico', deny)).map((stage) => stage.name);
    expect(stages.indexOf('policies')).toBeLessThan(stages.indexOf('pods'));
    for (const type of ['weave', 'kindnet'] as const) expect(tables(plan(type, deny))).toHaveLength(1);
    for (const type of ['bridge', 'flannel'] as const) expect(tables(plan(type, deny))).toEqual([]);
    expect(tables(plan('calico'))).toEqual([]);
  });

  it('need nft, and br_netfilter where pods share a bridge', () => {
    expect(planNeeds(plan('calico', deny))).toMatchObject({ nft: true, bridgedPolicies: [] });
    expect(planNeeds(plan('weave', deny))).toMatchObject({ nft: true, bridgedPolicies: ['c1'] });
    for (const quiet of [plan('weave'), plan('flannel', deny)]) expect(planNeeds(quiet)).toMatchObject({ nft: false, bridgedPolicies: [] });
  });

  it('are written anew when they change, and taken out when they go; nothing else is touched', () => {
    const [before, changed, after] = [plan('calico', deny), plan('calico', policy('deny', { policyTypes: ['Egress'] })), plan('calico')];
    expect(reconcile(before, before)).toEqual({ undo: [], stages: [] });
    const change = reconcile(before, changed);
    expect([change.undo, change.stages.map((stage) => [stage.name, stage.ops.map((op) => op.op)])]).toEqual([[], [['policies', ['nft']]]]);
    const removal = reconcile(before, after);
    expect([removal.undo.map((op) => op.op), removal.stages]).toEqual([['nft'], []]);
  });
});
