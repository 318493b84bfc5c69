import * as pulumi from '@pulumi/pulumi';
import { describe, expect, it, vi } from 'vitest';
import { Cluster, Deployment, FlannelCni, Lab, PodsPerNode, WeaveCni, type Cni } from '../../constructs/index.ts';
import { LabCluster } from '../../pulumi/lab-cluster.ts';
import { kubeconfigIn } from '../../pulumi/manifests.ts';
import { useScratch } from '../lab/scratch.ts';
import { declare, valueOf, type Declared } from './mocks.ts';

useScratch();

function small(cni: Cni = new FlannelCni()): Lab {
  const lab = new Lab({ name: 'small' });
  const cluster = new Cluster(lab, 'c1', { workers: 1, cni });
  new PodsPerNode(cluster, 'web', { count: 1 });
  new Deployment(cluster, 'api', { replicas: 2 });
  return lab;
}

const types = (declared: readonly Declared[]): readonly string[] => declared.map(({ type }) => type).toSorted();
const one = (declared: readonly Declared[], type: string): Declared => {
  const [found, ...more] = declared.filter((each) => each.type === type);
  if (found === undefined || more.length > 0) throw new Error(`${more.length + (found === undefined ? 0 : 1)} of ${type}`);
  return found;
};

const LAB = 'pulumi-nodejs:dynamic/cnilab:Lab';

describe('a preview', () => {
  it('shows the plan, and of a lab that runs what changes', async () => {
    const said = vi.spyOn(pulumi.log, 'info').mockResolvedValue();
    await declare(() => new LabCluster('one', { lab: small(new WeaveCni({ password: 'correct-horse' })) }), true);
    const text = String(said.mock.calls[0]?.[0]);
    expect(text).toContain('1 cluster · 2 nodes · 4 pods');
    expect(text).toContain('c1/default/web-worker1');
    expect(text).not.toContain('correct-horse');
    said.mockRestore();
  });
});

describe('LabCluster on an engine without an API server', () => {
  it('declares the name, the lab and its verification, and nothing of Kubernetes', async () => {
    const { declared } = await declare(() => new LabCluster('one', { lab: small() }));
    expect(types(declared)).toEqual(['cnilab:index:LabCluster', LAB, 'pulumi-nodejs:dynamic/cnilab:Name', 'pulumi-nodejs:dynamic/cnilab:Verification']);
    const { inputs } = one(declared, LAB);
    expect(inputs).toMatchObject({ lab: 'small', owner: 'team/labs/dev/one', engine: 'netns', offline: false, retain: false, timeoutMs: 0 });
    expect(JSON.parse(String(inputs['spec']))).toMatchObject({ name: 'small', clusters: [{ name: 'c1', workers: 1, cni: { type: 'flannel' } }] });
    expect(one(declared, 'pulumi-nodejs:dynamic/cnilab:Verification').inputs).toMatchObject({ lab: 'small', revision: 'first', report: 'fail', options: {} });
  });

  it('gives typed outputs; the kubeconfig is a secret', async () => {
    const { made } = await declare(() => new LabCluster('one', { lab: small() }));
    expect(await valueOf(made.nodeAddresses)).toEqual({ 'c1/worker1': ['172.30.0.3'] });
    expect(await valueOf(made.podCIDRs)).toEqual(['10.244.0.0/16']);
    expect(await valueOf(made.serviceCIDRs)).toEqual(['10.96.0.0/16']);
    expect(await valueOf(made.report)).toMatchObject({ verdict: 'pass' });
    expect(await valueOf(made.kubeconfig)).toBe('the credentials of c1');
  });

  it('verifies as it is told, or not at all', async () => {
    const { declared } = await declare(
      () => new LabCluster('one', { lab: small(), verification: { profile: 'current', attempts: 1, report: 'only', trigger: 7 } }),
    );
    expect(one(declared, 'pulumi-nodejs:dynamic/cnilab:Verification').inputs).toMatchObject({
      options: { profile: 'current', attempts: 1 },
      report: 'only',
      trigger: '7',
    });
    const { made, declared: without } = await declare(() => new LabCluster('one', { lab: small(), verification: false }));
    expect(types(without)).not.toContain('pulumi-nodejs:dynamic/cnilab:Verification');
    expect(await valueOf(made.report)).toBeNull();
  });

  it('keeps the password of a lab a secret', async () => {
    const { declared } = await declare(() => new LabCluster('one', { lab: small(new WeaveCni({ password: 'correct-horse' })) }));
    expect(one(declared, LAB).inputs['spec']).toMatchObject({ value: expect.stringContaining('correct-horse') });
    expect(pulumi.runtime.isRpcSecret(one(declared, LAB).inputs['spec'])).toBe(true);
  });
});

describe('LabCluster on an engine with an API server (the resources of @pulumi/kubernetes are mocked: their plugin is not run)', () => {
  it('declares a provider from the kubeconfig, the CNI, and after it the workloads', async () => {
    const { declared } = await declare(() => new LabCluster('one', { lab: small(), engine: 'kind' }));
    expect(types(declared)).toEqual([
      'cnilab:index:LabCluster',
      'kubernetes:yaml/v2:ConfigGroup',
      'kubernetes:yaml/v2:ConfigGroup',
      LAB,
      'pulumi-nodejs:dynamic/cnilab:Name',
      'pulumi-nodejs:dynamic/cnilab:Verification',
      'pulumi:providers:kubernetes',
    ]);
    const provider = one(declared, 'pulumi:providers:kubernetes');
    expect(JSON.stringify(provider.inputs)).toContain('the credentials of c1');
    const groups = declared.filter(({ type }) => type === 'kubernetes:yaml/v2:ConfigGroup');
    expect(groups.map(({ name }) => name)).toEqual(['one-c1-cni', 'one-c1-workloads']);
    const kinds = groups.map(({ inputs }) => (inputs['objs'] as readonly { readonly kind: string }[]).map(({ kind }) => kind));
    expect(kinds[0]).toContain('DaemonSet');
    expect(kinds[1]).toContain('Deployment');
    for (const { inputs } of groups)
      for (const object of inputs['objs'] as readonly { readonly metadata: { readonly annotations: object } }[])
        expect(object.metadata.annotations).toMatchObject({ 'pulumi.com/patchForce': 'true' });
  });

  it('never takes another cluster for one whose kubeconfig is not there', () => {
    expect(kubeconfigIn({ c1: 'credentials' }, 'c1')).toBe('credentials');
    for (const texts of [{}, { c1: '' }]) expect(() => kubeconfigIn(texts, 'c1')).toThrow('there is no kubeconfig of cluster c1');
  });

  it('leaves the manifests to the engine when told to', async () => {
    const { declared } = await declare(() => new LabCluster('one', { lab: small(), engine: 'kind', manifests: 'engine' }));
    expect(types(declared).filter((type) => type.includes('kubernetes'))).toEqual([]);
  });
});
