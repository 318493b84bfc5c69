import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { UNSEEN } from '../../../engines/kubernetes/probe-record.ts';
import { FULL_SIGHT, REPORTED_SIGHT, type CapturedPacket, type EngineSession, type ProbeRecord, type ProbeRequest } from '../../../engines/port.ts';
import { createBatch } from '../../../engines/probe-batch.ts';
import { CommandError, EngineError, LabError } from '../../../topology/errors.ts';
import type { OutputCheckSpec, ReachCheckSpec, VerdictCheckSpec, WireCheckSpec } from '../../../topology/lesson/lesson.ts';
import { planLab } from '../../../topology/plan-lab.ts';
import { runCheck, runChecks, verdictOf, type LessonContext } from '../../../verify/lesson/check.ts';
import { valuesOf } from '../../../verify/lesson/values.ts';
import type { VerifyOptions } from '../../../verify/options.ts';
import type { Report } from '../../../verify/report.ts';
import { fakeSession } from '../../fake-session.ts';

const plan = planLab({
  name: 'demo',
  underlay: { cidr: '192.168.1.0/24' },
  hosts: [
    { name: 'pc1', address: '192.168.1.10' },
    { name: 'pc2', address: '192.168.1.11' },
  ],
});

function contextOf(session: Partial<EngineSession>, report: Partial<Report> = {}, asked: VerifyOptions[] = []): LessonContext {
  const place = (word: string): { id: string; netns: string } | null => {
    const found = plan.machines.find((one) => one.name === word);
    return found === undefined ? null : { id: found.id, netns: found.netns };
  };
  return {
    session: fakeSession(session),
    plan,
    values: valuesOf(plan),
    findPlace: place,
    placeOf: (word) => {
      const found = place(word);
      if (found === null) throw new LabError({ code: 'TARGET_UNKNOWN', message: `no ${word}`, hint: '' });
      return found;
    },
    verify: (options) => {
      asked.push(options);
      return Promise.resolve({ verdict: 'pass', checks: [], diagnoses: [], ...report } as unknown as Report);
    },
  };
}

const once = async (context: LessonContext, check: Parameters<typeof runCheck>[1]) => await runCheck(context, check, 0);

describe('a check of reach', () => {
  const ping: ReachCheckSpec = { type: 'reach', id: 'ping', says: 'pc1 reaches pc2', from: 'pc1', to: 'pc2', protocol: 'icmp', expect: 'answered' };
  const tcp: ReachCheckSpec = { ...ping, protocol: 'tcp', port: 80 };
  const answered: Partial<ProbeRecord> = { outcome: 'ok', seenSourceAddress: '192.168.1.10', seenTtl: 63, localPort: 40_000 };
  const probing = (answer: Partial<ProbeRecord>, requests: ProbeRequest[] = [], unusable: Readonly<Record<string, string>> = {}): Partial<EngineSession> => ({
    probe: (request, onBatch) => {
      requests.push(request);
      onBatch(createBatch([{ ...UNSEEN, ...record, ...answer }]));
      return Promise.resolve({ probes: 1, elapsedMs: 1, conntrack: [], unusable });
    },
  });
  const record: ProbeRecord = {
    ...UNSEEN,
    client: 0,
    server: 1,
    attempt: 0,
    outcome: 'silent',
    errno: 0,
    rttUs: 1,
    localAddress: '192.168.1.10',
    localPort: 0,
    dialledAddress: '192.168.1.11',
    dialledPort: 0,
  };

  it.each([
    ['an answer', ping, answered, 'pass'],
    ['an answer, seen as itself over one router', { ...ping, seenAs: '${pc1}', hops: 1 }, answered, 'pass'],
    ['an answer, seen as another', { ...ping, seenAs: '192.168.1.1' }, answered, 'fail'],
    ['an answer over more routers', { ...ping, hops: 2 }, answered, 'fail'],
    ['silence', ping, { outcome: 'silent' }, 'fail'],
    ['silence, which was expected', { ...ping, expect: 'silent' }, { outcome: 'silent' }, 'pass'],
    ['a refusal', { ...tcp, expect: 'refused' }, { outcome: 'refused' }, 'pass'],
    ['no route of its own', { ...ping, expect: 'no-route' }, { outcome: 'no-route' }, 'pass'],
    ['a router that knows none', { ...ping, expect: 'no-route' }, { outcome: 'unreachable' }, 'pass'],
    ['nobody who answers ARP', { ...ping, expect: 'no-route' }, { outcome: 'no-host' }, 'pass'],
    ['a probe that was not sent', { ...ping, expect: 'silent' }, { outcome: 'not-run' }, 'inconclusive'],
    ['a stranger who takes the connection', { ...tcp, to: '192.168.1.11' }, { outcome: 'stalled', localPort: 40_000 }, 'pass'],
    ['a responder that takes the connection, and says nothing', tcp, { outcome: 'stalled', localPort: 40_000 }, 'fail'],
  ] satisfies readonly (readonly [string, ReachCheckSpec, Partial<ProbeRecord>, string])[])('judges %s', async (_title, check, answer, verdict) => {
    expect(await once(contextOf(probing(answer)), check)).toMatchObject({ verdict, id: 'ping', says: 'pc1 reaches pc2', asked: 1 });
  });

  it('puts a responder where it is asked for, and nowhere else', async () => {
    const requests: ProbeRequest[] = [];
    const context = contextOf(probing(answered, requests));
    await once(context, tcp);
    await once(context, { ...tcp, to: '192.168.1.11' });
    await once(context, { ...tcp, to: '192.168.1.11', responder: { at: 'pc2', port: 8080 } });
    await once(context, { ...tcp, responder: null });
    expect(requests.map(({ responders, endpoints }) => [responders, endpoints[2]?.netns, endpoints[2]?.port])).toEqual([
      [[2], 'host.pc2', 80],
      ['none', undefined, undefined],
      [[2], 'host.pc2', 8080],
      ['none', undefined, undefined],
    ]);
    expect(requests[0]?.endpoints[1]).toMatchObject({ addresses: [{ family: 'ipv4', address: '192.168.1.11' }], port: 80 });
  });

  it('asks a program of the lab that has the port already', async () => {
    const requests: ProbeRequest[] = [];
    const taken = { 'pc2 port 80': 'bind: EADDRINUSE' };
    const context = contextOf(probing({ outcome: 'error', localPort: 40_000 }, requests, taken));
    expect(await once(context, tcp)).toMatchObject({ verdict: 'pass' });
    expect(requests).toHaveLength(2);
    expect(await once(context, { ...tcp, seenAs: '192.168.1.10' })).toMatchObject({ verdict: 'inconclusive', seen: expect.stringContaining('does not tell') });
  });

  it('does not judge where nobody could listen, or the engine cannot probe', async () => {
    const silent = { ...tcp, expect: 'silent' } as const;
    expect(await once(contextOf(probing({ outcome: 'silent' }, [], { 'pc2 port 80': 'no descriptors' })), silent)).toMatchObject({
      verdict: 'inconclusive',
      seen: 'no descriptors',
    });
    expect(await once(contextOf({ sight: REPORTED_SIGHT }), ping)).toMatchObject({ verdict: 'inconclusive', seen: expect.stringContaining('no icmp probes') });
    expect(await once(contextOf({ sight: { ...FULL_SIGHT, probes: false } }), tcp)).toMatchObject({ verdict: 'inconclusive' });
    const unsent = { pc1: 'there is no perl' };
    expect(await once(contextOf(probing({ outcome: 'not-run' }, [], unsent)), ping)).toMatchObject({ verdict: 'inconclusive', seen: 'there is no perl' });
  });

  it('is asked where an engine tries single ways alone, icmp too', async () => {
    const sight = { ...REPORTED_SIGHT, probes: false, single: true };
    expect(await once(contextOf({ ...probing(answered), sight }), { ...ping, seenAs: '${pc1}', hops: 1 })).toMatchObject({ verdict: 'pass' });
  });
});

describe('a check of output', () => {
  const check: OutputCheckSpec = { type: 'output', id: 'route', says: 'a route', on: 'pc1', run: 'ip route get ${pc2}' };
  const saying = (stdout: string, exitCode = 0, seen: unknown[] = []): Partial<EngineSession> => ({
    run: (netns, argv, options) => {
      seen.push([netns, argv, options?.timeoutMs]);
      return Promise.resolve({ exitCode, stdout, stderr: '' });
    },
  });

  it.each([
    ['the whole output', { shows: ['${pc2} dev eth0 …'] }, '192.168.1.11 dev eth0 uid 0\n', 0, 'pass'],
    ['another output', { shows: ['${pc2} dev eth1 …'] }, '192.168.1.11 dev eth0\n', 0, 'fail'],
    ['a pattern', { matches: ['^${pc2} dev'] }, '192.168.1.11 dev eth0\n', 0, 'pass'],
    ['a value, as it stands', { matches: ['^${pc2} dev'] }, '192x168x1x11 dev eth0\n', 0, 'fail'],
    ['what must not be there', { lacks: ['unreachable'] }, 'unreachable 192.168.1.11\n', 0, 'fail'],
    ['another status', {}, '', 2, 'fail'],
    ['a status that was expected', { exit: 2 }, '', 2, 'pass'],
    ['any status', { exit: null }, '', 3, 'pass'],
    ['a program that is not there', {}, 'sh: 2: ip: not found\n', 127, 'inconclusive'],
    ['a program that is not there, where any status will do', { exit: null, lacks: ['eth0'] }, 'sh: 2: ip: not found\n', 127, 'inconclusive'],
  ] satisfies readonly (readonly [string, Partial<OutputCheckSpec>, string, number, string])[])(
    'judges %s',
    async (_title, rest, output, exitCode, verdict) => {
      expect(await once(contextOf(saying(output, exitCode)), { ...check, ...rest })).toMatchObject({ verdict });
    },
  );

  it('runs the line in its place by a shell, both streams as one', async () => {
    const seen: unknown[] = [];
    await once(contextOf(saying('', 0, seen)), { ...check, timeoutMs: 77 });
    expect(seen).toEqual([['host.pc1', ['sh', '-c', 'exec 2>&1\nip route get 192.168.1.11'], 77]]);
  });

  it('fails where the command does not end', async () => {
    const late = new CommandError({ code: 'TIMEOUT', message: 'late', hint: '' });
    expect(await once(contextOf({ run: () => Promise.reject(late) }), check)).toMatchObject({ verdict: 'fail', seen: 'it did not end in time' });
  });

  it('is asked again until it holds, and says how often', async () => {
    let asked = 0;
    const context = contextOf({ run: () => Promise.resolve({ exitCode: (asked += 1) < 3 ? 1 : 0, stdout: '', stderr: '' }) });
    expect(await runCheck(context, check)).toMatchObject({ verdict: 'pass', asked: 3 });
  });

  it('is inconclusive for a place or a value that the lab does not have', async () => {
    expect(await once(contextOf(saying('')), { ...check, on: 'pc9' })).toMatchObject({ verdict: 'inconclusive', seen: 'no pc9' });
    expect(await once(contextOf(saying('')), { ...check, run: '${pc9}' })).toMatchObject({ verdict: 'inconclusive' });
  });

  it('ends with the lab', async () => {
    const gone = new LabError({ code: 'ENGINE_GONE', message: 'gone', hint: '' });
    await expect(once(contextOf({ run: () => Promise.reject(gone) }), check)).rejects.toBe(gone);
  });
});

describe('a check of the verdict', () => {
  const check: VerdictCheckSpec = { type: 'verdict', id: 'sound', says: 'sound' };
  const broken = { verdict: 'fail', checks: [{ id: 'r1-pod-to-pod', verdict: 'fail' }], diagnoses: [{ name: 'ip-forward-off' }] } as unknown as Partial<Report>;

  it.each([
    ['a pass', {}, {}, 'pass'],
    ['a failure', {}, broken, 'fail'],
    ['a failure that was expected', { verdict: 'fail', diagnoses: ['ip-forward-off'] }, broken, 'pass'],
    ['another cause than the expected one', { verdict: 'fail', diagnoses: ['no-return-route'] }, broken, 'fail'],
    ['nothing that could be judged', {}, { verdict: 'inconclusive' }, 'inconclusive'],
  ] satisfies readonly (readonly [string, Partial<VerdictCheckSpec>, Partial<Report>, string])[])('judges %s', async (_title, rest, report, verdict) => {
    expect(await once(contextOf({}, report), { ...check, ...rest })).toMatchObject({ verdict });
  });

  it('asks for what is named: suites, requirements, checks', async () => {
    const asked: VerifyOptions[] = [];
    const context = contextOf({}, {}, asked);
    await once(context, check);
    await once(context, { ...check, only: ['R1'] });
    await once(context, { ...check, only: ['dns', 'services'] });
    await once(context, { ...check, only: ['R1', 'self'] });
    expect(asked).toEqual([{}, { only: '^r1' }, { suites: ['services', 'dns'] }, { only: '(?:^r1)|(?:self)' }]);
  });
});

describe('a check of the wire', () => {
  const check: WireCheckSpec = { type: 'wire', id: 'arp', says: 'ARP first', at: 'pc2', filter: 'arp', during: { on: 'pc1', run: 'ping -c 1 ${pc2}' } };
  const frame = [...Array<number>(12).fill(2), 8, 6, ...Array<number>(28).fill(0)];
  const packet: CapturedPacket = {
    netns: 'pc2',
    dev: 'eth0',
    direction: 'in',
    link: 'ethernet',
    atUs: 1,
    length: 42,
    data: Buffer.from(frame).toString('base64'),
  };
  const passing = (packets: readonly CapturedPacket[], dropped = 0): Partial<EngineSession> => ({
    run: () => Promise.resolve({ exitCode: 0, stdout: '', stderr: '' }),
    follow: async (_request, { onStart, onPackets, signal }) => {
      onStart();
      onPackets(packets);
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return dropped;
    },
  });

  it.each([
    ['packets', {}, [packet], 'pass'],
    ['no packet', {}, [], 'fail'],
    ['other packets', { filter: 'udp' }, [packet], 'fail'],
    ['no packet, as expected', { seen: false }, [], 'pass'],
    ['packets that must not be', { seen: false }, [packet], 'fail'],
  ] satisfies readonly (readonly [string, Partial<WireCheckSpec>, readonly CapturedPacket[], string])[])(
    'judges %s',
    async (_title, rest, packets, verdict) => {
      expect(await once(contextOf(passing(packets)), { ...check, ...rest })).toMatchObject({ verdict });
    },
  );

  it('does not judge where packets cannot be seen, nor with a filter that is none', async () => {
    expect(await once(contextOf({}), check)).toMatchObject({ verdict: 'inconclusive', seen: expect.stringContaining('cannot be captured') });
    expect(await once(contextOf(passing([])), { ...check, filter: 'arrp' })).toMatchObject({ verdict: 'inconclusive' });
  });

  it('does not judge by packets that were not told of: the capture broke, or the kernel had no room', async () => {
    const unseen = { ...check, seen: false };
    const broke = new EngineError({ code: 'COMMAND_FAILED', message: 'the capture ended', hint: '' });
    const breaking: Partial<EngineSession> = {
      ...passing([]),
      follow: async (...given) => {
        await passing([]).follow?.(...given);
        throw broke;
      },
    };
    expect(await once(contextOf(breaking), unseen)).toMatchObject({ verdict: 'inconclusive', seen: expect.stringContaining('the capture ended') });
    expect(await once(contextOf(passing([], 7)), unseen)).toMatchObject({ verdict: 'inconclusive', seen: expect.stringContaining('no room for 7') });
    expect(await once(contextOf(passing([packet], 7)), unseen)).toMatchObject({ verdict: 'fail' });
    expect(await once(contextOf(passing([packet], 7)), check)).toMatchObject({ verdict: 'pass' });
  });

  it('fails where the device is not there', async () => {
    const missing = new LabError({ code: 'ENGINE_STEP_FAILED', message: 'ENODEV', hint: '', details: { errno: 19 } });
    const context = contextOf({ ...passing([]), follow: () => Promise.reject(missing) });
    expect(await once(context, { ...check, interface: 'eth7' })).toMatchObject({ verdict: 'fail', seen: 'there is no device eth7' });
  });
});

describe('checks together', () => {
  it('a failure outranks what could not be judged, which outranks a pass', () => {
    const of = (...verdicts: readonly ('pass' | 'fail' | 'inconclusive')[]): string =>
      verdictOf(verdicts.map((verdict) => ({ verdict, expected: '', seen: '' })));
    expect([of('pass', 'pass'), of('pass', 'inconclusive'), of('inconclusive', 'fail')]).toEqual(['pass', 'inconclusive', 'fail']);
  });

  it('are asked again also where the first answer takes longer than their time', async () => {
    let asked = 0;
    const slow = contextOf({
      run: async () => {
        await sleep(30);
        return { exitCode: (asked += 1) < 2 ? 1 : 0, stdout: '', stderr: '' };
      },
    });
    expect(await runCheck(slow, { type: 'output', id: 'slow', says: 'slow', on: 'pc1', run: 'slow', waitMs: 10 })).toMatchObject({ verdict: 'pass', asked: 2 });
  });

  it('share their time: those that hold are not asked again', async () => {
    const asked: string[] = [];
    const context = contextOf({
      run: (_netns, [, , line = '']) => {
        asked.push(line.slice(-1));
        return Promise.resolve({ exitCode: line.endsWith('a') ? 0 : 1, stdout: '', stderr: '' });
      },
    });
    const output = (run: string): OutputCheckSpec => ({ type: 'output', id: run, says: run, on: 'pc1', run, waitMs: 250 });
    const results = await runChecks(context, [output('a'), output('b'), output('c')]);
    expect(results.map(({ id, verdict }) => [id, verdict])).toEqual([
      ['a', 'pass'],
      ['b', 'fail'],
      ['c', 'fail'],
    ]);
    expect(asked.filter((one) => one === 'a')).toHaveLength(1);
    expect(asked.slice(0, 5)).toEqual(['a', 'b', 'c', 'b', 'c']);
  });
});
