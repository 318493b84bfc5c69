/** The picture of a running lab: nothing is marked in a healthy one, and what differs is marked where it is. */
import { describe, expect, it } from 'vitest';
import { emptyNamespace } from '../../engines/empty-namespace.ts';
import type { LinkSnapshot, NamespaceSnapshot, Snapshot } from '../../engines/port.ts';
import { graphOfPlan } from '../../topology/graph/graph-of-plan.ts';
import type { GraphMark, LabGraph } from '../../topology/graph/graph.ts';
import { EngineError } from '../../topology/errors.ts';
import { FABRIC_NETNS, type LabPlan } from '../../topology/plan.ts';
import type { CniSpec } from '../../topology/spec.ts';
import { graphOfKernels } from '../../verify/graph/graph-of-kernels.ts';
import { readGraphKernels } from '../../verify/graph/read-kernels.ts';
import { fakeSession } from '../fake-session.ts';
import { changed, healthySnapshot, nodeNamed, podsOf, smallPlan } from './inventory-fixture.ts';
import { modelSession } from './model-session.ts';

/** With the switches. */
function wholeSnapshot(plan: LabPlan): Snapshot {
  const { takenAt, namespaces } = healthySnapshot(plan);
  const like = Object.values(namespaces)[0]?.links[0];
  if (like === undefined) throw new Error('there is no link');
  const machines = [...plan.clusters.flatMap((cluster) => cluster.nodes), ...plan.machines];
  const links: readonly LinkSnapshot[] = [
    ...plan.segments.map(({ bridge, mtuBytes }) => ({ ...like, name: bridge, kind: 'bridge', mtu: mtuBytes })),
    ...machines.flatMap(({ interfaces }) =>
      interfaces.map((one) => ({
        ...like,
        name: one.switchPort,
        mtu: one.mtuBytes,
        master: plan.segments.find(({ name }) => name === one.segment)?.bridge ?? null,
      })),
    ),
  ];
  return { takenAt, namespaces: { ...namespaces, [FABRIC_NETNS]: { ...emptyNamespace(FABRIC_NETNS), links } } };
}

function marksOf({ machines, segments, overlays }: LabGraph): readonly (readonly [where: string, mark: GraphMark])[] {
  const all: readonly { readonly at: string; readonly mark: GraphMark | null }[] = [
    ...machines.flatMap(({ id, mark, devices, pods }) => [
      { at: id, mark },
      ...devices.map((one) => ({ at: `${id} ${one.name}`, mark: one.mark })),
      ...pods.map((pod) => ({ at: pod.id, mark: pod.mark })),
    ]),
    ...segments.map(({ name, mark }) => ({ at: name, mark })),
    ...overlays.map(({ title, mark }) => ({ at: title, mark })),
  ];
  return all.flatMap(({ at, mark }) => (mark === null ? [] : [[at, mark] as const]));
}

const CNIS: readonly (readonly [string, CniSpec])[] = [
  ['bridge', { type: 'bridge' }],
  ['flannel', { type: 'flannel' }],
  ['calico', { type: 'calico' }],
  ['weave', { type: 'weave' }],
  ['kindnet', { type: 'kindnet' }],
];

describe('the picture of kernels', () => {
  it.each(CNIS)('is that of the plan where all is as planned: %s', (_name, cni) => {
    const plan = smallPlan(cni);
    expect(graphOfKernels(plan, wholeSnapshot(plan))).toEqual({ ...graphOfPlan(plan), source: 'running' });
  });

  const plan = smallPlan({ type: 'flannel' });
  const node = nodeNamed(plan, 'worker1');
  const [pod] = podsOf(plan, 'worker1');
  if (pod === undefined) throw new Error('worker1 has no pod');
  const healthy = wholeSnapshot(plan);
  const links =
    (name: string, change: Partial<LinkSnapshot>) =>
    (one: NamespaceSnapshot): Partial<NamespaceSnapshot> => ({
      links: one.links.map((link) => (link.name === name ? { ...link, ...change } : link)),
    });
  const port = node.interfaces[0]?.switchPort ?? '';
  const [segment] = plan.segments;
  const marked: readonly (readonly [what: string, snapshot: Snapshot, where: string, kind: GraphMark['what'], says: RegExp])[] = [
    ['an MTU', changed(healthy, node.netns, links('flannel.1', { mtu: 1500 })), 'c1/worker1 flannel.1', 'differs', /^flannel\.1 has MTU 1500, planned 1450$/],
    ['a device that is down', changed(healthy, node.netns, links('eth0', { up: false })), 'c1/worker1 eth0', 'differs', /eth0 is down/],
    [
      'a device that is gone',
      changed(healthy, node.netns, (one) => ({ links: one.links.filter(({ name }) => name !== 'cni0') })),
      'c1/worker1 cni0',
      'missing',
      /cni0 is missing/,
    ],
    [
      'an address',
      changed(healthy, pod.netns, (one) => ({ addresses: one.addresses.map((has) => ({ ...has, address: '10.99.0.9' })) })),
      pod.id,
      'differs',
      /^eth0 has 10\.99\.0\.9\/24, planned 10\.244\.1\.2\/24$/,
    ],
    [
      'a pod that is gone',
      { ...healthy, namespaces: Object.fromEntries(Object.entries(healthy.namespaces).filter(([name]) => name !== pod.netns)) },
      pod.id,
      'missing',
      /its namespace is gone/,
    ],
    [
      'a cable that is cut',
      changed(healthy, FABRIC_NETNS, links(port, { up: false })),
      'c1/worker1 eth0',
      'differs',
      new RegExp(`^eth0 is cut off: ${port} at the switch is down$`),
    ],
    ['a switch', changed(healthy, FABRIC_NETNS, links(segment?.bridge ?? '', { up: false })), segment?.name ?? '', 'differs', /^the switch .* is down$/],
    [
      'what nobody planned',
      changed(healthy, node.netns, ({ links: all }) => ({
        links: all.flatMap((link, at) => (at === 0 ? [link, { ...link, name: 'docker0', kind: 'bridge' }] : [link])),
      })),
      'c1/worker1 docker0',
      'unplanned',
      /docker0 is not planned/,
    ],
    ['a route', changed(healthy, node.netns, ({ routes }) => ({ routes: routes.filter(({ dev }) => dev !== 'flannel.1') })), 'c1/worker1', 'differs', /route/],
    [
      'a tunnel of another network',
      changed(healthy, node.netns, links('flannel.1', { vxlan: { vni: 99, port: 8472, local: '172.30.0.3', learning: false } })),
      'VXLAN 1',
      'differs',
      /99/,
    ],
  ];
  it.each(marked)('marks %s where it is', (_what, snapshot, where, what, says) => {
    const marks = marksOf(graphOfKernels(plan, snapshot)).filter(([at]) => at === where);
    expect(marks).toEqual([[where, { what, says: expect.arrayContaining([expect.stringMatching(says)]) }]]);
  });

  it('judges every cable where the plan has every pod, and not on nodes of real clusters, whose cables end at no switch of the lab', () => {
    const [like] = healthy.namespaces[node.netns]?.links ?? [];
    if (like === undefined) throw new Error('worker1 has no link');
    const ends = podsOf(plan, 'worker1').map(({ netns }, at) => ({ netns, index: 90 + at }));
    const told = ends.reduce((snapshot, { netns, index }) => changed(snapshot, netns, links('eth0', { peer: index })), healthy);
    const stranger = changed(told, node.netns, ({ links: all }) => ({
      links: [
        ...all.filter(({ kind }) => kind !== 'veth'),
        ...[...ends.map(({ index }) => index), 99].map((index) => ({ ...like, index, name: `veth${index}`, kind: 'veth', up: true, master: 'cni0' })),
      ],
    }));
    const real = {
      ...plan,
      clusters: plan.clusters.map((cluster) => ({
        ...cluster,
        nodes: cluster.nodes.map((one) => ({ ...one, interfaces: one.interfaces.map((face) => ({ ...face, segment: '', switchPort: '' })) })),
      })),
    };
    const onNode = (of: LabPlan): unknown => marksOf(graphOfKernels(of, stranger)).filter(([at]) => at.startsWith('c1/worker1 veth'));
    expect(onNode(plan)).toEqual([['c1/worker1 veth99', { what: 'unplanned', says: ['veth99 is not planned'] }]]);
    expect(onNode(real)).toEqual([]);
  });

  it('finds the cable that somebody laid between two machines', () => {
    const hosts = smallPlan({ type: 'bridge' }, { hosts: [{ name: 'a' }, { name: 'b' }] });
    const all = wholeSnapshot(hosts);
    const veth =
      (index: number, peer: number) =>
      (name: string): NamespaceSnapshot => {
        const one = all.namespaces[FABRIC_NETNS]?.links.find(({ kind }) => kind === 'veth');
        if (one === undefined) throw new Error('there is no veth');
        return { ...emptyNamespace(name), links: [{ ...one, master: null, name: 'veth0', index, peer }] };
      };
    const [a, b] = hosts.machines.filter(({ kind }) => kind === 'host').map(({ netns }) => netns);
    const laid = { ...all, namespaces: { ...all.namespaces, [a ?? '']: veth(7, 9)(a ?? ''), [b ?? '']: veth(9, 7)(b ?? '') } };
    expect(graphOfKernels(hosts, laid).pairs).toEqual([
      [
        { machine: 'a', device: 'veth0' },
        { machine: 'b', device: 'veth0' },
      ],
    ]);
    const other = { ...all, namespaces: { ...all.namespaces, [a ?? '']: veth(7, 9)(a ?? ''), [b ?? '']: veth(9, 8)(b ?? '') } };
    expect(graphOfKernels(hosts, other).pairs).toEqual([]);
  });

  it('marks nothing else for a device that nobody planned', () => {
    const snapshot = changed(healthy, node.netns, ({ links: all }) => ({
      links: all.flatMap((link, at) => (at === 0 ? [link, { ...link, name: 'docker0', kind: 'bridge' }] : [link])),
    }));
    expect(marksOf(graphOfKernels(plan, snapshot)).map(([at]) => at)).toEqual(['c1/worker1 docker0']);
  });

  it('is drawn of what is there, where a pod is gone', async () => {
    const session = modelSession(plan, { snapshot: (netns) => healthy.namespaces[netns] ?? null });
    const gone = new EngineError({ code: 'ENGINE_STEP_FAILED', message: `the lab has no network namespace ${pod.netns}`, hint: '', details: { errno: 2 } });
    const without = {
      ...session,
      snapshot: async (namespaces: readonly string[], options: { readonly rules: boolean }): Promise<Snapshot> => {
        if (namespaces.includes(pod.netns)) throw gone;
        return session.snapshot(namespaces, options);
      },
    };
    const { namespaces } = await readGraphKernels(without, plan);
    const others = Object.keys(healthy.namespaces).filter((netns) => netns !== pod.netns);
    expect(Object.keys(namespaces).toSorted()).toEqual(others.toSorted());
    expect(session.snapshots.filter(({ rules }) => rules).flatMap((one) => one.namespaces.filter((netns) => netns.startsWith('pod.')))).toEqual([]);
  });

  it('is not drawn where nothing can be known: that is asked once', async () => {
    let asked = 0;
    const dead = (): Promise<never> => {
      asked += 1;
      return Promise.reject(new EngineError({ code: 'ENGINE_GONE', message: 'the agent ended', hint: '' }));
    };
    await expect(readGraphKernels(fakeSession({ snapshot: dead }), plan)).rejects.toMatchObject({ code: 'ENGINE_GONE' });
    expect(asked).toBe(1);
  });
});
