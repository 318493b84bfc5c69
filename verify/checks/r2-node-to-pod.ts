import type { Run } from '../run.ts';
import type { Check } from './check.ts';
import { judgePairs } from './pairs-of-mesh.ts';

/**
 * R2: the source must be what the node's own socket reports, and an address of that node. Which one (bridge, VTEP, underlay) depends
 * on the route and is an observation: the address of the API would be the wrong expectation on healthy clusters.
 */
export const r2NodeToPod: Check = {
  id: 'r2-node-to-pod',
  title: 'every node reaches pods, unchanged',
  suite: 'network',
  requirement: 'R2',
  pairs: ['node-to-pod'],
  run: async (run) => {
    const outcome = await judgePairs(run, r2NodeToPod, 'node-to-pod', 'no pod has an interface of its own');
    await observeRoles(run);
    return outcome;
  },
};

async function observeRoles(run: Run): Promise<void> {
  const { tables } = await run.mesh();
  for (const [id, place] of [
    ['near', 'their own node'],
    ['far', 'another node'],
  ] as const) {
    const seen = new Map<string, number>();
    for (const table of tables) for (const [role, counts] of table.nodeRoles) if (counts[id] > 0) seen.set(role, (seen.get(role) ?? 0) + counts[id]);
    if (seen.size === 0) continue;
    run.observations.push({
      id: `node-to-pod-source-${id}`,
      title: `source that pods see of ${place}`,
      value: [...seen].map(([role, count]) => `${role} (${count} probes)`).join(', '),
    });
  }
}
