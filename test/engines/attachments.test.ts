/** Second networks as ops: bridges with the nodes' data path, cables and addresses after the pods, and what a change does. */
import { describe, expect, it } from 'vitest';
import { compile } from '../../engines/netns/compile.ts';
import type { Op, OpsDelta } from '../../engines/netns/ops.ts';
import { planNeeds } from '../../engines/netns/plan-needs.ts';
import { reconcile } from '../../engines/netns/reconcile.ts';
import { fidelity } from '../../engines/netns/fidelity.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { ClusterSpec } from '../../topology/spec.ts';
import { smallLab, withPermanentNeighbours } from './compile-fixture.ts';

const networked = (more: Partial<ClusterSpec> = {}): LabPlan =>
  planLab(
    smallLab(
      { type: 'calico' },
      { networks: [{ name: 'storage', cidr: '10.60.0.0/16' }], workloads: [{ name: 'web', perNode: 1, networks: ['storage'] }], ...more },
    ),
  );
/** What an op is about, without the names that are hashes. */
const said = (op: Op): string => {
  switch (op.op) {
    case 'bridge':
      return `bridge ${op.ns} ${op.name} mtu ${op.mtu}`;
    case 'veth':
      return `veth ${op.ns} of ${op.master ?? ''} to ${op.peer.ns} ${op.peer.name}${op.hairpin ? ' hairpin' : ''}`;
    case 'address':
      return `address ${op.ns} ${op.dev} ${op.address}/${op.prefixLength}`;
    case 'netns':
      return `netns ${op.ns}`;
    case 'neigh':
      return `neigh ${op.ns} ${op.dev} ${op.address}`;
    default:
      return op.op;
  }
};
const opsOf = (delta: OpsDelta): readonly Op[] => delta.stages.flatMap(({ ops }) => ops);

describe('the ops of second networks', () => {
  const stages = compile(networked());

  it('make the bridges, without an address, before there are pods', () => {
    const dataPath = stages.find(({ name }) => name === 'data-path')?.ops.map(said) ?? [];
    expect(dataPath.filter((line) => line.includes('br-storage'))).toEqual([
      'bridge node.c1.control-plane1 br-storage mtu 1500',
      'bridge node.c1.worker1 br-storage mtu 1500',
    ]);
  });

  it('lay the cables when all pods have their first interface', () => {
    const names = stages.map(({ name }) => name);
    expect(names.indexOf('attachments')).toBe(names.indexOf('pods') + 1);
    expect(stages.find(({ name }) => name === 'attachments')?.ops.map(said)).toEqual([
      'veth node.c1.control-plane1 of br-storage to pod.c1.default.web-control-plane1 net1',
      'address pod.c1.default.web-control-plane1 net1 10.60.0.2/24',
      'veth node.c1.worker1 of br-storage to pod.c1.default.web-worker1 net1',
      'address pod.c1.default.web-worker1 net1 10.60.1.2/24',
    ]);
  });

  it('call no plugin, and write the neighbours of a large lab', () => {
    expect(planNeeds(networked()).plugins).toEqual([]);
    const two = withPermanentNeighbours(networked({ workloads: [{ name: 'web', perNode: 2, networks: ['storage'] }] }));
    const entries = compile(two)
      .flatMap(({ ops }) => ops)
      .map(said)
      .filter((line) => line.startsWith('neigh') && line.includes('net1'));
    expect(entries).toHaveLength(4);
    expect(entries).toContain('neigh pod.c1.default.web-worker1 net1 10.60.1.3');
  });

  it('come and go alone: the first interfaces stay as they are', () => {
    const without = networked({ networks: [], workloads: [{ name: 'web', perNode: 1 }] });
    const come = reconcile(without, networked());
    expect(come.undo).toEqual([]);
    expect(opsOf(come).map((op) => op.op)).toEqual(['bridge', 'bridge', 'veth', 'address', 'veth', 'address']);
    const go = reconcile(networked(), without);
    expect(opsOf(go)).toEqual([]);
    expect(go.undo.map((op) => op.op).filter((op) => op !== 'neigh')).toEqual(['veth', 'veth', 'bridge', 'bridge']);
  });
});

describe('the fidelity statement', () => {
  it('says who is not there', () => {
    expect(fidelity(networked()).absent.join('\n')).toContain('Multus');
    expect(fidelity(networked()).sameMechanism.join('\n')).toContain('second networks');
    expect(JSON.stringify(fidelity(networked({ networks: [], workloads: [] })))).not.toMatch(/Multus|second networks/);
  });
});
