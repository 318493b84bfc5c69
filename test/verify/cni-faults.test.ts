/** The faults of a node's CNI set-up as data. The real kernel: test/integration/cni-setup.test.ts. */
import { describe, expect, it } from 'vitest';
import type { EngineSession, Snapshot } from '../../engines/port.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { faultApplies, faultById, injectFault, undoFault } from '../../verify/faults/index.ts';
import { withoutCni } from './healthy-cni.ts';
import { healthySnapshot, nodeNamed, smallPlan } from './inventory-fixture.ts';
import { modelSession } from './model-session.ts';

const FOLDER = '/run/cnilab/node.c1.worker1';

async function script(plan: LabPlan, id: string, snapshot: Snapshot = healthySnapshot(plan)): Promise<readonly string[]> {
  const lines: string[] = [];
  const session: EngineSession = {
    ...modelSession(plan),
    snapshot: () => Promise.resolve(snapshot),
    run: (netns, argv, options) => {
      lines.push(`${netns}: ${argv.join(' ')}${options?.input === undefined ? '' : ` <<< ${options.input.trim()}`}`);
      return Promise.resolve({ exitCode: 0, stdout: '', stderr: '' });
    },
  };
  const undo = await injectFault(session, plan, id);
  lines.push('--');
  await undoFault(session, undo);
  return lines;
}

describe('faults of the CNI set-up', () => {
  const flannel = smallPlan({ type: 'flannel' });

  it.each(['leftover-conflist', 'cni-binary-missing'])('%s needs a CNI that attaches pods by plugins', (id) => {
    const applies = (['bridge', 'flannel', 'kindnet', 'calico', 'weave'] as const).map((type) => faultApplies(faultById(id), smallPlan({ type })));
    const why = 'its pods are attached without CNI plugins';
    expect(applies).toEqual([true, true, true, why, why]);
  });

  it('a configuration that sorts before that of the cluster', async () => {
    const list =
      '{"cniVersion":"1.0.0","name":"leftover","plugins":[{"type":"bridge","bridge":"cbr9","isGateway":true,"ipMasq":true,' +
      `"ipam":{"type":"host-local","dataDir":"${FOLDER}/net.d/leftover","ranges":[[{"subnet":"10.88.0.0/16"}]],"routes":[{"dst":"0.0.0.0/0"}]}}]}`;
    expect(await script(flannel, 'leftover-conflist')).toEqual([
      `node.c1.worker1: tee ${FOLDER}/net.d/05-leftover.conflist <<< ${list}`,
      '--',
      `node.c1.worker1: rm -rf ${FOLDER}/net.d/05-leftover.conflist ${FOLDER}/net.d/leftover`,
    ]);
  });

  it('in the family of the lab', async () => {
    const ipv6 = smallPlan({ type: 'flannel' }, { underlay: { cidr: 'fd00:30::/64' } }, { podCIDR: 'fd00:10:244::/56', serviceCIDR: 'fd00:10:96::/112' });
    expect((await script(ipv6, 'leftover-conflist'))[0]).toMatch(/"subnet":"fd00:88::\/64".*"dst":"::\/0"/);
  });

  it.each([
    ['flannel', 'bridge'],
    ['kindnet', 'ptp'],
  ] as const)('%s: the plugin that makes the interface is put aside', async (type, plugin) => {
    expect(await script(smallPlan({ type }), 'cni-binary-missing')).toEqual([
      `node.c1.worker1: mv ${FOLDER}/bin/${plugin} ${FOLDER}/bin/${plugin}.off`,
      '--',
      `node.c1.worker1: mv ${FOLDER}/bin/${plugin}.off ${FOLDER}/bin/${plugin}`,
    ]);
  });

  it('a node without its folders is not broken further', async () => {
    const { netns } = nodeNamed(flannel, 'worker1');
    const without = withoutCni(healthySnapshot(flannel), netns);
    await expect(script(flannel, 'leftover-conflist', without)).rejects.toMatchObject({
      code: 'FAULT_NOT_APPLICABLE',
      message: 'worker1 has no folder of CNI configurations',
    });
  });
});
