/** Second networks, verified: what the inventory finds of them, what the check makes of probes, and the fault that cuts a pod off. */
import { describe, expect, it } from 'vitest';
import type { NamespaceSnapshot, Snapshot } from '../../engines/port.ts';
import { graphOfPlan } from '../../topology/graph/graph-of-plan.ts';
import type { AttachmentPlan, LabPlan } from '../../topology/plan.ts';
import { faultApplies, faultById } from '../../verify/faults/index.ts';
import { targetsOf } from '../../verify/faults/target.ts';
import { graphOfKernels } from '../../verify/graph/graph-of-kernels.ts';
import { takeInventory } from '../../verify/inventory/index.ts';
import { viewLab } from '../../verify/inventory/lab-view.ts';
import { verifyLab } from '../../verify/run-verification.ts';
import { changed, healthySnapshot, nodeNamed, podsOf, smallPlan } from './inventory-fixture.ts';
import { type Model, modelSession, SILENT } from './model-session.ts';

const networks = [{ name: 'storage', cidr: '10.60.0.0/16' }];
const plan: LabPlan = smallPlan({ type: 'bridge' }, {}, { networks, workloads: [{ name: 'echo', perNode: 2, networks: ['storage'] }] });
const healthy = healthySnapshot(plan);
const [pod, neighbour] = podsOf(plan, 'worker1');
const [face] = pod?.attachments ?? [];
if (pod === undefined || neighbour === undefined || face === undefined) throw new Error('the fixture has no attachment');
const worker1 = nodeNamed(plan, 'worker1');

const links = (netns: string, name: string, change: Partial<NamespaceSnapshot['links'][number]> | null): Snapshot =>
  changed(healthy, netns, (one) => ({
    links: one.links.flatMap((link) => (link.name !== name ? [link] : change === null ? [] : [{ ...link, ...change }])),
  }));
const found = (snapshot: Snapshot): readonly string[] =>
  takeInventory(viewLab(plan, snapshot), []).map(({ name, where, evidence, mend }) => [name, ...where, ...evidence, mend].join(' | '));
const next = (one: AttachmentPlan): string => `${one.hostName} of worker1, the other end of net1 of ${pod.id},`;

describe('the inventory', () => {
  it('finds nothing in a healthy lab, of whichever CNI', () => {
    for (const type of ['bridge', 'flannel', 'calico', 'weave', 'kindnet'] as const) {
      const other = smallPlan({ type }, {}, { networks, workloads: [{ name: 'echo', perNode: 2, networks: ['storage'] }] });
      expect(takeInventory(viewLab(other, healthySnapshot(other)), [])).toEqual([]);
    }
  });

  it.each<[string, Snapshot, string]>([
    [
      'a cable that is off the bridge',
      links(worker1.netns, face.hostName, { master: null }),
      `attachment-broken | ${pod.id} | ${next(face)} is no port of br-storage (network storage) | cnilab exec small worker1 -- ip link set ${face.hostName} master br-storage`,
    ],
    [
      'its end on the node down',
      links(worker1.netns, face.hostName, { up: false }),
      `attachment-broken | ${pod.id} | ${next(face)} is down (network storage) | cnilab exec small worker1 -- ip link set ${face.hostName} up`,
    ],
    [
      'its end in the pod down',
      links(pod.netns, 'net1', { up: false }),
      `attachment-broken | ${pod.id} | net1 of ${pod.id} is down (network storage) | cnilab exec small ${pod.id} -- ip link set net1 up`,
    ],
    ['no interface', links(pod.netns, 'net1', null), `attachment-broken | ${pod.id} | net1 of ${pod.id} is missing (network storage) | `],
    [
      'no address',
      changed(healthy, pod.netns, ({ addresses }) => ({ addresses: addresses.filter(({ dev }) => dev !== 'net1') })),
      `attachment-broken | ${pod.id} | net1 of ${pod.id} lacks 10.60.1.2/24 (network storage) | cnilab exec small ${pod.id} -- ip addr add 10.60.1.2/24 dev net1`,
    ],
    [
      'a bridge that is down',
      links(worker1.netns, 'br-storage', { up: false }),
      'attachment-broken | c1/worker1 | br-storage of worker1, the bridge of network storage, is down | cnilab exec small worker1 -- ip link set br-storage up',
    ],
  ])('finds %s', (_title, snapshot, line) => {
    expect(found(snapshot)).toEqual([line]);
  });

  it('tells an address that two pods have, and whose it is', () => {
    const twice = changed(healthy, neighbour.netns, ({ addresses }) => ({
      addresses: [...addresses, { dev: 'net1', family: 'ipv4', address: '10.60.1.2', prefixLength: 24 }],
    }));
    expect(found(twice)[0]).toContain(`duplicate-pod-ip | ${pod.id} | ${neighbour.id} | 10.60.1.2 is on the interfaces of`);
    expect(found(twice)[0]).toContain(`for ${pod.id} alone`);
  });
});

/** No wire joins the bridges: who asks over a second network from another node is not heard. */
const unjoined: Model = {
  change: ({ request, clientNode, serverNode, record }) =>
    clientNode !== serverNode && request.endpoints[record.server]?.addresses.some(({ address }) => address.startsWith('10.60.')) === true ? SILENT : {},
};
const verified = (model: Model, of = plan): ReturnType<typeof verifyLab> =>
  verifyLab(modelSession(of, { snapshot: (netns) => healthySnapshot(of).namespaces[netns] ?? null, ...model }), of, { only: 'attachments' });

describe('the check', () => {
  it('passes where pods of one node reach each other, and those of others do not', async () => {
    const session = modelSession(plan, { ...unjoined, snapshot: (netns) => healthy.namespaces[netns] ?? null });
    const report = await verifyLab(session, plan, { only: 'attachments' });
    // 6 interfaces, 2 pairs on each of 3 nodes, 6 ordered pairs of nodes.
    expect(report.checks).toMatchObject([{ id: 'attachments', verdict: 'pass', pairs: { planned: 18, passed: 18, failed: 0, inconclusive: 0 } }]);
    expect(session.requests.every(({ endpoints }) => endpoints.every(({ addresses }) => addresses.every(({ address }) => address.startsWith('10.60.'))))).toBe(
      true,
    );
    expect(report.observations).toContainEqual({
      id: 'network-c1-storage',
      title: 'second network storage of c1',
      value: '6 interfaces on br-storage of 3 nodes, 6 pairs of pods of one node',
    });
  });

  it('fails where a source is rewritten on the way', async () => {
    const report = await verified({
      change: (probe) => ({
        ...unjoined.change?.(probe),
        ...(probe.clientId === pod.id && probe.clientNode === probe.serverNode ? { seenSourceAddress: '10.60.1.1' } : {}),
      }),
    });
    const [check] = report.checks;
    expect(check).toMatchObject({ verdict: 'fail', pairs: { planned: 18, failed: 1 } });
    expect(check?.failures[0]).toMatchObject({ class: 'rewritten', client: pod.id, next: 'cnilab exec small c1/worker1 -- ip link show master br-storage' });
  });

  it('fails where a pod of another node answers', async () => {
    const report = await verified({});
    expect(report.checks[0]).toMatchObject({ verdict: 'fail', pairs: { planned: 18, passed: 12, failed: 6 } });
    expect(report.checks[0]?.failures[0]).toMatchObject({
      class: 'unexpected-answer',
      saw: expect.stringContaining('of network storage answered tcp from another node') as unknown,
    });
  });

  it('fails by the inventory where nobody is there to be asked, and names the cause', async () => {
    const alone = smallPlan({ type: 'bridge' }, {}, { networks, workloads: [{ name: 'echo', perNode: 1, networks: ['storage'] }] });
    const [one] = podsOf(alone, 'worker1');
    const off = changed(healthySnapshot(alone), nodeNamed(alone, 'worker1').netns, (state) => ({
      links: state.links.map((link) => (link.name === one?.attachments?.[0]?.hostName ? { ...link, master: null } : link)),
    }));
    const report = await verified({ ...unjoined, snapshot: (netns) => off.namespaces[netns] ?? null }, alone);
    expect(report.checks[0]).toMatchObject({ verdict: 'fail', pairs: { planned: 9, passed: 8, failed: 1 } });
    expect(report.diagnoses.map(({ name, severity, where, confidence }) => [name, severity, where, confidence])).toEqual([
      ['attachment-broken', 'fail', [one?.id], 'certain'],
    ]);
  });

  it('says nothing of interfaces that could not be read', async () => {
    const report = await verified({ ...unjoined, snapshot: (netns) => (netns === pod.netns ? null : (healthy.namespaces[netns] ?? null)) });
    expect(report.checks[0]).toMatchObject({ verdict: 'inconclusive', reason: `${pod.id}: its interfaces could not be read` });
  });

  it('is no part of a report of a lab without second networks', async () => {
    const plain = smallPlan({ type: 'bridge' });
    const report = await verifyLab(modelSession(plain), plain, { suites: ['network'] });
    expect(report.checks.map(({ id }) => id)).not.toContain('attachments');
    await expect(verifyLab(modelSession(plain), plain, { only: 'attachments' })).rejects.toThrow('no check is left to run');
  });
});

describe('the fault attachment-lost', () => {
  const fault = faultById('attachment-lost');

  it('takes the end of a cable off its bridge, and puts it back', () => {
    const [target] = targetsOf(plan).targets;
    if (target === undefined) throw new Error('there is no target');
    const script = fault.script(target, healthy);
    const { hostName } = face;
    expect(script.inject).toEqual([{ netns: worker1.netns, argv: ['ip', 'link', 'set', hostName, 'nomaster'] }]);
    expect(script.undo).toEqual([{ netns: worker1.netns, argv: ['ip', 'link', 'set', hostName, 'master', 'br-storage'] }]);
  });

  it('is for nodes with such a pod', () => {
    expect(faultApplies(fault, plan)).toBe(true);
    expect(faultApplies(fault, smallPlan({ type: 'bridge' }))).toBe('no pod of the node has an interface in a second network');
    expect(faultApplies(fault, smallPlan({ type: 'bridge' }, {}, { networks }))).toBe('no pod of the node has an interface in a second network');
  });
});

describe('the picture', () => {
  const marks = (snapshot: Snapshot): readonly string[] =>
    graphOfKernels(plan, snapshot).machines.flatMap(({ pods }) => pods.flatMap(({ id, mark }) => (mark === null ? [] : [`${id} ${mark.says.join('; ')}`])));

  it('has the bridge of the network on each node, and both interfaces of a pod', () => {
    const machine = graphOfPlan(plan).machines.find(({ id }) => id === 'c1/worker1');
    expect(machine?.devices.map(({ name, kind }) => `${name} ${kind}`)).toEqual(['cni0 bridge', 'br-storage network', 'eth0 cable']);
    expect(machine?.pods[0]?.second).toEqual([
      { network: 'storage', name: 'net1', addresses: ['10.60.1.2/24'], mtuBytes: 1500, bridge: 'br-storage', hostEnd: face.hostName },
    ]);
  });

  it('marks what is otherwise than planned', () => {
    expect(marks(healthy)).toEqual([]);
    expect(marks(links(worker1.netns, face.hostName, { master: null }))).toEqual([`${pod.id} ${face.hostName} on the node is no port of br-storage`]);
    expect(marks(links(pod.netns, 'net1', null))).toEqual([`${pod.id} net1 is missing`]);
  });
});
