import { describe, expect, it } from 'vitest';
import { isCniAtLeast, parseCniVersion } from '../../topology/cni-version.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { CniSpec } from '../../topology/spec.ts';
import { pluginArchive, pluginsLacking, upstreamFiles } from '../../topology/upstream.ts';

const planOf = (...cnis: readonly CniSpec[]) =>
  planLab({ name: 'demo', clusters: cnis.map((cni, i) => ({ name: `c${i + 1}`, kubernetesVersion: '1.32', cni })) });

describe('the files of other projects that a lab needs', () => {
  it('are none for CNIs whose objects are written here', () => {
    expect(upstreamFiles(planOf({ type: 'bridge' }, { type: 'flannel' }, { type: 'kindnet' }))).toEqual([]);
  });

  it('are each named once, sorted, with the digests that are known', () => {
    const files = upstreamFiles(
      planOf({ type: 'weave' }, { type: 'calico' }, { type: 'calico', encapsulation: 'crossSubnet' }, { type: 'calico', encapsulation: 'none' }),
    );
    expect(files.map(({ url }) => url)).toEqual([
      'https://raw.githubusercontent.com/projectcalico/calico/v3.32.1/manifests/calico-vxlan.yaml',
      'https://raw.githubusercontent.com/projectcalico/calico/v3.32.1/manifests/calico.yaml',
      'https://raw.githubusercontent.com/rajch/weave/v2.9.0/prog/weave-kube/weave-daemonset-k8s-1.11.yaml',
    ]);
    expect(files.map(({ what }) => what)).toEqual(['the manifest of Calico 3.32.1', 'the manifest of Calico 3.32.1', 'the manifest of Weave Net 2.9.0']);
    for (const { sha256 } of files) expect(sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('have no digest in versions that nobody looked at', () => {
    expect(upstreamFiles(planOf({ type: 'calico', version: '3.33.1' }))).toEqual([
      {
        what: 'the manifest of Calico 3.33.1',
        url: 'https://raw.githubusercontent.com/projectcalico/calico/v3.33.1/manifests/calico-vxlan.yaml',
        sha256: null,
      },
    ]);
  });

  it('hold the plugins where a CNI calls one that node images lack', () => {
    const lacking = (cni: CniSpec): readonly string[] => planOf(cni).clusters.flatMap((cluster) => pluginsLacking(cluster.cni));
    expect([lacking({ type: 'bridge' }), lacking({ type: 'flannel' })]).toEqual([['bridge'], ['bridge']]);
    expect([lacking({ type: 'kindnet' }), lacking({ type: 'calico' }), lacking({ type: 'weave' })]).toEqual([[], [], []]);
    expect(pluginArchive(planOf({ type: 'calico' }), 'amd64')).toBeNull();
    expect(pluginArchive(planOf({ type: 'calico' }, { type: 'flannel' }), 'arm64')).toEqual({
      what: 'the CNI plugins 1.9.1 for arm64',
      url: 'https://github.com/containernetworking/plugins/releases/download/v1.9.1/cni-plugins-linux-arm64-v1.9.1.tgz',
      sha256: null,
    });
  });
});

describe('versions of CNIs', () => {
  it.each(['v0.28.9', '0.28', '0.28.9-rc1', '00.28.9', 'latest', '', '1.2.3.4', '1.2.3\n'])('%j is none', (text) => expect(parseCniVersion(text)).toBeNull());
  it.each([
    ['0.28.9', '0.28.9', true],
    ['0.28.10', '0.28.9', true],
    ['0.28.8', '0.28.9', false],
    ['1.0.0', '0.28.9', true],
    ['none', '0.0.0', false],
  ] as const)('%s is at least %s: %s', (version, least, expected) => expect(isCniAtLeast(version, least)).toBe(expected));
});
