import { describe, expect, it } from 'vitest';
import type { Collected } from '../../engines/kubernetes/collect.ts';
import type { ProbeLine } from '../../engines/kubernetes/evidence.ts';
import { observedPlan } from '../../engines/kubernetes/observed-plan.ts';
import { placeOf } from '../../engines/kubernetes/probe-record.ts';
import { recordedSession } from '../../engines/kubernetes/recorded-session.ts';
import type { ProbeRecord, ProbeRequest, ProbeSummary } from '../../engines/port.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { clusterEnds, type ClusterEnds } from '../../verify/endpoints.ts';
import { judgeProbe } from '../../verify/oracle.ts';
import { probeRequest, type Pair } from '../../verify/probe-plan.ts';
import { recordedFacts, recordedVerification } from './kubernetes-fixture.ts';

const NAMESPACE = 'cnilab-verify-0a1b2c3d';

function planOf(collected: Collected): LabPlan {
  return observedPlan({ lab: 'lab', cluster: 'lab', facts: recordedFacts(), collected });
}

function endsOf(plan: LabPlan): ClusterEnds {
  const [ends] = clusterEnds(plan);
  if (ends === undefined) throw new Error('no cluster');
  return ends;
}

/** Indexes of the ends whose name begins like that. */
function named(ends: ClusterEnds, prefix: string): readonly number[] {
  return ends.ends.flatMap((end, index) => ((end.pod?.name ?? end.id.split('/')[1] ?? '').startsWith(prefix) ? [index] : []));
}

interface Answered {
  readonly records: readonly ProbeRecord[];
  readonly summary: ProbeSummary;
}

async function ask(collected: Collected, request: ProbeRequest, plan = planOf(collected)): Promise<Answered> {
  const records: ProbeRecord[] = [];
  const summary = await recordedSession(collected, plan).probe(request, (batch) => {
    for (let row = 0; row < batch.length; row++) records.push(batch.at(row));
  });
  return { records, summary };
}

/** All pairs of two kinds of ends. */
async function askAll(
  collected: Collected,
  from: string,
  to: string,
  rest: Partial<ProbeRequest> & { readonly protocol: 'tcp' | 'udp' | 'icmp' },
): Promise<Answered & { readonly verdicts: readonly string[] }> {
  const plan = planOf(collected);
  const ends = endsOf(plan);
  const pairs = named(ends, from).flatMap((client) => named(ends, to).map((server): Pair => [client, server]));
  const request = probeRequest(ends, rest.protocol, 'ipv4', { kind: 'list', pairs }, { attempts: 1, deadlineMs: 1000, ...rest });
  const answered = await ask(collected, request, plan);
  const verdicts = answered.records.map((record) => {
    const judged = judgeProbe(record, {
      protocol: rest.protocol,
      ownsSource: (address) => ends.ends[record.client]?.roles.has(address) ?? false,
      nameOf: (index) => ends.ends[index]?.id ?? '',
    });
    return judged.verdict === 'fail' ? judged.class : judged.verdict;
  });
  return { ...answered, verdicts };
}

/** The recorded verification, with some lines changed. */
function changed(change: (line: ProbeLine) => Partial<ProbeLine> | null): Collected {
  const collected = recordedVerification();
  const probes = collected.evidence.probes.flatMap((line) => {
    const to = change(line);
    return to === null ? [] : [{ ...line, ...to }];
  });
  return { ...collected, evidence: { ...collected.evidence, probes } };
}

describe('observedPlan', () => {
  const plan = planOf(recordedVerification());
  const cluster = plan.clusters[0];

  it('has the nodes with their interfaces by role', () => {
    const worker = cluster?.nodes.find((node) => node.name === 'lab-worker');
    expect(worker).toMatchObject({
      id: 'lab/lab-worker',
      netns: 'lab-worker',
      role: 'worker',
      podCIDRs: ['10.244.3.0/24'],
      gateways: ['10.244.3.1'],
      bridge: { name: 'cni0', addresses: [{ family: 'ipv4', address: '10.244.3.1', prefixLength: 24 }] },
    });
    expect(worker?.interfaces[0]).toMatchObject({ name: 'eth0', mtuBytes: 1500 });
    expect(worker?.interfaces[0]?.addresses[0]).toEqual({ family: 'ipv4', address: '172.18.0.6', prefixLength: 16 });
    expect(worker?.vxlans).toMatchObject([
      { name: 'flannel.1', vni: 1, port: 8472, dev: 'eth0', local: '172.18.0.6', learning: false, addresses: [{ address: '10.244.3.0' }] },
    ]);
    expect(cluster?.nodes.map((node) => node.role)).toEqual(['control-plane', 'worker', 'worker']);
  });
  it('has the responders and the pods of R1 and R3, with what they saw of themselves', () => {
    expect(cluster?.pods.map((pod) => pod.owner.split('-')[0]).toSorted()).toEqual([
      'DaemonSet/responder',
      'DaemonSet/responder',
      'DaemonSet/responder',
      'Job/r1',
      'Job/r1',
      'Job/r1',
      'Job/r3',
      'Job/r3',
      'Job/r3',
    ]);
    const pod = cluster?.pods.find((one) => one.name.startsWith('r1-0'));
    expect(pod).toMatchObject({ id: `lab/${NAMESPACE}/${pod?.name}`, netns: pod?.id, node: 'lab-control-plane', hostNetwork: false });
    expect(pod?.interface).toMatchObject({
      name: 'eth0',
      mtuBytes: 1450,
      gateways: ['10.244.0.1'],
      addresses: [{ family: 'ipv4', address: '10.244.0.3', prefixLength: 24 }],
    });
    expect(pod?.labels['cnilab.dev/requirement']).toBe('r1');
  });
  it('names the CNI as recognised, or as planned where what runs does not contradict it', () => {
    expect(cluster?.cni).toEqual({ type: 'observed', name: 'flannel', ranges: 'node', mtuBytes: 1450 });
    const planned = { type: 'flannel', backend: 'vxlan', vni: 1, port: 8472, directRouting: false, version: '0.28.4', mtuBytes: 1450 } as const;
    const given = (cni: LabPlan['clusters'][number]['cni']): LabPlan => ({
      ...plan,
      description: 'planned',
      clusters: plan.clusters.map((one) => ({ ...one, cni })),
    });
    const seen = (cni: LabPlan['clusters'][number]['cni']): LabPlan => observedPlan({ lab: 'lab', cluster: 'lab', facts: recordedFacts(), plan: given(cni) });
    expect(seen(planned)).toMatchObject({ description: 'planned', clusters: [{ cni: planned }] });
    expect(seen({ type: 'kindnet', mtuBytes: 1500 }).clusters[0]?.cni).toMatchObject({ type: 'observed', name: 'flannel' });
  });
  it('uses the names of the plan, and only the addresses of the API where nothing was seen', () => {
    const bare = observedPlan({ lab: 'lab', cluster: 'c1', facts: recordedFacts(), nodes: [{ plan: 'worker-1', name: 'lab-worker' }] });
    const node = bare.clusters[0]?.nodes[1];
    expect(node).toMatchObject({ id: 'c1/worker-1', name: 'worker-1', netns: 'lab-worker', bridge: null });
    expect(node?.interfaces.map((one) => one.addresses.map((address) => address.address))).toEqual([['172.18.0.6']]);
  });
  it('is JSON: nothing is lost on the way through a file', () => {
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
  });
});

describe('recordedSession', () => {
  const collected = recordedVerification();

  it.each(['tcp', 'udp'] as const)('answers %s from pods and nodes to responders, and the oracle agrees with a healthy network', async (protocol) => {
    for (const from of ['r1-', 'r3-', 'lab-']) {
      const { records, verdicts } = await askAll(collected, from, 'responder-', { protocol });
      expect(records).toHaveLength(9);
      expect(verdicts).toEqual(Array<string>(9).fill('pass'));
    }
  });
  it('gives the round trip of the handshake for TCP, in microseconds', async () => {
    const { records } = await askAll(
      changed((line) => (line.protocol === 'tcp' ? { connectMs: 0.25, ms: 90 } : {})),
      'r1-',
      'responder-',
      { protocol: 'tcp' },
    );
    expect(new Set(records.map((record) => record.rttUs))).toEqual(new Set([250]));
  });
  it('has the source that pods see of a node by its role', async () => {
    const { records } = await askAll(collected, 'lab-worker', 'responder-', { protocol: 'tcp' });
    const ends = endsOf(planOf(collected));
    const roles = new Set(records.map((record) => ends.ends[record.client]?.roles.get(record.seenSourceAddress)));
    expect([...roles].toSorted()).toEqual(['bridge cni0', 'vtep flannel.1']);
  });
  it('says not-run of pairs that no Job probed, and of what Jobs cannot do', async () => {
    expect(new Set((await askAll(collected, 'responder-', 'r1-', { protocol: 'tcp' })).verdicts)).toEqual(new Set(['inconclusive']));
    for (const rest of [{ protocol: 'icmp' }, { protocol: 'udp', df: true, payloadBytes: 1422 }, { protocol: 'tcp', attempts: 2 }] as const) {
      const { records } = await askAll(collected, 'r1-', 'responder-', rest);
      expect(records.some((record) => record.outcome === 'not-run')).toBe(true);
    }
  });
  it('answers controls: a closed port is refused, an address that nobody has is silent, a stream is whole', async () => {
    for (const protocol of ['tcp', 'udp'] as const) {
      const { records } = await askAll(collected, 'r1-', 'responder-', { protocol, responders: 'none', port: 7001 });
      expect(new Set(records.map((record) => `${record.outcome} ${record.errno} ${record.dialledPort}`))).toEqual(new Set(['refused 111 7001']));
    }
    expect(new Set((await askAll(collected, 'r1-', 'responder-', { protocol: 'tcp', streamBytes: 65_536 })).verdicts)).toEqual(new Set(['pass']));
    const plan = planOf(collected);
    const ends = endsOf(plan);
    const nobody = { id: 'nobody on lab/lab-worker2', kind: 'pod', netns: 'lab-worker2', addresses: [{ family: 'ipv4', address: '10.244.1.254' }] } as const;
    const pairs = [[named(ends, 'r1-')[0] ?? 0, ends.endpoints.length]] as const;
    const request = {
      ...probeRequest(ends, 'tcp', 'ipv4', { kind: 'list', pairs }, { attempts: 1, deadlineMs: 100, responders: 'none' }),
      endpoints: [...ends.endpoints, nobody],
    };
    expect((await ask(collected, request, plan)).records).toMatchObject([{ outcome: 'silent', dialledAddress: '10.244.1.254', answeredBy: -1 }]);
  });
  it('answers self, pods to nodes, and says as whom nodes saw them', async () => {
    const plan = planOf(collected);
    const ends = endsOf(plan);
    const self = named(ends, 'r1-').map((index): Pair => [index, index]);
    const { records } = await ask(collected, probeRequest(ends, 'tcp', 'ipv4', { kind: 'list', pairs: self }, { attempts: 1, deadlineMs: 1000 }), plan);
    expect(records.map((record) => [record.outcome, record.answeredBy === record.server])).toEqual([
      ['ok', true],
      ['ok', true],
      ['ok', true],
    ]);
    const nodes = await askAll(collected, 'r1-', 'lab-', { protocol: 'tcp' });
    expect(nodes.verdicts.filter((one) => one === 'pass')).toHaveLength(3);
    expect(nodes.verdicts.filter((one) => one === 'rewritten')).toHaveLength(6);
  });

  it('knows pods of Indexed Jobs by the name that their programs see', async () => {
    const pods = collected.pods.map((pod) => (pod.role === 'r1' ? { ...pod, hostname: pod.name.slice(0, -6) } : pod));
    const seen = changed((line) => (line.kind === 'self' ? { hostname: line.pod.slice(0, -6) } : {}));
    const plan = planOf({ ...seen, pods });
    const ends = endsOf(plan);
    const self = named(ends, 'r1-').map((index): Pair => [index, index]);
    const answered = await ask({ ...seen, pods }, probeRequest(ends, 'tcp', 'ipv4', { kind: 'list', pairs: self }, { attempts: 1, deadlineMs: 1000 }), plan);
    expect(answered.records.map((record) => record.answeredBy === record.server)).toEqual([true, true, true]);
  });

  const faults: readonly (readonly [what: string, expected: string, change: (line: ProbeLine) => Partial<ProbeLine>])[] = [
    ['another source port, the same address', 'rewritten', (line) => ({ seen: `${line.localAddress}:${line.localPort + 1}` })],
    ['a node instead of the pod', 'rewritten', () => ({ seen: '172.18.0.4:1234' })],
    ['somebody else', 'wrong-server', () => ({ hostname: 'coredns-1' })],
    ['the nonce of another probe', 'foreign-nonce', () => ({ echo: 'old' })],
    ['nothing', 'silent', () => ({ exit: 28, error: 'no answer', connectMs: 0, seen: '', hostname: '', echo: '' })],
    ['a connection, then nothing', 'stalled', () => ({ exit: 28, error: 'curl: (28) Operation timed out', connectMs: 0.2, seen: '', hostname: '', echo: '' })],
    ['a probe that did not run', 'inconclusive', () => ({ exit: -1, error: 'nc is not in this image' })],
    ['two connections, whose ports cannot be compared', 'inconclusive', () => ({ connects: 2 })],
  ];
  it.each(faults)('%s: %s', async (_what, expected, change) => {
    const broken = changed((line) => (line.pod.startsWith('r1-0') && line.targetNode === 'lab-worker' && line.protocol === 'tcp' ? change(line) : {}));
    const { verdicts } = await askAll(broken, 'r1-', 'responder-', { protocol: 'tcp' });
    expect(verdicts.filter((one) => one !== 'pass')).toEqual([expected]);
  });
  it('does not take an answer of another port or a missing line for an answer', async () => {
    const { verdicts } = await askAll(
      changed((line) => (line.kind === 'mesh' ? null : {})),
      'r1-',
      'responder-',
      { protocol: 'tcp' },
    );
    expect(new Set(verdicts)).toEqual(new Set(['inconclusive']));
  });
  it('gives the conntrack readings of the protocol and of the nodes asked for', async () => {
    const { summary } = await askAll(collected, 'r1-', 'responder-', { protocol: 'udp', conntrack: ['lab-worker'] });
    expect(summary.conntrack).toMatchObject([{ netns: 'lab-worker', protocol: 'udp', entries: 60, error: null }]);
    expect((await askAll({ ...collected, conntrack: [] }, 'r1-', 'responder-', { protocol: 'tcp', conntrack: ['lab-worker'] })).summary.conntrack).toEqual([]);
  });
  it('sets aside responders that did not come up, a host-network one only for who asks its node', async () => {
    const pod = collected.pods.find((one) => one.role === 'responder' && one.node === 'lab-worker')?.name ?? '';
    const missing = (requirement: 'responder' | 'host-responder'): Collected => ({
      ...collected,
      notRun: [{ node: 'lab-worker', requirement, reason: 'crashes' }],
    });
    const reasons = async (of: Collected, to: string): Promise<ProbeSummary['unusable']> => (await askAll(of, 'r1-', to, { protocol: 'tcp' })).summary.unusable;
    expect(await reasons(missing('responder'), 'responder-')).toEqual({ [`lab/${NAMESPACE}/${pod}`]: 'crashes' });
    expect(await reasons(missing('host-responder'), 'lab-')).toEqual({ 'lab/lab-worker': 'crashes' });
    expect(await reasons(missing('host-responder'), 'responder-')).toEqual({});
  });
  it('shows the interfaces of pods and nodes as they were, and leaves out what nobody saw', async () => {
    const plan = planOf(collected);
    const pods = plan.clusters.flatMap((cluster) => cluster.pods);
    const session = recordedSession(collected, plan);
    const { namespaces } = await session.snapshot([...pods.map((pod) => pod.netns), 'lab-worker', 'other'], { rules: false });
    expect(Object.keys(namespaces)).toHaveLength(pods.length + 1);
    for (const pod of pods) {
      const seen = namespaces[pod.netns];
      expect(seen?.addresses.find((one) => one.dev === 'eth0' && one.family === 'ipv4')?.address).toBe(pod.interface?.addresses[0]?.address);
      expect(seen?.links.find((one) => one.name === 'eth0')).toMatchObject({ mtu: 1450, up: true, carrier: true, kind: 'veth' });
    }
    expect(namespaces['lab-worker']?.links.find((one) => one.name === 'flannel.1')?.vxlan).toEqual({
      vni: 1,
      port: 8472,
      local: '172.18.0.6',
      learning: false,
    });
  });
  it('sees neither ICMP nor sizes nor kernels, and runs nothing', async () => {
    const session = recordedSession(collected, planOf(collected));
    expect(session.sight).toEqual({ icmp: false, df: false, kernel: false, clock: false, destination: false });
    await expect(session.run('lab-worker', ['true'])).rejects.toMatchObject({ code: 'ENGINE_UNSUPPORTED' });
    await expect(session.checkAttachments()).rejects.toThrow(/recorded/);
    await session.close();
  });
});

describe('placeOf', () => {
  it.each([
    ['10.244.0.5:43210', '10.244.0.5', 43210],
    ['[fd00::5]:43210', 'fd00::5', 43210],
    ['[::ffff:10.244.0.5]:43210', '10.244.0.5', 43210],
    ['', '', 0],
  ])('%s', (text, address, port) => {
    expect(placeOf(text)).toEqual({ address, port });
  });
});
