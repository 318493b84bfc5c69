import { describe, expect, it } from 'vitest';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { LabSpec } from '../../topology/spec.ts';
import { clusterEnds } from '../../verify/endpoints.ts';
import { cellsOf } from '../../verify/policy/cells.ts';
import { withHosts } from '../../verify/policy/hosts.ts';

/** A database that one outside host may call on 3306, and that may call the other one on 80. */
const lab = (routes: NonNullable<LabSpec['routers']>[number]['routes']): LabPlan =>
  planLab({
    name: 'hosts',
    underlay: { cidr: '10.0.0.0/24' },
    routers: [{ name: 'router', interfaces: [{ segment: 'lan' }], routes: routes ?? [] }],
    outside: {
      cidr: '192.168.5.0/24',
      hosts: [
        { name: 'backup', address: '192.168.5.10' },
        { name: 'stranger', address: '192.168.5.11' },
      ],
    },
    clusters: [
      {
        name: 'c1',
        podCIDR: '10.244.0.0/16',
        nodes: [{ name: 'n1', role: 'control-plane', address: '10.0.0.2' }],
        cni: { type: 'calico' },
        objects: [
          { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'db', labels: { role: 'db' } }, spec: { containers: [{ ports: [{ containerPort: 3306 }] }] } },
          {
            apiVersion: 'networking.k8s.io/v1',
            kind: 'NetworkPolicy',
            metadata: { name: 'db' },
            spec: {
              podSelector: { matchLabels: { role: 'db' } },
              policyTypes: ['Ingress', 'Egress'],
              ingress: [{ from: [{ ipBlock: { cidr: '192.168.5.10/32' } }], ports: [{ port: 3306 }] }],
              egress: [{ to: [{ ipBlock: { cidr: '192.168.5.11/32' } }], ports: [{ port: 80 }] }],
            },
          },
        ],
      },
    ],
  });

/** `client server protocol port` of the cells with a host that are open. */
function openCells(plan: LabPlan): { readonly all: number; readonly open: readonly string[] } {
  const [bare] = clusterEnds(plan);
  if (bare === undefined) throw new Error('no cluster');
  const cluster = withHosts(bare, plan);
  const name = (index: number): string => cluster.ends[index]?.id ?? '';
  const isHost = (index: number): boolean => cluster.ends[index]?.kind === 'host';
  const cells = (['tcp', 'udp'] as const)
    .flatMap((protocol) => cellsOf(cluster, plan, 'ipv4', protocol))
    .filter(({ client, server }) => isHost(client) || isHost(server));
  const open = cells
    .filter(({ stand }) => stand.stand === 'open')
    .map(({ client, server, protocol, port }) => `${name(client)} ${name(server)} ${protocol} ${port}`);
  return { all: cells.length, open };
}

describe('hosts in the truth table of policies', () => {
  it('are asked about, both ways, where a router has a route to the pods: by their own addresses', () => {
    const { all, open } = openCells(lab([{ to: '10.244.0.0/26', via: '10.0.0.2' }]));
    expect(open).toEqual(['backup c1/default/db tcp 3306', 'c1/default/db stranger tcp 80']);
    expect(all).toBeGreaterThan(20);
  });

  it('are left out where their packets could not come back as what they were, or not at all', () => {
    expect(openCells(lab([]))).toEqual({ all: 0, open: [] });
    expect(openCells(lab([{ to: '10.245.0.0/16', via: '10.0.0.2' }]))).toEqual({ all: 0, open: [] });
  });
});
