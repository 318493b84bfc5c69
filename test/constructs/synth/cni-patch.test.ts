import { describe, expect, it } from 'vitest';
import { patched, type ManifestPatch } from '../../../constructs/synth/cni/patch.ts';
import { LabError } from '../../../topology/errors.ts';
import type { KubernetesObject } from '../../../topology/spec.ts';
import { upstreamManifest, type UpstreamObjects } from '../../../topology/upstream.ts';
import { labWith, manifestsOf } from '../../every-cni.ts';
import { noUpstream, upstreamHere } from '../../upstream-here.ts';

/** A manifest as another project might write it. */
const MANIFEST: readonly KubernetesObject[] = [
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace: 'kube-system' }, data: { mtu: '0', other: 'kept' } },
  {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'agent', namespace: 'kube-system', annotations: { kept: 'yes' } },
    spec: {
      template: {
        spec: {
          initContainers: [{ name: 'install', image: 'registry.example/agent:latest', imagePullPolicy: 'Always' }],
          containers: [
            {
              name: 'agent',
              image: 'registry.example/agent:latest',
              env: [
                { name: 'MODE', value: 'a' },
                { name: 'KEPT', value: 'b' },
              ],
            },
          ],
        },
      },
    },
  },
];
const agent = (container: string) => ({ daemonSet: 'agent', container }) as const;
const apply = (...patches: readonly ManifestPatch[]): readonly KubernetesObject[] => patched('the manifest', MANIFEST, patches);

describe('patches of a manifest', () => {
  it('change what they name and nothing else', () => {
    const before = structuredClone(MANIFEST);
    const [settings, daemonSet] = apply(
      { op: 'data', configMap: 'settings', key: 'mtu', value: '1450' },
      {
        op: 'env',
        ...agent('agent'),
        present: [{ name: 'MODE', value: 'c' }],
        added: [
          { name: 'KEPT', value: 'd' },
          { name: 'NEW', value: 'e' },
        ],
      },
      { op: 'image', ...agent('install'), repository: 'registry.example/agent', tag: '1.2.3' },
      { op: 'annotate', daemonSet: 'agent', annotations: { experimental: 'very' } },
    );
    expect(settings).toEqual({ ...MANIFEST[0], data: { mtu: '1450', other: 'kept' } });
    expect(daemonSet).toEqual({
      ...MANIFEST[1],
      metadata: { name: 'agent', namespace: 'kube-system', annotations: { kept: 'yes', experimental: 'very' } },
      spec: {
        template: {
          spec: {
            initContainers: [{ name: 'install', image: 'registry.example/agent:1.2.3', imagePullPolicy: 'IfNotPresent' }],
            containers: [
              {
                name: 'agent',
                image: 'registry.example/agent:latest',
                env: [
                  { name: 'MODE', value: 'c' },
                  { name: 'KEPT', value: 'd' },
                  { name: 'NEW', value: 'e' },
                ],
              },
            ],
          },
        },
      },
    });
    expect(MANIFEST).toEqual(before);
  });

  it.each<readonly [string, ManifestPatch, string]>([
    ['a ConfigMap', { op: 'data', configMap: 'gone', key: 'mtu', value: '' }, 'the manifest has no ConfigMap gone'],
    ['a key', { op: 'data', configMap: 'settings', key: 'veth_mtu', value: '' }, 'the manifest has no data.veth_mtu in ConfigMap settings'],
    ['a DaemonSet', { op: 'annotate', daemonSet: 'gone', annotations: {} }, 'the manifest has no DaemonSet gone'],
    ['a container', { op: 'env', ...agent('renamed'), added: [] }, 'the manifest has no container renamed in DaemonSet agent'],
    [
      'a variable',
      { op: 'env', ...agent('agent'), present: [{ name: 'POOL', value: '' }] },
      'the manifest has no variable POOL of container agent in DaemonSet agent',
    ],
    [
      'an image',
      { op: 'image', ...agent('install'), repository: 'registry.example/other', tag: '1' },
      'the manifest has no image registry.example/other of container install in DaemonSet agent',
    ],
  ])('that find no %s name it', (_what, patch, message) => {
    expect(() => apply(patch)).toThrow(expect.objectContaining({ code: 'UPSTREAM_UNEXPECTED', message }));
  });
});

describe.skipIf(noUpstream !== null)(`doctored manifests${noUpstream === null ? '' : `: ${noUpstream}`}`, async () => {
  const calico = labWith({ type: 'calico' });
  const weave = labWith({ type: 'weave' });
  const upstream = await upstreamHere([calico, weave]);
  const doctored = (from: string, to: string): UpstreamObjects =>
    new Map([...upstream].map(([url, objects]) => [url, JSON.parse(JSON.stringify(objects).replaceAll(from, to)) as readonly KubernetesObject[]]));

  it.each([
    [
      calico,
      '"CALICO_IPV4POOL_VXLAN"',
      '"CALICO_POOL_VXLAN"',
      'the manifest of Calico 3.32.1 has no variable CALICO_IPV4POOL_VXLAN of container calico-node in DaemonSet calico-node',
    ],
    [calico, '"name":"calico-node","image"', '"name":"node","image"', 'the manifest of Calico 3.32.1 has no container calico-node in DaemonSet calico-node'],
    [calico, '"veth_mtu"', '"mtu"', 'the manifest of Calico 3.32.1 has no data.veth_mtu in ConfigMap calico-config'],
    [weave, '"weave-npc"', '"npc"', 'the manifest of Weave Net 2.9.0 has no container weave-npc in DaemonSet weave-net'],
    [
      weave,
      'rajchaudhuri/weave-kube:',
      'docker.io/rajchaudhuri/weave-kube:',
      'the manifest of Weave Net 2.9.0 has no image rajchaudhuri/weave-kube of container weave-init in DaemonSet weave-net',
    ],
  ])('%#: %s renamed is an error that names it', (plan, from, to, message) => {
    expect(() => manifestsOf(plan, doctored(from, to))).toThrow(expect.objectContaining({ code: 'UPSTREAM_UNEXPECTED', message }));
  });
});

it('a manifest that was not fetched is a bug, and said to be one', () => {
  const plan = labWith({ type: 'calico' });
  const cni = plan.clusters[0]?.cni;
  expect(cni === undefined ? null : upstreamManifest(cni)?.what).toBe('the manifest of Calico 3.32.1');
  expect(() => manifestsOf(plan)).toThrow(LabError);
  expect(() => manifestsOf(plan)).toThrow('was not fetched before its manifests were made');
});
