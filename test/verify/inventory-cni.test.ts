/** What a node would attach its next pod with: found without a packet, and told apart. */
import { describe, expect, it } from 'vitest';
import type { CniSetupSnapshot, Snapshot } from '../../engines/port.ts';
import { verifyLab } from '../../verify/run-verification.ts';
import { viewLab } from '../../verify/inventory/lab-view.ts';
import { takeInventory } from '../../verify/inventory/index.ts';
import type { Finding } from '../../verify/inventory/finding.ts';
import { withoutCni } from './healthy-cni.ts';
import { changed, healthySnapshot, nodeNamed, smallPlan } from './inventory-fixture.ts';
import { modelSession } from './model-session.ts';

const plan = smallPlan({ type: 'flannel' });
const worker1 = nodeNamed(plan, 'worker1');
const FOLDER = '/run/cnilab/node.c1.worker1';
const OLD = { cniVersion: '1.0.0', name: 'old', plugins: [{ type: 'bridge', ipam: { type: 'host-local', ranges: [[{ subnet: '10.88.0.0/16' }]] } }] };
const own = JSON.stringify(worker1.conflist);

/** worker1 with other folders. */
function withCni(change: (one: CniSetupSnapshot) => Partial<CniSetupSnapshot>): Snapshot {
  return changed(healthySnapshot(plan), worker1.netns, ({ cni }) => (cni === undefined ? {} : { cni: { ...cni, ...change(cni) } }));
}
const configs = (...files: readonly (readonly [file: string, text: string])[]): Snapshot =>
  withCni(() => ({ configs: files.map(([file, text]) => ({ file, text })) }));
const find = (snapshot: Snapshot): readonly Finding[] => takeInventory(viewLab(plan, snapshot), []);
const shown = (snapshot: Snapshot): readonly unknown[] => find(snapshot).map(({ name, where, certainty, mend }) => [name, where, certainty, mend]);

describe('the configuration of a node', () => {
  it.each(['bridge', 'flannel', 'calico', 'weave', 'kindnet'] as const)('%s: as set up, nothing is found', (type) => {
    const healthy = smallPlan({ type });
    expect(takeInventory(viewLab(healthy, healthySnapshot(healthy)), []).filter(({ name }) => name.includes('cni'))).toEqual([]);
  });

  it('with a folder of its own for the notes of host-local it is the planned one', () => {
    expect(shown(configs(['10-cnilab.conflist', own.replaceAll(/"dataDir":"[^"]*"/g, '"dataDir":"/run/elsewhere"')]))).toEqual([]);
  });

  it('a foreign one that comes first is used, and goes by its own removal', () => {
    const snapshot = configs(['05-old.conflist', JSON.stringify(OLD)], ['10-cnilab.conflist', own]);
    expect(shown(snapshot)).toEqual([['foreign-cni-config', ['c1/worker1'], 'certain', `cnilab exec small worker1 -- rm ${FOLDER}/net.d/05-old.conflist`]]);
    expect(find(snapshot)[0]?.evidence).toEqual([
      `05-old.conflist is the first CNI configuration in ${FOLDER}/net.d on worker1: "old" (bridge, host-local, 10.88.0.0/16); planned: "cbr0" (bridge, host-local, portmap, 10.244.1.0/24)`,
      '10-cnilab.conflist comes after it and is not used: "cbr0" (bridge, host-local, portmap, 10.244.1.0/24)',
    ]);
  });

  it('a foreign one that comes after it does no harm', () => {
    expect(shown(configs(['10-cnilab.conflist', own], ['87-podman.conflist', JSON.stringify(OLD)]))).toEqual([
      ['foreign-cni-config', ['c1/worker1'], 'possible', `cnilab exec small worker1 -- rm ${FOLDER}/net.d/87-podman.conflist`],
    ]);
  });

  it.each([
    ['was edited', [['10-cnilab.conflist', own.replace('10.244.1.0/24', '10.244.9.0/24')]]],
    ['has another plugin', [['10-cnilab.conflist', own.replace('"bridge"', '"ptp"')]]],
    ['cannot be read', [['10-cnilab.conflist', '{']]],
    ['is no object', [['10-cnilab.conflist', '[]']]],
    ['is taken for a single plugin', [['10-cnilab.conf', own]]],
    ['is gone', []],
  ] as const)('one that %s is not the planned one, and nothing here can bring it back', (_what, files) => {
    expect(shown(configs(...files))[0]).toEqual(['foreign-cni-config', ['c1/worker1'], 'certain', '']);
  });

  it('a file with one plugin is a list of one', () => {
    const text = JSON.stringify({ cniVersion: '0.4.0', name: 'solo', type: 'macvlan', ipam: { type: 'dhcp' } });
    expect(find(configs(['05-solo.conf', text], ['10-cnilab.conflist', own])).map(({ evidence }) => evidence[0])).toEqual([
      expect.stringContaining('"solo" (macvlan, dhcp)'),
      `${FOLDER}/bin on worker1 has no macvlan, dhcp, which 05-solo.conf calls`,
    ]);
  });
});

describe('the plugins of a node', () => {
  it.each(['bridge', 'host-local', 'portmap', 'loopback'])('%s is missed, and comes back from another node', (name) => {
    const snapshot = withCni(({ plugins }) => ({ plugins: plugins.filter((one) => one !== name) }));
    expect(shown(snapshot)).toEqual([
      ['cni-binary-missing', ['c1/worker1'], 'certain', `cnilab exec small worker1 -- cp -P /run/cnilab/node.c1.control-plane1/bin/${name} ${FOLDER}/bin`],
    ]);
  });

  it.each(['bridge', 'host-local'])('%s cannot come from a node that has a file system of its own', (name) => {
    const folder = { pluginFolder: '/opt/cni/bin' };
    const real = plan.clusters
      .flatMap(({ nodes }) => nodes)
      .reduce((all, { netns }) => changed(all, netns, ({ cni }) => (cni === undefined ? {} : { cni: { ...cni, ...folder } })), healthySnapshot(plan));
    const snapshot = changed(real, worker1.netns, ({ cni }) =>
      cni === undefined ? {} : { cni: { ...cni, plugins: cni.plugins.filter((one) => one !== name) } },
    );
    expect(shown(snapshot)).toEqual([['cni-binary-missing', ['c1/worker1'], 'certain', '']]);
  });

  it('one that nothing calls is not', () => {
    expect(shown(withCni(({ plugins }) => ({ plugins: plugins.filter((one) => one !== 'ptp') })))).toEqual([]);
  });
});

describe('the check', () => {
  const run = async (snapshot: Snapshot, of = plan): ReturnType<typeof verifyLab> =>
    await verifyLab(modelSession(of, { snapshot: (netns) => snapshot.namespaces[netns] ?? null }), of, { only: 'inventory-cni' });

  it('fails the run though every probe passes, with one name for each cause', async () => {
    const both = withCni(({ plugins, configs: [first] }) => ({
      plugins: plugins.filter((one) => one !== 'bridge'),
      configs: [{ file: '05-old.conflist', text: JSON.stringify(OLD) }, ...(first === undefined ? [] : [first])],
    }));
    const report = await run(both);
    const [check] = report.checks;
    expect([report.verdict, check?.id, check?.pairs]).toEqual(['fail', 'inventory-cni', { planned: 3, passed: 2, failed: 1, inconclusive: 0 }]);
    expect(check?.failures.map(({ client, diagnosis }) => [client, diagnosis])).toEqual([
      ['c1/worker1', 'foreign-cni-config'],
      ['c1/worker1', 'cni-binary-missing'],
    ]);
    expect(report.diagnoses.map(({ name, severity, checks }) => [name, severity, checks])).toEqual([
      ['cni-binary-missing', 'fail', ['inventory-cni']],
      ['foreign-cni-config', 'fail', ['inventory-cni']],
    ]);
  });

  it('tells the two apart', async () => {
    const report = await run(withCni(({ plugins }) => ({ plugins: plugins.filter((one) => one !== 'bridge') })));
    expect(report.diagnoses.map(({ name, ruledOut }) => [name, ruledOut])).toEqual([
      ['cni-binary-missing', [{ name: 'foreign-cni-config', because: 'the first CNI configuration on worker1 is the planned one' }]],
    ]);
  });

  it('passes on what need not break anything, and says nothing about a node that was not read', async () => {
    expect((await run(configs(['10-cnilab.conflist', own], ['87-podman.conflist', JSON.stringify(OLD)]))).verdict).toBe('pass');
    const unread = await run(withoutCni(healthySnapshot(plan), worker1.netns));
    expect(unread.checks[0]).toMatchObject({ verdict: 'inconclusive', reason: 'the CNI folders of worker1 could not be read' });
  });

  it('has nothing to look at where pods are attached without plugins', async () => {
    const calico = smallPlan({ type: 'calico' });
    expect((await run(healthySnapshot(calico), calico)).checks[0]).toMatchObject({ verdict: 'skip', reason: 'no node attaches pods by CNI plugins' });
  });
});
