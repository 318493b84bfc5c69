import { describe, expect, it } from 'vitest';
import { netnsRefusals } from '../../topology/netns-refusals.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { ClusterSpec } from '../../topology/spec.ts';

const found = (cluster: Partial<ClusterSpec>): readonly string[] =>
  netnsRefusals(planLab({ name: 'small', clusters: [{ name: 'c1', kubernetesVersion: '1.32', cni: { type: 'weave' }, ...cluster }] })).map(
    ({ severity, code, path }) => `${severity} ${code} ${path.join('.')}`,
  );
const withAliases = (hostNetwork: boolean): Partial<ClusterSpec> => ({
  objects: [
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p' },
      spec: { hostNetwork, hostAliases: [{ ip: '192.0.2.7', hostnames: ['db'] }] },
    },
  ],
});

describe('what the netns engine refuses', () => {
  it('a mode of Weave that is a process of its own', () => {
    expect(found({ cni: { type: 'weave', mode: 'fastdp' } })).toEqual([]);
    expect(found({ cni: { type: 'weave', mode: 'sleeve' } })).toEqual(['error NETNS_WEAVE_SLEEVE clusters.0.cni.mode']);
  });

  it('says that the hosts file of a node is not written', () => {
    expect(found(withAliases(false))).toEqual([]);
    expect(found(withAliases(true))).toEqual(['warning NETNS_HOST_ALIASES clusters.0.objects']);
  });
});
