import { describe, expect, it } from 'vitest';
import type { PodObject } from '../../engines/kubernetes/api-objects.ts';
import { observeCluster } from '../../engines/kubernetes/observe.ts';
import { kubectlFor } from '../../engines/kubernetes/kubectl.ts';
import { observedPlan } from '../../engines/kubernetes/observed-plan.ts';
import { observedServices } from '../../engines/kubernetes/observed-services.ts';
import type { KubernetesAccess } from '../../engines/port.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { API_SERVICE } from '../../topology/services/cluster-services.ts';
import type { KubernetesObject } from '../../topology/spec.ts';
import { fill } from '../../verify/lesson/fill.ts';
import { valuesOf } from '../../verify/lesson/values.ts';
import { recordedFacts, recordedItems, recordedVerification } from './kubernetes-fixture.ts';

const NAMES = [
  { plan: 'control-plane-1', name: 'lab-control-plane' },
  { plan: 'worker-1', name: 'lab-worker' },
  { plan: 'worker-2', name: 'lab-worker2' },
];

const workload = (kind: string, name: string): KubernetesObject => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name, namespace: 'default' },
  spec: { selector: { matchLabels: { app: name } } },
});
const OBJECTS: readonly KubernetesObject[] = [
  workload('DaemonSet', 'web'),
  { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'solo' }, spec: {} },
  { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'default' }, spec: { selector: { app: 'web' } } },
];

/** A plan of the same shape, with names of its own and nothing that was found. */
function planned(): LabPlan {
  const plan = observedPlan({ lab: 'lab', cluster: 'c1', facts: recordedFacts(), nodes: NAMES });
  return { ...plan, clusters: plan.clusters.map((cluster) => ({ ...cluster, cni: { type: 'kindnet', mtuBytes: 1500 }, objects: OBJECTS })) };
}

const withClusters = (plan: LabPlan, change: Partial<LabPlan['clusters'][number]>): LabPlan => ({
  ...plan,
  clusters: plan.clusters.map((cluster) => ({ ...cluster, ...change })),
});

const pod = (
  name: string,
  rest: { readonly labels?: Readonly<Record<string, string>>; readonly node?: string; readonly phase?: string; readonly hostNetwork?: boolean },
): PodObject => ({
  metadata: { name, namespace: 'default', labels: rest.labels ?? {} },
  spec: {
    nodeName: rest.node ?? 'lab-worker',
    ...(rest.hostNetwork === true ? { hostNetwork: true } : {}),
    containers: [{ name: 'main', ports: [{ containerPort: 80 }] }],
  },
  status: { phase: rest.phase ?? 'Running', podIPs: [{ ip: '10.244.3.9' }, { ip: 'fd00::9' }] },
});

/** What the API has: path → objects. */
type Api = Readonly<Record<string, readonly object[]>>;
const [SERVICES, SLICES] = ['/api/v1/services', '/apis/discovery.k8s.io/v1/endpointslices'] as const;

function observe(pods: readonly PodObject[], onNode: KubernetesAccess['onNode'], plan = planned(), api: Api = {}, asked: string[] = []): Promise<LabPlan> {
  const access: KubernetesAccess = { cluster: 'c1', kubeconfig: '/k', context: null, onNode };
  const items: Api = { '/api/v1/nodes': recordedItems('Node'), '/api/v1/pods': pods, ...api };
  const run: NonNullable<Parameters<typeof kubectlFor>[1]>['run'] = (argv) => {
    const path = argv.at(-1) ?? '';
    asked.push(path);
    return Promise.resolve({ exitCode: 0, stderr: '', failure: '', stdout: JSON.stringify({ items: items[path] ?? [] }) });
  };
  return observeCluster(access, plan, NAMES, kubectlFor(access, { run }));
}

describe('observeCluster', () => {
  it('keeps the names of the plan, and has addresses and shares as found', async () => {
    const view = recordedVerification().evidence.views.find((one) => one.requirement === 'r2' && one.node === 'lab-worker');
    const onNode = (node: string): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> =>
      Promise.resolve(
        node === 'lab-worker' ? { exitCode: 0, stdout: JSON.stringify(view?.interfaces), stderr: '' } : { exitCode: 1, stdout: '', stderr: 'gone' },
      );
    const plan = await observe([], onNode);
    expect(plan.clusters[0]?.nodes.map((node) => [node.id, node.netns, node.podCIDRs[0], node.bridge?.name ?? null])).toEqual([
      ['c1/control-plane-1', 'lab-control-plane', '10.244.0.0/24', null],
      ['c1/worker-1', 'lab-worker', '10.244.3.0/24', 'cni0'],
      ['c1/worker-2', 'lab-worker2', '10.244.1.0/24', null],
    ]);
    expect(plan.clusters[0]?.cni.type).toBe('kindnet');
    expect(plan.clusters[0]?.nodes[0]?.interfaces[0]?.addresses[0]?.address).toBe('172.18.0.4');
  });
  it("has the pods of the lab's own objects, as they are named and addressed", async () => {
    const labels = { app: 'web' };
    const pods = [
      pod('web-x1', { labels }),
      pod('web-x2', { labels, node: 'lab-worker2', hostNetwork: true }),
      pod('web-old', { labels, phase: 'Succeeded' }),
      pod('web-nowhere', { labels, node: 'other' }),
      pod('solo', {}),
      pod('coredns-1', { labels: { app: 'dns' } }),
    ];
    const plan = await observe(pods, null);
    expect(plan.clusters[0]?.pods.map((one) => [one.id, one.node, one.netns, one.owner, one.hostNetwork])).toEqual([
      ['c1/default/web-x1', 'worker-1', 'pod:c1/default/web-x1', 'DaemonSet/web', false],
      ['c1/default/web-x2', 'worker-2', 'lab-worker2', 'DaemonSet/web', true],
      ['c1/default/solo', 'worker-1', 'pod:c1/default/solo', 'Pod/solo', false],
    ]);
    expect(plan.clusters[0]?.pods[0]).toMatchObject({
      ports: [{ name: '', containerPort: 80, protocol: 'TCP', hostPort: null }],
      interface: {
        name: 'eth0',
        mtuBytes: 1500,
        addresses: [
          { family: 'ipv4', address: '10.244.3.9', prefixLength: 32 },
          { family: 'ipv6', address: 'fd00::9', prefixLength: 128 },
        ],
      },
    });
    expect(plan.clusters[0]?.pods[1]?.interface).toBeNull();
  });
  it('has the planned Services with the addresses, ports and endpoints that the cluster gave them, and no other', async () => {
    const [like] = observedServices('c1', [API_SERVICE], [], []);
    if (like === undefined) throw new Error('a Service is read as one');
    const plan = withClusters(planned(), { services: ['web', 'gone'].map((name) => ({ ...like, id: `c1/default/${name}`, name, clusterIPs: ['10.96.5.5'] })) });
    const service = (name: string, clusterIP: string, nodePort: number): object => ({
      metadata: { name, namespace: 'default' },
      spec: { type: 'NodePort', clusterIP, clusterIPs: [clusterIP], ipFamilies: ['IPv4'], selector: { app: name }, ports: [{ port: 80, nodePort }] },
    });
    const slice = {
      metadata: { name: 'web-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      ports: [{ port: 8080, protocol: 'TCP' }],
      endpoints: [
        {
          addresses: ['10.244.3.9'],
          nodeName: 'lab-worker',
          conditions: { ready: true },
          targetRef: { kind: 'Pod', namespace: 'default', name: 'web-x1' },
          hints: { forZones: [{ name: 'a' }], forNodes: [{ name: 'lab-worker' }, { name: 'lab-gone' }] },
        },
      ],
    };
    const api = { [SERVICES]: [service('other', '10.96.7.7', 30_007), service('web', '10.96.8.8', 30_008)], [SLICES]: [slice] };
    const seen = await observe([], null, plan, api);
    expect(seen.clusters[0]?.services.map(({ id, clusterIPs, ports, endpoints }) => [id, clusterIPs, ports[0]?.nodePort, endpoints])).toEqual([
      [
        'c1/default/web',
        ['10.96.8.8'],
        30_008,
        [
          expect.objectContaining({
            address: '10.244.3.9',
            node: 'worker-1',
            pod: 'c1/default/web-x1',
            hints: { zones: ['a'], nodes: ['worker-1', 'lab-gone'] },
          }),
        ],
      ],
    ]);
    expect(fill('${svc/web} ${svc/default/web.nodePort}', valuesOf(seen))).toBe('10.96.8.8 30008');
  });
  it('leaves the Services unread of a lab that wrote none', async () => {
    const asked: string[] = [];
    await observe([], null, withClusters(planned(), { objects: OBJECTS.filter(({ kind }) => kind !== 'Service') }), {}, asked);
    expect(asked.toSorted()).toEqual(['/api/v1/nodes', '/api/v1/pods']);
  });
  it('knows by which name planning calls the pod of a DaemonSet on a node, and no other, in the order of the plan', async () => {
    const found = observedPlan({ lab: 'lab', cluster: 'c1', facts: recordedFacts(), nodes: NAMES, collected: recordedVerification() });
    const like = found.clusters[0]?.pods[0];
    if (like === undefined) throw new Error('nothing was recorded');
    const own = { ...like, namespace: 'default', node: 'worker-1' };
    const plan = planned();
    const pods = [
      { ...own, name: 'web-worker-1', owner: 'DaemonSet/web' },
      { ...own, name: 'solo', owner: 'Pod/solo' },
    ];
    const seen = await observe(
      [pod('web-x1', { labels: { app: 'web' } }), pod('web-x2', { labels: { app: 'web' }, node: 'lab-worker2' }), pod('solo', {})],
      null,
      {
        ...plan,
        clusters: plan.clusters.map((cluster) => ({ ...cluster, pods })),
      },
    );
    expect(seen.clusters[0]?.pods.map((one) => [one.name, one.plannedName])).toEqual([
      ['web-x1', 'web-worker-1'],
      ['solo', undefined],
      // As planned; what planning does not know comes last.
      ['web-x2', undefined],
    ]);
  });
});
