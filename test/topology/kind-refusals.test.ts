import { describe, expect, it } from 'vitest';
import { KIND_NODE_IMAGES, kindNodeImage, kubeadmApi, versionOfImage } from '../../topology/kind-images.ts';
import { kindRefusals } from '../../topology/kind-refusals.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { ClusterSpec, LabSpec } from '../../topology/spec.ts';

const lab = (cluster: Partial<ClusterSpec> = {}, more: Partial<LabSpec> = {}): LabSpec => ({
  name: 'small',
  clusters: [{ name: 'c1', cni: { type: 'bridge' }, ...cluster }],
  ...more,
});
const codes = (spec: LabSpec): readonly string[] => kindRefusals(planLab(spec)).map((finding) => `${finding.code} ${finding.path.join('.')}`);

describe('what kind refuses', () => {
  it.each<[string, LabSpec]>([
    ['one cluster on defaults', lab()],
    [
      'several control planes, several clusters',
      lab(
        {},
        {
          clusters: [
            { name: 'a', controlPlanes: 3, cni: { type: 'flannel' } },
            { name: 'b', cni: { type: 'kindnet' } },
          ],
        },
      ),
    ],
    [
      'dual stack',
      lab({ cni: { type: 'flannel' }, podCIDR: ['10.244.0.0/16', 'fd00:10:244::/56'] }, { underlay: { cidr: ['172.30.0.0/24', 'fd00:30::/64'] } }),
    ],
    ['CNIs that have ranges of their own', lab({ cni: { type: 'calico' }, workloads: [{ name: 'web', perNode: 70 }] })],
    ['weave with an image of its version', lab({ cni: { type: 'weave' }, kubernetesVersion: '1.32', nodeImage: 'registry.example/node:v1.32.9' })],
    [
      'labels that kubelet may give',
      lab({ nodes: [{ name: 'cp', role: 'control-plane', labels: { 'topology.kubernetes.io/zone': 'z1', 'node.kubernetes.io/x': 'y', own: 'z' } }] }),
    ],
    [
      'taints that kubeadm is told of',
      lab({
        nodes: [
          { name: 'cp', role: 'control-plane', schedulable: true },
          { name: 'cp-b', role: 'control-plane', schedulable: false },
        ],
      }),
    ],
    ['one node that takes pods', lab({ nodes: [{ name: 'cp', role: 'control-plane', schedulable: true }] })],
  ])('nothing: %s', (_name, spec) => {
    expect(codes(spec)).toEqual([]);
  });

  it.each<[string, LabSpec, readonly string[]]>([
    ['hosts', lab({}, { hosts: [{ name: 'db' }] }), ['KIND_CLUSTERS_ONLY hosts']],
    ['no cluster', { name: 'x', hosts: [{ name: 'db' }] }, ['KIND_CLUSTERS_ONLY hosts', 'KIND_CLUSTERS_ONLY clusters']],
    [
      'an outside, and the router it implies',
      lab({}, { outside: { hosts: [{ name: 'client' }] } }),
      ['KIND_CLUSTERS_ONLY routers', 'KIND_CLUSTERS_ONLY outside'],
    ],
    [
      'several segments',
      lab(
        { cni: { type: 'flannel' } },
        {
          underlay: {
            segments: [
              { name: 'a', cidr: '172.30.0.0/24' },
              { name: 'b', cidr: '172.31.0.0/24' },
            ],
          },
        },
      ),
      ['KIND_CLUSTERS_ONLY routers', 'KIND_ONE_NETWORK underlay.segments'],
    ],
    [
      'an address of its own',
      lab({
        nodes: [
          { name: 'cp', role: 'control-plane' },
          { name: 'w', address: '172.30.0.77' },
        ],
      }),
      ['KIND_ADDRESS_FIXED clusters.0.nodes.1.address'],
    ],
    [
      'a range of its own',
      lab({
        nodes: [
          { name: 'cp', role: 'control-plane' },
          { name: 'w', podCIDR: '10.244.77.0/24' },
        ],
      }),
      ['KIND_POD_CIDR_FIXED clusters.0.nodes.1.podCIDR'],
    ],
    [
      'one node with a taint',
      lab({ nodes: [{ name: 'cp', role: 'control-plane', schedulable: false }] }),
      ['KIND_TAINT_REMOVED clusters.0.nodes.0.schedulable'],
    ],
    ['a version that is not listed', lab({ kubernetesVersion: '1.32' }), ['NODE_IMAGE_UNKNOWN clusters.0.kubernetesVersion']],
    ['a patch version that is not listed', lab({ kubernetesVersion: '1.34.4' }), ['NODE_IMAGE_UNKNOWN clusters.0.kubernetesVersion']],
    ['an image whose tag is no version', lab({ nodeImage: 'registry.example/node:mine' }), ['NODE_IMAGE_VERSION clusters.0.nodeImage']],
    ['an image of another version', lab({ kubernetesVersion: '1.36', nodeImage: 'kindest/node:v1.34.11' }), ['NODE_IMAGE_VERSION clusters.0.nodeImage']],
    [
      'a raw CNI',
      lab({ cni: { type: 'raw', conflist: { cniVersion: '1.0.0', name: 'own', plugins: [{ type: 'ptp' }] } } }),
      ['KIND_CNI_UNSUPPORTED clusters.0.cni'],
    ],
    ['flannel for Docker', lab({ cni: { type: 'flannel', docker: true } }), ['KIND_CNI_UNSUPPORTED clusters.0.cni.docker']],
    [
      'a proxy of long ago',
      lab({ kubernetesVersion: '1.25', nodeImage: 'kindest/node:v1.25.16', kubeProxy: { mode: 'userspace' } }),
      ['KIND_PROXY_MODE clusters.0.kubeProxy.mode'],
    ],
    [
      'an Ingress without a controller',
      lab({
        objects: [
          {
            apiVersion: 'networking.k8s.io/v1',
            kind: 'Ingress',
            metadata: { name: 'web' },
            spec: { defaultBackend: { service: { name: 'web', port: { number: 80 } } } },
          },
        ],
      }),
      ['KIND_INGRESS_CONTROLLER clusters.0.objects'],
    ],
    [
      'routes on a router',
      lab({ cni: { type: 'bridge', routesOn: 'router' } }, { routers: [{ name: 'r', interfaces: [{ segment: 'lan' }] }] }),
      ['KIND_CLUSTERS_ONLY routers', 'KIND_ROUTES_ON_NODES clusters.0.cni.routesOn'],
    ],
    [
      'a label of Kubernetes',
      lab({ nodes: [{ name: 'cp', role: 'control-plane', labels: { 'kubernetes.io/role': 'edge' } }] }),
      ['NODE_LABEL_RESERVED clusters.0.nodes.0.labels.kubernetes.io/role'],
    ],
  ])('%s', (_name, spec, expected) => {
    expect(codes(spec)).toEqual(expected);
    // What a real cluster chooses itself is said; the rest is refused.
    for (const finding of kindRefusals(planLab(spec)))
      expect(finding).toMatchObject({
        severity: /_FIXED$|^KIND_INGRESS/.test(finding.code) || finding.message.includes('is no Kubernetes version') ? 'warning' : 'error',
        hint: expect.stringMatching(/\w/) as string,
      });
  });

  it('only says that the MTU differs from that of Docker', () => {
    expect(kindRefusals(planLab(lab({}, { underlay: { mtu: 9000 } })))).toMatchObject([{ severity: 'warning', code: 'KIND_MTU' }]);
  });
});

describe('node images', () => {
  it('are the listed ones, by minor or by patch version, with their digests', () => {
    const of = (kubernetesVersion: string): string | null => kindNodeImage({ kubernetesVersion, nodeImage: null });
    expect(of('1.37')).toBe(KIND_NODE_IMAGES['1.37.0']);
    expect(of('1.34')).toBe(of('1.34.11'));
    expect(of('1.3')).toBeNull();
    for (const [version, image] of Object.entries(KIND_NODE_IMAGES)) {
      expect(versionOfImage(image)).toBe(version);
      expect(image).toMatch(/@sha256:[0-9a-f]{64}$/);
    }
  });
  it('decide the API that kubeadm is configured by', () => {
    expect(['1.23', '1.35.8', '1.36', '1.37.1'].map(kubeadmApi)).toEqual(['v1beta3', 'v1beta3', 'v1beta4', 'v1beta4']);
  });
});
