/** Ranges, addresses of nodes, gateways, Services' routes and connection tracking: what is found before a packet is sent, and what is no deviation. */
import { describe, expect, it } from 'vitest';
import type { NamespaceSnapshot, RouteSnapshot, Snapshot } from '../../engines/port.ts';
import type { LabPlan, NodePlan } from '../../topology/plan.ts';
import { diagnose } from '../../verify/diagnosis/diagnose.ts';
import type { Finding } from '../../verify/inventory/finding.ts';
import { flowsOf } from '../../verify/inventory/flow.ts';
import { takeInventory } from '../../verify/inventory/index.ts';
import { viewLab } from '../../verify/inventory/lab-view.ts';
import { inventoryRanges } from '../../verify/inventory/ranges.ts';
import type { Failure } from '../../verify/report.ts';
import { changed, failure, failuresBetween, healthySnapshot, nodeNamed, podsOf, smallPlan } from './inventory-fixture.ts';

const plan = smallPlan({ type: 'flannel' });
const [worker1, worker2] = [nodeNamed(plan, 'worker1'), nodeNamed(plan, 'worker2')];
const healthy = healthySnapshot(plan);
const [pod] = podsOf(plan, 'worker1');
if (pod === undefined) throw new Error('a pod');

const find = (lab: LabPlan, snapshot: Snapshot): readonly Finding[] => takeInventory(viewLab(lab, snapshot), []);
const on1 = (change: (one: NamespaceSnapshot) => Partial<NamespaceSnapshot>): Snapshot => changed(healthy, worker1.netns, change);
const route = (to: string, rest: Partial<RouteSnapshot> = {}): RouteSnapshot => ({
  family: 'ipv4',
  to,
  via: null,
  dev: 'eth0',
  type: 'unicast',
  proto: 3,
  metric: 0,
  table: 254,
  onlink: false,
  ...rest,
});
const explained = (lab: LabPlan, snapshot: Snapshot, failures: readonly Failure[]): readonly boolean[] => {
  const [finding] = find(lab, snapshot);
  return flowsOf(viewLab(lab, snapshot), failures).map((flow) => finding?.explains(flow) === true);
};

describe('ranges of a real cluster with Calico', () => {
  const calico = smallPlan({ type: 'calico', encapsulation: 'vxlan' });
  const withBlocks = (of: (node: NodePlan) => readonly string[]): LabPlan => ({
    ...calico,
    clusters: calico.clusters.map((cluster) => ({ ...cluster, nodes: cluster.nodes.map((node) => ({ ...node, blocks: of(node) })) })),
  });
  const shared = (lab: LabPlan): readonly (readonly string[])[] =>
    inventoryRanges(viewLab(lab, healthySnapshot(calico))).flatMap(({ name, where }) => (name === 'duplicate-pod-cidr' ? [where] : []));

  it('are the pools, on every node, and no deviation', () => {
    expect(shared(withBlocks(() => calico.clusters[0]?.podCIDRs ?? []))).toEqual([]);
  });

  it('that two nodes really share are one', () => {
    const block = nodeNamed(calico, 'worker1').blocks;
    expect(shared(withBlocks((node) => (node.name === 'worker2' ? block : node.blocks)))).toEqual([['c1/worker1', 'c1/worker2']]);
  });
});

describe('a blackhole', () => {
  it('is mended by the planned route, or by its removal where BIRD has one', () => {
    const range = worker2.podCIDRs[0] ?? '';
    const [finding, ...rest] = find(
      plan,
      on1((one) => ({ routes: [...one.routes.filter((has) => has.to !== range), route(range, { type: 'blackhole', dev: null })] })),
    );
    expect(rest).toEqual([]);
    expect([finding?.name, finding?.mend]).toEqual([
      'route-is-blackhole',
      `cnilab exec small worker1 -- ip route del blackhole ${range}; cnilab exec small worker1 -- ip route replace ${range} via 10.244.2.0 dev flannel.1 onlink`,
    ]);
    const bgp = smallPlan({ type: 'calico', encapsulation: 'none' });
    const block = nodeNamed(bgp, 'worker2').blocks[0] ?? '';
    const over = changed(healthySnapshot(bgp), nodeNamed(bgp, 'worker1').netns, (one) => ({
      routes: [...one.routes, route(block, { type: 'blackhole', dev: null, metric: 1 })],
    }));
    expect(find(bgp, over).map((one) => [one.name, one.mend])).toEqual([
      ['route-is-blackhole', `cnilab exec small worker1 -- ip route del blackhole ${block} metric 1`],
    ]);
  });
});

describe('ranges', () => {
  it('that two bridges stand in are named, and the route that went with them is not', () => {
    const [gateway = ''] = worker2.gateways;
    const range = worker2.podCIDRs[0] ?? '';
    const twice = on1((one) => ({
      addresses: [...one.addresses, { dev: 'cni0', family: 'ipv4', address: gateway, prefixLength: 24 }],
      routes: [...one.routes.filter((has) => has.to !== range), route(range, { dev: 'cni0', proto: 2 })],
    }));
    const findings = find(plan, twice);
    expect(findings.map((one) => [one.name, one.where])).toEqual([['duplicate-pod-cidr', ['c1/worker1']]]);
    expect(findings[0]?.evidence[0]).toContain(`cni0 of worker1 has ${gateway}/24, in the range of worker2`);
    expect(findings[0]?.mend).toMatch(/ip addr del 10\.244\.2\.1\/24 dev cni0; .* ip route replace 10\.244\.2\.0\/24 via 10\.244\.2\.0 dev flannel\.1 onlink$/);
    expect(new Set(explained(plan, twice, failuresBetween(plan, 'worker2', 'worker1', 'silent')))).toEqual(new Set([true]));
    expect(new Set(explained(plan, twice, failuresBetween(plan, 'worker2', 'control-plane1', 'silent')))).toEqual(new Set([false]));
  });

  it('that the API gave out twice are named', () => {
    const [cluster] = plan.clusters;
    if (cluster === undefined) throw new Error('a cluster');
    const nodes = cluster.nodes.map((node) => (node.name === 'worker2' ? { ...node, podCIDRs: worker1.podCIDRs } : node));
    const told: LabPlan = { ...plan, clusters: [{ ...cluster, nodes }] };
    const found = find(told, { ...healthy, namespaces: {} });
    expect(found.map((one) => [one.name, one.where])).toEqual([['duplicate-pod-cidr', ['c1/worker1', 'c1/worker2']]]);
  });

  it('are one range of all nodes where pods are one segment', () => {
    const weave = smallPlan({ type: 'weave' });
    expect(find(weave, healthySnapshot(weave))).toEqual([]);
  });

  it('of a node that a foreign route takes a part of are named, and explain its pods in that part', () => {
    const overlap = on1((one) => ({ routes: [...one.routes, route('10.244.1.0/25')] }));
    expect(find(plan, overlap).map((one) => [one.name, one.where, one.mend])).toEqual([
      ['pod-cidr-overlaps', ['c1/worker1'], 'cnilab exec small worker1 -- ip route del 10.244.1.0/25 dev eth0'],
    ]);
    expect(new Set(explained(plan, overlap, failuresBetween(plan, 'worker2', 'worker1', 'silent')))).toEqual(new Set([true]));
    expect(
      find(
        plan,
        on1((one) => ({ routes: [...one.routes, route('10.244.1.0/32', { dev: 'flannel.1' }), route('10.0.0.0/8')] })),
      ),
    ).toEqual([]);
  });

  it('of another node that a foreign route of the same device takes a part of are named', () => {
    const bare = smallPlan({ type: 'bridge' });
    const overlap = (to: string): Snapshot =>
      changed(healthySnapshot(bare), nodeNamed(bare, 'worker1').netns, (one) => ({ routes: [...one.routes, route(to)] }));
    expect(find(bare, overlap('10.244.2.0/25')).map((one) => one.name)).toEqual(['pod-cidr-overlaps']);
    expect(find(bare, overlap('10.244.2.0/32'))).toEqual([]);
  });

  it('also explain nodes that speak with the address of their tunnel device', () => {
    const overlap = on1((one) => ({ routes: [...one.routes, route('10.244.2.0/25')] }));
    expect(explained(plan, overlap, [failure(plan, 'c1/worker2', pod.id, 'silent'), failure(plan, 'c1/control-plane1', pod.id, 'silent')])).toEqual([
      true,
      false,
    ]);
  });
});

describe('the address of a node', () => {
  const extra = { dev: 'nat0', family: 'ipv4', address: '10.0.2.15', prefixLength: 24 } as const;
  const everybody = changed(
    on1((one) => ({ addresses: [...one.addresses, extra] })),
    worker2.netns,
    (one) => ({ addresses: [...one.addresses, extra] }),
  );

  it('may be held by several where nobody uses it', () => {
    expect(find(plan, everybody)).toEqual([]);
  });

  it('that an overlay sends to, and that several have, is named in place of its entries', () => {
    const entry = worker1.vxlans[0]?.peers.find((one) => one.node === 'c1/worker2');
    const used = changed(everybody, worker1.netns, (one) => ({ fdb: one.fdb.map((has) => (has.mac === entry?.mac ? { ...has, dst: '10.0.2.15' } : has)) }));
    const findings = find(plan, used);
    expect(findings.map((one) => [one.name, one.where])).toEqual([['node-address-not-unique', ['c1/worker1', 'c1/worker2']]]);
    expect(findings[0]?.mend).toBe(`cnilab exec small worker1 -- bridge fdb replace ${entry?.mac} dev flannel.1 dst ${entry?.underlay} self permanent`);
    expect(new Set(explained(plan, used, failuresBetween(plan, 'worker1', 'worker2', 'unreachable')))).toEqual(new Set([true]));
    expect(new Set(explained(plan, used, failuresBetween(plan, 'worker1', 'control-plane1', 'unreachable')))).toEqual(new Set([false]));
  });

  it('on the interface of another is named; one of Services on a dummy device is not', () => {
    const address = worker2.interfaces[0]?.addresses[0]?.address ?? '';
    const taken = (dev: string, kind: string): Snapshot =>
      on1((one) => ({
        addresses: [...one.addresses, { dev, family: 'ipv4', address, prefixLength: 32 }],
        links: [...one.links, ...one.links.slice(0, 1).map((link) => ({ ...link, name: dev, kind }))],
      }));
    expect(find(plan, taken('extra0', 'veth')).map((one) => [one.name, one.mend])).toEqual([
      ['node-address-not-unique', `cnilab exec small worker1 -- ip addr del ${address}/32 dev extra0`],
    ]);
    expect(find(plan, taken('kube-ipvs0', 'dummy'))).toEqual([]);
  });
});

describe('the gateway of a pod', () => {
  const holds = (snapshot: Snapshot, mac: string): Snapshot =>
    changed(snapshot, pod.netns, () => ({
      neighbours: [{ dev: 'eth0', family: 'ipv4', address: worker1.gateways[0] ?? '', mac, state: 'stale' }],
    }));
  const renamed = on1((one) => ({ links: one.links.map((link) => (link.name === 'cni0' ? { ...link, mac: '02:00:00:00:00:07' } : link)) }));

  it('has the MAC that its bridge has now, whatever was planned', () => {
    const old = worker1.bridge?.mac ?? '';
    expect(find(plan, holds(renamed, old)).map((one) => [one.name, one.where])).toEqual([['gateway-mac-changed', [pod.id]]]);
    expect(find(plan, holds(renamed, '02:00:00:00:00:07'))).toEqual([]);
    expect(find(plan, holds(healthy, old))).toEqual([]);
    expect(find(plan, holds(healthy, '02:00:00:00:00:07')).map((one) => one.name)).toEqual(['gateway-mac-changed']);
  });
});

describe('an interface that is down', () => {
  it('is named alone, though IPv6 takes its addresses away, with all that brings it back', () => {
    const down = changed(healthy, pod.netns, (one) => ({
      links: one.links.map((link) => ({ ...link, up: false, carrier: false })),
      addresses: [],
      routes: [],
    }));
    expect(find(plan, down).map((one) => [one.name, one.mend])).toEqual([
      [
        'address-not-assigned',
        `cnilab exec small ${pod.id} -- ip link set eth0 up; cnilab exec small ${pod.id} -- ip route replace default via 10.244.1.1 dev eth0 onlink`,
      ],
    ]);
  });
});

describe('the route to Services', () => {
  const [range = ''] = plan.clusters[0]?.serviceCIDRs ?? [];
  const without = on1((one) => ({ routes: one.routes.filter((has) => has.to !== range) }));
  const asked = (client: string, via: string): Failure =>
    failure(plan, client, '', 'no-route', {
      check: 'service-from-node',
      server: 'c1/default/web',
      serverNode: worker1.id,
      door: { via, address: '10.96.0.9', port: 80 },
    });

  it('that a node lacks explains what the node asks at cluster IPs, and nothing of its pods', () => {
    expect(find(plan, without).map((one) => [one.name, one.where, one.mend])).toEqual([
      ['node-has-no-service-route', ['c1/worker1'], `cnilab exec small worker1 -- ip route replace ${range} dev eth0`],
    ]);
    expect(explained(plan, without, [asked('c1/worker1', 'cluster-ip'), asked('c1/worker1', 'node-port'), asked(pod.id, 'cluster-ip')])).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('may be a default route, and may not be unreachable', () => {
    const more = (rest: Partial<RouteSnapshot>): Snapshot =>
      changed(without, worker1.netns, (one) => ({ routes: [...one.routes, route('default', { via: '172.30.0.254', ...rest })] }));
    expect(find(plan, more({}))).toEqual([]);
    expect(find(plan, more({ type: 'unreachable', dev: null, via: null })).map((one) => one.name)).toEqual(['node-has-no-service-route']);
  });
});

describe('connection tracking', () => {
  const holding = (held: number, drops = 0): Snapshot =>
    on1((one) => ({ counters: { ...one.counters, ConntrackEntries: held, ConntrackMax: 1000, ConntrackDrops: drops } }));

  it('that is full explains every loss at its node, and is ruled out with the room it has', () => {
    expect(find(plan, holding(980))).toEqual([]);
    expect(find(plan, holding(1000)).map((one) => [one.name, one.evidence])).toEqual([
      ['conntrack-table-full', ['connection tracking of worker1 holds 1000 of at most 1000 connections']],
    ]);
    const failures = failuresBetween(plan, 'worker2', 'worker1', 'silent');
    const [full] = diagnose({ plan, failures, conntrack: [], snapshot: holding(1000, 9), countersBefore: holding(1000, 4) });
    expect(full).toMatchObject({ name: 'conntrack-table-full', severity: 'fail', mend: 'cnilab exec small worker1 -- conntrack -F' });
    expect(full?.evidence).toContain('ConntrackDrops rose by 5 on worker1 around the failing probes');
    const lossy = [failure(plan, pod.id, podsOf(plan, 'worker2')[0]?.id ?? '', 'silent', { saw: 'nothing came back (1 of 3 attempts)' })];
    const [loss] = diagnose({ plan, failures: lossy, conntrack: [], snapshot: holding(12) });
    expect(loss?.ruledOut).toContainEqual({ name: 'conntrack-table-full', because: 'connection tracking has room: 12 of 1000 on worker1' });
  });
});
