import { describe, expect, it } from 'vitest';
import { UNSEEN } from '../../engines/kubernetes/probe-record.ts';
import type { ConntrackEntry, ConntrackReading, EngineEvent, ProbeRecord, ProbeRequest } from '../../engines/port.ts';
import { LabError } from '../../topology/errors.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { ClusterSpec, LabSpec } from '../../topology/spec.ts';
import { clusterEnds, podsOnNode } from '../../verify/endpoints.ts';
import { CLOSED_PORT } from '../../topology/probing.ts';
import { createPairTable, keepDeviation } from '../../verify/pair-table.ts';
import type { CheckResult, Report } from '../../verify/report.ts';
import { verifyLab, type VerifyOptions } from '../../verify/run-verification.ts';
import { modelSession, SILENT, type Model, type ModelProbe } from './model-session.ts';

const cluster = (over: Partial<ClusterSpec> = {}): ClusterSpec => ({
  name: 'c1',
  cni: { type: 'flannel' },
  workloads: [{ name: 'web', perNode: 2 }],
  ...over,
});
const lab = (over: Partial<LabSpec> = {}): LabPlan => planLab({ name: 'model', clusters: [cluster()], ...over });
/** 1 control plane and 2 workers, 2 pods on each: 6 pods, 3 nodes. */
const plan = lab();
const POD_PAIRS = 6 * 5;
const NODE_PAIRS = 3 * 6;

const verifyModel = (model: Model = {}, options: VerifyOptions = {}, of = plan): Promise<Report> => verifyLab(modelSession(of, model), of, options);
const check = (report: Report, id: string): CheckResult => report.checks.find((one) => one.id === id) ?? expect.fail(`no check ${id}`);
const verdicts = (report: Report): Record<string, string> => Object.fromEntries(report.checks.map((one) => [one.id, one.verdict]));
const requirementVerdicts = (report: Report): string => report.requirements.map((one) => `${one.id} ${one.verdict}`).join(', ');
const isPod = (id: string): boolean => id.split('/').length === 3;
const crosses = (probe: ModelProbe, from: string): boolean => probe.clientNode === from && probe.serverNode !== from && isPod(probe.clientId);
const listening = ({ request }: ModelProbe): boolean => request.responders === 'listen';
const worker1 = plan.clusters[0]?.nodes[1]?.interfaces[0]?.addresses[0]?.address ?? '';
const podsOf = (of: LabPlan, node: string): readonly string[] => of.clusters.flatMap((one) => one.pods.filter((pod) => pod.node === node).map((pod) => pod.id));
const [first = '', second = ''] = podsOf(plan, 'worker1');
const [third = ''] = podsOf(plan, 'worker2');

describe('a healthy network', () => {
  it('passes every check but the one that is only observed', async () => {
    const report = await verifyModel();
    expect(verdicts(report)).toEqual({
      'r1-pod-to-pod': 'pass',
      'r2-node-to-pod': 'pass',
      'r2-pod-to-node': 'skip',
      'r3-self-view': 'pass',
      self: 'pass',
      'size-sweep': 'pass',
      loss: 'pass',
      controls: 'pass',
      'inventory-cni': 'pass',
    });
    expect(report.verdict).toBe('pass');
    expect(requirementVerdicts(report)).toBe('R1 pass, R2 pass, R3 pass');
    expect(report.diagnoses).toEqual([]);
  });

  it('probes every ordered pair, by every protocol, as often as asked', async () => {
    const report = await verifyModel({}, { attempts: 4 });
    expect(check(report, 'r1-pod-to-pod')).toMatchObject({ pairs: { planned: POD_PAIRS, passed: POD_PAIRS }, probes: POD_PAIRS * 3 * 4, lost: 0 });
    expect(check(report, 'r2-node-to-pod')).toMatchObject({ pairs: { planned: NODE_PAIRS }, probes: NODE_PAIRS * 3 * 4 });
    expect(check(report, 'self')).toMatchObject({ pairs: { planned: 6 }, probes: 6 * 3 * 4 });
    expect(check(report, 'r3-self-view')).toMatchObject({ pairs: { planned: 6 }, probes: 0 });
    expect(check(report, 'r1-pod-to-pod').latencyUs?.p50).toBe(50);
    expect(report.totals.probes).toBe(report.totals.ok);
  });

  it('sweeps one pair of pods for every ordered pair of nodes, with DF, at the MTU and around it', async () => {
    const session = modelSession(plan);
    const report = await verifyLab(session, plan);
    const sizes = session.requests.filter((one) => one.df === true && one.protocol === 'udp').map((one) => (one.payloadBytes ?? 0) + 28);
    expect(sizes).toEqual([44, 1449, 1450, 1451]);
    expect(session.requests.filter((one) => one.streamBytes === 65_536).map((one) => one.protocol)).toEqual(['tcp']);
    expect(check(report, 'size-sweep').pairs).toEqual({ planned: 9, passed: 9, failed: 0, inconclusive: 0 });
  });

  it('carries controls: a closed port asked from near and far, an address of nobody on every node', async () => {
    const session = modelSession(plan);
    const report = await verifyLab(session, plan);
    const closed = session.requests.filter((one) => one.responders === 'none' && one.port === CLOSED_PORT);
    expect(closed.map((one) => one.protocol)).toEqual(['tcp', 'udp']);
    const nobody = session.requests.filter((one) => one.endpoints.some((end) => end.id.startsWith('nobody')));
    expect(nobody.map((one) => [one.deadlineMs, one.endpoints.filter((end) => end.id.startsWith('nobody')).map((end) => end.addresses[0]?.address)])).toEqual([
      [150, ['10.244.0.254', '10.244.1.254', '10.244.2.254']],
    ]);
    expect(check(report, 'controls').pairs).toMatchObject({ planned: 2 * 6 + 3, passed: 2 * 6 + 3 });
  });

  it('reports what pods see of nodes, and nodes of pods, without judging it', async () => {
    const report = await verifyModel({ change: (probe) => (isPod(probe.serverId) ? {} : { seenSourceAddress: worker1 }) });
    expect(report.verdict).toBe('pass');
    const values = Object.fromEntries(report.observations.map((one) => [one.id, one.value]));
    expect(values['node-to-pod-source-near']).toBe('bridge cni0 (54 probes)');
    expect(values['node-to-pod-source-far']).toBe('underlay eth0 (108 probes)');
    expect(values['pod-to-node-source-near']).toContain("masqueraded as its node's underlay eth0 (2)");
    expect(values['pod-to-node-source-far']).toContain('as underlay eth0 of c1/worker1 (8)');
  });

  it('has no snapshot with rules and no second probing when nothing fails', async () => {
    const session = modelSession(plan);
    await verifyLab(session, plan);
    expect(session.snapshots.filter((one) => one.rules)).toEqual([]);
  });

  it('shows nodes × nodes, and says what it did not look at', async () => {
    const report = await verifyModel();
    expect(report.matrix.map((cell) => `${cell.clientNode}>${cell.serverNode} ${cell.verdict} ${cell.pairs} ${cell.p50Us}`)).toHaveLength(9);
    // 2 pods to 2 pods and the node to 2 pods.
    expect(report.matrix.find((cell) => cell.clientNode === 'c1/worker1' && cell.serverNode === 'c1/worker2')).toMatchObject({
      verdict: 'pass',
      pairs: 6,
      failed: 0,
      p50Us: 50,
    });
    expect(report.notLookedAt).toContain('IPv6: the lab has none');
  });
});

describe('what is wrong is found, counted and placed', () => {
  it('a masquerade on one node: R1 and R3 fail for its pods alone', async () => {
    const report = await verifyModel({
      change: (probe) => (crosses(probe, 'worker1') && isPod(probe.serverId) && listening(probe) ? { seenSourceAddress: worker1 } : {}),
    });
    const r1 = check(report, 'r1-pod-to-pod');
    expect(r1).toMatchObject({ verdict: 'fail', pairs: { planned: POD_PAIRS, passed: 22, failed: 8 }, failuresTotal: 8 * 3 });
    const tcp = r1.failures.find((one) => one.protocol === 'tcp' && one.client === first && one.server === third);
    expect(tcp).toMatchObject({ class: 'rewritten', clientNode: 'c1/worker1', serverNode: 'c1/worker2', attempt: 0 });
    expect(tcp?.saw).toMatch(new RegExp(String.raw`^server saw ${worker1.replaceAll('.', String.raw`\.`)}:4\d{4} \(3 of 3 attempts\)$`));
    expect(tcp?.expected).toMatch(/^10\.244\.1\.\d+:4\d{4}$/);
    expect(tcp?.next).toBe('cnilab exec model c1/worker1 -- iptables-save -c -t nat');
    expect(check(report, 'r3-self-view').failures.map((one) => [one.client, one.class, one.saw])).toEqual([
      [first, 'address-differs', `peers saw it as ${worker1}`],
      [second, 'address-differs', `peers saw it as ${worker1}`],
    ]);
    expect(requirementVerdicts(report)).toBe('R1 fail, R2 pass, R3 fail');
    expect(report.matrix.filter((cell) => cell.verdict === 'fail').map((cell) => `${cell.clientNode}>${cell.serverNode} ${cell.failed}`)).toEqual([
      'c1/worker1>c1/control-plane1 4',
      'c1/worker1>c1/worker2 4',
    ]);
    expect(report.matrix.find((cell) => cell.failed > 0)?.failedPairs[0]?.protocols).toEqual(['tcp', 'udp', 'icmp']);
    expect(report.diagnoses[0]?.name).toBe('pod-source-rewritten');
    expect(tcp?.diagnosis).toBe('pod-source-rewritten');
  });

  it('one protocol alone', async () => {
    const report = await verifyModel({
      change: (probe) =>
        crosses(probe, 'worker1') && isPod(probe.serverId) && listening(probe) && probe.request.protocol === 'udp' ? { seenSourceAddress: worker1 } : {},
    });
    expect(new Set(check(report, 'r1-pod-to-pod').failures.map((one) => one.protocol))).toEqual(new Set(['udp']));
    expect(report.matrix.flatMap((cell) => cell.failedPairs.flatMap((pair) => pair.protocols)).every((one) => one === 'udp')).toBe(true);
  });

  it('a port that changes and an address that does not', async () => {
    const report = await verifyModel({
      change: (probe) => (crosses(probe, 'worker1') && isPod(probe.serverId) && listening(probe) ? { seenSourcePort: 1024 } : {}),
    });
    expect(check(report, 'r1-pod-to-pod').failures[0]).toMatchObject({ class: 'rewritten' });
    expect(check(report, 'r3-self-view').verdict).toBe('pass');
  });

  it('a node that is rewritten to another of its own addresses', async () => {
    const report = await verifyModel({
      change: (probe) =>
        probe.clientId === 'c1/worker1' && listening(probe) ? { seenSourceAddress: plan.clusters[0]?.nodes[1]?.vxlans[0]?.addresses[0]?.address ?? '' } : {},
    });
    expect(check(report, 'r2-node-to-pod')).toMatchObject({ verdict: 'fail', pairs: { planned: NODE_PAIRS, failed: 6 } });
    expect(requirementVerdicts(report)).toBe('R1 pass, R2 fail, R3 pass');
  });

  it('another pod that answers', async () => {
    const report = await verifyModel({
      change: (probe) => (probe.serverId === first && listening(probe) && probe.clientId !== first ? { answeredBy: 0 } : {}),
    });
    expect(check(report, 'r1-pod-to-pod').failures.every((one) => one.class === 'wrong-server' && one.server === first)).toBe(true);
  });

  it('one lost attempt of three: R1 and loss fail, and say how many', async () => {
    const report = await verifyModel({
      change: (probe) => (probe.clientId === first && probe.serverId === third && probe.record.attempt === 1 && probe.request.attempts === 3 ? SILENT : {}),
    });
    expect(check(report, 'r1-pod-to-pod')).toMatchObject({ verdict: 'fail', pairs: { failed: 1 }, lost: 3, failuresTotal: 3 });
    expect(check(report, 'r1-pod-to-pod').failures[0]?.saw).toBe('no answer before the deadline (1 of 3 attempts)');
    expect(check(report, 'loss')).toMatchObject({ verdict: 'fail', pairs: { failed: 1 }, lost: 3 });
  });

  it('an answer after a retransmission is loss, and R1 stands', async () => {
    const report = await verifyModel(
      { change: (probe) => (probe.clientId === first && probe.serverId === third && probe.record.attempt === 1 ? { rttUs: 1_040_000 } : {}) },
      { protocols: ['tcp'], deadlineMs: 3000 },
    );
    expect(verdicts(report)).toMatchObject({ 'r1-pod-to-pod': 'pass', loss: 'fail' });
  });

  it('a dead node: its pairs fail, what follows does not ask them again, the rest is judged', async () => {
    const dead = (probe: ModelProbe): boolean => (probe.clientNode === 'worker2') !== (probe.serverNode === 'worker2');
    const session = modelSession(plan, { change: (probe) => (dead(probe) ? SILENT : {}) });
    const report = await verifyLab(session, plan);
    expect(check(report, 'r1-pod-to-pod')).toMatchObject({ verdict: 'fail', pairs: { failed: 16, passed: 14 } });
    expect(verdicts(report)).toMatchObject({ 'size-sweep': 'inconclusive', loss: 'inconclusive', controls: 'inconclusive', 'r3-self-view': 'pass' });
    expect(report.verdict).toBe('fail');
    const waits = session.requests.filter((one) => one.deadlineMs === 1000);
    expect(waits.map((one) => one.attempts)).toEqual([3, 3, 3]);
    expect(session.requests.filter((one) => one.df === true).every((one) => one.pairs.kind === 'list' && one.pairs.pairs.length <= 5)).toBe(true);
  });

  it('takes a reading before and after it sends failing probes again, at most 50', async () => {
    const session = modelSession(plan, { change: (probe) => (isPod(probe.clientId) && probe.clientId !== probe.serverId ? SILENT : {}) });
    await verifyLab(session, plan);
    expect(session.snapshots.findIndex((one) => one.rules)).toBe(session.snapshots.length - 1);
    expect(session.snapshots.at(-2)?.namespaces).toEqual([...(plan.clusters[0]?.nodes.map((node) => node.netns) ?? []), 'fabric']);
    expect(session.snapshots.at(-1)?.namespaces).toHaveLength(3 + 1 + 6);
    const again = session.requests.slice(session.requests.findLastIndex((one) => one.responders === 'none') + 1);
    const sent = again.reduce((sum, one) => sum + (one.pairs.kind === 'list' ? one.pairs.pairs.length : 0), 0);
    expect(sent).toBe(50);
  });

  it('a path that is narrower than the MTU, of which the sender is told, is a warning', async () => {
    const narrow = (known: number): Model => ({
      change: (probe) =>
        probe.clientNode !== probe.serverNode && probe.packetBytes > 1400 && probe.packetBytes <= 1450
          ? probe.record.attempt < known
            ? SILENT
            : { ...UNSEEN, outcome: 'too-big', errno: 90 }
          : {},
    });
    for (const known of [0, 1]) {
      const report = await verifyModel(narrow(known));
      expect(check(report, 'size-sweep')).toMatchObject({ verdict: 'pass', pairs: { planned: 9, passed: 9, failed: 0 }, failures: [] });
      expect(requirementVerdicts(report)).toBe('R1 pass, R2 pass, R3 pass');
      expect(report.verdict).toBe('pass');
      expect(report.diagnoses[0]).toMatchObject({ name: 'path-mtu-below-pod-mtu', severity: 'warn', checks: ['size-sweep'] });
    }
    // Never told: lost.
    expect(check(await verifyModel(narrow(2)), 'size-sweep')).toMatchObject({ verdict: 'fail', pairs: { planned: 9, passed: 3, failed: 6 } });
  });

  it('overlays that fragment are a warning, by the counter of the node that does', async () => {
    const made = [0, 40, 40, 40];
    const netns = plan.clusters[0]?.nodes[1]?.netns ?? '';
    const counted: Model = {
      snapshot: (name, healthy) =>
        healthy === null || name !== netns ? healthy : { ...healthy, counters: { ...healthy.counters, IpFragCreates: made.shift() ?? 40, Ip6FragCreates: 0 } },
    };
    const report = await verifyModel(counted, { only: /^size-sweep$/ });
    expect(check(report, 'size-sweep')).toMatchObject({ verdict: 'pass', failures: [] });
    expect(report.diagnoses[0]).toMatchObject({ name: 'overlay-packets-fragmented', severity: 'warn', where: ['c1/worker1'] });
    expect(report.diagnoses[0]?.evidence[0]).toContain('c1/worker1 made 40 fragments');
  });

  it('a blackhole for large packets', async () => {
    const report = await verifyModel({ change: (probe) => (probe.clientNode !== probe.serverNode && probe.packetBytes === 1450 ? SILENT : {}) });
    expect(check(report, 'size-sweep').failures[0]).toMatchObject({ class: 'silent' });
    expect(check(report, 'size-sweep').failures[0]?.saw).toContain('(2 of 2)');
  });

  it('a stream that stalls', async () => {
    const report = await verifyModel({
      change: (probe) => (probe.request.streamBytes === undefined || probe.clientNode === probe.serverNode ? {} : { outcome: 'stalled' }),
    });
    expect(check(report, 'size-sweep').failures[0]).toMatchObject({ protocol: 'tcp', class: 'stalled' });
  });

  it('a pod whose MTU is not the planned one is swept at its own, too', async () => {
    const netns = plan.clusters[0]?.pods.find((pod) => pod.id === second)?.netns;
    const session = modelSession(plan, {
      snapshot: (name, healthy) => (name === netns ? { ...healthy, links: healthy.links.map((link) => ({ ...link, mtu: 1500 })) } : healthy),
      change: (probe) => (probe.clientId === second && probe.packetBytes <= 1500 && probe.packetBytes > 1450 ? SILENT : {}),
    });
    const report = await verifyLab(session, plan);
    expect(check(report, 'size-sweep').failures.every((one) => one.client === second && one.saw.includes('MTU 1500'))).toBe(true);
    expect(check(report, 'size-sweep').verdict).toBe('fail');
  });

  it('an address that two pods have', async () => {
    const netns = plan.clusters[0]?.pods.find((pod) => pod.id === second)?.netns;
    const taken = plan.clusters[0]?.pods.find((pod) => pod.id === first)?.interface?.addresses[0];
    const report = await verifyModel({
      snapshot: (name, healthy) =>
        name === netns && taken !== undefined ? { ...healthy, addresses: [...healthy.addresses, { dev: 'eth0', ...taken }] } : healthy,
    });
    const r3 = check(report, 'r3-self-view');
    expect(r3.failures.map((one) => one.client).sort()).toEqual([first, second].sort());
    expect(r3.failures.find((one) => one.client === first)?.saw).toBe(`${taken?.address} is also on ${second}`);
  });

  it('but no address that a pod has besides, as long as it speaks from the planned one', async () => {
    const netns = plan.clusters[0]?.pods.find((pod) => pod.id === first)?.netns;
    const report = await verifyModel({
      snapshot: (name, healthy) =>
        name === netns ? { ...healthy, addresses: [...healthy.addresses, { dev: 'eth0', family: 'ipv4', address: '192.0.2.7', prefixLength: 24 }] } : healthy,
    });
    expect(check(report, 'r3-self-view').verdict).toBe('pass');
    expect(report.observations.find(({ id }) => id === 'more-pod-addresses')?.value).toBe(`${first}: 192.0.2.7`);
  });

  it('an interface that has not the address that the API shows', async () => {
    const netns = plan.clusters[0]?.pods.find((pod) => pod.id === first)?.netns;
    const report = await verifyModel({
      snapshot: (name, healthy) => (name === netns ? { ...healthy, addresses: healthy.addresses.map((one) => ({ ...one, address: '10.244.1.77' })) } : healthy),
    });
    expect(check(report, 'r3-self-view').failures[0]).toMatchObject({
      client: first,
      class: 'address-differs',
      saw: "the pod's interface has 10.244.1.77",
      next: `cnilab exec model ${first} -- ip addr`,
    });
  });
});

describe('what is wrong with one pod', () => {
  it('a client at an address that the plan gives to nobody, although both sockets agree', async () => {
    const moved = { localAddress: '10.244.1.99', seenSourceAddress: '10.244.1.99' };
    const report = await verifyModel({ change: (probe) => (probe.clientId === first && listening(probe) ? moved : {}) });
    expect(check(report, 'r1-pod-to-pod').failures[0]).toMatchObject({ class: 'address-differs', client: first });
    expect(check(report, 'r3-self-view').failures[0]?.saw).toBe('peers saw it as 10.244.1.99');
  });

  it('a pod that only itself has seen: its own sight is none of a peer', async () => {
    const report = await verifyModel({ change: (probe) => (probe.clientId === first && probe.serverId !== first && listening(probe) ? SILENT : {}) });
    expect(check(report, 'r3-self-view')).toMatchObject({ verdict: 'inconclusive', reason: `${first}: no peer saw a packet of it` });
  });

  it('an address outside of its node', async () => {
    const elsewhere: LabPlan = {
      ...plan,
      clusters: plan.clusters.map((one) => ({
        ...one,
        nodes: one.nodes.map((node) => (node.name === 'worker1' ? { ...node, podCIDRs: ['10.244.200.0/24'] } : node)),
      })),
    };
    const report = await verifyModel({}, {}, elsewhere);
    expect(check(report, 'r3-self-view').failures.map((one) => one.client)).toEqual([first, second]);
    expect(check(report, 'r3-self-view').failures[0]?.saw).toContain('outside of the pod network of c1/worker1');
  });

  it('an interface that is smaller than planned is told from a narrow path', async () => {
    const netns = plan.clusters[0]?.pods.find((pod) => pod.id === second)?.netns;
    const report = await verifyModel({
      snapshot: (name, healthy) =>
        healthy === null || name !== netns ? healthy : { ...healthy, links: healthy.links.map((link) => ({ ...link, mtu: Math.min(link.mtu, 1400) })) },
      change: (probe) =>
        probe.clientId === second && probe.packetBytes > 1400 && probe.request.df === true ? { ...UNSEEN, outcome: 'too-big', errno: 90 } : {},
    });
    const { failures } = check(report, 'size-sweep');
    expect(failures.every((one) => one.class === 'too-big' && one.saw.includes('too big to be sent whole'))).toBe(true);
    expect(failures.length).toBeGreaterThan(0);
  });
});

describe('the table of pairs', () => {
  it('keeps deviations of every pair of nodes, however loud one of them is', () => {
    const big = clusterEnds(lab({ clusters: [cluster({ workers: 1, workloads: [{ name: 'web', perNode: 70 }] })] }))[0] ?? expect.fail('no cluster');
    const table = createPairTable(big);
    const note = (client: number, server: number): void =>
      keepDeviation(table, {
        client,
        server,
        attempt: 0,
        protocol: 'tcp',
        family: 'ipv4',
        attempts: 1,
        conntrack: [],
        judgement: { verdict: 'fail', class: 'silent', saw: '', expected: '' },
      });
    const [here, there] = [podsOnNode(big, 0), podsOnNode(big, 1)];
    for (const client of here) for (const server of here) if (client !== server) note(client, server);
    note(here[0] ?? 0, there[0] ?? 0);
    expect(table.deviations.size).toBe(41);
    expect([...table.deviations.values()].at(-1)).toMatchObject({ server: there[0] });
  });
});

describe('connection tracking', () => {
  const wanted = (request: ProbeRequest, record: ProbeRecord): boolean =>
    request.endpoints[record.client]?.id === first && request.endpoints[record.server]?.id === third;
  const reading = (request: ProbeRequest, records: readonly ProbeRecord[], portOffset: number): readonly ConntrackReading[] =>
    request.conntrack.map((netns): ConntrackReading => {
      if (netns !== 'node.c1.worker1') return { netns, entries: 10, asymmetric: [], error: null };
      const asymmetric = records
        .filter((record) => wanted(request, record))
        .map((record): ConntrackEntry => {
          const original = {
            source: record.localAddress,
            sourcePort: record.localPort + portOffset,
            destination: record.dialledAddress,
            destinationPort: record.dialledPort,
          };
          return {
            netns,
            protocol: request.protocol,
            original,
            reply: { source: original.destination, sourcePort: original.destinationPort, destination: worker1, destinationPort: original.sourcePort },
            replied: true,
          };
        });
      return { netns, entries: 10, asymmetric, error: null };
    });

  it('shows a translation that both sockets miss', async () => {
    const report = await verifyModel({ conntrack: (request, records) => reading(request, records, 0) });
    const r1 = check(report, 'r1-pod-to-pod');
    expect(r1).toMatchObject({ verdict: 'fail', pairs: { failed: 1 }, failuresTotal: 3 });
    expect(r1.failures[0]).toMatchObject({ class: 'hidden-nat', client: first, server: third });
    expect(r1.failures[0]?.saw).toContain(`node.c1.worker1: source`);
    expect(r1.failures[0]?.conntrack[0]?.reply.destination).toBe(worker1);
    expect(report.totals.failed).toBe(9);
  });

  it('is added to what the sockets saw', async () => {
    const report = await verifyModel({
      change: (probe) => (probe.clientId === first && probe.serverId === third && listening(probe) ? { seenSourceAddress: worker1 } : {}),
      conntrack: (request, records) => reading(request, records, 0),
    });
    const { failures, pairs } = check(report, 'r1-pod-to-pod');
    expect(failures.map((one) => [one.class, one.conntrack.length])).toEqual([
      ['rewritten', 3],
      ['rewritten', 3],
      ['rewritten', 3],
    ]);
    expect(pairs.failed).toBe(1);
    expect(check(report, 'r1-pod-to-pod').probes).toBe(POD_PAIRS * 9);
  });

  it('says nothing about entries that an earlier run left behind', async () => {
    const report = await verifyModel({ conntrack: (request, records) => reading(request, records, 20_000) });
    expect(report.verdict).toBe('pass');
  });

  it('that cannot be read is told', async () => {
    const report = await verifyModel({ conntrack: (request) => request.conntrack.map((netns) => ({ netns, entries: 0, asymmetric: [], error: 'EPERM' })) });
    expect(report.notLookedAt).toContain('connection tracking of tcp in node.c1.worker1: EPERM');
  });
});

describe('what cannot be known is neither pass nor fail', () => {
  it('a responder that does not answer itself', async () => {
    const report = await verifyModel({
      unusable: () => ({ [first]: 'its responder does not answer itself on 127.0.0.1' }),
      change: (probe) => (probe.serverId === first && listening(probe) ? SILENT : {}),
    });
    const r1 = check(report, 'r1-pod-to-pod');
    expect(r1).toMatchObject({ verdict: 'inconclusive', pairs: { planned: 30, passed: 20, failed: 0, inconclusive: 10 }, failures: [] });
    expect(r1.reason).toContain(`${first}: its responder does not answer itself`);
    expect(report.verdict).toBe('inconclusive');
    expect(report.matrix.filter((cell) => cell.serverNode === 'c1/worker1').map((cell) => cell.verdict)).toEqual([
      'inconclusive',
      'inconclusive',
      'inconclusive',
    ]);
    expect(report.matrix.some((cell) => cell.verdict === 'fail')).toBe(false);
    expect(report.totals.failed).toBe(0);
  });

  it('does not hide a failure elsewhere', async () => {
    const report = await verifyModel({
      unusable: () => ({ [first]: 'gone' }),
      change: (probe) => (probe.serverId === third && probe.clientId !== third && isPod(probe.clientId) && listening(probe) ? { seenSourcePort: 1 } : {}),
    });
    expect(check(report, 'r1-pod-to-pod')).toMatchObject({ verdict: 'fail', pairs: { failed: 4 } });
    expect(check(report, 'r1-pod-to-pod').failures.some((one) => one.client === first)).toBe(false);
  });

  it('a probe that did not run', async () => {
    const report = await verifyModel({
      change: (probe) => (probe.clientId === first && listening(probe) ? { ...UNSEEN, outcome: 'not-run', errno: 24 } : {}),
    });
    expect(check(report, 'r1-pod-to-pod')).toMatchObject({ verdict: 'inconclusive', pairs: { inconclusive: 5, failed: 0 } });
    expect(check(report, 'r1-pod-to-pod').reason).toContain('errno 24');
    expect(check(report, 'r3-self-view').verdict).toBe('inconclusive');
  });

  it('a record that never came', async () => {
    const report = await verifyModel({ change: (probe) => (probe.clientId === first && probe.serverId === third && probe.record.attempt === 2 ? null : {}) });
    expect(check(report, 'r1-pod-to-pod')).toMatchObject({ verdict: 'inconclusive', pairs: { inconclusive: 1 }, reason: 'answers are missing' });
  });

  it('an interface that could not be read', async () => {
    const report = await verifyModel({ snapshot: (netns, healthy) => (netns.endsWith('worker2') && netns.startsWith('pod.') ? null : healthy) });
    expect(check(report, 'r3-self-view')).toMatchObject({ verdict: 'inconclusive', pairs: { inconclusive: 2, passed: 4 } });
  });

  it('a probe that cannot see a failure: no requirement passes', async () => {
    const report = await verifyModel({ change: (probe) => (probe.record.outcome === 'refused' ? SILENT : {}) });
    expect(check(report, 'controls').reason).toContain('the probe cannot see a failure');
    expect(requirementVerdicts(report)).toBe('R1 inconclusive, R2 inconclusive, R3 inconclusive');
    expect(report.verdict).toBe('inconclusive');
  });

  it('a size probe that sees no limit', async () => {
    const report = await verifyModel({ change: (probe) => (probe.packetBytes === 1451 ? { outcome: 'ok' } : {}) });
    expect(check(report, 'size-sweep')).toMatchObject({ verdict: 'inconclusive' });
    expect(check(report, 'size-sweep').reason).toContain('the probe cannot see the limit');
  });

  it('a lab without a cluster', async () => {
    const empty = planLab({ name: 'wires', hosts: [{ name: 'a' }, { name: 'b' }] });
    const report = await verifyModel({}, {}, empty);
    expect(report.verdict).toBe('inconclusive');
    expect(requirementVerdicts(report)).toBe('R1 skip, R2 skip, R3 skip');
    expect(report.notLookedAt.join()).toContain('no cluster');
  });
});

describe('controls', () => {
  it('prove nothing by a refusal where the open port beside it does not answer just then', async () => {
    const isOpenPort = ({ request }: ModelProbe): boolean =>
      request.pairs.kind === 'list' &&
      request.protocol === 'tcp' &&
      request.responders === 'listen' &&
      request.attempts === 1 &&
      request.streamBytes === undefined;
    const report = await verifyModel({ change: (probe) => (isOpenPort(probe) && probe.serverNode === 'worker1' ? SILENT : {}) });
    expect(check(report, 'controls')).toMatchObject({ verdict: 'inconclusive', pairs: { passed: 2 * 6 + 3 - 2, inconclusive: 2 } });
    expect(check(report, 'controls').reason).toContain('the open port does not answer either (silent)');
  });

  it.each(['ok', 'stalled'] as const)('an answer where nothing listens is a failure (%s)', async (outcome) => {
    const report = await verifyModel({ change: (probe) => (probe.request.port === CLOSED_PORT && probe.request.protocol === 'tcp' ? { outcome } : {}) });
    expect(check(report, 'controls')).toMatchObject({ verdict: 'fail', failuresTotal: 6 });
    expect(check(report, 'controls').failures[0]).toMatchObject({ class: 'unexpected-answer', protocol: 'tcp' });
  });

  it.each(['ok', 'refused'] as const)('an address of nobody that answers (%s) is a failure', async (outcome) => {
    const report = await verifyModel({ change: (probe) => (probe.serverId === 'nobody on c1/worker1' ? { outcome } : {}) });
    expect(check(report, 'controls').failures).toHaveLength(1);
    expect(check(report, 'controls').failures[0]).toMatchObject({ class: 'unexpected-answer', serverNode: 'c1/worker1' });
  });

  it.each([
    ['no-host', 113],
    ['unreachable', 113],
    ['no-route', 101],
    ['error', 22],
  ] as const)('an address of nobody may end as %s', async (outcome, errno) => {
    const report = await verifyModel({ change: (probe) => (probe.serverId.startsWith('nobody') ? { outcome, errno } : {}) });
    expect(check(report, 'controls').verdict).toBe('pass');
  });
});

describe('options', () => {
  it('strict judges what pods look like to nodes', async () => {
    const masqueraded: Model = {
      change: (probe) =>
        !isPod(probe.serverId) && isPod(probe.clientId) && probe.clientNode !== probe.serverNode && listening(probe) ? { seenSourceAddress: worker1 } : {},
    };
    expect(check(await verifyModel(masqueraded), 'r2-pod-to-node').verdict).toBe('skip');
    const strict = await verifyModel(masqueraded, { profile: 'strict' });
    expect(check(strict, 'r2-pod-to-node')).toMatchObject({ verdict: 'fail', pairs: { planned: 18, failed: 12 } });
    expect(strict.requirements.find((one) => one.id === 'R2')?.verdict).toBe('fail');
  });

  it('current asks nodes for their own pods alone', async () => {
    const report = await verifyModel(
      { change: (probe) => (probe.clientId.split('/').length === 2 && probe.clientNode !== probe.serverNode ? SILENT : {}) },
      { profile: 'current' },
    );
    expect(check(report, 'r2-node-to-pod')).toMatchObject({ verdict: 'pass', pairs: { planned: 6 } });
  });

  it('only and skip choose checks, and the report says what was left out', async () => {
    const session = modelSession(plan);
    const report = await verifyLab(session, plan, { only: '^r1', protocols: ['tcp'], attempts: 1 });
    expect(report.checks.map((one) => one.id)).toEqual(['r1-pod-to-pod']);
    expect(session.requests).toHaveLength(1);
    expect(report.notLookedAt.join()).toContain('controls');
    expect((await verifyModel({}, { skip: /size|loss/ })).checks.map((one) => one.id)).not.toContain('loss');
  });

  it('a sample covers every pair of nodes and says how it was drawn', async () => {
    const big = lab({ clusters: [cluster({ workloads: [{ name: 'web', perNode: 10 }] })] });
    const report = await verifyModel({}, { sample: 100, only: 'r1' }, big);
    expect(check(report, 'r1-pod-to-pod').pairs.planned).toBe(100);
    expect(report.matrix.every((cell) => cell.verdict === 'pass')).toBe(true);
    expect(report.notLookedAt).toContain('pod-to-pod in c1: 100 of 870 pairs were sampled, at least one for every ordered pair of nodes that has any');
  });

  it.each<[string, VerifyOptions, string]>([
    ['attempts', { attempts: 0 }, 'attempts 0 is out of range'],
    ['more attempts than a record can number', { attempts: 256 }, 'out of range'],
    ['a deadline', { deadlineMs: 1 }, 'out of range'],
    ['protocols', { protocols: [] }, 'no protocol'],
    ['a family that the lab has not', { families: ['ipv6'] }, 'no address family'],
    ['a broken expression', { only: '(' }, 'not a regular expression'],
    ['an expression that fits nothing', { only: 'nonsense' }, 'no check is left'],
    ['a profile', { profile: 'lenient' as 'classic' }, 'unknown profile'],
  ])('refuses %s', async (_what, options, message) => {
    const error = await verifyModel({}, options).then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(LabError);
    expect(error).toMatchObject({ code: 'USAGE', message: expect.stringContaining(message) });
  });

  it('stops when it is interrupted', async () => {
    await expect(verifyModel({}, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });

  it('tells its progress, each step begun and ended', async () => {
    const events: EngineEvent[] = [];
    await verifyModel({}, { onProgress: (event) => events.push(event) });
    expect(events.filter((one) => one.phase === 'start').map((one) => one.step)).toEqual(events.filter((one) => one.phase === 'end').map((one) => one.step));
  });
});

describe('other labs', () => {
  it('dual stack: each family is judged', async () => {
    const dual = lab({ clusters: [cluster({ podCIDR: ['10.244.0.0/16', 'fd00:10:244::/56'], serviceCIDR: ['10.96.0.0/16', 'fd00:10:96::/112'] })] });
    const report = await verifyModel(
      {
        change: (probe) =>
          probe.request.family === 'ipv6' && crosses(probe, 'worker1') && isPod(probe.serverId) && listening(probe) ? { seenSourcePort: 9 } : {},
      },
      {},
      dual,
    );
    const r1 = check(report, 'r1-pod-to-pod');
    expect(r1).toMatchObject({ verdict: 'fail', pairs: { planned: 30, failed: 8 }, probes: 30 * 18, failuresTotal: 24 });
    expect(new Set(r1.failures.map((one) => one.family))).toEqual(new Set(['ipv6']));
    expect(r1.failures[0]?.next).toContain('ip6tables-save');
    expect((await verifyModel({}, {}, dual)).verdict).toBe('pass');
  });

  it.each<[string, ClusterSpec['cni']]>([
    ['calico', { type: 'calico' }],
    ['weave', { type: 'weave' }],
    ['bridge', { type: 'bridge' }],
  ])('%s: pod addresses lie where the plan puts them', async (_name, cni) => {
    const other = lab({ clusters: [cluster({ cni })] });
    expect((await verifyModel({}, {}, other)).verdict).toBe('pass');
  });

  it('two clusters are two networks: no pair spans them', async () => {
    const two = lab({ clusters: [cluster(), cluster({ name: 'c2' })] });
    const report = await verifyModel({}, {}, two);
    expect(check(report, 'r1-pod-to-pod').pairs.planned).toBe(2 * POD_PAIRS);
    expect(report.matrix).toHaveLength(36);
    expect(report.matrix.filter((cell) => cell.verdict === 'empty')).toHaveLength(18);
  });

  it('pods on the host network are probed as their nodes, and said to be', async () => {
    const host = lab({
      clusters: [
        cluster({
          workloads: [
            { name: 'web', perNode: 2 },
            { name: 'agent', perNode: 1, hostNetwork: true },
          ],
        }),
      ],
    });
    const report = await verifyModel({}, {}, host);
    expect(check(report, 'r1-pod-to-pod').pairs.planned).toBe(POD_PAIRS);
    expect(report.observations.find((one) => one.id === 'host-network-pods')?.value).toMatch(/^3, probed as their nodes/);
  });

  it('one pod a node: the near control is asked by the node', async () => {
    const single = lab({ clusters: [cluster({ workloads: [{ name: 'web', perNode: 1 }] })] });
    expect((await verifyModel({}, {}, single)).verdict).toBe('pass');
  });

  it('a single pod: nothing to pair it with, R1 is skipped and not passed', async () => {
    const single = lab({ clusters: [cluster({ controlPlanes: 1, workers: 0, workloads: [{ name: 'web', perNode: 1 }] })] });
    const report = await verifyModel({}, {}, single);
    expect(requirementVerdicts(report)).toBe('R1 skip, R2 pass, R3 pass');
  });

  it('a large lab that is all dead: counts are exact, lists are bounded, every place is shown', async () => {
    const large = lab({ clusters: [cluster({ workers: 4, workloads: [{ name: 'web', perNode: 16 }] })] });
    const report = await verifyModel({ change: (probe) => (probe.clientId !== probe.serverId && isPod(probe.clientId) ? SILENT : {}) }, { attempts: 1 }, large);
    const r1 = check(report, 'r1-pod-to-pod');
    expect(r1).toMatchObject({ pairs: { planned: 80 * 79, failed: 80 * 79 }, failuresTotal: 80 * 79 * 3 });
    expect(r1.failures).toHaveLength(100);
    expect(new Set(r1.failures.map((one) => `${one.clientNode}>${one.serverNode}`)).size).toBe(25);
    expect(JSON.stringify(report).length).toBeLessThan(400_000);
  });
});
