/** Single probes, and packets that pass, as nodes of clusters try and follow them: in one namespace that has every kind of answer. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { followPackets } from '../../engines/kubernetes/follow-packets.ts';
import { measureWay } from '../../engines/kubernetes/measure-way.ts';
import { tryWays, type RunInPlace } from '../../engines/kubernetes/try-ways.ts';
import type { CapturedPacket, Endpoint, Measurement, MeasureRequest, ProbeRecord, ProbeRequest, ProbeSummary } from '../../engines/port.ts';
import { runCommand } from '../../engines/run-command.ts';
import { parseFilter } from '../../verify/capture/filter.ts';
import { lacking } from '../requires.ts';

const why = lacking('netns');

/** A neighbour who is written down, and not there: silence. Nothing leads elsewhere. */
const WORLD = [
  'ip link set lo up',
  'ip addr add 10.9.1.1/32 dev lo',
  'ip link add hole type veth peer name end',
  'ip addr add 10.9.0.1/24 dev hole',
  'ip link set hole up',
  'ip link set end up',
  'ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:99 dev hole nud permanent',
  'echo made',
  'exec sleep 600',
].join(' && ');

describe.skipIf(why !== null)(`probes of one way${why === null ? '' : ` (skipped: ${why})`}`, () => {
  let holder: ChildProcess;
  let run: RunInPlace;
  const inWorld = (...argv: readonly string[]): readonly string[] => ['--target', String(holder.pid), '--user', '--net', '--preserve-credentials', ...argv];

  beforeAll(async () => {
    holder = spawn('unshare', ['-Urn', '--', 'sh', '-c', WORLD], { stdio: ['ignore', 'pipe', 'inherit'] });
    if (holder.stdout === null) throw new Error('no pipe');
    await once(createInterface(holder.stdout), 'line');
    run = async (_netns, argv, options) => await runCommand(['nsenter', ...inWorld(...argv)], options);
  });
  afterAll(() => {
    holder.kill('SIGKILL');
  });

  async function ask(
    { address, ...rest }: Partial<ProbeRequest> & { readonly address: string },
    through = run,
  ): Promise<{ readonly record: ProbeRecord | undefined; readonly unusable: ProbeSummary['unusable'] }> {
    const records: ProbeRecord[] = [];
    const family = address.includes(':') ? 'ipv6' : 'ipv4';
    const end = { kind: 'host', netns: 'here', addresses: [] } as const;
    const request: ProbeRequest = {
      protocol: 'tcp',
      family,
      port: 5000,
      endpoints: [
        { ...end, id: 'asks' },
        { ...end, id: 'door', addresses: [{ family, address }] },
        { ...end, id: 'listens' },
      ],
      pairs: { kind: 'list', pairs: [[0, 1]] },
      attempts: 1,
      deadlineMs: 700,
      responders: [2],
      conntrack: [],
      ...rest,
    };
    const { unusable } = await tryWays(through, request, (batch) => {
      for (let row = 0; row < batch.length; row++) records.push(batch.at(row));
    });
    return { record: records[0], unusable };
  }

  async function measure(address: string, over: Partial<MeasureRequest> = {}, through = run): Promise<Measurement> {
    const family = address.includes(':') ? 'ipv6' : 'ipv4';
    const end: Endpoint = { id: 'end', kind: 'host', netns: 'here', addresses: [{ family, address }] };
    return await measureWay(through, { from: end, to: end, family, roundTrips: 7, streamMs: 200, deadlineMs: 700, ...over });
  }

  it.each([
    ['tcp', '10.9.1.1', { seenTtl: 0, seenDestinationAddress: '10.9.1.1', seenDestinationPort: 5000 }],
    ['udp', '10.9.1.1', { seenTtl: 64, seenDestinationAddress: '10.9.1.1', seenDestinationPort: 5000 }],
    ['icmp', '10.9.1.1', { seenTtl: 64, seenDestinationAddress: '10.9.1.1' }],
    ['tcp', '::1', { seenTtl: 0, seenDestinationAddress: '::1' }],
    ['udp', '::1', { seenTtl: 0, seenDestinationAddress: '' }],
    ['icmp', '::1', { seenTtl: 0, seenDestinationAddress: '' }],
  ] as const)('tell what each end saw of an answer: %s to %s', async (protocol, address, seen) => {
    const { record, unusable } = await ask({ protocol, address });
    expect(unusable).toEqual({});
    expect(record).toMatchObject({ outcome: 'ok', errno: 0, seenSourceAddress: address, answeredBy: 2, nonceThere: true, nonceBack: true, ...seen });
    expect(record?.rttUs).toBeLessThan(700_000);
    expect(record?.rttUs).toBeGreaterThan(0);
    if (protocol !== 'icmp') expect(record).toMatchObject({ localAddress: address, seenSourcePort: record?.localPort });
  });

  it.each([
    ['tcp', '10.9.1.1', 'refused'],
    ['udp', '10.9.1.1', 'refused'],
    ['tcp', '10.9.0.2', 'silent'],
    ['udp', '10.9.0.2', 'silent'],
    ['icmp', '10.9.0.2', 'silent'],
    ['tcp', '10.9.2.1', 'no-route'],
    ['udp', '10.9.2.1', 'no-route'],
    ['icmp', '10.9.2.1', 'no-route'],
  ] as const)('tell why there is none: %s to %s, where nobody listens, is %s', async (protocol, address, outcome) => {
    const { record } = await ask({ protocol, address, responders: 'none' });
    expect(record).toMatchObject({ outcome, answeredBy: -1, nonceThere: false, nonceBack: false, seenSourceAddress: '' });
  });

  it('end the responder that heard nothing, and do not call it unusable', async () => {
    const { record, unusable } = await ask({ address: '10.9.0.2' });
    expect(record).toMatchObject({ outcome: 'silent', nonceThere: false });
    expect(unusable).toEqual({});
    expect((await run('here', ['pgrep', '-f', 'perl - listen'], {})).stdout).toBe('');
  });

  it('leave a port alone that a program has', async () => {
    const mute =
      '$|=1; socket(S,AF_INET,SOCK_STREAM,0); setsockopt(S,SOL_SOCKET,SO_REUSEADDR,1); bind(S,pack_sockaddr_in(5000,INADDR_ANY)) or die; listen(S,1); print "on\\n"; accept(C,S); accept(D,S); sleep 600';
    const other = spawn('nsenter', inWorld('perl', '-MSocket', '-e', mute));
    try {
      await once(createInterface(other.stdout), 'line');
      const { unusable } = await ask({ address: '10.9.1.1' });
      expect(unusable['listens']).toMatch(/in use/);
      // Who takes the connection and says nothing is somebody all the same.
      expect((await ask({ address: '10.9.1.1', responders: 'none' })).record).toMatchObject({ outcome: 'stalled', localAddress: '10.9.1.1' });
    } finally {
      other.kill('SIGKILL');
    }
  });

  it('say so where they cannot be started', async () => {
    const nothing: RunInPlace = () => Promise.resolve({ exitCode: 127, stdout: '', stderr: 'nsenter: failed to execute perl: No such file or directory\n' });
    const { record, unusable } = await ask({ address: '10.9.1.1' }, nothing);
    expect(record?.outcome).toBe('not-run');
    expect(unusable).toEqual({
      asks: expect.stringContaining('failed to execute perl'),
      listens: expect.stringContaining('failed to execute perl'),
    });
  });

  it.each(['10.9.1.1', '::1'])('are measured: %s', async (address) => {
    const measured = await measure(address);
    expect(measured).toMatchObject({ by: 'programs', failed: '', streamedMs: 200 });
    expect(measured.roundTripsUs).toHaveLength(7);
    expect(measured.roundTripsUs.every((us) => us > 0 && us < 700_000)).toBe(true);
    expect(measured.streamedBytes).toBeGreaterThan(0);
    expect(await measure(address, { streamMs: 0 })).toMatchObject({ streamedBytes: 0, streamedMs: 0, failed: '' });
  });

  it.each([
    ['10.9.0.2', 'silent'],
    ['10.9.2.1', 'Network is unreachable'],
  ])('are measured in vain: %s is %s, and nobody listens any more', async (address, failed) => {
    expect(await measure(address)).toEqual({ by: 'programs', roundTripsUs: [], streamedBytes: 0, streamedMs: 0, failed });
    expect((await run('here', ['pgrep', '-f', 'perl - listen'], {})).stdout).toBe('');
  });

  it('are told as what they are where no program can measure', async () => {
    const nothing: RunInPlace = () => Promise.resolve({ exitCode: 127, stdout: '', stderr: 'nsenter: failed to execute perl: No such file or directory\n' });
    expect((await measure('10.9.1.1', {}, nothing)).failed).toContain('failed to execute perl');
  });

  it('are few', async () => {
    await expect(ask({ address: '10.9.1.1', payloadBytes: 1400 })).rejects.toMatchObject({ code: 'ENGINE_UNSUPPORTED' });
    await expect(ask({ address: '10.9.1.1', pairs: { kind: 'matrix', clients: [0], servers: [1], self: false } })).rejects.toMatchObject({
      code: 'ENGINE_UNSUPPORTED',
    });
  });

  describe('packets that pass', () => {
    const during = async (
      dev: string | null,
      work: () => Promise<unknown>,
    ): Promise<{ readonly packets: readonly CapturedPacket[]; readonly dropped: number }> => {
      const end = new AbortController();
      const packets: CapturedPacket[] = [];
      let dropped: Promise<number> | undefined;
      await new Promise<void>((resolve, reject) => {
        dropped = followPackets(run, { netns: 'here', dev, bytes: 64 }, { onStart: resolve, onPackets: (some) => packets.push(...some), signal: end.signal });
        dropped.catch(reject);
      });
      await work();
      end.abort();
      return { packets, dropped: (await dropped) ?? -1 };
    };

    it('are told of, on one device or on all, and no program is left', async () => {
      const passes = parseFilter('udp dst port 5000 and dst host 10.9.1.1');
      const here = await during('lo', async () => await ask({ protocol: 'udp', address: '10.9.1.1' }));
      expect(here.dropped).toBe(0);
      expect(here.packets.filter(passes).map(({ netns, dev, direction, link, length }) => [netns, dev, direction, link, length])).toEqual([
        ['here', 'lo', 'out', 'ethernet', 58],
        ['here', 'lo', 'in', 'ethernet', 58],
      ]);
      const all = await during(null, async () => await ask({ protocol: 'tcp', address: '10.9.0.2', responders: 'none' }));
      const sent = all.packets.filter(parseFilter('tcp and dst host 10.9.0.2')).map(({ dev, direction }) => `${dev} ${direction}`);
      expect(sent).toEqual(expect.arrayContaining(['hole out', 'end in']));
      const elsewhere = await during('hole', async () => await ask({ protocol: 'udp', address: '10.9.1.1' }));
      expect(elsewhere.packets.filter(passes)).toEqual([]);
      expect((await run('here', ['pgrep', '-f', 'perl - (lo|hole)? '], {})).stdout).toBe('');
    });

    it('are not of a device that is not there', async () => {
      await expect(during('eth7', () => Promise.resolve())).rejects.toMatchObject({ code: 'COMMAND_FAILED', details: { errno: 19 } });
    });
  });
});
