import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { synthesizeKind } from '../../../constructs/synth/synthesize-kind.ts';
import { fetchUpstream } from '../../../lab/upstream.ts';
import type { ArtifactSet } from '../../../topology/artifacts.ts';
import { SpecError } from '../../../topology/errors.ts';
import { kindRefusals } from '../../../topology/kind-refusals.ts';
import { planLab } from '../../../topology/plan-lab.ts';
import type { LabPlan } from '../../../topology/plan.ts';
import type { ClusterSpec, CniSpec, KubernetesObject, LabSpec, ProxyMode } from '../../../topology/spec.ts';
import { upstreamFiles, type UpstreamObjects } from '../../../topology/upstream.ts';
import { lacking } from '../../requires.ts';
import { refusedByKind } from './kind-parser.ts';

const noKind = lacking('kind-program');

/** Every CNI that kind runs, in each of its ways. */
const CNIS: Readonly<Record<string, CniSpec>> = {
  bridge: { type: 'bridge' },
  'flannel-vxlan': { type: 'flannel' },
  'flannel-direct': { type: 'flannel', directRouting: true, vni: 7, port: 4789, mtu: 1400 },
  'flannel-host-gw': { type: 'flannel', backend: 'host-gw' },
  kindnet: { type: 'kindnet' },
  'calico-none': { type: 'calico', encapsulation: 'none' },
  'calico-vxlan': { type: 'calico' },
  'calico-cross-subnet': { type: 'calico', encapsulation: 'crossSubnet', natOutgoing: false, blockSize: 25 },
  'calico-ipip': { type: 'calico', encapsulation: 'ipip' },
  weave: { type: 'weave', password: 'not-a-secret' },
};
const PROXIES: readonly ProxyMode[] = ['iptables', 'nftables', 'ipvs', 'none'];
const [POD6, SERVICE6, LAN6] = ['fd00:10:244::/56', 'fd00:10:96::/112', 'fd00:30::/64'];
const FAMILIES: Readonly<Record<string, { readonly cluster: Partial<ClusterSpec>; readonly lab: Partial<LabSpec> }>> = {
  ipv4: { cluster: {}, lab: {} },
  ipv6: { cluster: { podCIDR: POD6, serviceCIDR: SERVICE6 }, lab: { underlay: { cidr: LAN6 } } },
  dual: { cluster: { podCIDR: ['10.244.0.0/16', POD6], serviceCIDR: ['10.96.0.0/16', SERVICE6] }, lab: { underlay: { cidr: ['172.30.0.0/24', LAN6] } } },
};

const upstream = await upstreamHere();

interface Combination {
  readonly plan: LabPlan;
  readonly artifacts: ArtifactSet;
}

const cases = Object.entries(CNIS).flatMap(([cni, spec]) => Object.keys(FAMILIES).map((family) => ({ name: `${cni}-${family}`, cni: spec, family })));
const synthesizable = cases.filter(({ cni }) => upstream.reason === null || (cni.type !== 'calico' && cni.type !== 'weave'));

function lab(cni: CniSpec, family: string, mode: ProxyMode): LabSpec {
  const { cluster, lab: more } = FAMILIES[family] ?? { cluster: {}, lab: {} };
  const kubeProxy = mode === 'ipvs' ? { mode, scheduler: 'lc' as const } : { mode };
  return { name: 'golden', ...more, clusters: [{ name: 'c1', workers: 1, cni, kubeProxy, workloads: [{ name: 'web', perNode: 1 }], ...cluster }] };
}

/** The codes of the findings that keep a combination from being planned, or its files. */
function combine(cni: CniSpec, family: string, mode: ProxyMode): Combination | string {
  try {
    const plan = planLab(lab(cni, family, mode));
    expect(kindRefusals(plan)).toEqual([]);
    return { plan, artifacts: synthesizeKind(plan, { upstream: upstream.objects }) };
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    return error.diagnostics
      .filter((finding) => finding.severity === 'error')
      .map((finding) => finding.code)
      .join(', ');
  }
}

const made = synthesizable.map(({ name, cni, family }) => ({ name, cni, modes: PROXIES.map((mode) => [mode, combine(cni, family, mode)] as const) }));
const all: readonly (readonly [string, Combination])[] = made.flatMap(({ name, modes }) =>
  modes.flatMap(([mode, result]) => (typeof result === 'string' ? [] : [[`${name} ${mode}`, result] as const])),
);

/** Every file by its bytes: most are the same in many combinations. */
const files = new Map(all.flatMap(([name, { artifacts }]) => artifacts.files.map((file) => [file.sha256, { ...file, name: `${name} ${file.path}` }] as const)));
const objectsOf: ReadonlyMap<string, readonly KubernetesObject[]> = new Map(
  [...files.values()]
    .filter((file) => file.path.endsWith('.yaml'))
    .map((file) => [file.sha256, parseAllDocuments(file.content).map((document) => document.toJS() as KubernetesObject)]),
);

/**
 * Every file under the first proxy mode, and under the others the files that differ. Left out: the verification, which is the same for every CNI and has tests
 * of its own, and manifests of other projects, which are not ours to keep.
 */
function golden({ cni, modes }: (typeof made)[number]): string {
  const shown = new Set<string>();
  return modes
    .flatMap(([mode, result]) => {
      if (typeof result === 'string') return [`######## ${mode}: refused, ${result}`];
      const differing = result.artifacts.files.filter(
        ({ path, sha256 }) =>
          !shown.has(sha256) && !path.startsWith('verify/') && (!path.startsWith('cni/') || (cni.type !== 'calico' && cni.type !== 'weave')),
      );
      for (const { sha256 } of differing) shown.add(sha256);
      return [
        `######## ${mode}${mode === modes[0]?.[0] ? '' : ', what differs'}`,
        ...differing.flatMap((file) => [`==== ${file.path}`, file.content.trimEnd()]),
      ];
    })
    .concat('')
    .join('\n');
}

describe('the files for kind', () => {
  it.each(made.filter(({ modes }) => modes.some(([, result]) => typeof result !== 'string')))('$name, under every proxy mode', async (one) => {
    await expect(golden(one)).toMatchFileSnapshot(`../golden/kind-${one.name}.txt`);
  });

  it('are refused where the CNI cannot do what is asked for', () => {
    const refused = made.flatMap(({ name, modes }) => modes.flatMap(([mode, result]) => (typeof result === 'string' ? [`${name} ${mode}: ${result}`] : [])));
    for (const line of refused) expect(line).toMatch(/^((calico|weave)-.*(ipv6|dual) |weave-ipv4 (nftables|ipvs): PROXY_MODE_UNSUPPORTED)/);
    expect(refused.length + all.length).toBe(made.length * PROXIES.length);
  });

  it.skipIf(upstream.reason === null)(`of calico and weave were not made: ${upstream.reason ?? ''}`, () => {
    expect(made.length).toBeLessThan(cases.length);
  });

  it.each(all.filter(([name]) => !/ (ipvs|none)$/.test(name)))(
    '%s: the same plan gives the same bytes, in order, with their digests',
    (_name, { plan, artifacts }) => {
      const again = synthesizeKind(structuredClone(plan), { upstream: upstream.objects });
      expect(again.files.map((file) => file.content).join('') === artifacts.files.map((file) => file.content).join('')).toBe(true);
      expect({ ...again, files: [] }).toEqual({ ...artifacts, files: [] });
      const paths = artifacts.files.map((file) => file.path);
      expect(paths).toEqual([...new Set(paths)].sort());
      for (const file of artifacts.files) expect(file.sha256).toBe(createHash('sha256').update(file.content).digest('hex'));
    },
  );

  it('are YAML that says the same to readers of 1.1 and 1.2, and when it is written again', () => {
    for (const [sha256, objects] of objectsOf) {
      const { name, content } = files.get(sha256) ?? { name: '', content: '' };
      for (const object of objects) expect([name, typeof object.kind, typeof object.apiVersion]).toEqual([name, 'string', 'string']);
      const documents = parseAllDocuments(content, { version: '1.1' });
      expect([name, documents.flatMap((document) => document.errors)]).toEqual([name, []]);
      expect(documents.map((document) => document.toJS() as unknown)).toEqual(objects);
      expect(objects.map((object) => parse(stringify(object)) as unknown)).toEqual(objects);
      // What other projects wrote keeps what they wrote, in strings too.
      if (!/(calico|weave).* cni\//.test(name)) expect([name, /[ \t]$/m.test(content)]).toEqual([name, false]);
    }
  });

  it.each(all)('%s: name every image that is run, none of them :latest, and pull none that is there', (_name, { artifacts }) => {
    const containers = artifacts.files
      .filter((file) => /^(cni|workloads|verify)\//.test(file.path))
      .flatMap((file) => objectsOf.get(file.sha256) ?? [])
      .filter((object) => object.kind !== 'CustomResourceDefinition')
      .flatMap(containersOf);
    expect(containers.length).toBeGreaterThan(0);
    expect([...new Set(containers.map((container) => container.image))].sort()).toEqual(artifacts.images);
    expect(artifacts.images.filter((image) => !/:[^/:]+$/.test(image) || image.endsWith(':latest'))).toEqual([]);
    expect(containers.map((container) => container.imagePullPolicy ?? 'default for a tag')).not.toContain('Always');
  });

  it.skipIf(noKind !== null)(`are read by the real kind${noKind === null ? '' : ` (skipped: ${noKind})`}`, () => {
    const configs = [...files.values()].filter((file) => file.path === 'kind.yaml');
    expect(configs.length).toBeGreaterThan(20);
    expect(configs.flatMap(({ name, content }) => (refusedByKind(content) === null ? [] : [name]))).toEqual([]);
  });
});

describe('labs of several clusters', () => {
  it('have a folder for each, and one README', () => {
    const plan = planLab({
      name: 'two',
      images: { 'registry.k8s.io/e2e-test-images/agnhost': 'mirror.example/agnhost:2.53' },
      clusters: [
        { name: 'east', controlPlanes: 3, workers: 0, cni: { type: 'bridge' } },
        { name: 'west', kubernetesVersion: '1.34', cni: { type: 'kindnet' } },
      ],
    });
    const { clusters, files: written, images, nodeImages } = synthesizeKind(plan, { upstream: upstream.objects });
    expect(clusters.map((cluster) => [cluster.engineName, cluster.config, cluster.plugins, cluster.cni])).toEqual([
      ['cnilab-two-east', 'east/kind.yaml', ['bridge'], ['east/cni/00-bridge.yaml']],
      ['cnilab-two-west', 'west/kind.yaml', [], []],
    ]);
    expect(written.filter((file) => file.path.endsWith('README.md')).map((file) => file.path)).toEqual(['README.md']);
    expect(written.every((file) => /^(README\.md|east\/.+|west\/.+)$/.test(file.path))).toBe(true);
    const listed = clusters.flatMap((cluster) => [`${cluster.name}/Corefile`, cluster.config, ...cluster.cni, ...cluster.workloads, ...cluster.verify]);
    expect(['README.md', ...listed].sort()).toEqual(written.map((file) => file.path));
    expect(images).toEqual(['mirror.example/agnhost:2.53']);
    expect(nodeImages).toEqual([expect.stringContaining('envoy'), expect.stringContaining('node:v1.34.11@'), expect.stringContaining('node:v1.37.0@')]);
    const readme = written.find((file) => file.path === 'README.md')?.content ?? '';
    for (const path of listed.filter((listedPath) => !listedPath.endsWith('permissions.yaml'))) expect(readme).toContain(path.replace(/^(east|west)\//, ''));
    for (const { engineName } of clusters) expect(readme).toContain(`kind delete cluster --name ${engineName} `);
  });
});

describe('1000 nodes', () => {
  it('are synthesized with a verification by shards', async ({ annotate }) => {
    const spec: LabSpec = {
      name: 'large',
      underlay: { cidr: '172.16.0.0/16' },
      clusters: [{ name: 'c1', workers: 999, podCIDR: '10.128.0.0/10', cni: { type: 'bridge' }, workloads: [{ name: 'web', perNode: 1 }] }],
    };
    const plan = planLab(spec);
    const started = performance.now();
    const { files: written } = synthesizeKind(plan, { upstream: new Map() });
    const ms = performance.now() - started;
    const bytes = written.reduce((sum, file) => sum + Buffer.byteLength(file.content), 0);
    await annotate(`1000 nodes: ${written.length} files, ${Math.round(bytes / 1024)} KiB, synthesized in ${Math.round(ms)} ms`);
    expect(written.length).toBeLessThan(20);
    expect(bytes).toBeLessThan(4 * 1024 * 1024);
  });
});

interface Container {
  readonly image: string;
  readonly imagePullPolicy?: string;
}

/** Containers of a pod, or of the pods of a controller, wherever they are. */
function containersOf(value: unknown): readonly Container[] {
  if (Array.isArray(value)) return value.flatMap(containersOf);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) =>
    (key === 'containers' || key === 'initContainers') &&
    Array.isArray(inner) &&
    inner.some((item) => typeof item === 'object' && item !== null && 'image' in item)
      ? (inner as readonly Container[])
      : containersOf(inner),
  );
}

/**
 * The manifests of other projects, where this machine has them: the folder that CNILAB_UPSTREAM_MANIFESTS names. They are found by their digests, and read as
 * `up` reads them.
 */
async function upstreamHere(): Promise<{ readonly objects: UpstreamObjects; readonly reason: string | null }> {
  const here = process.env['CNILAB_UPSTREAM_MANIFESTS'];
  if (here === undefined) return { objects: new Map(), reason: 'CNILAB_UPSTREAM_MANIFESTS names no folder with the upstream manifests' };
  const plans = Object.values(CNIS).map((cni) => planLab(lab(cni, 'ipv4', 'iptables')));
  const files = [...new Map(plans.flatMap(upstreamFiles).map((file) => [file.url, file])).values()];
  const cache = mkdtempSync(join(tmpdir(), 'cnilab-upstream-'));
  try {
    mkdirSync(join(cache, 'upstream'));
    for (const name of readdirSync(here)) {
      const bytes = readFileSync(join(here, name));
      writeFileSync(join(cache, 'upstream', createHash('sha256').update(bytes).digest('hex')), bytes);
    }
    return { objects: await fetchUpstream(files, { lock: null, offline: true, cacheDirectory: cache }), reason: null };
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
}
