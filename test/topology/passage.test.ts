import { describe, expect, it } from 'vitest';
import { passageBetween, type Passage } from '../../topology/passage.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { CniSpec, Family } from '../../topology/spec.ts';
import { labWith } from '../every-cni.ts';

const V6 = { cluster: { podCIDR: 'fd00:10:244::/56', serviceCIDR: 'fd00:10:96::/112' }, lab: { underlay: { cidr: 'fd00:30::/64' } } };
function between(plan: LabPlan, from: number, to: number, family: Family = 'ipv4'): Passage {
  const [cluster] = plan.clusters;
  const [one, two] = [cluster?.nodes[from], cluster?.nodes[to]];
  if (cluster === undefined || one === undefined || two === undefined) throw new Error('the lab has no such nodes');
  return passageBetween(cluster.cni, one, two, family);
}

describe('how packets pass between two nodes', () => {
  it.each<readonly [CniSpec, Passage]>([
    [{ type: 'bridge' }, { by: 'route', overheadBytes: 0 }],
    [{ type: 'kindnet' }, { by: 'route', overheadBytes: 0 }],
    [{ type: 'flannel' }, { by: 'vxlan', overheadBytes: 50 }],
    [
      { type: 'flannel', directRouting: true },
      { by: 'route', overheadBytes: 0 },
    ],
    [
      { type: 'flannel', backend: 'host-gw' },
      { by: 'route', overheadBytes: 0 },
    ],
    [
      { type: 'flannel', backend: 'udp' },
      { by: 'udp', overheadBytes: 28 },
    ],
    [
      { type: 'flannel', docker: true },
      { by: 'vxlan', overheadBytes: 50 },
    ],
    [{ type: 'calico' }, { by: 'vxlan', overheadBytes: 50 }],
    [
      { type: 'calico', encapsulation: 'crossSubnet' },
      { by: 'route', overheadBytes: 0 },
    ],
    [
      { type: 'calico', encapsulation: 'ipip' },
      { by: 'ipip', overheadBytes: 20 },
    ],
    [
      { type: 'calico', encapsulation: 'none' },
      { by: 'route', overheadBytes: 0 },
    ],
    [{ type: 'weave' }, { by: 'vxlan', overheadBytes: 50 }],
    [
      { type: 'weave', mode: 'sleeve' },
      { by: 'sleeve', overheadBytes: null },
    ],
    [
      { type: 'raw', routesOn: 'none', conflist: { cniVersion: '1.0.0', name: 'own', plugins: [{ type: 'bridge' }] } },
      { by: 'unknown', overheadBytes: null },
    ],
  ])('%j', (cni, passage) => {
    expect(between(labWith(cni), 1, 2)).toEqual(passage);
  });

  it('VXLAN over IPv6 has the larger header', () => {
    expect(between(labWith({ type: 'flannel' }, V6.cluster, V6.lab), 1, 2, 'ipv6')).toEqual({ by: 'vxlan', overheadBytes: 70 });
  });

  it('is asked for two nodes: across subnets Calico wraps, inside of one it does not', () => {
    const plan = planLab({
      name: 'two-subnets',
      underlay: {
        segments: [
          { name: 'left', cidr: '10.0.1.0/24' },
          { name: 'right', cidr: '10.0.2.0/24' },
        ],
      },
      routers: [{ name: 'router', interfaces: [{ segment: 'left' }, { segment: 'right' }] }],
      clusters: [
        {
          name: 'c1',
          podCIDR: '192.168.0.0/16',
          nodes: [
            { name: 'left1', role: 'control-plane', segment: 'left' },
            { name: 'left2', segment: 'left' },
            { name: 'right1', segment: 'right' },
          ],
          cni: { type: 'calico', encapsulation: 'crossSubnet' },
        },
      ],
    });
    expect(between(plan, 0, 1)).toEqual({ by: 'route', overheadBytes: 0 });
    expect(between(plan, 0, 2)).toEqual({ by: 'vxlan', overheadBytes: 50 });
  });

  it('by a router in front of the nodes', () => {
    const plan = labWith({ type: 'bridge', routesOn: 'router' }, {}, { routers: [{ name: 'gate', interfaces: [{ segment: 'lan' }] }] });
    expect(between(plan, 1, 2)).toEqual({ by: 'route', overheadBytes: 0 });
  });
});
