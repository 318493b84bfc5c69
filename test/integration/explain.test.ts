/** The walk of a packet on the real kernel: the state of the kernels and one real packet say the same, on every data path, behind Services, and where something is broken. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EngineSession } from '../../engines/port.ts';
import type { CniSpec, KubernetesObject, LabSpec, ProxyMode } from '../../topology/spec.ts';
import { injectFault, undoFault } from '../../verify/faults/index.ts';
import type { Between } from '../../verify/ladder.ts';
import type { WalkReport } from '../../verify/walk/document.ts';
import { explainWay } from '../../verify/walk/explain-way.ts';
import { lacking } from '../requires.ts';
import { VerifiedLab } from './verified-lab.ts';

const why = lacking('netns', 'plugins', 'bird');

const service = (name: string, spec: object): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { selector: { app: 'echo' }, ...spec },
});
const OBJECTS: readonly KubernetesObject[] = [
  service('web', { type: 'NodePort', ports: [{ port: 80, targetPort: 8080, nodePort: 30_080 }] }),
  service('udp', { ports: [{ port: 53, targetPort: 5353, protocol: 'UDP' }] }),
  { apiVersion: 'v1', kind: 'Service', metadata: { name: 'none' }, spec: { selector: { app: 'nobody' }, ports: [{ port: 80 }] } },
];

function spec(name: string, cni: CniSpec, mode: ProxyMode, more: Partial<LabSpec> = {}): LabSpec {
  return {
    name,
    clusters: [{ name: 'c1', workers: 2, cni, kubeProxy: { mode }, objects: OBJECTS, workloads: [{ name: 'echo', perNode: 2 }] }],
    ...more,
  };
}

interface Tried {
  readonly lab: LabSpec;
  /** The kinds of hops that its way from node to node must have. */
  readonly kinds: readonly string[];
  /** Faults, and what the walk must say of the loss. */
  readonly faults: Readonly<Record<string, RegExp>>;
}

const TRIED: readonly Tried[] = [
  {
    lab: spec('walk-bridge', { type: 'bridge', routesOn: 'router' }, 'iptables', { routers: [{ name: 'router', interfaces: [{ segment: 'lan' }] }] }),
    kinds: ['bridge', 'route'],
    faults: { 'ip-forward-off': /does not forward/ },
  },
  {
    lab: spec('walk-flannel', { type: 'flannel' }, 'iptables'),
    kinds: ['bridge', 'tunnel'],
    faults: {
      'stale-fdb': /nobody|MAC|reached/,
      'vxlan-port-blocked': /drops it in (input|output)/,
      'vni-mismatch': /no device of VNI/,
      'forward-route-missing': /./,
    },
  },
  {
    lab: spec('walk-nftables', { type: 'flannel', backend: 'host-gw' }, 'nftables'),
    kinds: ['bridge', 'route'],
    faults: { 'blackhole-route': /is a blackhole/ },
  },
  { lab: spec('walk-calico', { type: 'calico' }, 'iptables'), kinds: ['tunnel', 'route'], faults: { 'wrong-vtep-mac': /forwarding entry|dropped/ } },
  {
    lab: spec('walk-calico-bgp', { type: 'calico', encapsulation: 'none' }, 'nftables'),
    kinds: ['route'],
    faults: { 'rp-filter-strict-asymmetric': /rp_filter is strict/ },
  },
  { lab: spec('walk-weave', { type: 'weave' }, 'iptables'), kinds: ['bridge', 'tunnel'], faults: {} },
  { lab: spec('walk-kindnet', { type: 'kindnet' }, 'iptables'), kinds: ['route'], faults: { 'policy-drop': /drops it/ } },
];

describe.skipIf(why !== null).each(TRIED.map((one) => [one.lab.name, one] as const))(
  `a walk in %s${why === null ? '' : ` (skipped: ${why})`}`,
  (_name, tried) => {
    let lab: VerifiedLab;
    let session: EngineSession;

    beforeAll(async () => {
      lab = await VerifiedLab.up(tried.lab);
      session = await lab.open();
    });
    afterAll(async () => {
      await session?.close();
      await lab?.[Symbol.asyncDispose]();
    });

    const node = (index: number): string => `c1/${lab.plan.clusters[0]?.nodes[index]?.name ?? ''}`;
    const pod = (index: number, nth: number): string =>
      lab.plan.clusters[0]?.pods.filter((one) => !one.hostNetwork && one.namespace === 'default' && `c1/${one.node}` === node(index))[nth]?.id ?? '';
    const walk = async (from: string, to: Between['to'], port: number | null = null, live = true): Promise<WalkReport> =>
      explainWay(session, lab.plan, { between: { cluster: 'c1', from, to }, word: to.id, address: null, port, live });
    const podOf = (id: string): Between['to'] => ({ kind: 'pod', id });
    const svc = (name: string, port: number): Between['to'] => ({ kind: 'service', id: `c1/default/${name}`, port });
    const plainly = (report: WalkReport): unknown => ({
      arrives: report.arrives,
      why: report.why,
      outcome: report.live?.outcome,
      differs: report.live?.differs,
      notes: report.notes,
    });
    const GOOD = { arrives: 'yes', why: '', outcome: 'ok', differs: [] };

    it('goes from pod to pod, on one node and from node to node', async () => {
      expect(plainly(await walk(pod(1, 0), podOf(pod(1, 1))))).toMatchObject({ ...GOOD, notes: [] });
      const far = await walk(pod(1, 0), podOf(pod(2, 0)));
      expect(plainly(far)).toMatchObject({ ...GOOD, notes: [] });
      for (const leg of far.legs) for (const kind of tried.kinds) expect(leg.hops.map((hop) => hop.kind)).toContain(kind);
      expect(far.legs.map(({ ends }) => ends)).toEqual([pod(2, 0), pod(1, 0)]);
      // The same before its neighbours were learned and after.
      expect(plainly(await walk(pod(2, 0), podOf(pod(1, 0)), 9000))).toMatchObject(GOOD);
      expect(plainly(await walk(pod(1, 0), podOf(pod(1, 0))))).toMatchObject(GOOD);
    });

    it('goes from nodes to pods, and from pods to nodes', async () => {
      expect(plainly(await walk(node(1), podOf(pod(1, 0))))).toMatchObject(GOOD);
      expect(plainly(await walk(node(1), podOf(pod(2, 0))))).toMatchObject(GOOD);
      expect(plainly(await walk(pod(1, 0), { kind: 'node', id: node(1) }))).toMatchObject(GOOD);
      expect(plainly(await walk(pod(1, 0), { kind: 'node', id: node(2) }))).toMatchObject(GOOD);
    });

    it('goes through Services to the endpoint that answers', async () => {
      const ways: readonly (readonly [string, Between['to'], number | null])[] = [
        [pod(1, 0), svc('web', 80), null],
        [pod(1, 1), svc('udp', 53), null],
        [node(2), svc('web', 80), null],
        [pod(1, 0), { kind: 'node', id: node(2) }, 30_080],
        [node(1), { kind: 'node', id: node(2) }, 30_080],
      ];
      for (const [from, to, port] of ways) {
        for (let times = 0; times < 4; times++) {
          const report = await walk(from, to, port);
          expect([from, to.id, plainly(report)]).toMatchObject([from, to.id, GOOD]);
          expect(report.choices).toHaveLength(3);
          expect(report.choices.filter((one) => one.followed).map(({ owner }) => owner)).toEqual([report.live?.answeredBy]);
          for (const { share } of report.choices) expect(share).toBeCloseTo(1 / 3);
        }
      }
    });

    it('ends where a Service has nobody', async () => {
      const report = await walk(pod(1, 0), svc('none', 80));
      expect(report.arrives).toBe('no');
      expect(report.why).toMatch(/rejects it/);
      expect(report.live?.outcome).not.toBe('ok');
    });

    it.each(Object.entries(tried.faults))('ends where %s takes the packet', async (fault, said) => {
      const undo = await injectFault(session, lab.plan, fault);
      try {
        const ways = [1, 0, 2].flatMap((from) => [0, 1, 2].filter((to) => to !== from).map((to) => [pod(from, 0), pod(to, 0)] as const));
        const reports = await Promise.all(ways.map(async ([from, to]) => walk(from, podOf(to), null, false)));
        const lost = reports.filter((report) => report.arrives === 'no');
        expect(lost.map((report) => report.why).join('\n')).toMatch(said);
        const [first] = lost;
        const live = await walk(first?.from ?? '', podOf(ways[reports.findIndex((report) => report === first)]?.[1] ?? ''));
        expect(plainly(live)).toMatchObject({ arrives: 'no', differs: [] });
        expect(live.live?.outcome).not.toBe('ok');
      } finally {
        await undoFault(session, undo);
      }
    });
  },
);
