import { describe, expect, it } from 'vitest';
import { compile } from '../../engines/netns/compile.ts';
import { joinRules } from '../../engines/netns/compile-rules.ts';
import { preflight } from '../../engines/netns/preflight.ts';
import { planNeeds } from '../../engines/netns/plan-needs.ts';
import { fidelity } from '../../engines/netns/fidelity.ts';
import { kernelHasIpvs } from '../../engines/netns/kernel-feature.ts';
import { reconcile } from '../../engines/netns/reconcile.ts';
import { staleFlowStages } from '../../engines/netns/services/stale-flows.ts';
import { serviceOps } from '../../engines/netns/services/compile.ts';
import type { Op } from '../../engines/netns/ops.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { ProxyMode } from '../../topology/spec.ts';
import type { ServicePlan } from '../../topology/services/service-plan.ts';
import { endpoint, port, service } from '../topology/proxy-fixture.ts';
import { smallPlan } from './compile-fixture.ts';

const dns = (...addresses: string[]): ServicePlan =>
  service({
    name: 'dns',
    clusterIPs: ['10.96.0.10'],
    ports: [port({ name: 'dns', protocol: 'UDP', port: 53, nodePort: 30_053 }), port({ name: 'tcp', port: 53 })],
    endpoints: addresses.map((address) =>
      endpoint(address, null, {
        ports: [
          { name: 'dns', protocol: 'UDP', port: 5353 },
          { name: 'tcp', protocol: 'TCP', port: 5353 },
        ],
      }),
    ),
  });
const labOf = (services: readonly ServicePlan[], mode: ProxyMode = 'iptables'): LabPlan => {
  const plan = smallPlan({ type: 'flannel' }, { kubernetesVersion: '1.34', kubeProxy: { mode } });
  return { ...plan, clusters: plan.clusters.map((cluster) => ({ ...cluster, services })) };
};
const opsOf = (plan: LabPlan): readonly Op[] => compile(plan).flatMap((stage) => stage.ops);
const kinds = (plan: LabPlan): string[] =>
  plan.clusters.flatMap((cluster) => cluster.nodes.slice(0, 1).flatMap((node) => serviceOps(cluster, node).map((op) => (op.op === 'sysctl' ? op.key : op.op))));

describe('ops of Services', () => {
  it.each<[ProxyMode, string[]]>([
    ['iptables', ['rules']],
    ['nftables', ['nft']],
    ['ipvs', ['dummy', 'address', 'ipvs', 'rules']],
    ['none', []],
  ])('%s', (mode, expected) => {
    expect(kinds(labOf([service()], mode))).toEqual(expected);
  });

  it('set what kube-proxy sets of IPVS once its module is loaded: before that the kernel has no such settings', () => {
    for (const op of opsOf(labOf([service()], 'ipvs')).filter((one) => one.op === 'ipvs')) {
      expect(op.sysctls).toEqual(['conntrack', 'expire_nodest_conn', 'expire_quiescent_template'].map((key) => ({ key: `net/ipv4/vs/${key}`, value: '1' })));
    }
  });

  it('are one iptables-restore per node and family together with those of the CNI, a transaction per table, after the sets that they name', () => {
    for (const mode of ['iptables', 'ipvs'] as const) {
      const ops = opsOf(labOf([service()], mode));
      const rules = ops.filter((op) => op.op === 'rules');
      expect(rules.map((op) => op.ns)).toEqual(['node.c1.control-plane1', 'node.c1.worker1']);
      for (const op of rules) {
        expect(op.text.match(/^\*\w+$/gm)).toEqual(['*nat', '*filter']);
        expect(op.text).toContain('FLANNEL-POSTRTG');
        expect(op.text).toContain('-A KUBE-SERVICES');
        const sets = ops.findIndex((other) => other.op === 'ipvs' && other.ns === op.ns);
        expect(ops.indexOf(op)).toBeGreaterThan(sets);
      }
    }
  });
});

describe('rules written by several', () => {
  const rules = (ns: string, text: string): Op => ({ op: 'rules', ns, family: 'ipv4', text });
  it('are joined per table: chains first, then rules in order', () => {
    const joined = joinRules([
      rules('a', '*nat\n:X - [0:0]\n-A X -j RETURN\nCOMMIT\n'),
      rules('b', '*nat\n-A POSTROUTING -j ACCEPT\nCOMMIT\n'),
      rules('a', '*filter\n-A FORWARD -j ACCEPT\nCOMMIT\n*nat\n:Y - [0:0]\n-A Y -m comment --comment "COMMIT" -j X\nCOMMIT\n'),
    ]);
    expect(joined).toEqual([
      rules('b', '*nat\n-A POSTROUTING -j ACCEPT\nCOMMIT\n'),
      rules('a', '*nat\n:X - [0:0]\n:Y - [0:0]\n-A X -j RETURN\n-A Y -m comment --comment "COMMIT" -j X\nCOMMIT\n*filter\n-A FORWARD -j ACCEPT\nCOMMIT\n'),
    ]);
  });
});

describe('a change of Services', () => {
  it('writes rules, and nothing else', () => {
    for (const mode of ['iptables', 'nftables'] as const) {
      const { undo, stages } = reconcile(labOf([service()], mode), labOf([service(), service({ name: 'more', clusterIPs: ['10.96.0.9'] })], mode));
      expect(undo).toEqual([]);
      expect(stages.flatMap((stage) => stage.ops.map((op) => op.op))).toEqual(mode === 'iptables' ? ['rules', 'rules'] : ['nft', 'nft']);
    }
  });

  it('of mode takes the rules of the other mode out', () => {
    const { undo, stages } = reconcile(labOf([service()], 'nftables'), labOf([service()], 'iptables'));
    expect(undo.map((op) => op.op)).toEqual(['nft', 'nft']);
    expect(stages.flatMap((stage) => stage.ops.map((op) => op.op))).toEqual(['sysctl', 'sysctl', 'rules', 'rules']);
  });

  const forgotten = (from: LabPlan, to: LabPlan): unknown[] =>
    staleFlowStages(from, to).flatMap((stage) => stage.ops.flatMap((op) => (op.op === 'forget-flows' && op.ns.endsWith('worker1') ? [op.services] : [])));

  it('forgets flows of UDP ports that lost an endpoint, by every address that leads to them', () => {
    const [services] = forgotten(labOf([dns('10.244.1.5', '10.244.1.6')]), labOf([dns('10.244.1.6', '10.244.1.7')]));
    expect(services).toEqual([
      {
        destinations: ['10.96.0.10:53', ...['172.30.0.3', '10.244.1.1', '10.244.1.0', '127.0.0.1'].map((address) => `${address}:30053`)],
        endpoints: ['10.244.1.6:5353', '10.244.1.7:5353'],
      },
    ]);
  });
  const destinations = (from: readonly ServicePlan[], to: readonly ServicePlan[]): unknown =>
    forgotten(labOf(from), labOf(to))
      .flat()
      .map((one) => Object.values(one as Readonly<Record<string, unknown>>));
  const at = (more: Partial<ServicePlan>): ServicePlan => ({ ...dns('10.244.1.5'), ports: [port({ name: 'dns', protocol: 'UDP', port: 53 })], ...more });
  it.each<[string, ServicePlan, ServicePlan, unknown]>([
    ['an external address that is new', at({}), at({ externalIPs: ['172.30.0.77'] }), [[['172.30.0.77:53'], ['10.244.1.5:5353']]]],
    ['an external address that goes', at({ externalIPs: ['172.30.0.77'] }), at({}), [[['172.30.0.77:53'], []]]],
    [
      'another address of the load balancer',
      at({ loadBalancerIPs: ['203.0.113.9'] }),
      at({ loadBalancerIPs: ['203.0.113.8'] }),
      [
        [['203.0.113.9:53'], []],
        [['203.0.113.8:53'], ['10.244.1.5:5353']],
      ],
    ],
    [
      'another cluster IP',
      at({}),
      at({ clusterIPs: ['10.96.0.11'] }),
      [
        [['10.96.0.10:53'], []],
        [['10.96.0.11:53'], ['10.244.1.5:5353']],
      ],
    ],
  ])('forgets flows by %s, and no others', (_name, from, to, expected) => {
    expect(destinations([from], [to])).toEqual(expected);
  });
  it('forgets flows to a node port that is new, and keeps those by the cluster IP', () => {
    const text = JSON.stringify(destinations([at({})], [dns('10.244.1.5')]));
    expect(text).toContain('172.30.0.3:30053');
    expect(text).not.toContain('10.96.0.10');
  });
  it('forgets flows from a time without kube-proxy', () => {
    expect(JSON.stringify(forgotten(labOf([at({})], 'none'), labOf([at({})])))).toContain('10.96.0.10:53');
  });
  it.each<[string, readonly ServicePlan[], readonly ServicePlan[], number]>([
    ['the first endpoint', [dns()], [dns('10.244.1.5')], 1],
    ['the last endpoint', [dns('10.244.1.5')], [dns()], 1],
    ['a new Service', [], [dns('10.244.1.5')], 1],
    ['a Service that goes', [dns('10.244.1.5')], [], 1],
    ['one more endpoint', [dns('10.244.1.5')], [dns('10.244.1.5', '10.244.1.6')], 0],
    ['nothing', [dns('10.244.1.5')], [dns('10.244.1.5')], 0],
    ['TCP alone', [service()], [service({ endpoints: [] })], 0],
    ['still none', [dns()], [dns()], 0],
  ])('%s', (_name, from, to, ports) => {
    expect(forgotten(labOf(from), labOf(to)).flat()).toHaveLength(ports);
  });
  it('not in mode none, nor on nodes that are new', () => {
    expect(staleFlowStages(labOf([dns()], 'none'), labOf([dns('10.244.1.5')], 'none'))).toEqual([]);
    const from = labOf([dns()]);
    const empty = { ...from, clusters: from.clusters.map((cluster) => ({ ...cluster, nodes: [] })) };
    expect(staleFlowStages(empty, labOf([dns('10.244.1.5')]))).toEqual([]);
  });
});

describe('what the modes need', () => {
  it.each<[ProxyMode, readonly string[], boolean, readonly string[]]>([
    ['iptables', ['ipv4'], false, []],
    ['nftables', ['ipv4'], true, []],
    ['ipvs', ['ipv4'], false, ['c1']],
    ['none', ['ipv4'], false, []],
  ])('%s', (mode, filters, nft, ipvs) => {
    expect(planNeeds(labOf([], mode))).toMatchObject({ filters, nft, ipvs });
  });

  it('ipvs without ip_vs is refused before anything is made, with the modes and engines that do', () => {
    if (kernelHasIpvs()) return;
    expect(() => preflight(labOf([], 'ipvs'), '/')).toThrow(/ip_vs in the kernel \(kube-proxy mode ipvs of cluster c1\)/);
    try {
      preflight(labOf([], 'ipvs'), '/');
    } catch (error) {
      expect((error as { hint: string }).hint).toMatch(/nftables.*iptables.*\bvm\b/s);
    }
  });
  it('ip_vs is found loaded, built in or on disk', () => {
    const none = (): boolean => false;
    expect(kernelHasIpvs(() => null, none)).toBe(false);
    expect(
      kernelHasIpvs(
        () => null,
        (path) => path === '/proc/net/ip_vs',
      ),
    ).toBe(true);
    expect(kernelHasIpvs((path) => (path.endsWith('modules.dep') ? 'kernel/net/netfilter/ipvs/ip_vs.ko.xz: kernel/…' : null), none)).toBe(true);
    expect(kernelHasIpvs((path) => (path.endsWith('modules.builtin') ? 'kernel/net/netfilter/ipvs/ip_vs.ko\n' : null), none)).toBe(true);
    expect(kernelHasIpvs(() => 'kernel/net/netfilter/ipvs/ip_vs_rr.ko: x', none)).toBe(false);
  });

  it('says of each mode what it is made of', () => {
    expect(fidelity(labOf([], 'iptables')).sameMechanism.join('\n')).toMatch(/kube-proxy writes in mode iptables/);
    expect(fidelity(labOf([], 'nftables')).sameMechanism.join('\n')).toMatch(/kube-proxy writes in mode nftables/);
    expect(fidelity(labOf([], 'none')).sameMechanism.join('\n')).toMatch(/no cluster address and no node port answers/);
    expect(fidelity(labOf([], 'none')).absent.join('\n')).not.toMatch(/kube-proxy: nobody/);
    expect(fidelity(labOf([], 'iptables')).absent.join('\n')).toMatch(/kube-proxy: nobody watches/);
  });
});
