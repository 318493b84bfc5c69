/** Second networks of pods: what they lower to, the addresses that they give, what changes of a running lab, and who refuses them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cidrContains, cidrsOverlap, parseAddress, parseCidr } from '../../topology/cidr.ts';
import { diffPlans } from '../../topology/diff.ts';
import { recordOf, textOf } from '../../topology/json.ts';
import { kindRefusals } from '../../topology/kind-refusals.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { ClusterPlan, LabPlan } from '../../topology/plan.ts';
import type { ClusterSpec, CniSpec, KubernetesObject, LabSpec, NetworkSpec } from '../../topology/spec.ts';
import { vmRefusals } from '../../topology/vm-refusals.ts';

const STORAGE: NetworkSpec = { name: 'storage', cidr: '10.60.0.0/16' };
const lab = (cluster: Partial<ClusterSpec> = {}): LabSpec => ({
  name: 'demo',
  clusters: [{ name: 'c1', cni: { type: 'bridge' }, networks: [STORAGE], workloads: [{ name: 'web', perNode: 1, networks: ['storage'] }], ...cluster }],
});
const only = ({ clusters: [first] }: LabPlan): ClusterPlan => {
  if (first === undefined) throw new Error('there is no cluster');
  return first;
};
const planned = (cluster: Partial<ClusterSpec> = {}): ClusterPlan => only(planLab(lab(cluster)));
const attached = ({ pods }: ClusterPlan): ReadonlyMap<string, readonly string[]> =>
  new Map(
    pods.flatMap(({ id, attachments }) =>
      attachments === undefined
        ? []
        : [[id, attachments.map(({ name, network, addresses }) => `${name} ${network} ${addresses.map((a) => `${a.address}/${a.prefixLength}`).join(' ')}`)]],
    ),
  );
const pod = (name: string, networks: string, namespace = 'default'): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, annotations: { 'k8s.v1.cni.cncf.io/networks': networks } },
  spec: { nodeName: 'worker1', containers: [] },
});

describe('a second network', () => {
  it('has a bridge and a share of the range on every node, and gives its addresses from the second on', () => {
    const cluster = planned();
    expect(cluster.networks).toEqual([{ name: 'storage', cidrs: ['10.60.0.0/16'], nodeMasks: [24], bridge: 'br-storage', mtuBytes: 1500 }]);
    expect(cluster.nodes.map((node) => node.networks?.map(({ network, cidrs, bridge }) => [network, ...cidrs, bridge.name, bridge.addresses]))).toEqual([
      [['storage', '10.60.0.0/24', 'br-storage', []]],
      [['storage', '10.60.1.0/24', 'br-storage', []]],
      [['storage', '10.60.2.0/24', 'br-storage', []]],
    ]);
    expect([...attached(cluster)]).toEqual([
      ['c1/default/web-control-plane1', ['net1 storage 10.60.0.2/24']],
      ['c1/default/web-worker1', ['net1 storage 10.60.1.2/24']],
      ['c1/default/web-worker2', ['net1 storage 10.60.2.2/24']],
    ]);
  });

  it('leaves no trace in labs that have none', () => {
    const { nodes, pods, ...cluster } = planned({ networks: [], workloads: [{ name: 'web', perNode: 1 }] });
    for (const one of [cluster, ...nodes]) expect(one).not.toHaveProperty('networks');
    for (const one of pods) expect(one).not.toHaveProperty('attachments');
  });

  it('is asked for in an order, which its interfaces keep, in both families', () => {
    const networks = [
      { name: 'backup', cidr: '10.61.0.0/20', nodeMask: { ipv4: 28 }, bridge: 'bk0', mtu: 9000 },
      { name: 'a-network-of-a-long-name', cidr: ['10.62.0.0/16', 'fd00:62::/56'] },
    ];
    const cluster = planned({
      networks,
      podCIDR: ['10.244.0.0/16', 'fd00:10:244::/56'],
      workers: 1,
      workloads: [
        { name: 'web', perNode: 1, networks: ['a-network-of-a-long-name', 'backup'] },
        { name: 'db', perNode: 1, networks: ['backup'] },
      ],
    });
    expect(attached(cluster).get('c1/default/web-worker1')).toEqual([
      'net1 a-network-of-a-long-name 10.62.1.2/24 fd00:62:0:1::2/64',
      'net2 backup 10.61.0.18/28',
    ]);
    expect(attached(cluster).get('c1/default/db-worker1')).toEqual(['net1 backup 10.61.0.19/28']);
    expect(cluster.networks?.map(({ bridge, mtuBytes }) => [bridge, mtuBytes])).toEqual([
      ['bk0', 9000],
      [expect.stringMatching(/^br-[0-9a-f]{11}$/), 1500],
    ]);
  });

  it('is asked for by the annotation that Multus reads, in whichever namespace', () => {
    const cluster = planned({ workloads: [], objects: [pod('a', 'storage'), pod('b', ' default/storage ', 'shop'), pod('c', '')] });
    expect([...attached(cluster)]).toEqual([
      ['c1/default/a', ['net1 storage 10.60.1.2/24']],
      ['c1/shop/b', ['net1 storage 10.60.1.3/24']],
    ]);
  });
});

describe('what it lowers to', () => {
  it('is a NetworkAttachmentDefinition with the list that makes it, and the annotation on the pods', () => {
    const { objects } = planned({ workloads: [{ name: 'web', namespace: 'shop', perNode: 1, networks: ['storage'] }] });
    const [definition, set] = objects;
    expect(definition).toMatchObject({
      apiVersion: 'k8s.cni.cncf.io/v1',
      kind: 'NetworkAttachmentDefinition',
      metadata: { name: 'storage', namespace: 'default' },
    });
    const config: unknown = JSON.parse(textOf(recordOf(definition?.['spec'])['config'], ''));
    expect(config).toEqual({
      cniVersion: '1.0.0',
      name: 'storage',
      plugins: [{ type: 'bridge', bridge: 'br-storage', ipam: { type: 'host-local', ranges: [[{ subnet: '10.60.0.0/16' }]] } }],
    });
    expect(set).toMatchObject({ kind: 'DaemonSet', spec: { template: { metadata: { annotations: { 'k8s.v1.cni.cncf.io/networks': 'default/storage' } } } } });
  });
});

const sizes = fc.record({
  cni: fc.constantFrom<CniSpec>({ type: 'bridge' }, { type: 'flannel' }, { type: 'calico' }, { type: 'weave' }, { type: 'kindnet' }),
  workers: fc.integer({ min: 0, max: 4 }),
  first: fc.integer({ min: 0, max: 3 }),
  both: fc.integer({ min: 0, max: 3 }),
});
const sized = ({ cni, workers, first, both }: { readonly cni: CniSpec; readonly workers: number; readonly first: number; readonly both: number }): LabSpec =>
  lab({
    cni,
    workers,
    networks: [STORAGE, { name: 'backup', cidr: '10.61.0.0/20', nodeMask: { ipv4: 26 } }],
    workloads: [
      { name: 'one', perNode: first, networks: ['backup'] },
      { name: 'two', perNode: both, networks: ['storage', 'backup'] },
      { name: 'none', perNode: 1 },
    ],
  });

describe('properties of second networks', () => {
  it('give every address once, inside of the share of its node, which is inside of the range and nobody else’s', () => {
    fc.assert(
      fc.property(sizes, (size) => {
        const cluster = only(planLab(sized(size)));
        for (const network of cluster.networks ?? []) {
          const shares = cluster.nodes.flatMap((node) => node.networks?.find((one) => one.network === network.name)?.cidrs ?? []).map(parseCidr);
          expect(shares).toHaveLength(cluster.nodes.length);
          for (const [i, share] of shares.entries()) {
            expect(cidrContains(parseCidr(network.cidrs[0] ?? ''), share)).toBe(true);
            for (const other of shares.slice(i + 1)) expect(cidrsOverlap(share, other)).toBe(false);
          }
        }
        const faces = cluster.pods.flatMap((one) => (one.attachments ?? []).map((face) => ({ ...face, node: one.node })));
        expect(faces).toHaveLength(cluster.nodes.length * (size.first + 2 * size.both));
        for (const { node, network, addresses } of faces) {
          const share = cluster.nodes.find(({ name }) => name === node)?.networks?.find((one) => one.network === network)?.cidrs[0] ?? '';
          expect(addresses.map(({ address }) => cidrContains(parseCidr(share), parseAddress(address)))).toEqual([true]);
        }
        for (const key of [faces.map(({ addresses }) => addresses[0]?.address), faces.map(({ mac }) => mac), faces.map(({ hostName }) => hostName)])
          expect(new Set(key).size).toBe(faces.length);
        for (const { hostName } of faces) expect(Buffer.byteLength(hostName)).toBeLessThanOrEqual(15);
      }),
      { numRuns: 40 },
    );
  });

  it('never renumber what stays', () => {
    fc.assert(
      fc.property(sizes, sizes, (size, next) => {
        const from = planLab(sized(size));
        const to = planLab(sized({ ...next, cni: size.cni }), { previous: from });
        const after = attached(only(to));
        const staying = [...attached(only(from))].filter(([id]) => after.has(id));
        expect(staying.map(([id]) => [id, after.get(id)])).toEqual(staying);
      }),
      { numRuns: 40 },
    );
  });
});

describe('a change of a running lab', () => {
  const from = planLab(lab());
  const changes = (cluster: Partial<ClusterSpec>): readonly string[] =>
    diffPlans(from, planLab(lab(cluster), { previous: from })).changes.map(
      ({ kind, object, id, inPlace, reason }) => `${kind} ${object} ${id}: ${reason}${inPlace ? '' : ' (replace)'}`,
    );

  it('brings networks and takes them away in place, and attaches the pods anew', () => {
    const backup = { name: 'backup', cidr: '10.61.0.0/16' };
    expect(changes({ networks: [STORAGE, backup] })).toEqual(['add network c1/backup: second network 10.61.0.0/16, bridge br-backup on every node']);
    expect(changes({ networks: [], workloads: [{ name: 'web', perNode: 1 }] })).toEqual([
      'remove network c1/storage: no longer in the lab file',
      'change pod c1/default/web-control-plane1: attached anew',
      'change pod c1/default/web-worker1: attached anew',
      'change pod c1/default/web-worker2: attached anew',
    ]);
  });

  it('needs a replacement where a network has another range, mask or bridge', () => {
    for (const other of [{ cidr: '10.70.0.0/16' }, { nodeMask: { ipv4: 25 } }, { bridge: 'br0' }, { mtu: 1400 }])
      expect(changes({ networks: [{ ...STORAGE, ...other }] })).toContain('change network c1/storage: the pods in it are addressed from it (replace)');
  });
});

describe('engines that install no meta-plugin', () => {
  it('refuse it before anything is made', () => {
    const plan = planLab(lab());
    for (const [engine, refusals] of [
      ['kind', kindRefusals],
      ['vm', vmRefusals],
    ] as const) {
      const found = refusals(plan).filter(({ code }) => code.endsWith('_NETWORKS'));
      expect(found).toMatchObject([{ severity: 'error', code: `${engine.toUpperCase()}_NETWORKS`, path: ['clusters', 0, 'networks'] }]);
      expect(found[0]?.message).toContain('Multus');
      expect(refusals(planLab(lab({ networks: [], workloads: [] }))).filter(({ code }) => code.endsWith('_NETWORKS'))).toEqual([]);
    }
  });
});
