import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_MATERIALS, type EngineHandle, type EngineSession, type ProbeRecord, type ProbeRequest, type ProbeSummary } from '../../engines/port.ts';
import { loadEngine } from '../../engines/registry.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { clusterEnds } from '../../verify/endpoints.ts';
import { lacking } from '../requires.ts';

const why = lacking('netns', 'plugins');

describe.skipIf(why !== null)(`the prober on the real kernel${why === null ? '' : ` (skipped: ${why})`}`, () => {
  const plan: LabPlan = planLab({
    name: 'probe',
    clusters: [
      {
        name: 'c1',
        workers: 1,
        podCIDR: ['10.244.0.0/16', 'fd00:10:244::/56'],
        serviceCIDR: ['10.96.0.0/16', 'fd00:10:96::/112'],
        cni: { type: 'bridge' },
        workloads: [{ name: 'app', perNode: 2 }],
      },
    ],
  });
  const cluster = plan.clusters[0];
  const directory = mkdtempSync(join(tmpdir(), 'cnilab-probe-'));
  let session: EngineSession;
  let handle: EngineHandle | null = null;

  beforeAll(async () => {
    const engine = await loadEngine('netns');
    handle = await engine.create(plan, {
      directory,
      sourceDirectory: directory,
      materials: NO_MATERIALS,
      onEvent: () => {},
      onHandle: async (made) => {
        handle = made;
      },
      signal: new AbortController().signal,
    });
    session = await engine.open(handle, plan);
  });
  afterAll(async () => {
    await session?.close();
    await (await loadEngine('netns')).destroy(handle, directory);
    rmSync(directory, { recursive: true, force: true });
  });

  const [ends] = clusterEnds(plan);
  const probe = async (change: Partial<ProbeRequest>): Promise<{ readonly records: readonly ProbeRecord[]; readonly summary: ProbeSummary }> => {
    const records: ProbeRecord[] = [];
    const pods = ends?.pods ?? [];
    const request: ProbeRequest = {
      protocol: 'tcp',
      family: 'ipv4',
      port: 7000,
      endpoints: ends?.endpoints ?? [],
      pairs: { kind: 'matrix', clients: pods, servers: pods, self: true },
      attempts: 2,
      deadlineMs: 300,
      responders: 'listen',
      conntrack: cluster?.nodes.map((n) => n.netns) ?? [],
      ...change,
    };
    const summary = await session.probe(request, (batch) => {
      for (let i = 0; i < batch.length; i++) records.push(batch.at(i));
    });
    return { records, summary };
  };
  const worker = 'node.c1.worker1';

  it.each([
    ['tcp', 'ipv4'],
    ['udp', 'ipv4'],
    ['icmp', 'ipv4'],
    ['tcp', 'ipv6'],
    ['udp', 'ipv6'],
    ['icmp', 'ipv6'],
  ] as const)('reports both ends of a healthy %s exchange over %s', async (protocol, family) => {
    const { records, summary } = await probe({ protocol, family });
    expect(summary).toMatchObject({ probes: 32, unusable: {} });
    expect(records).toHaveLength(32);
    for (const r of records) {
      expect(r).toMatchObject({ outcome: 'ok', errno: 0, answeredBy: r.server, nonceThere: true, nonceBack: true });
      expect([r.seenSourceAddress, r.seenSourcePort, r.seenDestinationAddress]).toEqual([r.localAddress, r.localPort, r.dialledAddress]);
      expect(r.localAddress).toBe(cluster?.pods[r.client]?.interface?.addresses.find((a) => a.family === family)?.address);
      if (protocol !== 'icmp') expect(r.seenDestinationPort).toBe(7000);
      if (protocol !== 'tcp') expect(r.seenTtl).toBe(cluster?.pods[r.client]?.node === cluster?.pods[r.server]?.node ? 64 : 62);
    }
    // Every probe is a fresh flow.
    const flows = new Set(records.map((r) => `${r.client} ${r.localPort} ${r.server}`));
    expect(flows.size).toBe(32);
    expect(summary.conntrack.every((c) => c.error === null && c.asymmetric.length === 0)).toBe(true);
    // Same-node flows are asked of one node, others of both: 2 × (8 + 2 × 8).
    expect(summary.conntrack.reduce((sum, c) => sum + c.entries, 0)).toBeGreaterThanOrEqual(32);
  });

  it('sees a closed port refused, and an address that nobody has not answer', async () => {
    const closed = await probe({
      responders: 'none',
      pairs: {
        kind: 'list',
        pairs: [
          [0, 2],
          [0, 1],
        ],
      },
      attempts: 1,
    });
    expect(closed.records.map((r) => [r.outcome, r.errno])).toEqual([
      ['refused', 111],
      ['refused', 111],
    ]);
    const nobody = await probe({ responders: 'none', dial: '10.244.1.200', pairs: { kind: 'list', pairs: [[0, 2]] }, attempts: 1, deadlineMs: 150 });
    expect(['silent', 'no-host', 'unreachable']).toContain(nobody.records[0]?.outcome);
  });

  it('refuses one byte above the MTU when nothing may be fragmented, and streams both ways', async () => {
    const pairs = {
      kind: 'list',
      pairs: [
        [0, 2],
        [2, 0],
      ],
    } as const;
    for (const protocol of ['udp', 'icmp'] as const) {
      expect((await probe({ protocol, pairs, df: true, payloadBytes: 1472 })).records.map((r) => r.outcome)).toEqual(['ok', 'ok', 'ok', 'ok']);
      expect((await probe({ protocol, pairs, df: true, payloadBytes: 1473 })).records.map((r) => r.outcome)).toEqual([
        'too-big',
        'too-big',
        'too-big',
        'too-big',
      ]);
    }
    expect((await probe({ pairs, streamBytes: 65_536 })).records.map((r) => r.outcome)).toEqual(['ok', 'ok', 'ok', 'ok']);
  });

  it('shows what a translation does to the tuple, in the record and in conntrack', async () => {
    const add = async (...rule: string[]): Promise<void> => {
      expect((await session.run(worker, ['iptables', '-t', 'nat', '-I', 'POSTROUTING', ...rule])).exitCode).toBe(0);
    };
    const remove = async (...rule: string[]): Promise<void> => {
      await session.run(worker, ['iptables', '-t', 'nat', '-D', 'POSTROUTING', ...rule]);
    };
    const target = cluster?.pods.findIndex((p) => p.node === 'worker1') ?? -1;
    const peer = cluster?.pods.findIndex((p) => p.node !== 'worker1') ?? -1;
    const pairs = { kind: 'list', pairs: [[target, peer]] } as const;
    const source = cluster?.pods[target]?.interface?.addresses[0]?.address ?? '';
    const ports = ['-p', 'tcp', '-s', source, '-d', '10.244.0.0/24', '-j', 'SNAT', '--to-source', `${source}:50000-50010`];
    await add(...ports);
    const tcp = await probe({ pairs, attempts: 1 });
    expect(tcp.records[0]).toMatchObject({ outcome: 'ok', seenSourceAddress: source });
    expect(tcp.records[0]?.seenSourcePort).not.toBe(tcp.records[0]?.localPort);
    expect(tcp.summary.conntrack.find((c) => c.netns === worker)?.asymmetric[0]).toMatchObject({
      protocol: 'tcp',
      original: { source, sourcePort: tcp.records[0]?.localPort },
      reply: { destination: source, destinationPort: tcp.records[0]?.seenSourcePort },
    });
    const udp = await probe({ pairs, attempts: 1, protocol: 'udp' });
    expect(udp.records[0]?.seenSourcePort).toBe(udp.records[0]?.localPort);
    await remove(...ports);
    await add('-p', 'udp', '-s', source, '-d', '10.244.0.0/24', '-j', 'MASQUERADE');
    const masqueraded = await probe({ pairs, attempts: 1, protocol: 'udp' });
    expect(masqueraded.records[0]?.seenSourceAddress).toBe(cluster?.nodes.find((n) => n.name === 'worker1')?.interfaces[0]?.addresses[0]?.address);
    expect((await probe({ pairs, attempts: 1 })).records[0]?.seenSourceAddress).toBe(source);
    await remove('-p', 'udp', '-s', source, '-d', '10.244.0.0/24', '-j', 'MASQUERADE');
  });

  it('waits once for all dead paths, and says what was sent into silence', async () => {
    await session.run(worker, ['sysctl', '-qw', 'net.ipv4.ip_forward=0']);
    const { records, summary } = await probe({ deadlineMs: 400 });
    await session.run(worker, ['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
    expect(new Set(records.filter((r) => cluster?.pods[r.client]?.node !== cluster?.pods[r.server]?.node).map((r) => r.outcome))).toEqual(new Set(['silent']));
    expect(records.filter((r) => cluster?.pods[r.client]?.node === cluster?.pods[r.server]?.node).every((r) => r.outcome === 'ok')).toBe(true);
    // One after the other the 32 dead probes would take 32 deadlines.
    expect(summary.elapsedMs).toBeLessThan(8 * 400);
  });

  it('calls a responder that cannot answer itself unusable', async () => {
    const pod = cluster?.pods[0];
    const address = pod?.interface?.addresses[0]?.address ?? '';
    await session.run(pod?.netns ?? '', ['ip', 'addr', 'del', `${address}/24`, 'dev', 'eth0']);
    const { summary } = await probe({ attempts: 1, deadlineMs: 100 });
    await session.run(pod?.netns ?? '', ['ip', 'addr', 'add', `${address}/24`, 'dev', 'eth0']);
    await session.run(pod?.netns ?? '', ['ip', 'route', 'replace', 'default', 'via', pod?.interface?.gateways[0] ?? '']);
    expect(summary.unusable[pod?.id ?? '']).toContain('answers on 127.0.0.1, but not on its own address');
    expect((await probe({})).summary.unusable).toEqual({});
  });
});
