import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planLab } from '../../topology/plan-lab.ts';
import { clusterEnds, type ClusterEnds } from '../../verify/endpoints.ts';
import { classOf, type PairClass } from '../../verify/pair-table.ts';
import { eachPair, planPairs } from '../../verify/probe-plan.ts';
import type { Profile } from '../../verify/report.ts';

function endsOf(workers: number, perNode: number): ClusterEnds {
  const plan = planLab({ name: 'pairs', clusters: [{ name: 'c1', workers, cni: { type: 'flannel' }, workloads: [{ name: 'web', perNode }] }] });
  return clusterEnds(plan)[0] ?? expect.fail('no cluster');
}

function pairsOf(
  ends: ClusterEnds,
  kinds: readonly PairClass[],
  profile: Profile,
  sample: number | null = null,
): { readonly keys: readonly string[]; readonly classes: Record<string, number> } {
  const keys: string[] = [];
  const classes: Record<string, number> = {};
  for (const pairs of planPairs(ends, 'ipv4', new Set(kinds), { profile, sample }).sets) {
    eachPair(pairs, (client, server) => {
      keys.push(`${client}>${server}`);
      const kind = classOf(ends, client, server);
      classes[kind] = (classes[kind] ?? 0) + 1;
    });
  }
  return { keys, classes };
}

const kinds = ['self', 'pod-to-pod', 'node-to-pod', 'pod-to-node'] as const;

describe('planPairs', () => {
  it('asks for exactly the kinds that are wanted, each pair once, whatever is combined', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 3 }),
        fc.integer({ min: 1, max: 4 }),
        fc.subarray([...kinds]),
        fc.constantFrom<Profile>('classic', 'strict'),
        (workers, perNode, wanted, profile) => {
          const nodes = workers + 1;
          const pods = nodes * perNode;
          const all = { self: pods, 'pod-to-pod': pods * (pods - 1), 'node-to-pod': nodes * pods, 'pod-to-node': pods * nodes };
          const { keys, classes } = pairsOf(endsOf(workers, perNode), wanted, profile);
          expect(new Set(keys).size).toBe(keys.length);
          expect(classes).toEqual(Object.fromEntries(wanted.filter((kind) => all[kind] > 0).map((kind) => [kind, all[kind]])));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('profile current has nodes ask for their own pods alone', () => {
    const ends = endsOf(2, 2);
    const { keys } = pairsOf(ends, ['node-to-pod'], 'current');
    expect(keys).toHaveLength(6);
    expect(
      keys.every((key) => {
        const [client, server] = key.split('>').map(Number);
        return ends.ends[client ?? -1]?.node === ends.ends[server ?? -1]?.node;
      }),
    ).toBe(true);
  });

  it('a sample holds its bound, has every pair of nodes, and never a pod with itself', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 2, max: 6 }), fc.integer({ min: 1, max: 200 }), (workers, perNode, sample) => {
        const ends = endsOf(workers, perNode);
        const nodes = workers + 1;
        const { keys, classes } = pairsOf(ends, ['pod-to-pod'], 'classic', sample);
        const total = ends.pods.length * (ends.pods.length - 1);
        expect(new Set(keys).size).toBe(keys.length);
        expect(Object.keys(classes)).toEqual(['pod-to-pod']);
        expect(keys.length).toBeLessThanOrEqual(Math.max(sample, nodes * nodes));
        expect(keys.length).toBeGreaterThanOrEqual(Math.min(total, nodes * nodes));
        const cells = new Set(
          keys.map((key) =>
            key
              .split('>')
              .map((end) => ends.ends[Number(end)]?.node)
              .join('>'),
          ),
        );
        expect(cells.size).toBe(nodes * nodes);
      }),
      { numRuns: 60 },
    );
  });

  it('asks for nothing in a family that the pods do not have', () => {
    expect(planPairs(endsOf(1, 1), 'ipv6', new Set(kinds), { profile: 'classic', sample: null }).sets).toEqual([]);
  });
});

describe('clusterEnds', () => {
  it('gives every end a namespace of its own, and knows every address of a node by what it is', () => {
    const ends = endsOf(2, 2);
    expect(new Set(ends.endpoints.map((one) => one.netns)).size).toBe(ends.endpoints.length);
    const worker = ends.ends.find((end) => end.id === 'c1/worker1');
    expect([...(worker?.roles.values() ?? [])]).toEqual(['underlay eth0', 'bridge cni0', 'vtep flannel.1']);
    expect(worker?.endpoint.addresses).toHaveLength(1);
  });
});
