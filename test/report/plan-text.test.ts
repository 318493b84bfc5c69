import { describe, expect, it } from 'vitest';
import { CHANGES_LISTED, renderDiff } from '../../report/diff-text.ts';
import { PODS_LISTED, renderPlan } from '../../report/plan-text.ts';
import { renderLab, renderLabList } from '../../report/state-text.ts';
import { plainStyle } from '../../report/style.ts';
import { diffPlans, type PlanDiff } from '../../topology/diff.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { ClusterSpec, KubernetesObject, LabSpec } from '../../topology/spec.ts';
import { serviceObject } from '../service-object.ts';

const cluster: ClusterSpec = { name: 'c1', workers: 1, cni: { type: 'flannel' }, workloads: [{ name: 'web', perNode: 1 }] };
const lab = (over: Partial<ClusterSpec> = {}, rest: Partial<LabSpec> = {}): LabSpec => ({ name: 'three', clusters: [{ ...cluster, ...over }], ...rest });

describe('renderPlan', () => {
  it.each([
    ['flannel', lab()],
    ['calico-outside', lab({ cni: { type: 'calico' } }, { description: 'blocks and an outside', outside: { hosts: [{ name: 'client' }] } })],
    [
      'services',
      lab({
        dns: false,
        objects: [
          {
            apiVersion: 'v1',
            kind: 'Service',
            metadata: { name: 'web' },
            spec: { type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }] },
          },
          {
            apiVersion: 'v1',
            kind: 'Service',
            metadata: { name: 'peers' },
            spec: { clusterIP: 'None', selector: { app: 'web' }, ports: [{ port: 53, protocol: 'UDP' }] },
          },
          { apiVersion: 'v1', kind: 'Service', metadata: { name: 'away' }, spec: { type: 'ExternalName', externalName: 'db.example.com' } },
        ],
      }),
    ],
    ['networks', lab({ networks: [{ name: 'storage', cidr: '10.60.0.0/16' }], workloads: [{ name: 'web', perNode: 1, networks: ['storage'] }] })],
    ['hosts-only', { name: 'lan', hosts: [{ name: 'a' }, { name: 'b' }] } satisfies LabSpec],
  ])('%s', async (name, spec) => {
    await expect(renderPlan(planLab(spec), plainStyle)).toMatchFileSnapshot(`golden/plan-${name}.txt`);
  });

  it('shows every address, CIDR and MTU of a small plan', () => {
    const plan = planLab(lab());
    const text = renderPlan(plan, plainStyle);
    const [first] = plan.clusters;
    const pods = first?.pods.flatMap((pod) => [pod.id, ...(pod.interface?.addresses ?? []).map((a) => a.address)]) ?? [];
    const nodes = first?.nodes.flatMap((node) => [...node.podCIDRs, ...node.gateways, ...node.podRoutes.map((route) => route.to)]) ?? [];
    expect(pods.length + nodes.length).toBeGreaterThan(8);
    for (const part of [...pods, ...nodes]) expect(text).toContain(part);
    expect(text).toContain('mtu 1450');
  });

  it('has zones of nodes, and what Services prefer, where there are any', () => {
    const web = (name: string, more: object): KubernetesObject => serviceObject(name, { selector: { app: 'web' }, ...more });
    const zoned = lab({ dns: false, objects: [web('near', { trafficDistribution: 'PreferSameZone' }), web('even', {})] });
    const [named] = zoned.clusters ?? [];
    const { workers: _, ...rest } = named ?? cluster;
    const nodes = [
      { name: 'cp', role: 'control-plane' },
      { name: 'w1', labels: { 'topology.kubernetes.io/zone': 'north' } },
    ] as const;
    const lines = renderPlan(planLab({ ...zoned, clusters: [{ ...rest, nodes }] }), plainStyle).split('\n');
    const columns = (start: RegExp): readonly string[] => (lines.find((line) => start.test(line)) ?? '').trim().split(/ {2,}/);
    expect(columns(/^ {2}node /)).toContain('zone');
    expect(columns(/^ {2}w1 /)[2]).toBe('north');
    expect(columns(/^ {2}service /).at(-1)).toBe('distribution');
    expect(columns(/^ {2}c1\/default\/near /).at(-1)).toBe('PreferSameZone');
    expect(columns(/^ {2}c1\/default\/even /).at(-1)).toBe('2');
  });

  it('counts pods and routes beyond the listed ones', () => {
    const text = renderPlan(planLab(lab({ workloads: [{ name: 'web', perNode: 30 }] })), plainStyle);
    expect(text.match(/^ {2}c1\/default\/web/gm)).toHaveLength(PODS_LISTED);
    expect(text).toContain('… and 20 more pods (--json lists all)');
  });

  it('says what the machine must have, where there is something to say', () => {
    expect(renderPlan(planLab(lab()), plainStyle, ['VXLAN', 'iptables rules']).split('\n')[2]).toBe('needs of the machine: VXLAN, iptables rules');
    expect(renderPlan(planLab(lab()), plainStyle, [])).not.toContain('needs');
  });

  it('lists policies: what they isolate, and which pods they select', () => {
    const policy = (name: string, spec: object) => ({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name }, spec });
    const objects = [
      policy('all', { policyTypes: ['Ingress', 'Egress'] }),
      policy('in', { podSelector: { matchLabels: { app: 'web' } } }),
      policy('nobody', { podSelector: { matchLabels: { app: 'wbe' } }, policyTypes: ['Egress'] }),
    ];
    const text = renderPlan(planLab(lab({ cni: { type: 'calico' }, workers: 6, objects })), plainStyle);
    expect(text.slice(text.indexOf('policies\n'))).toBe(
      [
        'policies',
        '  policy             isolates        selected pods',
        '  c1/default/all     ingress egress  web-control-plane1, web-worker1, web-worker2, web-worker3, web-worker4 and 2 more',
        '  c1/default/in      ingress         web-control-plane1, web-worker1, web-worker2, web-worker3, web-worker4 and 2 more',
        '  c1/default/nobody  egress          none',
        '',
      ].join('\n'),
    );
    expect(renderPlan(planLab(lab()), plainStyle)).not.toContain('policies');
  });

  it('takes control characters out of descriptions', () => {
    expect(renderPlan({ ...planLab(lab()), description: '\u001B]0;x\u0007' }, plainStyle)).not.toMatch(/(?!\n)\p{Cc}/u);
  });
});

describe('renderDiff', () => {
  const from = planLab(lab());
  const against = (over: Partial<ClusterSpec>): string => renderDiff('three', diffPlans(from, planLab(lab(over), { previous: from })), plainStyle);

  it('of the same plan says so', () => {
    expect(against({})).toBe('three: no change\n');
  });

  it('lists what is added and removed in place', async () => {
    await expect(against({ workers: 2, workloads: [{ name: 'db', perNode: 1 }] })).toMatchFileSnapshot('golden/diff-in-place.txt');
  });

  it('puts what needs a replacement first, with only the fields that differ', () => {
    const text = against({ cni: { type: 'flannel', backend: 'host-gw' } });
    expect(text.split('\n')[1]).toMatch(/^ {2}~ cluster c1 {2}replacement/);
    expect(text).toContain('backend vxlan → host-gw');
    expect(text).not.toContain('{');
    expect(text).toMatch(/needs a replacement \(\d+ changes? not possible in place\): add --replace\n$/);
  });

  it('is bounded', () => {
    const changes = Array.from(
      { length: CHANGES_LISTED + 5 },
      (_, i) => ({ kind: 'add', object: 'pod', id: `p${String(i)}`, inPlace: true, reason: '' }) as const,
    );
    const diff: PlanDiff = { changes, replace: false, empty: false, recreate: [] };
    expect(renderDiff('three', diff, plainStyle)).toContain('… and 5 more changes');
  });
});

describe('running labs', () => {
  const now = Date.parse('2026-01-01T01:00:00Z');
  const row = {
    name: 'three',
    engine: 'netns',
    status: 'up',
    nodes: 3,
    pods: 6,
    cnis: ['flannel'],
    createdAt: '2026-01-01T00:00:00Z',
    source: '/labs/three.ts',
  };

  it('are listed with their age', () => {
    expect(renderLabList([row, { ...row, name: 'b', status: 'lost', source: '', createdAt: '' }], plainStyle, now)).toMatchInlineSnapshot(`
      "name   status  engine  nodes  pods  cni      age     source
      three  up      netns       3     6  flannel  60 min  /labs/three.ts
      b      lost    netns       3     6  flannel  ?       -
      "
    `);
    expect(renderLabList([], plainStyle, now)).toBe('');
  });

  it('are shown with their faults and their plan', () => {
    const plan = planLab(lab());
    const text = renderLab(
      {
        name: 'three',
        engine: 'netns',
        status: 'up',
        createdAt: row.createdAt,
        updatedAt: row.createdAt,
        source: { path: '/labs/three.ts', sha256: 'a'.repeat(64) },
        directory: '/state/run-1',
        plan,
        faults: [{ id: 'stale-fdb', where: 'c1/worker1' }],
        standing: { title: 'By hand', steps: { done: 1, total: 4 }, exercise: { name: 'cut', hints: { given: 1, total: 2 } } },
      },
      plainStyle,
      now,
    );
    expect(text).toMatch(/^three\n {2}status {5}up\n/);
    expect(text).toContain('faults     stale-fdb at c1/worker1');
    expect(text).toContain('lesson     By hand; 1 of 4 steps done; exercise cut under way, 1 of 2 hints given');
    expect(text).toContain('(60 min ago)');
    expect(text.endsWith(renderPlan(plan, plainStyle))).toBe(true);
  });
});
