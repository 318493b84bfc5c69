import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Diagnostic } from '../../topology/diagnostic.ts';
import { SpecError } from '../../topology/errors.ts';
import { formatDiagnostic, formatPath } from '../../topology/format-diagnostic.ts';
import { planLab } from '../../topology/plan-lab.ts';
import { parseLabSpec } from '../../topology/schema.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { LabSpec } from '../../topology/spec.ts';
import { validateSpec } from '../../topology/validate.ts';

const bad: LabSpec = {
  name: 'x;y',
  clusters: [
    {
      name: 'c1',
      podCIDR: '10.244.0.0/30',
      serviceCIDR: '10.244.0.0/16',
      cni: { type: 'flannel', mtu: 9000 },
      kubeProxy: { mode: 'ipvs' },
      workloads: [{ name: 'w', perNode: 50 }],
    },
  ],
};

describe('validateSpec', () => {
  it('has nothing to say about the smallest lab', () => {
    expect(validateSpec({ name: 'demo', clusters: [{ name: 'c1', cni: { type: 'flannel' } }] })).toEqual([]);
  });

  it('tells everything at once, in a fixed order, each finding once', () => {
    const codes = validateSpec(bad).map((d) => d.code);
    expect(codes).toEqual([
      'NAME_INVALID',
      'CIDR_OVERLAP',
      'POD_CIDR_BELOW_MINIMUM',
      'NODE_MASK_TOO_SHORT',
      'POD_CIDR_TOO_SMALL',
      'MTU_TOO_LARGE',
      'IPVS_DEPRECATED',
    ]);
    expect(validateSpec(bad)).toEqual(validateSpec(bad));
  });

  it('goes on past texts that are no CIDRs', () => {
    const broken: LabSpec = {
      name: 'demo',
      underlay: { segments: [{ name: 'a', cidr: 'x' }] },
      routers: [{ name: 'r', interfaces: [{ segment: 'a', address: '?' }], routes: [{ to: '-', via: '-' }] }],
      hosts: [{ name: 'h', address: ['', ''], gateway: '' }],
      outside: { cidr: [], hosts: [{ name: 'o', address: '!' }] },
      clusters: [
        { name: 'c1', podCIDR: '10.244.0.0', serviceCIDR: ['', 'y'], cni: { type: 'weave', range: '?' }, nodes: [{ name: 'n', podCIDR: 'z', address: '1' }] },
      ],
    };
    const codes = new Set(validateSpec(broken).map((d) => d.code));
    expect([...codes].sort()).toEqual(['ADDRESS_SYNTAX', 'CIDR_SYNTAX', 'NO_CONTROL_PLANE', 'WEAVE_UNTESTED_VERSION']);
  });

  it('gives every finding a hint', () => {
    expect(validateSpec(bad).filter((d) => d.hint.trim() === '' || d.message.trim() === '')).toEqual([]);
  });
});

/** Words that are right now and then, so that labs get past the first rule. */
const cidrText = fc.constantFrom(
  '10.244.0.0/16',
  '10.96.0.0/12',
  '10.0.0.0/8',
  '192.168.0.0/24',
  '192.168.1.0/30',
  '172.30.0.0/24',
  'fd00:10:244::/56',
  'fd00:10:96::/112',
  'fd00:30::/64',
  '10.1.2.3/8',
  '0.0.0.0/0',
  'x',
  '10.9.0.0/31',
  '10.7.0.0/28',
);
const addressText = fc.constantFrom('192.168.0.1', '192.168.0.9', '172.30.0.1', '172.30.0.0', '10.9.0.1', 'fd00:30::5', 'none', 'x', '');
const nameText = fc.constantFrom('a', 'b', 'lan', 'router', 'outside', 'worker1', '../x', 'fabric');
const cidrInput = fc.oneof(cidrText, fc.array(cidrText, { minLength: 1, maxLength: 3 }));
const addressInput = fc.oneof(addressText, fc.array(addressText, { minLength: 1, maxLength: 2 }));
const routes = fc.array(fc.record({ to: cidrText, via: addressText }), { maxLength: 2 });
const mtuBytes = fc.constantFrom(0, 576, 1280, 1330, 1500, 9000, 70_000);
const labelMap = fc.dictionary(fc.constantFrom('a', 'kubernetes.io/hostname', 'b/'), fc.constantFrom('worker1', '', 'a b'), { maxKeys: 2 });
const cniSpec = fc.oneof(
  fc.record({ type: fc.constant('bridge'), bridge: nameText, routesOn: fc.constantFrom('nodes', 'router'), mtu: mtuBytes }, { requiredKeys: ['type'] }),
  fc.record(
    {
      type: fc.constant('flannel'),
      backend: fc.constantFrom('vxlan', 'host-gw', 'udp'),
      directRouting: fc.boolean(),
      docker: fc.boolean(),
      mtu: mtuBytes,
      vni: fc.integer({ min: 1, max: 9 }),
    },
    { requiredKeys: ['type'] },
  ),
  fc.record(
    {
      type: fc.constant('calico'),
      encapsulation: fc.constantFrom('none', 'vxlan', 'crossSubnet', 'ipip'),
      blockSize: fc.integer({ min: 18, max: 31 }),
      routeReflectors: fc.array(nameText, { maxLength: 2 }),
      mtu: mtuBytes,
    },
    { requiredKeys: ['type'] },
  ),
  fc.record({ type: fc.constant('weave'), range: cidrText, mtu: mtuBytes }, { requiredKeys: ['type'] }),
  fc.record({
    type: fc.constant('raw'),
    conflist: fc.oneof(
      fc.dictionary(fc.constantFrom('name', 'plugins', 'cniVersion', 'type'), fc.jsonValue()),
      fc.constant({ cniVersion: '1.0.0', name: 'n', plugins: [{ type: 'bridge', ipam: { type: 'host-local', subnet: '${podCIDR}' } }] }),
    ),
  }),
);
const ports = fc.array(fc.record({ containerPort: fc.constant(80), hostPort: fc.constantFrom(80, 81) }, { requiredKeys: ['containerPort'] }), { maxLength: 1 });
const workload = fc.record(
  {
    name: nameText,
    perNode: fc.integer({ min: 0, max: 30 }),
    replicas: fc.integer({ min: 0, max: 30 }),
    nodeSelector: labelMap,
    labels: labelMap,
    hostNetwork: fc.boolean(),
    ports,
  },
  { requiredKeys: ['name'] },
);
const nodeSpec = fc.record(
  { name: nameText, role: fc.constantFrom('worker', 'control-plane'), segment: nameText, address: addressInput, podCIDR: cidrInput, labels: labelMap },
  { requiredKeys: ['name'] },
);
const k8sObject = fc.record({
  apiVersion: fc.constant('v1'),
  kind: fc.constantFrom('Pod', 'Deployment', 'DaemonSet', 'NetworkPolicy', 'Service', 'List'),
  metadata: fc.record({ name: nameText }),
  spec: fc.oneof(fc.jsonValue(), fc.record({ nodeName: nameText, replicas: fc.integer({ min: -1, max: 9 }) })),
});
const clusterSpec = fc.record(
  {
    name: nameText,
    cni: cniSpec,
    kubernetesVersion: fc.constantFrom('1.37', '1.28', 'v1', '1.40'),
    controlPlanes: fc.integer({ min: 0, max: 2 }),
    workers: fc.integer({ min: 0, max: 4 }),
    nodes: fc.array(nodeSpec, { maxLength: 3 }),
    podCIDR: cidrInput,
    serviceCIDR: cidrInput,
    nodeMask: fc.record({ ipv4: fc.integer({ min: 1, max: 32 }), ipv6: fc.integer({ min: 1, max: 128 }) }, { requiredKeys: [] }),
    kubeProxy: fc.record({ mode: fc.constantFrom('iptables', 'ipvs', 'none') }),
    workloads: fc.array(workload, { maxLength: 2 }),
    objects: fc.array(k8sObject, { maxLength: 2 }),
  },
  { requiredKeys: ['name', 'cni'] },
);
const anyLab = fc.record(
  {
    name: fc.constantFrom('demo', 'x y'),
    clusters: fc.array(clusterSpec, { maxLength: 2 }),
    underlay: fc.record(
      {
        cidr: cidrInput,
        mtu: mtuBytes,
        segments: fc.array(fc.record({ name: nameText, cidr: cidrInput, mtu: mtuBytes }, { requiredKeys: ['name', 'cidr'] }), { minLength: 1, maxLength: 3 }),
      },
      { requiredKeys: [] },
    ),
    hosts: fc.array(fc.record({ name: nameText, segment: nameText, address: addressInput, gateway: addressText, routes }, { requiredKeys: ['name'] }), {
      maxLength: 2,
    }),
    routers: fc.array(
      fc.record(
        {
          name: nameText,
          interfaces: fc.array(fc.record({ segment: nameText, address: addressInput }, { requiredKeys: ['segment'] }), { minLength: 1, maxLength: 2 }),
          routes,
        },
        { requiredKeys: ['name', 'interfaces'] },
      ),
      { maxLength: 2 },
    ),
    outside: fc.record(
      {
        cidr: cidrInput,
        router: nameText,
        hosts: fc.array(fc.record({ name: nameText, address: addressInput }, { requiredKeys: ['name'] }), { maxLength: 2 }),
      },
      { requiredKeys: ['hosts'] },
    ),
  },
  { requiredKeys: ['name'] },
);

/** Labs that are mostly right: distinct names, ranges apart, references that exist. */
const places = [
  { name: 'a', cidr: ['10.1.0.0/24', 'fd00:1::/64'] },
  { name: 'b', cidr: ['10.2.0.0/28', 'fd00:2::/64'] },
  { name: 'c', cidr: ['10.3.0.0/30', 'fd00:3::/126'] },
];
const placeName = fc.constantFrom('a', 'a', 'b', 'c');
const likelyCni = fc.oneof(
  fc.record({ type: fc.constant('bridge'), routesOn: fc.constantFrom('nodes', 'router') }, { requiredKeys: ['type'] }),
  fc.record({ type: fc.constant('flannel'), backend: fc.constantFrom('vxlan', 'host-gw') }, { requiredKeys: ['type'] }),
  fc.record(
    { type: fc.constant('calico'), encapsulation: fc.constantFrom('none', 'vxlan', 'crossSubnet', 'ipip'), blockSize: fc.integer({ min: 24, max: 25 }) },
    { requiredKeys: ['type', 'blockSize'] },
  ),
  fc.constant({ type: 'weave' }),
  fc.constant({ type: 'raw', conflist: { cniVersion: '1.0.0', name: 'n', plugins: [{ type: 'bridge', ipam: { type: 'host-local', subnet: '${podCIDR}' } }] } }),
);
const likelyWorkload = fc.record(
  { perNode: fc.integer({ min: 0, max: 40 }), replicas: fc.integer({ min: 0, max: 40 }), hostNetwork: fc.boolean() },
  { requiredKeys: [] },
);
const likelyCluster = fc
  .record(
    {
      cni: likelyCni,
      nodes: fc.array(fc.record({ role: fc.constantFrom('worker', 'control-plane'), segment: placeName }, { requiredKeys: ['role'] }), {
        minLength: 1,
        maxLength: 4,
      }),
      podCIDR: fc.constantFrom('10.20.0.0/16', '10.20.0.0/22', '10.20.0.0/24', 'fd00:20::/56', ['10.20.0.0/20', 'fd00:20::/56']),
      nodeMask: fc.record({ ipv4: fc.integer({ min: 20, max: 30 }) }),
      workloads: fc.array(likelyWorkload, { maxLength: 2 }),
    },
    { requiredKeys: ['cni', 'nodes'] },
  )
  .map(({ nodes, workloads = [], ...rest }) => ({
    ...rest,
    name: 'c1',
    nodes: nodes.map((n, i) => ({ ...n, name: `n${i}` })),
    workloads: workloads.map((w, i) => ({ ...w, name: `w${i}` })),
  }));
const likelyHost = fc.record(
  { segment: placeName, address: fc.constantFrom('10.1.0.9', '10.2.0.9', '10.3.0.1', '10.3.0.2'), gateway: fc.constantFrom('none', '10.1.0.1', '10.2.0.1') },
  { requiredKeys: ['segment'] },
);
const likelyLab = fc
  .record(
    {
      clusters: fc.array(likelyCluster, { minLength: 1, maxLength: 1 }),
      hosts: fc.array(likelyHost, { maxLength: 3 }),
      routers: fc.array(fc.record({ interfaces: fc.uniqueArray(placeName, { minLength: 1, maxLength: 3 }) }), { maxLength: 2 }),
      outside: fc.record({ hosts: fc.constant([{ name: 'web' }]) }),
    },
    { requiredKeys: ['clusters'] },
  )
  .map(({ hosts = [], routers = [], ...rest }) => ({
    ...rest,
    name: 'demo',
    underlay: { segments: places },
    hosts: hosts.map((h, i) => ({ ...h, name: `h${i}` })),
    routers: routers.map((r, i) => ({ name: `r${i}`, interfaces: r.interfaces.map((segment) => ({ segment })) })),
  }));

/** Every machine and pod has an address per family, and nobody has another's. */
function expectComplete(plan: LabPlan): void {
  const segments = new Map(plan.segments.map((s) => [s.name, s.cidrs.length]));
  const faces = [...plan.machines, ...plan.clusters.flatMap((c) => c.nodes)].flatMap((m) => m.interfaces);
  for (const face of faces) expect([face.segment, face.addresses.length]).toEqual([face.segment, segments.get(face.segment)]);
  const pods = plan.clusters.flatMap((c) => c.pods.flatMap((p) => (p.interface === null ? [] : [{ pod: p.interface, families: c.families.length }])));
  for (const { pod, families } of pods) expect(pod.addresses.length).toBe(families);
  const all = [...faces, ...pods.map((p) => p.pod)].flatMap((i) => i.addresses.map((a) => a.address));
  expect(new Set(all).size).toBe(all.length);
}

/** Plans a lab that the rules let through; anything but a plan or diagnostics is a bug. */
function outcome(input: unknown): 'wrong shape' | 'refused by the rules' | 'refused by planning' | 'planned' {
  const parsed = parseLabSpec(JSON.parse(JSON.stringify(input)));
  if (!parsed.ok) return 'wrong shape';
  if (validateSpec(parsed.spec).some((d: Diagnostic) => d.severity === 'error')) return 'refused by the rules';
  try {
    expectComplete(planLab(parsed.spec));
    return 'planned';
  } catch (error) {
    if (error instanceof SpecError) return 'refused by planning';
    throw error;
  }
}

describe('any lab of the right shape', () => {
  it('is judged without a throw, and planned or refused with diagnostics', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(anyLab, (input) => {
        seen.add(outcome(input));
      }),
      { numRuns: 500 },
    );
    expect([...seen]).toContain('refused by the rules');
  });

  it('is planned when the rules let it through', () => {
    const seen: Record<string, number> = {};
    fc.assert(
      fc.property(likelyLab, (input) => {
        // What planning refuses, a rule should have told.
        const result = outcome(input);
        seen[result] = (seen[result] ?? 0) + 1;
        expect(result).not.toBe('refused by planning');
      }),
      { numRuns: 500 },
    );
    // Labs must get through, or this test sees nothing.
    expect(seen['planned']).toBeGreaterThan(50);
  });
});

describe('formatDiagnostic', () => {
  const diagnostic: Diagnostic = {
    severity: 'error',
    code: 'CIDR_OVERLAP',
    path: ['clusters', 0, 'podCIDR'],
    message: '10.96.0.0/12 (services) overlaps 10.100.0.0/16 (pods)',
    hint: 'use 10.244.0.0/16 or omit it',
  };

  it('names place, code, message and next step in one line', () => {
    expect(formatDiagnostic(diagnostic, { source: 'labs/x.yaml', position: { line: 12, column: 5 }, spec: { clusters: [{ name: 'c1' }] } })).toBe(
      'labs/x.yaml:12:5 › clusters.c1.podCIDR  CIDR_OVERLAP  10.96.0.0/12 (services) overlaps 10.100.0.0/16 (pods)  hint: use 10.244.0.0/16 or omit it',
    );
    expect(formatDiagnostic({ ...diagnostic, path: [], severity: 'warning' }, { source: 'x.ts', position: null })).toMatch(
      /^x\.ts {2}CIDR_OVERLAP {2}warning: 10\.96/,
    );
  });

  it('keeps the numbers of what has no name', () => {
    const spec = { hosts: [{ name: '', routes: [{ to: 'x' }] }], clusters: [{ name: 'c1', objects: [{ metadata: { name: 'web' } }] }] };
    expect(formatPath(['hosts', 0, 'routes', 0, 'to'], spec)).toBe('hosts[0].routes[0].to');
    expect(formatPath(['clusters', 0, 'objects', 0, 'spec'], spec)).toBe('clusters.c1.objects.web.spec');
    expect(formatPath(['clusters', 7, 'toString', 'x'])).toBe('clusters[7].toString.x');
  });

  it('sends no control character of the lab to the terminal', () => {
    const line = formatDiagnostic({ ...diagnostic, message: 'a\u001b[31mb\nc' }, { source: 'x', spec: { clusters: [{ name: 'c\u0007' }] } });
    // eslint-disable-next-line no-control-regex -- that there are none is the point
    expect(line).not.toMatch(/[\u0000-\u001f]/);
    expect(line).toContain('a\\u{1b}[31mb\\u{a}c');
  });
});
