import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile } from '../../engines/netns/compile.ts';
import { reconcile, reconcileStages } from '../../engines/netns/reconcile.ts';
import type { Op, OpsDelta, Stage } from '../../engines/netns/ops.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { CniSpec, ProxyMode } from '../../topology/spec.ts';
import { smallLab, smallPlan, withPermanentNeighbours } from './compile-fixture.ts';
import { fresh } from './kernel-model.ts';

const CNIS: readonly CniSpec[] = [
  { type: 'bridge' },
  { type: 'bridge', mtu: 1400 },
  { type: 'bridge', masquerade: false },
  { type: 'bridge', bridge: 'br-pods' },
  { type: 'flannel' },
  { type: 'flannel', mtu: 1400 },
  { type: 'flannel', vni: 7 },
  { type: 'flannel', backend: 'host-gw' },
  { type: 'flannel', backend: 'udp' },
  { type: 'flannel', docker: true },
  { type: 'calico' },
  { type: 'calico', natOutgoing: false },
  { type: 'calico', encapsulation: 'none' },
  { type: 'weave' },
  { type: 'kindnet' },
  { type: 'weave', mtu: 1300 },
];

interface Variant {
  readonly cni: CniSpec;
  readonly workers: number;
  readonly perNode: number;
  readonly mtu: number;
  readonly hostPort: boolean;
  readonly permanent: boolean;
  readonly hosts: number;
  readonly mode: ProxyMode;
  readonly service: boolean;
}

const variant: fc.Arbitrary<Variant> = fc.record({
  cni: fc.constantFrom(...CNIS),
  workers: fc.integer({ min: 0, max: 3 }),
  perNode: fc.integer({ min: 1, max: 3 }),
  mtu: fc.constantFrom(1500, 9000),
  hostPort: fc.boolean(),
  permanent: fc.boolean(),
  hosts: fc.integer({ min: 0, max: 2 }),
  mode: fc.constantFrom('iptables', 'nftables', 'ipvs', 'none'),
  service: fc.boolean(),
});

const SERVICE = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web' },
  spec: { selector: { app: 'web' }, ports: [{ port: 53, protocol: 'UDP' }] },
};

/** Planned as `up` plans a change: what stays keeps its addresses. */
function planOf(v: Variant, previous: LabPlan | null = null): LabPlan {
  const workloads = [
    { name: 'web', perNode: v.perNode },
    { name: 'edge', perNode: 1, ports: [{ containerPort: 80, ...(v.hostPort ? { hostPort: 8080 } : {}) }] },
  ];
  const spec = smallLab(
    v.cni,
    { workers: v.workers, kubernetesVersion: '1.30', workloads, dns: false, objects: v.service ? [SERVICE] : [] },
    {
      underlay: { mtu: v.mtu },
      hosts: Array.from({ length: v.hosts }, (_, n) => ({ name: `host${n}` })),
    },
  );
  const planned = planLab(spec, { previous });
  // Not every CNI takes every mode: here all of them are tried.
  const plan = { ...planned, clusters: planned.clusters.map((cluster) => ({ ...cluster, kubeProxy: { ...cluster.kubeProxy, mode: v.mode } })) };
  return v.permanent ? withPermanentNeighbours(plan) : plan;
}

const size = ({ undo, stages }: OpsDelta): number => undo.length + stages.reduce((sum, stage) => sum + stage.ops.length, 0);
const stage = (...ops: Op[]): Stage[] => [{ name: 'test', title: 'test', ops }];

describe('reconcile', () => {
  it('has nothing to do between a plan and itself', () => {
    fc.assert(
      fc.property(variant, (v) => {
        expect(size(reconcile(planOf(v), planOf(v)))).toBe(0);
      }),
      { numRuns: 40 },
    );
  });

  it('ends where a fresh build of the new plan ends', () => {
    fc.assert(
      fc.property(variant, variant, (before, after) => {
        const from = planOf(before);
        const to = planOf(after, from);
        const kernel = fresh(compile(from));
        kernel.apply(reconcile(from, to));
        expect(kernel.state()).toEqual(fresh(compile(to)).state());
      }),
      { numRuns: 150 },
    );
  });

  it('comes back to where it was', () => {
    fc.assert(
      fc.property(variant, variant, (before, after) => {
        const from = planOf(before);
        const to = planOf(after, from);
        const kernel = fresh(compile(from));
        kernel.apply(reconcile(from, to));
        kernel.apply(reconcile(to, from));
        expect(kernel.state()).toEqual(fresh(compile(from)).state());
      }),
      { numRuns: 50 },
    );
  });

  it('touches only what a new pod needs', () => {
    const from = smallPlan({ type: 'flannel' });
    const to = planLab(
      smallLab(
        { type: 'flannel' },
        {
          workloads: [
            { name: 'web', perNode: 1 },
            { name: 'new', replicas: 1 },
          ],
        },
      ),
      { previous: from },
    );
    const { undo, stages } = reconcile(from, to);
    expect(undo).toEqual([]);
    expect(stages.map((s) => s.name)).toEqual(['pods']);
    expect(
      stages
        .flatMap((s) => s.ops)
        .filter((op) => op.op !== 'sysctl')
        .map((op) => op.op),
    ).toEqual(['netns', 'cni']);
  });

  it('frees the address of a removed pod before its namespace goes, and nothing else of it', () => {
    const to = smallPlan({ type: 'bridge' });
    const from = planLab(
      smallLab(
        { type: 'bridge' },
        {
          workloads: [
            { name: 'web', perNode: 1 },
            { name: 'old', replicas: 1 },
          ],
        },
      ),
      { previous: to },
    );
    const { undo, stages } = reconcile(from, to);
    expect(undo.filter((op) => op.op !== 'neigh').map((op) => op.op)).toEqual(['cni', 'netns']);
    expect(stages).toEqual([]);
  });

  it('takes a node away by its cable, its processes and its namespace, and its routes from the others', () => {
    const to = smallPlan({ type: 'calico', encapsulation: 'none' }, { workers: 1 });
    const from = planLab(smallLab({ type: 'calico', encapsulation: 'none' }, { workers: 2 }), { previous: to });
    const { undo, stages } = reconcile(from, to);
    expect(undo.map((op) => op.op)).toEqual(['netns', 'bird', 'rules', 'veth', 'netns', 'neigh', 'neigh']);
    expect(stages.map((s) => [s.name, ...s.ops.map((op) => op.op)])).toEqual([
      ['bgp', 'bird', 'bird'],
      ['convergence', 'await-routes', 'await-routes'],
    ]);
  });

  it('forgets who is gone: an address given to somebody else must not be looked for at the old MAC', () => {
    const weave = (name: string) => smallLab({ type: 'weave' }, { kubernetesVersion: '1.30', workloads: [{ name, perNode: 1 }] });
    const from = planLab(weave('web'));
    const to = planLab(weave('api'), { previous: from });
    const [old] = from.clusters[0]?.pods ?? [];
    const heir = to.clusters[0]?.pods.find((pod) => pod.interface?.addresses[0]?.address === old?.interface?.addresses[0]?.address);
    expect(heir?.interface?.mac).not.toBe(old?.interface?.mac);
    const forgotten = reconcile(from, to).undo.filter((op) => op.op === 'neigh' && op.mac === old?.interface?.mac);
    expect(forgotten.map((op) => op.op === 'neigh' && `${op.ns} ${op.dev}`)).toEqual(['node.c1.control-plane1 weave', 'node.c1.worker1 weave']);
  });

  it('makes a namespace anew when its plugins go: their DEL takes the loopback down', () => {
    const from = smallPlan({ type: 'flannel' });
    const to = planLab(smallLab({ type: 'calico' }), { previous: from });
    const made = reconcile(from, to)
      .stages.flatMap((s) => s.ops)
      .filter((op) => op.op === 'netns')
      .map((op) => op.op === 'netns' && op.ns);
    expect(made).toEqual(to.clusters[0]?.pods.map((pod) => pod.netns));
  });

  it('rewrites rules without taking them away first', () => {
    const from = smallPlan({ type: 'bridge' });
    const to = smallPlan({ type: 'bridge', masquerade: false });
    const { undo, stages } = reconcile(from, to);
    expect(undo).toEqual([]);
    expect(stages.flatMap((s) => s.ops).map((op) => op.op)).toEqual(['rules', 'rules']);
  });

  it('makes anew what lived in a changed link, and what hung on it', () => {
    const bridge = (mtu: number): Op => ({ op: 'bridge', ns: 'n', name: 'br', mac: '02:00:00:00:00:01', mtu });
    const rest: Op[] = [
      { op: 'address', ns: 'n', dev: 'br', address: '10.0.0.1', prefixLength: 24 },
      { op: 'netns', ns: 'p' },
      {
        op: 'veth',
        ns: 'n',
        name: 'v',
        mac: null,
        mtu: 1500,
        master: 'br',
        hairpin: false,
        peer: { ns: 'p', name: 'eth0', mac: '02:00:00:00:00:02', mtu: 1500 },
      },
      { op: 'route', ns: 'p', to: '0.0.0.0/0', via: '10.0.0.1', dev: 'eth0', onlink: true, type: 'unicast' },
    ];
    const netns: Op = { op: 'netns', ns: 'n' };
    const { undo, stages } = reconcileStages(stage(netns, bridge(1500), ...rest), stage(netns, bridge(1400), ...rest));
    expect(undo.map((op) => op.op)).toEqual(['veth', 'bridge']);
    expect(stages[0]?.ops.map((op) => op.op)).toEqual(['bridge', 'address', 'veth', 'route']);
  });
});
