/** A session that was disabled: the command of the diagnosis enables it, wherever BIRD was unpacked; nothing of it need be in PATH. */
import { describe, expect, it } from 'vitest';
import { awaitRoutes } from '../../verify/faults/bird-control.ts';
import { injectFault, undoFault } from '../../verify/faults/index.ts';
import { verifyLab } from '../../verify/run-verification.ts';
import { lacking } from '../requires.ts';
import { VerifiedLab } from './verified-lab.ts';

const why = lacking('netns', 'bird');

describe.skipIf(why !== null)(`a BGP session that is down${why === null ? '' : ` (skipped: ${why})`}`, () => {
  it('is mended by the command that the diagnosis gives', async () => {
    await using lab = await VerifiedLab.up({
      name: 'bgp',
      clusters: [{ name: 'c1', workers: 2, cni: { type: 'calico', encapsulation: 'none' }, dns: false, workloads: [{ name: 'echo', perNode: 1 }] }],
    });
    const session = await lab.open();
    try {
      const undo = await injectFault(session, lab.plan, 'bgp-down');
      try {
        const { diagnoses } = await verifyLab(session, lab.plan, { deadlineMs: 250 });
        expect(diagnoses.map((one) => one.name)).toEqual(['bgp-peer-down']);
        const commands = [...(diagnoses[0]?.mend ?? '').matchAll(/cnilab exec bgp (\S+) -- (.*?)(?=; cnilab exec |$)/g)];
        expect(commands.length).toBeGreaterThan(0);
        for (const [, node = '', command = ''] of commands)
          expect(await session.run(`node.c1.${node}`, ['sh', '-c', command])).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('enabled') });
        // BIRD acts after it has answered.
        const nodes = lab.plan.clusters.flatMap((cluster) => cluster.nodes);
        for (const node of nodes) {
          const others = node.podRoutes.filter((route) => route.origin === 'bgp').map((route) => route.to);
          const { netns, argv } = awaitRoutes(node.netns, others, 'present');
          expect(await session.run(netns, argv)).toMatchObject({ exitCode: 0 });
        }
        expect((await verifyLab(session, lab.plan, {})).verdict).toBe('pass');
      } finally {
        await undoFault(session, undo);
      }
    } finally {
      await session.close();
    }
  });
});
