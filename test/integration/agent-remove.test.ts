import { describe, expect, it } from 'vitest';
import type { Op } from '../../engines/netns/ops.ts';
import { lacking } from '../requires.ts';
import { startAgentLab } from './agent-lab.ts';

const reason = lacking('root');
const PODS = 30;
const mac = (n: number): string => `02:00:00:00:02:${n.toString(16).padStart(2, '0')}`;
const nodes = ['node1', 'node2', 'node3'] as const;
const pods = Array.from({ length: PODS }, (_, i) => ({ ns: `pod${i}`, node: nodes[i % 3] ?? 'node1', mac: mac(i) }));

describe.skipIf(reason !== null)(`removing pods${reason === null ? '' : ` (${reason})`}`, () => {
  it('takes the far ends of their cables along at once, from whatever nodes, and little time', async () => {
    await using lab = await startAgentLab();
    await lab.apply([
      ...nodes.flatMap((ns): Op[] => [
        { op: 'netns', ns },
        { op: 'bridge', ns, name: 'cni0', mac: mac(99), mtu: 1500 },
      ]),
      ...pods.flatMap(({ ns, node, mac: address }): Op[] => [
        { op: 'netns', ns },
        { op: 'veth', ns: node, name: `v${ns}`, mac: null, mtu: 1500, master: 'cni0', hairpin: false, peer: { ns, name: 'eth0', mac: address, mtu: 1500 } },
      ]),
    ]);
    await lab.restart();
    await lab.apply(
      [],
      pods.slice(0, PODS - 3).map(({ ns }): Op => ({ op: 'netns', ns })),
    );
    for (const [i, node] of nodes.entries()) {
      expect((await lab.snapshot(node)).links.map(({ name }) => name)).toEqual(['lo', 'cni0', `vpod${PODS - 3 + i}`]);
    }
    await lab.apply(
      pods.slice(0, 3).flatMap(({ ns, node, mac: address }): Op[] => [
        { op: 'netns', ns },
        { op: 'veth', ns: node, name: `v${ns}`, mac: null, mtu: 1500, master: 'cni0', hairpin: false, peer: { ns, name: 'eth0', mac: address, mtu: 1500 } },
      ]),
    );
  });
});
