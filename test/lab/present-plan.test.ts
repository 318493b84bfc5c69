import { describe, expect, it } from 'vitest';
import type { Engine } from '../../engines/port.ts';
import { labNow, presentPlan } from '../../lab/present-plan.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { smallPlan } from '../verify/inventory-fixture.ts';

const HANDLE = { engine: 'kind' };
const planned = smallPlan(
  { type: 'bridge' },
  {},
  {
    objects: [
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { selector: { app: 'echo' }, ports: [{ port: 80 }] } },
      { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'deny' }, spec: { podSelector: {} } },
    ],
  },
);

function changed(plan: LabPlan, change: (cluster: LabPlan['clusters'][number]) => Partial<LabPlan['clusters'][number]>): LabPlan {
  return { ...plan, clusters: plan.clusters.map((cluster) => ({ ...cluster, ...change(cluster) })) };
}
const engine = (observe: Engine['observe']): Engine => ({ observe }) as Partial<Engine> as Engine;
const never = engine(() => Promise.reject(new Error('not asked')));

describe('the lab as it is', () => {
  it('has the Services that are there now, and those that came up where the cluster does not answer', async () => {
    const at = (plan: LabPlan, address: string): LabPlan =>
      changed(plan, ({ services }) => ({ services: services.map((service) => ({ ...service, clusterIPs: [address] })) }));
    const ips = ({ clusters }: LabPlan): readonly string[] => [
      ...new Set(clusters.flatMap(({ services }) => services.flatMap(({ clusterIPs }) => clusterIPs))),
    ];
    const state = { plan: planned, observed: at(planned, '10.96.8.8') };
    const answers = engine(() => Promise.resolve(at(planned, '10.96.9.9')));
    expect(ips(await labNow(answers, HANDLE, state))).toEqual(['10.96.9.9']);
    expect(ips(await labNow(never, HANDLE, state))).toEqual(['10.96.8.8']);
  });
});

describe('the lab as faults and a diagnosis take it', () => {
  it('is the plan where the plan decides', async () => {
    expect(await presentPlan(never, HANDLE, { plan: planned })).toBe(planned);
  });
  it('has the nodes that came up, and the pods that are there now', async () => {
    const observed = changed(planned, (cluster) => ({ nodes: cluster.nodes.map((node) => ({ ...node, netns: `real-${node.name}` })) }));
    const now = changed(planned, (cluster) => ({ pods: cluster.pods.slice(0, 1) }));
    const { clusters } = await presentPlan(
      engine(() => Promise.resolve(now)),
      HANDLE,
      { plan: planned, observed },
    );
    expect(clusters[0]?.nodes.map((node) => node.netns)).toEqual(planned.clusters[0]?.nodes.map((node) => `real-${node.name}`));
    expect(clusters[0]?.pods).toHaveLength(1);
  });
  it('has no Services and policies, which a cluster programs by addresses of its own', async () => {
    const { clusters } = await presentPlan(never, HANDLE, { plan: planned, observed: planned });
    expect(clusters[0]?.services).toEqual([]);
    expect(clusters[0]?.objects.map(({ kind }) => kind)).not.toContain('NetworkPolicy');
    // The cluster did not answer.
    expect(clusters[0]?.pods).toEqual(planned.clusters[0]?.pods);
  });
});
