/**
 * Diagnosis on the real kernel: the static stage alone finds what it must before a packet is sent and accuses no healthy lab; the ladder stops at the rung that
 * breaks; one failing way is named in time, with what its packets did.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EngineSession } from '../../engines/port.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { CniSpec, KubernetesObject, LabSpec } from '../../topology/spec.ts';
import { diagnoseLab, readLabKernels } from '../../verify/diagnose-lab.ts';
import type { DiagnosisReport } from '../../verify/diagnosis/document.ts';
import { faultApplies, faults, injectFault, undoFault } from '../../verify/faults/index.ts';
import type { Finding } from '../../verify/inventory/finding.ts';
import { viewLab } from '../../verify/inventory/lab-view.ts';
import { takeStaticInventory } from '../../verify/inventory/static.ts';
import type { Between } from '../../verify/ladder.ts';
import { lacking } from '../requires.ts';
import { VerifiedLab } from './verified-lab.ts';

const why = lacking('netns', 'plugins', 'bird');

/** One lab for each data path; the others are only looked at healthy. */
const BROKEN: ReadonlySet<string> = new Set(['bridge-router', 'flannel-vxlan', 'calico-bgp', 'weave']);

/** What must be found in the state of the kernels alone. */
const STATIC: ReadonlySet<string> = new Set([
  'ip-forward-off',
  'forward-route-missing',
  'return-route-missing',
  'blackhole-route',
  'bridge-nf-call-off',
  'duplicate-pod-ip',
  'duplicate-pod-cidr',
  'pod-cidr-overlaps-network',
  'stale-arp',
  'bridge-mac-churn',
  'vni-mismatch',
  'stale-fdb',
  'wrong-vtep-mac',
  'leftover-conflist',
  'cni-binary-missing',
  'iptables-backends-mixed',
  'wrong-node-address',
]);

const web: KubernetesObject = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web' },
  spec: { selector: { app: 'echo' }, ports: [{ port: 80, targetPort: 8080, protocol: 'TCP' }] },
};

type Cluster = NonNullable<LabSpec['clusters']>[number];

function spec(name: string, cni: CniSpec, more: Partial<LabSpec> = {}, cluster: Partial<Cluster> = { controlPlanes: 1, workers: 2 }): LabSpec {
  return { name, clusters: [{ name: 'c1', cni, objects: [web], workloads: [{ name: 'echo', perNode: 2 }], ...cluster }], ...more };
}

const TWO_SEGMENTS = {
  segments: [
    { name: 'left', cidr: '10.0.1.0/24' },
    { name: 'right', cidr: '10.0.2.0/24' },
  ],
};

const labs: readonly LabSpec[] = [
  spec('bridge', { type: 'bridge' }),
  spec('bridge-router', { type: 'bridge', routesOn: 'router' }, { routers: [{ name: 'router', interfaces: [{ segment: 'lan' }] }] }),
  spec('flannel-vxlan', { type: 'flannel' }),
  spec('flannel-nftables', { type: 'flannel', backend: 'host-gw' }, {}, { workers: 2, kubeProxy: { mode: 'nftables' } }),
  spec(
    'flannel-ipv6',
    { type: 'flannel' },
    { underlay: { cidr: 'fd00:30::/64' } },
    { workers: 2, podCIDR: 'fd00:10:244::/56', serviceCIDR: 'fd00:10:96::/112' },
  ),
  spec('calico-vxlan', { type: 'calico' }),
  spec('calico-bgp', { type: 'calico', encapsulation: 'none' }),
  spec(
    'calico-cross-subnet',
    { type: 'calico', encapsulation: 'crossSubnet' },
    { underlay: TWO_SEGMENTS },
    {
      nodes: [
        { name: 'worker1', segment: 'left' },
        { name: 'worker2', segment: 'right' },
      ],
    },
  ),
  spec('weave', { type: 'weave' }),
  spec('kindnet', { type: 'kindnet' }),
];

describe.skipIf(why !== null).each(labs.map((lab) => [lab.name, lab] as const))(
  `static inventory in %s${why === null ? '' : ` (skipped: ${why})`}`,
  (_name, one) => {
    let lab: VerifiedLab;
    let session: EngineSession;

    beforeAll(async () => {
      lab = await VerifiedLab.up(one);
      session = await lab.open();
    });
    afterAll(async () => {
      await session?.close();
      await lab?.[Symbol.asyncDispose]();
    });

    const readings = async (): Promise<readonly Finding[]> =>
      takeStaticInventory(viewLab(lab.plan, await readLabKernels(session, lab.plan)))
        .flatMap(({ findings }) => findings)
        .filter(({ certainty }) => certainty !== 'possible');

    it('accuses no healthy lab, before and after it was used', async () => {
      expect(told(await readings())).toEqual([]);
      const { report } = await diagnoseLab(session, lab.plan);
      expect(complaints(report)).toEqual([]);
      expect(report.found).toBe(false);
      expect(told(await readings())).toEqual([]);
    });

    const planned = planLab(one);
    const broken = faults.filter((fault) => STATIC.has(fault.id) && BROKEN.has(one.name) && faultApplies(fault, planned) === true);
    it.each(broken.map((fault) => [fault.id, fault] as const))('%s is found without a packet', async (id, fault) => {
      const undo = await injectFault(session, lab.plan, id);
      try {
        const found = await readings();
        expect(found.map(({ name }) => name)).toContain(fault.diagnosis);
        expect(found.find(({ name }) => name === fault.diagnosis)?.evidence).not.toEqual([]);
      } finally {
        await undoFault(session, undo);
      }
      expect(told(await readings())).toEqual([]);
    });
  },
);

/** A fault of each layer, a way that it breaks, and the rung that shows it. */
const ways: readonly (readonly [fault: string, from: string, to: string, rung: string])[] = [
  ['return-route-missing', 'worker2', 'worker1', 'address'],
  ['policy-drop', 'worker2', 'worker1', 'address'],
  ['masquerade-pod-to-pod', 'worker1', 'worker2', 'address'],
  ['service-rules-missing', 'worker1', 'svc/web', 'service'],
  ['dns-broken', 'worker1', 'svc/web', 'name'],
];

describe.skipIf(why !== null)(`one failing way${why === null ? '' : ` (skipped: ${why})`}`, () => {
  let lab: VerifiedLab;
  let session: EngineSession;

  beforeAll(async () => {
    lab = await VerifiedLab.up(spec('ways', { type: 'flannel' }));
    session = await lab.open();
  });
  afterAll(async () => {
    await session?.close();
    await lab?.[Symbol.asyncDispose]();
  });

  const podOn = (node: string): string =>
    lab.plan.clusters.flatMap(({ pods }) => pods).find((pod) => pod.node === node && pod.interface !== null && pod.namespace === 'default')?.id ?? '';

  it.each(ways)('%s, %s to %s, is named at the rung %s', async (id, from, to, rung) => {
    const fault = faults.find((one) => one.id === id);
    const target = to === 'svc/web' ? ({ kind: 'service', id: 'c1/default/web', port: null } as const) : ({ kind: 'pod', id: podOn(to) } as const);
    const between: Between = { cluster: 'c1', from: podOn(from), to: target };
    const undo = await injectFault(session, lab.plan, id, id === 'return-route-missing' ? {} : { node: id === 'policy-drop' ? to : from });
    try {
      const { report, packets } = await diagnoseLab(session, lab.plan, { between });
      expect(report.ladder.find(({ verdict }) => verdict === 'fail')?.id, JSON.stringify(report.ladder)).toBe(rung);
      const named = report.diagnoses.find(({ name }) => name === fault?.diagnosis);
      expect(named, JSON.stringify(report.diagnoses, null, 1)).toMatchObject({ severity: 'fail', confidence: 'certain' });
      expect(named?.evidence).not.toEqual([]);
      expect(named?.ruledOut).not.toEqual([]);
      expect(named?.mend).toMatch(/^cnilab /);
      expect(report.counters).not.toEqual([]);
      expect(report.capture?.passed[0]).toContain(between.from);
      expect(packets.length).toBeGreaterThan(0);
    } finally {
      await undoFault(session, undo);
    }
    expect(complaints((await diagnoseLab(session, lab.plan, { between })).report)).toEqual([]);
  });

  it('is followed to the last place that saw its packets', async () => {
    const undo = await injectFault(session, lab.plan, 'policy-drop', { node: 'worker1' });
    try {
      const { capture } = (await diagnoseLab(session, lab.plan)).report;
      const dropped = lab.plan.clusters.flatMap(({ pods }) => pods).filter((pod) => pod.node === 'worker1' && pod.interface !== null);
      expect(dropped.map(({ id }) => id)).toContain(capture?.server);
      expect(capture?.passed.some((place) => /^worker1 \S+ in$/.test(place))).toBe(true);
      expect(capture?.unseen).toEqual([capture?.server]);
      expect(capture?.packets.some(({ text }) => text.includes('tcp SYN'))).toBe(true);
    } finally {
      await undoFault(session, undo);
    }
  });
});

const told = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ name, where, evidence }) => `${name} at ${where.join(', ')}: ${evidence.join('; ')}`);

const complaints = (report: DiagnosisReport): readonly string[] => [
  ...report.ladder.filter(({ verdict }) => verdict === 'fail').map(({ id, detail }) => `${id}: ${detail}`),
  ...report.diagnoses.map(({ name, evidence }) => `${name}: ${evidence.join('; ')}`),
];
