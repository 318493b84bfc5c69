/** Pictures of real kernels: a healthy lab of every CNI has nothing marked, and what somebody changes by hand is marked where it is. */
import { describe, expect, it } from 'vitest';
import type { EngineSession } from '../../engines/port.ts';
import { renderMermaid } from '../../report/graph/mermaid.ts';
import { renderSvg } from '../../report/graph/svg.ts';
import type { GraphMark, LabGraph } from '../../topology/graph/graph.ts';
import { graphOfPlan } from '../../topology/graph/graph-of-plan.ts';
import type { CniSpec } from '../../topology/spec.ts';
import { injectFault, undoFault } from '../../verify/faults/index.ts';
import { graphOfKernels } from '../../verify/graph/graph-of-kernels.ts';
import { readGraphKernels } from '../../verify/graph/read-kernels.ts';
import { lacking } from '../requires.ts';
import { VerifiedLab } from './verified-lab.ts';

const why = lacking('netns', 'plugins', 'bird');

const CNIS: readonly (readonly [name: string, cni: CniSpec])[] = [
  ['bridge', { type: 'bridge' }],
  ['flannel', { type: 'flannel' }],
  ['calico-bgp', { type: 'calico', encapsulation: 'none' }],
  ['weave', { type: 'weave' }],
  ['kindnet', { type: 'kindnet' }],
];

async function marks(session: EngineSession, plan: VerifiedLab['plan']): Promise<readonly string[]> {
  const graph = graphOfKernels(plan, await readGraphKernels(session, plan));
  return marksOf(graph).flatMap(([at, mark]) => mark?.says.map((one) => `${at}: ${mark.what}: ${one}`) ?? []);
}

function marksOf({ machines, segments, overlays }: LabGraph): readonly (readonly [string, GraphMark | null])[] {
  return [
    ...machines.flatMap(({ id, mark, devices, pods }) => [
      [id, mark] as const,
      ...devices.map((one) => [`${id} ${one.name}`, one.mark] as const),
      ...pods.map((pod) => [pod.id, pod.mark] as const),
    ]),
    ...segments.map(({ name, mark }) => [name, mark] as const),
    ...overlays.map(({ title, mark }) => [title, mark] as const),
  ];
}

describe.skipIf(why !== null)(`graphs of running labs${why === null ? '' : ` (skipped: ${why})`}`, () => {
  it.each(CNIS)('%s as planned', async (name, cni) => {
    await using lab = await VerifiedLab.up({
      name: `graph-${name}`,
      outside: { hosts: [{ name: 'client' }] },
      clusters: [{ name: 'c1', workers: 1, cni, workloads: [{ name: 'web', perNode: 2 }] }],
    });
    const session = await lab.open();
    try {
      const graph = graphOfKernels(lab.plan, await readGraphKernels(session, lab.plan));
      expect(marksOf(graph).filter(([, mark]) => mark !== null)).toEqual([]);
      const planned = graphOfPlan(lab.plan);
      // What only the kernel knows: the node's ends of cables that plugins named.
      const ends = graph.machines.flatMap(({ pods }) => pods.filter(({ device }) => device !== null).map(({ hostEnd }) => hostEnd));
      expect(ends.length).toBe(4);
      for (const end of ends) expect(end).toMatch(/^(veth|cali)/);
      expect(graph.overlays).toEqual(planned.overlays);
      const svg = renderSvg(graph);
      for (const end of ends) expect(svg).toContain(end);
      expect(renderMermaid(graph)).toContain('subgraph');
    } finally {
      await session.close();
    }
  });

  it('marks what was changed by hand, and what a fault did', async () => {
    await using lab = await VerifiedLab.up({
      name: 'graph-marked',
      clusters: [{ name: 'c1', workers: 1, cni: { type: 'flannel' }, workloads: [{ name: 'web', perNode: 2 }] }],
    });
    const session = await lab.open();
    const node = lab.plan.clusters[0]?.nodes[1]?.netns ?? '';
    const run = async (netns: string, ...argv: string[]): Promise<void> => expect(await session.run(netns, argv)).toMatchObject({ exitCode: 0 });
    try {
      expect(await marks(session, lab.plan)).toEqual([]);
      await run(node, 'ip', 'link', 'add', 'br7', 'up', 'type', 'bridge');
      await run(node, 'ip', 'link', 'set', 'flannel.1', 'mtu', '1400');
      expect(await marks(session, lab.plan)).toEqual(
        expect.arrayContaining(['c1/worker1 flannel.1: differs: flannel.1 has MTU 1400, planned 1450', 'c1/worker1 br7: unplanned: br7 is not planned']),
      );
      await run(node, 'ip', 'link', 'set', 'flannel.1', 'mtu', '1450');
      await run(node, 'ip', 'link', 'del', 'br7');
      expect(await marks(session, lab.plan)).toEqual([]);
      const undo = await injectFault(session, lab.plan, 'stale-fdb');
      const stale = await marks(session, lab.plan);
      await undoFault(session, undo);
      expect(stale.filter((one) => one.startsWith('VXLAN 1: differs: '))).not.toEqual([]);
      expect(await marks(session, lab.plan)).toEqual([]);
    } finally {
      await session.close();
    }
  });
});
