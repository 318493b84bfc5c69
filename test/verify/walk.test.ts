/** The walk of one packet over the state of kernels as data: a golden for each CNI, what stops a packet, and what is compared with a real one. */
import { describe, expect, it } from 'vitest';
import { emptyNamespace } from '../../engines/empty-namespace.ts';
import type { NamespaceSnapshot, Snapshot } from '../../engines/port.ts';
import { renderWalk } from '../../report/walk-text.ts';
import { plainStyle } from '../../report/style.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { CniSpec } from '../../topology/spec.ts';
import { explainWay } from '../../verify/walk/explain-way.ts';
import type { WalkReport } from '../../verify/walk/document.ts';
import { changed, healthySnapshot, nodeNamed, podsOf, smallPlan } from './inventory-fixture.ts';
import { modelSession, SILENT } from './model-session.ts';

const CNIS: readonly (readonly [name: string, cni: CniSpec])[] = [
  ['bridge', { type: 'bridge' }],
  ['flannel-vxlan', { type: 'flannel' }],
  ['flannel-host-gw', { type: 'flannel', backend: 'host-gw' }],
  ['calico-vxlan', { type: 'calico' }],
  ['weave', { type: 'weave' }],
  ['kindnet', { type: 'kindnet' }],
];

/** Ends of veth pairs know each other by index, as the kernel tells it; a pod that is routed by itself asks its node for everything. */
function wired(plan: LabPlan): Snapshot {
  const { takenAt, namespaces } = healthySnapshot(plan);
  const wiring = plan.clusters.flatMap((cluster) =>
    cluster.nodes.flatMap((node) =>
      podsOf(plan, node.name)
        .filter((pod) => pod.cluster === node.cluster)
        .map((pod, at) => ({ node: node.netns, pod: pod.netns, index: 30 + at, addresses: pod.interface.addresses })),
    ),
  );
  const routedTo = (netns: string, one: NamespaceSnapshot): NamespaceSnapshot['routes'] =>
    wiring.flatMap((pair) => {
      const dev = one.links.find((link) => link.index === pair.index);
      if (pair.node !== netns || dev === undefined || dev.master !== null) return [];
      return pair.addresses.map(({ family, address }) => ({
        family,
        to: `${address}/32`,
        via: null,
        dev: dev.name,
        type: 'unicast',
        proto: 3,
        metric: 0,
        table: 254,
        onlink: false,
      }));
    });
  const wire = (netns: string, one: NamespaceSnapshot): NamespaceSnapshot => ({
    ...one,
    routes: [...one.routes, ...routedTo(netns, one)],
    sysctls: {
      ...one.sysctls,
      ...(one.links.some((link) => link.kind === 'bridge') ? { 'net/bridge/bridge-nf-call-iptables': '1' } : { 'net/ipv4/conf/all/proxy_arp': '1' }),
    },
    links: one.links.map((link) => {
      const outside = wiring.find((pair) => pair.node === netns && pair.index === link.index);
      const inside = wiring.find((pair) => pair.pod === netns);
      return outside === undefined ? (inside === undefined ? link : { ...link, peer: inside.index }) : { ...link, peer: 2 };
    }),
  });
  return { takenAt, namespaces: Object.fromEntries(Object.entries(namespaces).map(([netns, one]) => [netns, wire(netns, one)])) };
}

async function walk(plan: LabPlan, snapshot: Snapshot, options: { readonly live?: 'ok' | 'silent'; readonly near?: boolean } = {}): Promise<WalkReport> {
  const session = modelSession(plan, {
    snapshot: (netns) => snapshot.namespaces[netns] ?? null,
    change: () => (options.live === 'silent' ? SILENT : { outcome: 'ok', errno: 0, answeredBy: 2 }),
  });
  const [from, to] = [podsOf(plan, 'worker1')[0]?.id ?? '', podsOf(plan, options.near === true ? 'worker1' : 'worker2').at(-1)?.id ?? ''];
  const between = { cluster: 'c1', from, to: { kind: 'pod', id: to } } as const;
  return explainWay(session, plan, { between, word: to, address: null, port: 8080, live: options.live !== undefined });
}

describe('a walk from the state of the kernels', () => {
  it.each(CNIS)('%s, as it is printed', async (name, cni) => {
    const plan = smallPlan(cni);
    const report = await walk(plan, wired(plan));
    await expect(renderWalk(report, { style: plainStyle })).toMatchFileSnapshot(`../report/golden/walk-${name}.txt`);
    expect(report.arrives).toBe('yes');
    expect(report.legs.map((leg) => leg.fate)).toEqual(['arrives', 'arrives']);
    expect((await walk(plan, wired(plan), { near: true })).arrives).toBe('yes');
  });

  const plan = smallPlan({ type: 'flannel' });
  const node = nodeNamed(plan, 'worker1').netns;
  const without = (change: (one: NamespaceSnapshot) => Partial<NamespaceSnapshot>, where = node): Snapshot => changed(wired(plan), where, change);
  const iptables = (rule: string): Partial<NamespaceSnapshot> => ({
    rules: { iptables: `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n[0:0] -A ${rule}\nCOMMIT\n`, ip6tables: '', nft: '' },
  });
  const broken: readonly (readonly [string, Snapshot, RegExp])[] = [
    ['no route', without(({ routes }) => ({ routes: routes.filter((one) => one.dev !== 'flannel.1') })), /^worker1 has no route to/],
    ['no forwarding', without(({ sysctls }) => ({ sysctls: { ...sysctls, 'net/ipv4/ip_forward': '0' } })), /ip_forward is 0/],
    ['no forwarding entry', without(() => ({ fdb: [] })), /has no forwarding entry for/],
    ['a dead peer', without(({ fdb }) => ({ fdb: fdb.map((one) => ({ ...one, dst: '172.30.0.200' })) })), /nobody answers for 172\.30\.0\.200/],
    ['a drop', without(() => iptables('FORWARD -p tcp -m tcp --dport 8080 -j DROP')), /a rule of filter, chain FORWARD, drops it in forward on worker1/],
    [
      'a tunnel that is filtered',
      without(() => iptables('INPUT -p udp -m udp --dport 8472 -j DROP'), nodeNamed(plan, 'worker2').netns),
      /drops it in input on worker2/,
    ],
    [
      'another VNI',
      without(
        ({ links }) => ({ links: links.map((one) => (one.vxlan === null ? one : { ...one, vxlan: { ...one.vxlan, vni: 99 } })) }),
        nodeNamed(plan, 'worker2').netns,
      ),
      /has no device of VNI 1 .*VNI 99/,
    ],
    [
      'a device that is down',
      without(({ links }) => ({ links: links.map((one) => (one.name === 'flannel.1' ? { ...one, up: false } : one)) })),
      /flannel\.1 of worker1 is down/,
    ],
    [
      'no way back',
      without(({ routes }) => ({ routes: routes.filter((one) => one.dev !== 'flannel.1') }), nodeNamed(plan, 'worker2').netns),
      /^the way back: worker2 has no route/,
    ],
  ];
  it.each(broken)('ends at %s', async (_what, snapshot, said) => {
    const report = await walk(plan, snapshot);
    expect(report.arrives).toBe('no');
    expect(report.why).toMatch(said);
    expect(report.legs.at(-1)?.hops.at(-1)?.kind).toBe('loss');
  });

  it('does not call lost what was not read: where the cables of pods end', async () => {
    const whole = wired(plan);
    const namespaces = Object.entries(whole.namespaces).map(([netns, one]): [string, NamespaceSnapshot] => [
      netns,
      { ...one, fdb: one.fdb.filter(({ dst }) => dst !== null), links: one.links.map(({ peer: _peer, ...link }) => link) },
    ]);
    const report = await walk(plan, { ...whole, namespaces: Object.fromEntries(namespaces) });
    expect(report.arrives).toBe('unknown');
    expect(report.why).toMatch(/where .* leads was not read/);
  });

  it('says where the packet does otherwise', async () => {
    const [stop] = broken;
    expect((await walk(plan, stop?.[1] ?? wired(plan), { live: 'silent' })).live).toMatchObject({
      outcome: 'silent',
      differs: expect.not.arrayContaining([expect.stringMatching(/^by the state/)]),
    });
    const came = await walk(plan, stop?.[1] ?? wired(plan), { live: 'ok' });
    expect(came.live?.differs[0]).toMatch(/^by the state of the kernels it is lost \(worker1 has no route .*; the packet came back$/);
    const lost = await walk(plan, wired(plan), { live: 'silent' });
    expect(lost.live?.differs[0]).toBe('by the state of the kernels it arrives; the packet did not come back: silent');
    // The counters of a model stand still.
    expect(lost.live?.differs.filter((line) => line.endsWith('but its counter stands still')).length).toBeGreaterThan(5);
  });

  it.each([
    ['knows the way', /^203\.0\.113\.\d+ is not resolved yet: ARP asks, and router answers with /],
    ['has no way', /^nobody answers for 203\.0\.113\.\d+ on eth0 of laptop$/],
  ])('finds who answers for the address of a load balancer: a router that %s', async (way, said) => {
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { type: 'LoadBalancer', selector: { app: 'echo' }, ports: [{ port: 80 }] },
    };
    const outer = smallPlan({ type: 'bridge' }, { outside: { hosts: [{ name: 'laptop' }] } }, { objects: [service] });
    const [laptop, router] = ['laptop', 'router'].map((name) => outer.machines.find((machine) => machine.name === name));
    const address = outer.clusters[0]?.services.find((one) => one.name === 'web')?.loadBalancerIPs[0] ?? '';
    const [cable] = laptop?.interfaces ?? [];
    if (laptop === undefined || router === undefined || cable === undefined) throw new Error('no outside');
    const own = { family: 'ipv4', dev: cable.name, prefixLength: 24, address: cable.addresses[0]?.address ?? '' } as const;
    const link = { ...healthySnapshot(outer).namespaces[router.netns]?.links[0], index: 2, name: cable.name, mac: cable.mac };
    const onLink = {
      family: 'ipv4',
      to: '203.0.113.0/24',
      via: null,
      dev: cable.name,
      type: 'unicast',
      proto: 2,
      metric: 0,
      table: 254,
      onlink: false,
    } as const;
    const healthy = healthySnapshot(outer);
    const state = { ...emptyNamespace(laptop.netns), links: [link], addresses: [own], routes: [onLink] } as NamespaceSnapshot;
    const snapshot = changed({ ...healthy, namespaces: { ...healthy.namespaces, [laptop.netns]: state } }, router.netns, ({ routes }) => ({
      routes: way === 'knows the way' ? routes : routes.filter((one) => one.to !== `${address}/32`),
    }));
    const session = modelSession(outer, { snapshot: (netns) => snapshot.namespaces[netns] ?? null });
    const between = { cluster: 'c1', from: 'laptop', to: { kind: 'pod', id: '' } } as const;
    const report = await explainWay(session, outer, { between, word: address, address, port: 80, live: false });
    expect(report.legs[0]?.hops.find((hop) => said.test(hop.says))?.place).toBe('laptop');
  });
});
