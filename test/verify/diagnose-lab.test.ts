import { emptyNamespace } from '../../engines/empty-namespace.ts';
import { describe, expect, it } from 'vitest';
import type { NamespaceSnapshot } from '../../engines/port.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { KubernetesObject, LabSpec } from '../../topology/spec.ts';
import { diagnoseLab } from '../../verify/diagnose-lab.ts';
import { risesBetween } from '../../verify/diagnosis/counters.ts';
import { joinDiagnoses } from '../../verify/diagnosis/diagnose.ts';
import { viewLab } from '../../verify/inventory/lab-view.ts';
import { takeStaticInventory } from '../../verify/inventory/static.ts';
import { waysToNames, waysToServices } from '../../verify/inventory/ways.ts';
import { ladderBetween, wholeLadder } from '../../verify/ladder.ts';
import type { Diagnosis } from '../../verify/report.ts';
import { wayOf } from '../../verify/way.ts';
import { changed, failure, healthySnapshot, nodeNamed, podsOf, smallPlan } from './inventory-fixture.ts';
import { modelSession, SILENT } from './model-session.ts';

const web: KubernetesObject = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web' },
  spec: { selector: { app: 'echo' }, ports: [{ port: 80, protocol: 'TCP' }] },
};
const spec: LabSpec = {
  name: 'small',
  clusters: [{ name: 'c1', workers: 2, cni: { type: 'flannel' }, workloads: [{ name: 'echo', perNode: 2 }], objects: [web] }],
};
const plan = planLab(spec);
const [a = { id: '', netns: '' }] = podsOf(plan, 'worker1');
const [b = { id: '', netns: '' }] = podsOf(plan, 'worker2');

describe('the ladder', () => {
  it('of a whole lab has the parts of its verification', () => {
    expect(wholeLadder(plan).map(({ id }) => id)).toEqual(['network', 'services', 'dns']);
    expect(wholeLadder(planLab({ ...spec, clusters: [{ name: 'c1', workers: 2, cni: { type: 'flannel' }, dns: false }] })).map(({ id }) => id)).toEqual([
      'network',
    ]);
  });

  it('between two pods asks the one by its address, the Services in front of it, then names', () => {
    const rungs = ladderBetween(plan, { cluster: 'c1', from: a.id, to: { kind: 'pod', id: b.id } });
    expect(rungs.map(({ id }) => id)).toEqual(['address', 'service', 'name']);
    const [address, service] = rungs.map(({ casts }) => casts.get('c1'));
    expect(address?.pairs).toEqual([[a.id, b.id]]);
    expect([...(address?.asks ?? [])]).toEqual([a.id]);
    expect(service?.services).toEqual([{ id: 'c1/default/web', port: null }]);
  });

  it('to a Service asks its endpoints first, and of a host only the Service', () => {
    const way = { cluster: 'c1', to: { kind: 'service', id: 'c1/default/web', port: 80 } } as const;
    const [address, service] = ladderBetween(plan, { ...way, from: 'c1/worker1' });
    expect(address?.checks).toEqual(['r2-node-to-pod']);
    expect(address?.casts.get('c1')?.pairs?.length).toBe(3);
    expect(service?.casts.get('c1')?.services).toEqual([{ id: 'c1/default/web', port: 80 }]);
    const host = planLab({ ...spec, outside: { hosts: [{ name: 'laptop', role: 'client' }] } });
    expect(ladderBetween(host, { ...way, from: 'laptop' }).map(({ id }) => id)).toEqual(['service']);
  });
});

describe('the static stage', () => {
  it('follows every way to Services and names of the plan, those of the DNS as names', () => {
    const view = viewLab(plan, healthySnapshot(plan));
    const ways = waysToServices(view);
    expect(new Set(ways.map(({ failure: one }) => one.server))).toEqual(
      new Set(plan.clusters[0]?.services.filter((one) => one.name !== 'kube-dns').map(({ id }) => id)),
    );
    expect(new Set(ways.map(({ failure: one }) => one.serverNode))).toEqual(new Set(plan.clusters[0]?.nodes.map(({ id }) => id)));
    expect(waysToNames(view).map(({ failure: one }) => one.check)).toEqual(Array(3).fill('dns-ladder'));
  });

  it('finds what bridges hide from the packet filter, which no flow has shown', () => {
    const node = nodeNamed(plan, 'worker1');
    const off = changed(healthySnapshot(plan), node.netns, ({ sysctls }) => ({ sysctls: { ...sysctls, 'net/bridge/bridge-nf-call-iptables': '0' } }));
    const found = takeStaticInventory(viewLab(plan, off)).find(({ id }) => id === 'inventory-services');
    expect(found?.findings.map(({ name, where }) => [name, where])).toContainEqual(['bridged-replies-bypass-nat', ['c1/worker1']]);
  });

  it('accuses no healthy lab', () => {
    for (const cni of [{ type: 'bridge' }, { type: 'flannel' }, { type: 'calico' }, { type: 'weave' }, { type: 'kindnet' }] as const) {
      const healthy = smallPlan(cni, {}, { dns: false });
      const findings = takeStaticInventory(viewLab(healthy, healthySnapshot(healthy))).flatMap((one) => one.findings);
      expect(findings.map(({ name, evidence }) => [name, evidence])).toEqual([]);
    }
  });
});

describe('what moved', () => {
  const one = (more: Partial<NamespaceSnapshot>): NamespaceSnapshot => ({ ...emptyNamespace('n'), ...more });
  const iptables = (drops: number): string =>
    `*filter\n:FORWARD ACCEPT [0:0]\n[${drops}:0] -A FORWARD -d 10.0.0.1/32 -j DROP\n[${drops}:0] -A FORWARD -j KUBE-FORWARD\nCOMMIT\n`;
  const nft = (drops: number): string =>
    `table ip filter {\n\tchain FORWARD {\n\t\tcounter packets ${drops} bytes 0 drop\n\t}\n}\ntable inet lossy {\n\tchain f {\n\t\tmeta l4proto udp counter packets ${drops} bytes 0 drop\n\t}\n}\n`;

  it('are counters of trouble and rules that decide, each told once', () => {
    const before = one({ counters: { IpExtInNoRoutes: 1, IpInReceives: 5 }, rules: { iptables: iptables(0), ip6tables: '', nft: nft(0) } });
    const after = one({ counters: { IpExtInNoRoutes: 3, IpInReceives: 9 }, rules: { iptables: iptables(2), ip6tables: '', nft: nft(2) } });
    expect(risesBetween('worker1', before, after)).toEqual([
      { where: 'worker1', counter: 'IpExtInNoRoutes', by: 2 },
      { where: 'worker1', counter: 'filter: -A FORWARD -d 10.0.0.1/32 -j DROP', by: 2 },
      { where: 'worker1', counter: 'inet lossy f: meta l4proto udp drop', by: 2 },
    ]);
    expect(risesBetween('worker1', after, after)).toEqual([]);
    const six = one({ counters: { Ip6InNoRoutes: 0, Ip6InReceives: 0, Ip6OutMcastPkts: 0, Ip6InNoECTPkts: 0 } });
    const moved = one({ counters: { Ip6InNoRoutes: 1, Ip6InReceives: 1, Ip6OutMcastPkts: 1, Ip6InNoECTPkts: 1 } });
    expect(risesBetween('worker1', six, moved)).toEqual([{ where: 'worker1', counter: 'Ip6InNoRoutes', by: 1 }]);
    expect(risesBetween('worker1', undefined, after)).toEqual([]);
  });
});

describe('the way of a failure', () => {
  it('goes from the client over both nodes to the server, and is known by the addresses of both pods', () => {
    const view = viewLab(plan, healthySnapshot(plan));
    const way = wayOf(view, failure(plan, a.id, b.id, 'silent'));
    expect(way.places.map(({ name }) => name)).toEqual([a.id, 'worker1', 'worker2', b.id]);
    expect(way.addresses.size).toBe(2);
    // A node's own addresses are on every packet of the overlay.
    expect([...wayOf(view, failure(plan, 'c1/worker1', b.id, 'silent')).addresses]).toHaveLength(1);
    expect(wayOf(view, failure(plan, 'nobody', b.id, 'silent')).places).toEqual([]);
  });
});

describe('diagnoses of both kinds', () => {
  const made = (name: string, severity: Diagnosis['severity'], confidence: Diagnosis['confidence'] = 'certain'): Diagnosis => ({
    name,
    severity,
    confidence,
    title: '',
    where: [],
    evidence: [],
    ruledOut: [],
    mend: '',
    checks: [],
  });
  it('are told once: what explains failures first, then what was read', () => {
    const joined = joinDiagnoses(
      [made('no-route-to-pod-cidr', 'fail'), made('link-down', 'warn', 'possible')],
      [made('link-down', 'fail'), made('no-return-route', 'fail')],
    );
    expect(joined.map(({ name, severity }) => [name, severity])).toEqual([
      ['no-route-to-pod-cidr', 'fail'],
      ['link-down', 'fail'],
    ]);
    expect(joinDiagnoses([], [made('no-return-route', 'fail')]).map(({ name }) => name)).toEqual(['no-return-route']);
  });

  it('have the places of both, with the evidence and the commands that belong to them', () => {
    const at = (one: Diagnosis, place: string): Diagnosis => ({ ...one, where: [place], evidence: [`read at ${place}`], mend: `mend ${place}` });
    const link = made('link-down', 'fail');
    const [joined, ...others] = joinDiagnoses([at(link, 'c1/worker1')], [{ ...at(link, 'c1/worker2'), confidence: 'likely' }]);
    expect(others).toEqual([]);
    expect(joined).toMatchObject({
      where: ['c1/worker1', 'c1/worker2'],
      confidence: 'certain',
      evidence: ['read at c1/worker1', 'read at c1/worker2'],
      mend: 'mend c1/worker1; mend c1/worker2',
    });
    // At the same place it is the same; where it is only possible, it is not accused.
    expect(joinDiagnoses([at(link, 'c1/worker1')], [at(link, 'c1/worker1')])).toEqual([at(link, 'c1/worker1')]);
    const mtu = made('path-mtu-below-pod-mtu', 'warn');
    expect(joinDiagnoses([at(mtu, 'c1/worker2')], [at(mtu, 'c1/worker1')]).map(({ where }) => where)).toEqual([['c1/worker1', 'c1/worker2']]);
    expect(joinDiagnoses([{ ...at(mtu, 'c1/worker2'), confidence: 'possible' }], [at(mtu, 'c1/worker1')]).map(({ where }) => where)).toEqual([['c1/worker1']]);
    // Replies of the direction that works are not counted.
    const back = made('no-return-route', 'fail');
    expect(joinDiagnoses([at(back, 'c1/worker1')], [at(back, 'c1/worker2')]).map(({ where }) => where)).toEqual([['c1/worker1']]);
  });
});

describe('a diagnosis', () => {
  const bare = smallPlan({ type: 'bridge' }, {}, { dns: false });
  const [from = { id: '' }] = podsOf(bare, 'worker1');
  const [to = { id: '' }] = podsOf(bare, 'worker2');
  const between = { cluster: 'c1', from: from.id, to: { kind: 'pod', id: to.id } } as const;

  it('of one way probes that way and no other, and sends one failing probe once more', async () => {
    const session = modelSession(bare, { change: ({ clientId }) => (clientId === from.id ? SILENT : {}) });
    const { report } = await diagnoseLab(session, bare, { between });
    const asked = new Set(
      session.requests.flatMap(({ endpoints, pairs }) =>
        pairs.kind === 'list' ? pairs.pairs.map(([x, y]) => `${endpoints[x]?.id} ${endpoints[y]?.id}`) : ['a matrix'],
      ),
    );
    expect([...asked]).toEqual([`${from.id} ${to.id}`]);
    expect(report.ladder.map(({ id, verdict }) => [id, verdict])).toEqual([['address', 'fail']]);
    expect(report.checks.find(({ id }) => id === 'r1-pod-to-pod')?.failures.map((one) => one.protocol)).toEqual(['tcp', 'udp', 'icmp']);
    expect(session.requests.filter(({ attempts }) => attempts === 1)).toHaveLength(1);
    expect([report.found, report.from, report.to]).toEqual([true, from.id, to.id]);
  });

  it('of the other direction finds that its probes come through', async () => {
    const session = modelSession(bare, { change: ({ clientId }) => (clientId === from.id ? SILENT : {}) });
    const { report } = await diagnoseLab(session, bare, { between: { ...between, from: to.id, to: { kind: 'pod', id: from.id } } });
    expect(report.ladder.map(({ verdict }) => verdict)).toEqual(['pass']);
    expect(report.capture).toBeNull();
  });

  it('is the state of the kernels alone where others send the probes', async () => {
    // The snapshot's proxies hold no rules.
    const bare = { ...plan, clusters: plan.clusters.map((cluster) => ({ ...cluster, services: [] })) };
    const model = modelSession(bare);
    const snapshot = (): ReturnType<typeof model.snapshot> => Promise.resolve(healthySnapshot(bare));
    const { report } = await diagnoseLab({ ...model, snapshot, sight: { ...model.sight, probes: false } }, bare);
    expect(report).toMatchObject({ found: false, ladder: [], checks: [], notLookedAt: [expect.stringContaining('cnilab verify small')] });
    expect(report.inventory?.namespaces).toBeGreaterThan(0);
    expect(model.requests).toEqual([]);
    const stopped = nodeNamed(bare, 'worker2').netns;
    const read = Object.entries(healthySnapshot(bare).namespaces).filter(([netns]) => netns !== stopped);
    const without = (): ReturnType<typeof model.snapshot> => Promise.resolve({ takenAt: '', namespaces: Object.fromEntries(read) });
    const found = await diagnoseLab({ ...model, snapshot: without, sight: { ...model.sight, probes: false } }, bare);
    expect(found.report.notLookedAt[0]).toBe('the kernel of c1/worker2: it could not be read');
    expect(found.report.found).toBe(false);
  });

  it('is refused where kernels cannot be read', async () => {
    const session = { ...modelSession(plan), sight: { icmp: false, df: false, kernel: false, clock: false, destination: false } };
    await expect(diagnoseLab(session, plan)).rejects.toMatchObject({ code: 'ENGINE_UNSUPPORTED', hint: expect.stringContaining('cnilab verify small') });
  });
});
