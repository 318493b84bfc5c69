/** From the lab file to the judgement: which pods may call themselves. */
import { describe, expect, it } from 'vitest';
import { BridgeCni } from '../../constructs/cni/bridge-cni.ts';
import { Cluster } from '../../constructs/cluster.ts';
import { Lab } from '../../constructs/lab.ts';
import { Pod } from '../../constructs/pod.ts';
import { diffPlans } from '../../topology/diff.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { contextOf } from '../../verify/account-batch.ts';
import { clusterEnds } from '../../verify/endpoints.ts';

function planned(proxied: boolean): LabPlan {
  const lab = new Lab({ name: 'mesh' });
  const cluster = new Cluster(lab, 'c1', { controlPlanes: 1, workers: 0, cni: new BridgeCni() });
  new Pod(cluster, 'meshed', { proxied });
  new Pod(cluster, 'plain');
  return planLab(lab.toSpec());
}

describe('a pod with a declared proxy', () => {
  it('is the one that says so', () => {
    expect(planned(true).clusters[0]?.pods.map(({ name, proxied }) => [name, proxied])).toEqual([
      ['meshed', true],
      ['plain', undefined],
    ]);
    expect(planned(false).clusters[0]?.pods.some((pod) => 'proxied' in pod)).toBe(false);
  });

  it('may call itself from its own addresses and its loopback, and nobody else may', () => {
    const [cluster] = clusterEnds(planned(true));
    if (cluster === undefined) throw new Error('there is a cluster');
    const { isOwnProxy } = contextOf({ table: { cluster }, protocol: 'tcp' }, 1);
    const [meshed, plain] = cluster.ends.map((end) => end.endpoint.addresses[0]?.address ?? '');
    expect([
      isOwnProxy?.(0, meshed ?? ''),
      isOwnProxy?.(0, '127.0.0.6'),
      isOwnProxy?.(0, plain ?? ''),
      isOwnProxy?.(1, plain ?? ''),
      isOwnProxy?.(2, '127.0.0.1'),
    ]).toEqual([true, true, false, false, false]);
  });

  it('becomes one in place', () => {
    expect(diffPlans(planned(false), planned(true)).changes.map(({ object, id, inPlace }) => [object, id, inPlace])).toEqual([
      ['pod', 'c1/default/meshed', true],
    ]);
  });
});
