import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cidrContains, cidrsOverlap, parseAddress, parseCidr } from '../../topology/cidr.ts';
import { diffPlans } from '../../topology/diff.ts';
import { SpecError } from '../../topology/errors.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { ClusterSpec, CniSpec, LabSpec, NodeSpec } from '../../topology/spec.ts';

const lab = (cni: CniSpec, cluster: Partial<ClusterSpec> = {}, rest: Partial<LabSpec> = {}): LabSpec => ({
  name: 'demo',
  clusters: [{ name: 'c1', cni, workloads: [{ name: 'app', perNode: 2 }], ...cluster }],
  ...rest,
});
const addresses = (plan: LabPlan): ReadonlyMap<string, string> =>
  new Map([
    ...[...plan.machines, ...plan.clusters.flatMap((c) => c.nodes)].flatMap((m) =>
      m.interfaces.map((i) => [`${m.id}/${i.name}`, i.addresses.map((a) => a.address).join()] as const),
    ),
    ...plan.clusters.flatMap((c) => c.pods.map((p) => [p.id, p.interface?.addresses.map((a) => a.address).join() ?? 'host'] as const)),
  ]);
const two = [
  { name: 'a', cidr: '10.0.1.0/24' },
  { name: 'b', cidr: '10.0.2.0/24' },
];

describe('planLab', () => {
  it('plans flannel as flannel does it', () => {
    const node = planLab(lab({ type: 'flannel' })).clusters[0]?.nodes[1];
    expect(node?.podCIDRs).toEqual(['10.244.1.0/24']);
    expect(node?.bridge).toMatchObject({ name: 'cni0', mtuBytes: 1450, addresses: [{ address: '10.244.1.1', prefixLength: 24 }] });
    expect(node?.vxlans).toMatchObject([
      { name: 'flannel.1', vni: 1, port: 8472, local: '172.30.0.3', addresses: [{ address: '10.244.1.0', prefixLength: 32 }] },
    ]);
    expect(node?.podRoutes.map((r) => `${r.to} via ${r.via} dev ${r.dev} onlink=${r.onlink}`)).toEqual([
      '10.244.0.0/24 via 10.244.0.0 dev flannel.1 onlink=true',
      '10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink=true',
    ]);
  });

  it('plans bare routes for host-gw and within a segment for directRouting', () => {
    const hostGw = planLab(lab({ type: 'flannel', backend: 'host-gw' })).clusters[0]?.nodes[0];
    expect(hostGw?.vxlans).toEqual([]);
    expect(hostGw?.podRoutes[0]).toMatchObject({ to: '10.244.1.0/24', via: '172.30.0.3', dev: 'eth0' });
    expect(hostGw?.bridge?.mtuBytes).toBe(1500);
    const direct = planLab(
      lab(
        { type: 'flannel', directRouting: true },
        {
          nodes: [
            { name: 'n1', segment: 'a' },
            { name: 'n2', segment: 'a' },
            { name: 'n3', segment: 'b' },
          ],
        },
        { underlay: { segments: two } },
      ),
    );
    expect(direct.clusters[0]?.nodes[0]?.podRoutes.map((r) => r.dev)).toEqual(['eth0', 'flannel.1']);
  });

  it('plans calico blocks, the next hop nobody has, and one session per pair', () => {
    const plan = planLab(lab({ type: 'calico', encapsulation: 'none' }, { podCIDR: '192.168.0.0/16' }));
    const nodes = plan.clusters[0]?.nodes ?? [];
    expect(nodes.map((n) => n.blocks)).toEqual([['192.168.0.0/26'], ['192.168.0.64/26'], ['192.168.0.128/26']]);
    expect(nodes[0]?.podRoutes.map((r) => [r.to, r.type, r.origin])).toEqual([
      ['192.168.0.0/26', 'blackhole', 'static'],
      ['192.168.0.64/26', 'unicast', 'bgp'],
      ['192.168.0.128/26', 'unicast', 'bgp'],
    ]);
    expect(plan.clusters[0]?.pods[0]?.interface).toMatchObject({ gateways: ['169.254.1.1'], mtuBytes: 1500 });
    expect(plan.clusters[0]?.pods[0]?.interface?.hostName).toMatch(/^cali[0-9a-f]{11}$/);
    const active = nodes.flatMap((n) => (n.bgp?.peers ?? []).filter((p) => !p.passive));
    expect(active).toHaveLength(3);
  });

  it('gives a calico node as many blocks as its pods need', () => {
    const plan = planLab(lab({ type: 'calico', blockSize: 29 }, { podCIDR: '192.168.0.0/16', workers: 1, workloads: [{ name: 'app', perNode: 20 }] }));
    expect(plan.clusters[0]?.nodes.map((n) => n.blocks.length)).toEqual([3, 3]);
    const all = plan.clusters[0]?.pods.map((p) => p.interface?.addresses[0]?.address);
    expect(new Set(all).size).toBe(40);
  });

  it('uses reflectors instead of a mesh', () => {
    const nodes = Array.from({ length: 6 }, (_, i) => ({ name: `n${i + 1}` }));
    const plan = planLab(lab({ type: 'calico', encapsulation: 'none', routeReflectors: ['n1', 'n2'] }, { nodes, podCIDR: '192.168.0.0/16' }));
    const sessions = plan.clusters[0]?.nodes.flatMap((n) => (n.bgp?.peers ?? []).filter((p) => !p.passive)) ?? [];
    expect(sessions).toHaveLength(9);
    expect(plan.clusters[0]?.nodes[5]?.bgp?.peers.map((p) => p.node)).toEqual(['c1/n1', 'c1/n2']);
  });

  it('plans weave as one subnet with the mask of the range', () => {
    const plan = planLab(lab({ type: 'weave' }, { podCIDR: '10.50.0.0/16' }));
    expect(plan.clusters[0]?.pods[0]?.interface).toMatchObject({ mtuBytes: 1376, addresses: [{ address: '10.50.0.2', prefixLength: 16 }] });
    expect(plan.clusters[0]?.nodes.map((n) => n.podCIDRs)).toEqual([['10.50.0.0/20'], ['10.50.16.0/20'], ['10.50.32.0/20']]);
    expect(plan.clusters[0]?.nodes[0]?.vxlans[0]).toMatchObject({ master: 'weave', port: 6784, learning: true });
  });

  it('joins segments by a router that knows the pods, and an outside by its router', () => {
    const plan = planLab(
      lab(
        { type: 'bridge' },
        {
          nodes: [
            { name: 'n1', segment: 'a' },
            { name: 'n2', segment: 'b' },
          ],
        },
        { underlay: { segments: two }, outside: { hosts: [{ name: 'client' }] } },
      ),
    );
    const router = plan.machines.find((m) => m.kind === 'router');
    expect(router?.interfaces.map((i) => i.addresses[0]?.address)).toEqual(['10.0.1.1', '10.0.2.1', '203.0.113.1']);
    expect(router?.routes.map((r) => `${r.to} via ${r.via} dev ${r.dev}`)).toEqual([
      '10.244.0.0/24 via 10.0.1.2 dev eth0',
      '10.244.1.0/24 via 10.0.2.2 dev eth1',
    ]);
    expect(plan.machines.find((m) => m.id === 'client')?.routes[0]).toMatchObject({ to: '0.0.0.0/0', via: '203.0.113.1' });
    expect(plan.clusters[0]?.nodes[0]?.podRoutes[0]).toMatchObject({ to: '10.244.1.0/24', via: '10.0.1.1' });
  });

  it('plans dual stack with a device per family and the smaller MTU', () => {
    const plan = planLab(lab({ type: 'flannel' }, { podCIDR: ['10.244.0.0/16', 'fd00:10:244::/56'], serviceCIDR: ['10.96.0.0/16', 'fd00:10:96::/112'] }));
    expect(plan.clusters[0]?.nodes[1]?.vxlans.map((v) => [v.name, v.local, v.mtuBytes])).toEqual([
      ['flannel.1', '172.30.0.3', 1430],
      ['flannel-v6.1', 'fd00:30::3', 1430],
    ]);
    expect(plan.clusters[0]?.dnsServiceIPs).toEqual(['10.96.0.10', 'fd00:10:96::a']);
  });

  it('keeps control planes free of what does not tolerate them, unless there is no worker', () => {
    const spec = (workers: number): LabSpec => lab({ type: 'bridge' }, { workers, workloads: [{ name: 'web', replicas: 3 }] });
    expect(new Set(planLab(spec(2)).clusters[0]?.pods.map((p) => p.node))).toEqual(new Set(['worker1', 'worker2']));
    expect(new Set(planLab(spec(0)).clusters[0]?.pods.map((p) => p.node))).toEqual(new Set(['control-plane1']));
  });

  it('places pods as the lab file says of each control plane, and says so in the plan alone where it does', () => {
    const spec = (nodes: readonly NodeSpec[]): LabSpec => lab({ type: 'bridge' }, { nodes, workloads: [{ name: 'web', replicas: 4 }] });
    const nodesOf = (nodes: readonly NodeSpec[]): readonly string[] => [...new Set(planLab(spec(nodes)).clusters[0]?.pods.map((p) => p.node))].toSorted();
    const cp = (name: string, schedulable?: boolean): NodeSpec => ({ name, role: 'control-plane', ...(schedulable === undefined ? {} : { schedulable }) });
    expect(nodesOf([cp('a', true), cp('b'), { name: 'c' }])).toEqual(['a', 'c']);
    expect(nodesOf([cp('a', false), cp('b')])).toEqual(['b']);
    expect(() => planLab(spec([cp('a', false)]))).toThrow(
      expect.objectContaining({ diagnostics: expect.arrayContaining([expect.objectContaining({ code: 'POD_UNSCHEDULABLE' })]) as unknown }),
    );
    expect(planLab(spec([cp('a', true), cp('b'), { name: 'c' }])).clusters[0]?.nodes.map((n) => n.schedulable ?? null)).toEqual([true, null, null]);
    // What tolerates the taint runs there all the same.
    const everywhere = planLab(lab({ type: 'bridge' }, { nodes: [cp('a', false)], workloads: [{ name: 'web', perNode: 1 }] }));
    expect(everywhere.clusters[0]?.pods.map((p) => p.node)).toEqual(['a']);
  });

  it('a taint comes and goes in place, and takes pods that it keeps off with it', () => {
    const plan = (schedulable?: boolean): LabSpec =>
      lab(
        { type: 'bridge' },
        {
          nodes: [{ name: 'a', role: 'control-plane', ...(schedulable === undefined ? {} : { schedulable }) }, { name: 'b' }],
          workloads: [{ name: 'web', replicas: 2 }],
        },
      );
    const [open, tainted] = [planLab(plan(true)), planLab(plan(), { previous: planLab(plan(true)) })];
    const nodeChanges = (from: LabPlan, to: LabPlan): unknown => diffPlans(from, to).changes.filter((c) => c.object === 'node');
    const change = { kind: 'change', object: 'node', id: 'c1/a', inPlace: true, reason: 'whether it is schedulable changes' };
    expect(nodeChanges(open, tainted)).toEqual([{ ...change, from: 'true', to: 'false' }]);
    expect(nodeChanges(tainted, open)).toEqual([{ ...change, from: 'false', to: 'true' }]);
    expect(diffPlans(open, tainted).recreate).toHaveLength(1);
    expect(diffPlans(tainted, planLab(plan(false), { previous: tainted })).empty).toBe(true);
  });

  it("writes neighbours by hand above half of the kernel's table", () => {
    expect(planLab(lab({ type: 'flannel' })).neighbours.mode).toBe('learned');
    expect(planLab(lab({ type: 'flannel' }, { workers: 9, workloads: [{ name: 'app', perNode: 10 }] })).neighbours.mode).toBe('permanent');
  });

  it('is frozen, JSON, and the same bytes for the same spec', () => {
    const spec = lab({ type: 'flannel' }, {}, { outside: { hosts: [{ name: 'client' }] } });
    const plan = planLab(spec);
    expect(JSON.stringify(planLab(spec))).toBe(JSON.stringify(plan));
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
    expect(() => {
      (plan.clusters as unknown[]).push(1);
    }).toThrow(TypeError);
    expect(Object.isFrozen(plan.clusters[0]?.nodes[0]?.interfaces)).toBe(true);
  });

  it('refuses an invalid spec with every problem at once', () => {
    try {
      planLab(lab({ type: 'flannel' }, { podCIDR: '10.96.0.0/12', serviceCIDR: '10.100.0.0/16', name: 'c1' }, { name: '../x' }));
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(SpecError);
      expect((error as SpecError).diagnostics.filter((d) => d.severity === 'error').length).toBeGreaterThanOrEqual(2);
    }
  });
});

const cniArbitrary = fc.constantFrom<CniSpec>(
  { type: 'bridge' },
  { type: 'flannel' },
  { type: 'flannel', backend: 'host-gw' },
  { type: 'calico' },
  { type: 'calico', encapsulation: 'none' },
  { type: 'weave' },
);
const sizes = fc.record({
  cni: cniArbitrary,
  controlPlanes: fc.integer({ min: 1, max: 3 }),
  workers: fc.integer({ min: 0, max: 5 }),
  perNode: fc.integer({ min: 1, max: 6 }),
});

describe('what an author fixes', () => {
  const pod = (name: string, address: string): Record<string, unknown> => ({ name, annotations: { 'cnilab.dev/address': address } });
  const planned = (spec: Partial<ClusterSpec>, ...pods: readonly (readonly [string, string])[]): LabPlan =>
    planLab({
      name: 'fixed',
      clusters: [
        {
          name: 'c1',
          cni: { type: 'flannel' },
          workers: 1,
          objects: pods.map(([name, address]) => ({
            apiVersion: 'v1',
            kind: 'Pod',
            metadata: pod(name, address) as never,
            spec: { nodeName: 'worker1', containers: [] },
          })),
          ...spec,
        },
      ],
    });
  const addressesOf = (plan: LabPlan): readonly string[] =>
    plan.clusters[0]?.pods.map((one) => `${one.name} ${one.interface?.addresses.map(({ address }) => address).join(' ')}`) ?? [];

  it('a pod has the address of its annotation, per family, and the others the ones that are free', () => {
    expect(addressesOf(planned({}, ['a', ''], ['b', '10.244.1.2'], ['c', '10.244.1.35']))).toEqual(['a 10.244.1.3', 'b 10.244.1.2', 'c 10.244.1.35']);
    const dual = planned({ podCIDR: ['10.244.0.0/16', 'fd00:244::/56'], serviceCIDR: ['10.96.0.0/16', 'fd00:96::/112'] }, ['a', '10.244.1.9,fd00:244:0:1::9']);
    expect(addressesOf(dual)).toEqual(['a 10.244.1.9 fd00:244:0:1::9']);
  });

  it.each([
    ['outside of its node', [['a', '10.244.0.9']]],
    ['the gateway', [['a', '10.244.1.1']]],
    [
      'somebody else’s',
      [
        ['a', '10.244.1.9'],
        ['b', '10.244.1.9'],
      ],
    ],
    ['no address', [['a', 'nine']]],
    ['of a family that the cluster lacks', [['a', 'fd00:244:0:1::9']]],
    ['the second of its family', [['a', '10.244.1.9,10.244.1.10']]],
  ] as const)('an address that is %s is refused', (_what, pods) => {
    expect(() => planned({}, ...pods)).toThrow(SpecError);
    try {
      planned({}, ...pods);
    } catch (error) {
      expect((error as SpecError).diagnostics.map((one) => one.code)).toEqual(['POD_ADDRESS_UNAVAILABLE']);
    }
  });

  it('servers of the cluster’s DNS stand on one node after the other, and more of them rename nobody', () => {
    const servers = (dns: ClusterSpec['dns']): readonly string[] =>
      planned(dns === undefined ? {} : { dns }).clusters[0]?.pods.map((one) => `${one.node} ${one.name}`) ?? [];
    expect(servers(false)).toEqual([]);
    expect(servers({ replicas: 3 })[0]).toBe(servers(true)[0]);
    expect(servers({ replicas: 3 }).map((one) => one.split(' ')[0])).toEqual(['control-plane1', 'worker1', 'control-plane1']);
    const kubeDns = planned({ dns: { replicas: 2 } }).clusters[0]?.services.find((one) => one.name === 'kube-dns');
    expect(kubeDns?.endpoints).toHaveLength(2);
  });
});

describe('properties of planning', () => {
  it('gives every address once, inside its range', () => {
    fc.assert(
      fc.property(sizes, ({ cni, controlPlanes, workers, perNode }) => {
        const plan = planLab(lab(cni, { controlPlanes, workers, workloads: [{ name: 'app', perNode }] }));
        const cluster = plan.clusters[0];
        if (cluster === undefined) throw new Error('no cluster');
        const all = [
          ...addresses(plan).values(),
          ...cluster.nodes.flatMap((n) => (n.bridge?.addresses ?? []).map((a) => a.address)),
          ...cluster.nodes.flatMap((n) => n.vxlans.flatMap((v) => v.addresses.map((a) => a.address))),
        ];
        expect(new Set(all).size).toBe(all.length);
        for (const pod of cluster.pods) {
          const node = cluster.nodes.find((n) => n.name === pod.node);
          for (const a of pod.interface?.addresses ?? []) expect(node?.podCIDRs.some((c) => cidrContains(parseCidr(c), parseAddress(a.address)))).toBe(true);
        }
        const ranges = cluster.nodes.flatMap((n) => n.podCIDRs.map(parseCidr));
        ranges.forEach((a, i) => {
          ranges.slice(i + 1).forEach((b) => {
            expect(cidrsOverlap(a, b)).toBe(false);
          });
        });
        const names = [...plan.clusters.flatMap((c) => c.nodes), ...plan.machines].flatMap((m) => m.interfaces.map((i) => i.switchPort));
        for (const name of names) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(15);
        const macs = [...cluster.pods.map((p) => p.interface?.mac), ...cluster.nodes.flatMap((n) => n.interfaces.map((i) => i.mac))];
        expect(new Set(macs).size).toBe(macs.length);
      }),
      { numRuns: 60 },
    );
  });

  it('never renumbers what stays when something is added to or removed from the running lab', () => {
    fc.assert(
      fc.property(sizes, sizes, fc.boolean(), ({ cni, controlPlanes, workers, perNode }, next, second) => {
        const from = planLab(lab(cni, { controlPlanes, workers, workloads: [{ name: 'app', perNode }] }));
        const grown = lab(cni, {
          controlPlanes: next.controlPlanes,
          workers: next.workers,
          workloads: [
            { name: 'other', perNode: 1 },
            { name: 'app', perNode: next.perNode },
          ],
        });
        const spec = second
          ? {
              ...grown,
              clusters: [...(grown.clusters ?? []), { name: 'c2', podCIDR: '10.200.0.0/16', serviceCIDR: '10.111.0.0/16', cni: { type: 'bridge' as const } }],
            }
          : grown;
        const to = planLab(spec, { previous: from });
        const before = addresses(from);
        const after = addresses(to);
        for (const [id, address] of before) if (after.has(id)) expect(`${id} ${after.get(id)}`).toBe(`${id} ${address}`);
        expect(diffPlans(from, to).changes.filter((c) => !c.inPlace)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('does not renumber when a cluster is added to the file', () => {
    const one = addresses(planLab(lab({ type: 'flannel' })));
    const both = addresses(planLab({ name: 'demo', clusters: [...(lab({ type: 'flannel' }).clusters ?? []), { name: 'c2', cni: { type: 'bridge' } }] }));
    for (const [id, address] of one) expect(both.get(id)).toBe(address);
  });
});

describe('diffPlans', () => {
  it('is empty for the same plan', () => {
    const plan = planLab(lab({ type: 'calico' }));
    expect(diffPlans(plan, plan)).toEqual({ changes: [], replace: false, empty: true, recreate: [] });
  });

  it('asks for a replacement when the CNI or a range changes, and says why', () => {
    const from = planLab(lab({ type: 'flannel' }));
    const to = planLab(lab({ type: 'flannel', vni: 7 }, { podCIDR: '10.200.0.0/16' }), { previous: from });
    const diff = diffPlans(from, to);
    expect(diff.replace).toBe(true);
    expect(diff.changes.filter((c) => !c.inPlace && c.object === 'cluster').map((c) => c.reason)).toEqual([
      'podCIDRs of a running cluster cannot change',
      'cni of a running cluster cannot change',
    ]);
  });

  it('names a pod that is attached anew', () => {
    const from = planLab(lab({ type: 'bridge' }, { workloads: [{ name: 'web', replicas: 1 }] }));
    const to = planLab(lab({ type: 'bridge' }, { workloads: [{ name: 'web', replicas: 1, hostNetwork: true }] }), { previous: from });
    expect(diffPlans(from, to)).toMatchObject({ replace: false, recreate: [from.clusters[0]?.pods[0]?.id] });
  });

  it('tells of policies and of the labels that they look at; nothing is attached anew', () => {
    const planned = (pod: string, namespace: string, policies: Readonly<Record<string, unknown>>): LabPlan =>
      planLab(
        lab(
          { type: 'calico' },
          {
            workloads: [{ name: 'web', replicas: 1, labels: { tier: pod } }],
            objects: [
              { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default', labels: { team: namespace } } },
              ...Object.entries(policies).map(([name, spec]) => ({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name }, spec })),
            ],
          },
        ),
      );
    const from = planned('a', 'x', { keep: {}, gone: {}, other: {} });
    const { changes, replace, recreate } = diffPlans(from, planned('b', 'y', { keep: {}, other: { policyTypes: ['Egress'] }, fresh: {} }));
    expect([replace, recreate]).toEqual([false, []]);
    expect(changes.map((c) => `${c.kind} ${c.object} ${c.id}: ${c.reason}`)).toEqual([
      `change pod ${from.clusters[0]?.pods[0]?.id ?? ''}: its labels change`,
      'add policy c1/default/fresh: new in the lab file',
      'remove policy c1/default/gone: no longer in the lab file',
      'change policy c1/default/other: its selectors or rules change',
      'change namespace c1/default: its labels change',
    ]);
    expect(diffPlans(planned('a', 'x', {}), planned('a', 'y', {})).empty).toBe(true);
  });
});
