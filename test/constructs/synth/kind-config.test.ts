import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { kindConfig } from '../../../constructs/synth/kind-config.ts';
import { kindApiServer, kindName, kindNodes } from '../../../constructs/synth/kind-names.ts';
import { manifestText } from '../../../constructs/synth/manifest-file.ts';
import { planLab } from '../../../topology/plan-lab.ts';
import type { ClusterPlan, LabPlan } from '../../../topology/plan.ts';
import type { ClusterSpec, LabSpec } from '../../../topology/spec.ts';
import { lacking } from '../../requires.ts';
import { refusedByKind } from './kind-parser.ts';

const why = lacking('kind-program');

function planned(cluster: Partial<ClusterSpec> = {}, lab: Partial<LabSpec> = {}): { readonly plan: LabPlan; readonly cluster: ClusterPlan } {
  const plan = planLab({ name: 'small', clusters: [{ name: 'c1', cni: { type: 'flannel' }, ...cluster }], ...lab });
  const [first] = plan.clusters;
  if (first === undefined) throw new Error('no cluster');
  return { plan, cluster: first };
}
const config = (...parameters: Parameters<typeof planned>): string => {
  const { plan, cluster } = planned(...parameters);
  return manifestText([kindConfig(plan, cluster, cluster.cni.type === 'flannel' ? ['bridge'] : [])]);
};

const V6 = { podCIDR: 'fd00:10:244::/56', serviceCIDR: 'fd00:10:96::/112' } as const;
const DUAL = { podCIDR: ['10.244.0.0/16', V6.podCIDR], serviceCIDR: ['10.96.0.0/16', V6.serviceCIDR] } as const;
const CONFIGS: Readonly<Record<string, string>> = {
  defaults: config(),
  'dual-stack-nftables': config(
    { ...DUAL, kubeProxy: { mode: 'nftables' }, nodeMask: { ipv4: 25, ipv6: 72 } },
    { underlay: { cidr: ['172.30.0.0/24', 'fd00:30::/64'] } },
  ),
  ipv6: config({ ...V6, cni: { type: 'bridge' } }, { underlay: { cidr: 'fd00:30::/64' } }),
  'old-ipvs': config({ kubernetesVersion: '1.34', kubeProxy: { mode: 'ipvs', scheduler: 'wlc' }, dnsDomain: 'lab.test', cni: { type: 'kindnet' } }),
  'without-proxy': config({ kubeProxy: { mode: 'none' }, cni: { type: 'calico' } }),
  untainted: config({ nodes: [{ name: 'cp', role: 'control-plane', schedulable: true }, { name: 'w' }] }),
  'named-nodes': config({
    kubernetesVersion: '1.36',
    nodeImage: 'registry.example/node:v1.36.9',
    nodes: [
      { name: 'edge', labels: { 'lab.example/role': 'edge', 'topology.kubernetes.io/zone': 'z1' } },
      { name: 'cp', role: 'control-plane' },
      { name: 'cp-b', role: 'control-plane' },
    ],
    portMappings: [
      { containerPort: 30080, hostPort: 8080 },
      { node: 'edge', containerPort: 53, hostPort: 0, listenAddress: '127.0.0.2', protocol: 'UDP' },
    ],
  }),
};

describe('kind configuration', () => {
  it.each(Object.entries(CONFIGS))('%s', async (name, text) => {
    await expect(text).toMatchFileSnapshot(`../golden/kind-config-${name}.yaml`);
    expect(manifestText([parse(text) as object])).toBe(text);
  });

  it.skipIf(why !== null).each(Object.entries(CONFIGS))(`the real kind accepts %s${why === null ? '' : ` (skipped: ${why})`}`, (_name, text) => {
    expect(refusedByKind(text)).toBeNull();
  });

  it.skipIf(why !== null)('the real kind refuses what it does not know, so that its silence means something', () => {
    const text = CONFIGS['defaults'] ?? '';
    expect(refusedByKind(text.replace('networking:', 'networking:\n  podSubnets: x'))).toContain('podSubnets');
    expect(refusedByKind(text.replace(/podSubnet: .*/, 'podSubnet: 10.244.0.0/33'))).toContain('10.244.0.0/33');
    expect(refusedByKind(text.replace(/role: control-plane/, 'role: worker'))).toContain('control-plane');
  });

  it('tells kubeadm of control planes without a taint, and leaves one node alone to kind', () => {
    const of = (cluster: Partial<ClusterSpec>): unknown =>
      (parse(config(cluster)) as { nodes: { kubeadmConfigPatches?: string[] }[] }).nodes.map(
        ({ kubeadmConfigPatches }) => kubeadmConfigPatches?.map((patch) => parse(patch) as unknown) ?? null,
      );
    const untainted = ['InitConfiguration', 'JoinConfiguration'].map((kind) => ({
      apiVersion: 'kubeadm.k8s.io/v1beta4',
      kind,
      nodeRegistration: { taints: [] },
    }));
    expect(of({})).toEqual([null, null, null]);
    expect(of({ workers: 0 })).toEqual([null]);
    expect(of({ controlPlanes: 3, workers: 0 })).toEqual([untainted, untainted, untainted]);
    const nodes = [{ name: 'cp', role: 'control-plane', schedulable: true }, { name: 'cp-b', role: 'control-plane' }, { name: 'w' }] as const;
    expect(of({ nodes })).toEqual([untainted, null, null]);
  });

  it('configures kubeadm by the API that the version has', () => {
    const of = (kubernetesVersion: string): unknown =>
      (parse(config({ kubernetesVersion })) as { kubeadmConfigPatches: string[] }).kubeadmConfigPatches.map((p) => parse(p) as unknown);
    expect(of('1.35')).toEqual([
      {
        apiVersion: 'kubeadm.k8s.io/v1beta3',
        kind: 'ClusterConfiguration',
        controllerManager: { extraArgs: { 'node-cidr-mask-size': '24' } },
        networking: { dnsDomain: 'cluster.local' },
      },
    ]);
    expect(of('1.36')).toEqual([
      {
        apiVersion: 'kubeadm.k8s.io/v1beta4',
        kind: 'ClusterConfiguration',
        controllerManager: { extraArgs: [{ name: 'node-cidr-mask-size', value: '24' }] },
        networking: { dnsDomain: 'cluster.local' },
      },
    ]);
  });
});

describe('names', () => {
  it('are those that kind gives, per role, in the order of the plan', () => {
    const { plan, cluster } = planned({
      nodes: [{ name: 'edge' }, { name: 'cp', role: 'control-plane' }, { name: 'w' }, { name: 'cp-b', role: 'control-plane' }],
    });
    expect(kindNodes(plan, cluster)).toEqual([
      { plan: 'edge', name: 'cnilab-small-worker' },
      { plan: 'cp', name: 'cnilab-small-control-plane' },
      { plan: 'w', name: 'cnilab-small-worker2' },
      { plan: 'cp-b', name: 'cnilab-small-control-plane2' },
    ]);
    expect(kindApiServer(plan, cluster)).toEqual({ host: 'cnilab-small-external-load-balancer', port: 6443 });
  });

  it('tell the clusters of a lab apart, and fit into host names', () => {
    const name = 'a'.repeat(40);
    const of = (clusters: readonly Partial<ClusterSpec>[]): readonly string[] => {
      const plan = planLab({ name, clusters: clusters.map((c, i) => ({ name: `cluster-number-${i}`, cni: { type: 'bridge' }, ...c })) });
      return plan.clusters.map((cluster) => kindName(plan, cluster));
    };
    expect(of([{}])).toEqual([`cnilab-${name}`]);
    const names = of([{}, {}, { controlPlanes: 3 }]);
    expect(new Set(names).size).toBe(3);
    expect(names.map((n) => n.length)).toEqual([47, 47, 40]);
    for (const n of names) expect(n).toMatch(/^cnilab-a+-[0-9a-f]{6}$/);
    expect(of([{ controlPlanes: 3 }])[0]).toHaveLength(40);
  });
});
