/** Labs side by side, on the real kernel: flannel's three backends, and ways that carry nothing. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { canOpenTun, TUN_FILE } from '../../engines/netns/kernel-feature.ts';
import type { EngineSession, Measurement, MeasureRequest } from '../../engines/port.ts';
import type { Comparison } from '../../verify/compare/document.ts';
import { waysOf } from '../../verify/compare/ways.ts';
import { lacking } from '../requires.ts';
import { Place } from './cnilab.ts';
import { VerifiedLab } from './verified-lab.ts';

const why = lacking('netns', 'plugins');

describe.skipIf(why !== null || !canOpenTun())(`the backends of flannel${why ?? (canOpenTun() ? '' : `: ${TUN_FILE} is not here`)}`, () => {
  it('are compared as they run: what is around a packet, the MTU, and a process that costs most', { timeout: 300_000 }, async () => {
    await using place = new Place();
    const labs = ['flannel-host-gw', 'flannel-vxlan', 'flannel-udp'] as const;
    const refused = await place.cnilab(['compare', ...labs]);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('`cnilab up flannel-host-gw` first')]);
    for (const lab of labs) expect((await place.cnilab(['up', lab])).code).toBe(0);

    const out = join(place.directory, 'compared.json');
    const { code, stdout, stderr } = await place.cnilab(['compare', ...labs, '--seconds', '0.5', '--verify', '-o', out]);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^bytes around each packet +0 +50 +28$/m);
    expect(stdout).toMatch(/^MTU of the pods +1500 +1450 +1472$/m);
    expect(stdout).toMatch(/^R1 pod to pod +pass +pass +pass$/m);
    expect(stdout).toMatch(/^- flannel-udp, one node: no node has two pods$/m);

    const { labs: compared } = JSON.parse(readFileSync(out, 'utf8')) as Comparison;
    expect(compared.map(({ cluster }) => cluster?.passage.by)).toEqual(['route', 'vxlan', 'udp']);
    const [hostGw, vxlan, udp] = compared;
    for (const lab of [hostGw, vxlan]) {
      expect(lab?.oneNode).toMatchObject({ by: 'thread', reason: '' });
      expect(lab?.oneNode.bitsPerSecond.value).toBeGreaterThan(0);
    }
    for (const lab of compared) {
      expect(lab.twoNodes.roundTripUs.value).toBeGreaterThan(0);
      expect(lab.twoNodes.reason).toBe('');
    }
    // Two processes copy every packet out of the kernel and in again: an order of magnitude, whatever else the machine does.
    expect(udp?.twoNodes.bitsPerSecond.ratio).toBeLessThan(1);
    expect(udp?.twoNodes.roundTripUs.ratio).toBeGreaterThan(1);
    expect((await place.cnilab(['down', ...labs])).code).toBe(0);
    expect(place.leftovers()).toEqual([]);
  });
});

describe.skipIf(why !== null)(`routes and overlays${why === null ? '' : `: ${why}`}`, () => {
  it('of different CNIs are told apart', { timeout: 300_000 }, async () => {
    await using place = new Place();
    const labs = ['bridge-routes', 'flannel-vxlan', 'weave-mesh'] as const;
    for (const lab of labs) expect((await place.cnilab(['up', lab])).code).toBe(0);
    const { code, stdout, stderr } = await place.cnilab(['compare', ...labs, '--seconds', '0.2', '--json']);
    expect(code, stderr).toBe(0);
    const { labs: compared } = JSON.parse(stdout) as Comparison;
    expect(compared.map(({ cluster }) => [cluster?.cni, cluster?.passage.by, cluster?.passage.overheadBytes, cluster?.podMtuBytes])).toEqual([
      ['bridge, routes on nodes', 'route', 0, 1500],
      ['flannel vxlan', 'vxlan', 50, 1450],
      ['weave fastdp', 'vxlan', 50, 1376],
    ]);
    const ways = compared.flatMap(({ oneNode, twoNodes }) => [oneNode, twoNodes]);
    expect(ways.map(({ reason }) => reason).filter((reason) => reason !== '')).toEqual([]);
    const figures = ways.flatMap(({ roundTripUs, bitsPerSecond }) => [roundTripUs, bitsPerSecond]);
    expect(figures.filter(({ value, ratio }) => !(Number(value) > 0) || !(Number(ratio) > 0))).toEqual([]);
  });
});

describe.skipIf(why !== null)(`a way that is measured${why === null ? '' : `: ${why}`}`, () => {
  it('is told as what it is when it does not carry what is sent', { timeout: 120_000 }, async () => {
    await using lab = await VerifiedLab.up({
      name: 'ways',
      clusters: [{ name: 'c1', workers: 1, cni: { type: 'flannel' }, workloads: [{ name: 'web', perNode: 1 }] }],
    });
    const { twoNodes } = waysOf(lab.plan);
    if (typeof twoNodes === 'string') throw new Error(twoNodes);
    const session = await lab.open();
    const node = twoNodes.to.node ?? '';
    const ask = async (over: Partial<MeasureRequest> = {}): Promise<Measurement> => {
      const measured = await session.measure?.({ ...twoNodes, roundTrips: 7, streamMs: 100, deadlineMs: 300, ...over });
      if (measured === undefined) throw new Error('netns measures');
      return measured;
    };
    try {
      const healthy = await ask();
      expect(healthy.failed).toBe('');
      expect(healthy.roundTripsUs).toHaveLength(7);
      expect(healthy.roundTripsUs.every((us) => us > 0)).toBe(true);
      expect(healthy.streamedBytes).toBeGreaterThan(0);
      expect(healthy.streamedMs).toBeGreaterThanOrEqual(100);
      expect(await ask({ streamMs: 0 })).toMatchObject({ streamedBytes: 0, failed: '' });

      await within(session, node, ['iptables', '-I', 'FORWARD', '-p', 'tcp', '-j', 'DROP'], async () => {
        expect(await ask()).toEqual({ by: 'thread', roundTripsUs: [], streamedBytes: 0, streamedMs: 0, failed: 'silent' });
      });
      await within(session, node, ['iptables', '-I', 'FORWARD', '-p', 'tcp', '-j', 'REJECT', '--reject-with', 'tcp-reset'], async () => {
        expect((await ask()).failed).toContain('ECONNREFUSED');
      });
      // Small messages pass, full packets do not: what a black hole of the MTU looks like.
      await within(session, node, ['iptables', '-I', 'FORWARD', '-p', 'tcp', '-m', 'length', '--length', '500:', '-j', 'DROP'], async () => {
        const stalled = await ask();
        expect(stalled).toMatchObject({ streamedBytes: 0, failed: 'stalled' });
        expect(stalled.roundTripsUs).toHaveLength(7);
      });
      expect((await ask()).failed).toBe('');
    } finally {
      await session.close();
    }
  });
});

/** With a rule, and without it afterwards. */
async function within(session: EngineSession, netns: string, argv: readonly string[], work: () => Promise<void>): Promise<void> {
  const run = async (words: readonly string[]): Promise<void> => {
    const { exitCode, stderr } = await session.run(netns, words);
    if (exitCode !== 0) throw new Error(`${words.join(' ')}: ${stderr}`);
  };
  await run(argv);
  try {
    await work();
  } finally {
    await run(argv.map((word) => (word === '-I' ? '-D' : word)));
  }
}
