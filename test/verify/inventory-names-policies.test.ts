/** Causes of failures of names and policies, read from rules, listeners and resolv.conf; one thing differs from the healthy lab in each. */
import { describe, expect, it } from 'vitest';
import type { Snapshot } from '../../engines/port.ts';
import { policyTable } from '../../engines/netns/policy/table.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { policyWorld } from '../../topology/policy/world.ts';
import { iptablesServiceRules } from '../../topology/services/proxy/iptables-rules.ts';
import { nftablesServiceRules } from '../../topology/services/proxy/nftables-rules.ts';
import { diagnose } from '../../verify/diagnosis/diagnose.ts';
import type { Diagnosis, Failure } from '../../verify/report.ts';
import { changed, failure, healthySnapshot, podsOf, smallPlan } from './inventory-fixture.ts';

type Mode = 'iptables' | 'nftables';

const lab = (mode: Mode): LabPlan =>
  smallPlan(
    { type: 'calico' },
    {},
    {
      kubeProxy: { mode },
      objects: [
        { apiVersion: 'v1', kind: 'Service', metadata: { name: 'echo' }, spec: { selector: { app: 'echo' }, ports: [{ port: 80 }] } },
        { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'deny' }, spec: { podSelector: { matchLabels: { app: 'echo' } } } },
      ],
    },
  );

const [cluster] = lab('iptables').clusters;
if (cluster === undefined) throw new Error('no cluster');
const dns = cluster.pods.find((pod) => pod.labels['k8s-app'] === 'kube-dns')?.id ?? '';
const client = 'c1/default/echo-worker1';

/** As the nodes of that lab are: the rules of proxy and policies, a server that listens. `rules`: what stands on worker1 in their place. */
function read(
  mode: Mode,
  rules: { readonly proxy?: (text: string) => string; readonly policies?: (text: string) => string } = {},
  listening = true,
): [LabPlan, Snapshot] {
  const plan = lab(mode);
  const [here] = plan.clusters;
  if (here === undefined) throw new Error('no cluster');
  let snapshot = healthySnapshot(plan);
  for (const node of here.nodes) {
    const own = node.name === 'worker1';
    const same = (text: string): string => text;
    const proxy = (own ? rules.proxy : undefined) ?? same;
    const policies = ((own ? rules.policies : undefined) ?? same)(policyTable(policyWorld(here), node.name) ?? '');
    const iptables = mode === 'iptables' ? proxy(iptablesServiceRules(here, node, 'ipv4')) : '*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n';
    const nft = mode === 'nftables' ? proxy(nftablesServiceRules(here, node, 'ipv4')) : '';
    snapshot = changed(snapshot, node.netns, () => ({ rules: { iptables, ip6tables: '', nft: `${nft}\n${policies}` } }));
  }
  const server = here.pods.find((pod) => pod.id === dns);
  return [plan, changed(snapshot, server?.netns ?? '', () => ({ listening: listening ? ['0.0.0.0:53'] : [] }))];
}

const asked = (plan: LabPlan, saw: Failure['class'], rest: Partial<Failure> = {}): Failure =>
  failure(plan, client, '', saw, { check: 'dns-ladder', protocol: 'udp', port: 53, ...rest });
const causes = ([plan, snapshot]: [LabPlan, Snapshot], failures: (plan: LabPlan) => readonly Failure[]): readonly Diagnosis[] =>
  diagnose({ plan, snapshot, failures: failures(plan), conntrack: [] }).filter((one) => one.severity === 'fail');

describe('names', () => {
  it.each(['iptables', 'nftables'] as const)('%s: an address that the proxy does not take is named, with the command that adds it', (mode) => {
    const without = (text: string): string =>
      text.replaceAll(/^.*10\.96\.0\.10.* 53.*\n?/gm, '').replaceAll(/10\.96\.0\.10 \. (tcp|udp) \. 53 : goto [^,}\s]+,?/g, '');
    const [found, ...more] = causes(read(mode, { proxy: without }), (plan) => [
      asked(plan, 'silent'),
      asked(plan, 'no-host', { protocol: 'tcp', check: 'dns-records' }),
    ]);
    expect(more).toEqual([]);
    expect(found).toMatchObject({ name: 'dns-vip-not-programmed', where: ['c1/worker1'], checks: ['dns-ladder', 'dns-records'] });
    expect(found?.mend).toContain(mode === 'iptables' ? '-j KUBE-SVC-TCOU7JCQXEZGVUNU' : '10.96.0.10 . udp . 53 : goto service-');
    expect(found?.ruledOut.map((one) => one.name)).toContain('dns-server-down');
  });

  it('a server that does not listen is named, and not the proxy', () => {
    const found = causes(read('iptables', {}, false), (plan) => [asked(plan, 'refused', { server: dns }), asked(plan, 'refused', { check: 'dns-records' })]);
    expect(found).toMatchObject([{ name: 'dns-server-down', where: [dns], ruledOut: [{ name: 'dns-vip-not-programmed' }, { name: 'policy-blocks-dns' }] }]);
  });

  it('a server that found a loop and ended is told from one that ended otherwise, by the last line that it wrote', () => {
    const ended = (line: string): readonly Diagnosis[] => {
      const [plan, snapshot] = read('iptables', {}, false);
      const netns = plan.clusters[0]?.pods.find((pod) => pod.id === dns)?.netns ?? '';
      return causes([plan, changed(snapshot, netns, () => ({ dnsServerEnded: line }))], () => [asked(plan, 'refused')]);
    };
    const line =
      '[FATAL] plugin/loop: Loop (127.0.0.1:41234 -> :53) detected for zone ".", see https://coredns.io/plugins/loop#troubleshooting. Query: "HINFO 4547991504243258144.3688648895315093531."';
    const [loop, ...more] = ended(line);
    expect(more).toEqual([]);
    expect(loop).toMatchObject({
      name: 'dns-forwarding-loop',
      where: [dns],
      confidence: 'certain',
      evidence: [expect.any(String), expect.stringContaining(line)],
    });
    expect(loop?.mend).toMatch(/sed -i .*\/\^ \*forward \/d.*\/Corefile.*\/run\/cnilab\/dns\/.*\.run/);
    expect(loop?.ruledOut.map((one) => one.name)).toEqual(['dns-server-down', 'dns-vip-not-programmed', 'policy-blocks-dns']);
    const [down] = ended('[INFO] SIGTERM: Shutting down servers then terminating');
    expect(down).toMatchObject({ name: 'dns-server-down', evidence: [expect.any(String), expect.stringContaining('SIGTERM')] });
    expect(down?.ruledOut.map((one) => one.name)).toContain('dns-forwarding-loop');
  });

  it('a rule that drops port 53 is one about names; one that drops more is not', () => {
    const table = (match: string): string =>
      `table inet x {\n\tchain f {\n\t\ttype filter hook forward priority filter; policy accept;\n\t\t${match} counter packets 4 bytes 200 drop\n\t}\n}\n`;
    const address = podsOf(lab('iptables'), 'worker1')[0]?.interface.addresses[0]?.address ?? '';
    const of = (match: string, more: (plan: LabPlan) => readonly Failure[] = () => []): readonly string[] =>
      causes(read('iptables', { policies: (text) => text + table(match) }), (plan) => [asked(plan, 'silent'), ...more(plan)]).map((one) => one.name);
    expect(of(`ip saddr ${address} meta l4proto { tcp, udp } th dport 53`)).toEqual(['policy-blocks-dns']);
    expect(of(`ip saddr ${address}`, (plan) => [failure(plan, client, dns, 'silent')])).toEqual(['policy-drops']);
  });

  it('another search list is named, with the line that mends it; a short name is found wrong because of it', () => {
    const line = (search: string): string => `nameserver 10.96.0.10; search ${search}; options ndots:5`;
    const found = causes(read('iptables'), (plan) => [
      failure(plan, client, '', 'finding', { check: 'dns-resolv-conf', protocol: null, saw: line('b.invalid'), expected: line('default.svc.cluster.local') }),
      failure(plan, client, '', 'finding', { check: 'dns-search', protocol: null, saw: 'web: ENOTFOUND', expected: '10.96.1.1' }),
    ]);
    expect(found).toMatchObject([{ name: 'resolver-search-differs', where: [client], checks: ['dns-resolv-conf', 'dns-search'] }]);
    expect(found[0]?.mend).toContain('search default.svc.cluster.local svc.cluster.local cluster.local');
  });
});

describe('policies', () => {
  const came = (plan: LabPlan): readonly Failure[] => [
    failure(plan, 'c1/default/echo-worker2', client, 'unexpected-answer', { check: 'policy-matrix', port: 80, expected: 'blocked: default/deny (ingress)' }),
  ];
  const insert =
    (rule: string) =>
    (text: string): string =>
      text.replace(/(chain pod\.default\.echo-worker1\.ingress \{\n)/, `$1\t\t${rule}\n`);

  it.each<[string, (text: string) => string]>([
    ['no table', () => ''],
    ['a chain that was emptied', (text) => text.replaceAll('counter drop', '')],
    ['a pod that is in no map', (text) => text.replace(/[\d.]+ : jump pod\.default\.echo-worker1\.ingress(, )?/, '')],
  ])('are not enforced: %s', (_, change) => {
    expect(causes(read('iptables', { policies: change }), came)).toMatchObject([
      { name: 'policy-not-enforced', where: ['c1/worker1'], confidence: 'certain', ruledOut: [{ name: 'policy-allows-more' }] },
    ]);
  });

  it('a rule that lets in is named, with the command that removes it', () => {
    const [found, ...more] = causes(read('iptables', { policies: insert('accept') }), came);
    expect(more).toEqual([]);
    expect(found).toMatchObject({ name: 'policy-allows-more', where: ['c1/worker1'], confidence: 'certain' });
    expect(found?.evidence[0]).toContain('chain pod.default.echo-worker1.ingress on worker1: "accept"');
    expect(found?.mend).toMatch(/^cnilab exec small worker1 -- sh -c 'nft delete rule .* sh inet cnilab-policy pod\.default\.echo-worker1\.ingress accept$/);
  });

  it('a rule about somebody else is no way in', () => {
    expect(causes(read('iptables', { policies: insert('ip saddr 192.0.2.1 accept') }), came)).toMatchObject([
      { name: 'policy-not-enforced', confidence: 'possible' },
    ]);
  });

  it('what they drop is found in their maps and chains', () => {
    const dropped = causes(read('iptables'), (plan) => [failure(plan, 'c1/default/echo-worker2', client, 'silent')]);
    expect(dropped).toMatchObject([{ name: 'policy-drops', where: ['c1/worker1'] }]);
  });
});
