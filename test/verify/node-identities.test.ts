/** Clones: nodes that share what each must have alone. */
import { describe, expect, it } from 'vitest';
import type { Snapshot } from '../../engines/port.ts';
import type { Finding } from '../../verify/inventory/finding.ts';
import { viewLab } from '../../verify/inventory/lab-view.ts';
import { inventoryNodeIdentities } from '../../verify/inventory/node-identities.ts';
import { changed, healthySnapshot, nodeNamed, smallPlan } from './inventory-fixture.ts';

const id = (digit: string): string => digit.repeat(32);
const plan = smallPlan(
  { type: 'bridge' },
  {},
  {
    nodes: [
      { name: 'n1', role: 'control-plane', machineId: id('1') },
      { name: 'n2', machineId: id('2') },
    ],
  },
);
const [n1, n2] = [nodeNamed(plan, 'n1'), nodeNamed(plan, 'n2')];
const named = (snapshot: Snapshot, netns: string, hostName: string, machineId: string): Snapshot =>
  changed(snapshot, netns, () => ({ identity: { hostName, machineId } }));
const healthy = named(named(healthySnapshot(plan), n1.netns, 'n1', id('1')), n2.netns, 'n2', id('2'));
const find = (snapshot: Snapshot): readonly Finding[] => inventoryNodeIdentities(viewLab(plan, snapshot));

describe('the identities of nodes', () => {
  it('are found to be apart, and not missed where an engine does not read them', () => {
    expect([find(healthy), find(healthySnapshot(plan))]).toEqual([[], []]);
  });

  it('name whoever has the host name and machine-id of another, and how each is put right', () => {
    expect(find(named(healthy, n2.netns, 'n1', id('1'))).map(({ name, where, evidence, mend }) => [name, where, evidence[0], mend])).toEqual([
      ['node-not-unique', ['c1/n1', 'c1/n2'], 'n1 is the host name of n1 and n2', "cnilab exec small n2 -- sh -c 'echo n2 >/etc/hostname'"],
      ['node-not-unique', ['c1/n1', 'c1/n2'], `${id('1')} is the machine-id of n1 and n2`, `cnilab exec small n2 -- sh -c 'echo ${id('2')} >/etc/machine-id'`],
    ]);
  });

  it('name two MACs of one segment, and explain what is lost between the two', () => {
    const mac = n1.interfaces[0]?.mac ?? '';
    const own = n2.interfaces[0]?.mac ?? '';
    const cloned = changed(healthy, n2.netns, ({ links }) => ({ links: links.map((one) => (one.name === 'eth0' ? { ...one, mac } : one)) }));
    expect(find(cloned).map(({ name, where, mend }) => [name, where, mend])).toEqual([
      ['duplicate-mac', ['c1/n1', 'c1/n2'], `cnilab exec small n2 -- ip link set eth0 address ${own}`],
    ]);
  });

  it.each([
    ['IP in IP', '0.0.0.0'],
    ['WireGuard', ''],
    ['TUN', '00:00:00:00:00:00'],
  ])('are not told apart by tunnels of %s, whose address of the link layer is %j on every node', (_kind, mac) => {
    const tunnels = [n1, n2].reduce(
      (all, { netns }) => changed(all, netns, ({ links }) => ({ links: links.map((one) => (one.name === 'eth0' ? { ...one, mac } : one)) })),
      healthy,
    );
    expect(find(tunnels)).toEqual([]);
  });
});
