import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConntrackEntry, ProbeProtocol, ProbeRecord } from '../../engines/port.ts';
import { createBatch } from '../../engines/probe-batch.ts';
import { OUTCOMES } from '../../topology/outcome.ts';
import { judgeProbe, rowAgrees, translation, type JudgeContext } from '../../verify/oracle.ts';

const NAMES = ['c1/default/a', 'c1/default/b', 'c1/worker1'];
const OWN = new Set(['10.244.1.2', 'fd00::2', '172.30.0.3', '10.244.1.1', '10.244.1.0']);
const context = (protocol: ProbeProtocol): JudgeContext => ({
  protocol,
  ownsSource: (address) => OWN.has(address),
  nameOf: (index) => NAMES[index] ?? `endpoint ${index}`,
});

const clean: ProbeRecord = {
  client: 0,
  server: 1,
  attempt: 0,
  outcome: 'ok',
  errno: 0,
  rttUs: 50,
  localAddress: '10.244.1.2',
  localPort: 40122,
  dialledAddress: '10.244.2.2',
  dialledPort: 7000,
  seenSourceAddress: '10.244.1.2',
  seenSourcePort: 40122,
  seenDestinationAddress: '10.244.2.2',
  seenDestinationPort: 7000,
  seenTtl: 62,
  answeredBy: 1,
  replyFromAddress: '',
  nonceThere: true,
  nonceBack: true,
};
const unseen = {
  seenSourceAddress: '',
  seenSourcePort: 0,
  seenDestinationAddress: '',
  seenDestinationPort: 0,
  answeredBy: -1,
  nonceThere: false,
  nonceBack: false,
} as const;
const icmp = { seenDestinationPort: 0, dialledPort: 0 } as const;
const six = { localAddress: 'fd00::2', seenSourceAddress: 'fd00::2', dialledAddress: 'fd00:1::2', seenDestinationAddress: 'fd00:1::2' } as const;

/** What differs from a clean probe → verdict, or class of the failure, and words that must be said. */
type Row = readonly [title: string, protocol: ProbeProtocol, change: Partial<ProbeRecord>, verdict: string, saw?: string, expected?: string];
const rows: readonly Row[] = [
  ['a clean exchange', 'tcp', {}, 'pass'],
  ['a clean datagram', 'udp', { replyFromAddress: '10.244.2.2' }, 'pass'],
  ['a clean echo', 'icmp', icmp, 'pass'],
  ['a clean exchange over IPv6', 'tcp', six, 'pass'],
  ['a slow one', 'tcp', { rttUs: 900_000 }, 'pass'],
  ['a node by its underlay address', 'tcp', { client: 2, localAddress: '172.30.0.3', seenSourceAddress: '172.30.0.3' }, 'pass'],
  ['a node by its bridge', 'tcp', { client: 2, localAddress: '10.244.1.1', seenSourceAddress: '10.244.1.1' }, 'pass'],
  ['a node by its VTEP', 'udp', { client: 2, localAddress: '10.244.1.0', seenSourceAddress: '10.244.1.0' }, 'pass'],
  ['another hop limit', 'udp', { seenTtl: 3 }, 'pass'],
  ['a source that was masqueraded', 'tcp', { seenSourceAddress: '172.30.0.3' }, 'rewritten', 'server saw 172.30.0.3:40122', '10.244.1.2:40122'],
  ['only the port rewritten', 'tcp', { seenSourcePort: 50_001 }, 'rewritten', 'server saw 10.244.1.2:50001', '10.244.1.2:40122'],
  ['source and port rewritten', 'tcp', { seenSourceAddress: '172.30.0.3', seenSourcePort: 50_001 }, 'rewritten', '172.30.0.3:50001'],
  ['UDP masqueraded', 'udp', { seenSourceAddress: '172.30.0.3' }, 'rewritten', '172.30.0.3:40122'],
  ['only the UDP port rewritten', 'udp', { seenSourcePort: 1 }, 'rewritten', '10.244.1.2:1'],
  ['an echo masqueraded', 'icmp', { ...icmp, seenSourceAddress: '172.30.0.3' }, 'rewritten', '172.30.0.3 (echo id 40122)'],
  ['only the echo id rewritten', 'icmp', { ...icmp, seenSourcePort: 7 }, 'rewritten', '10.244.1.2 (echo id 7)', '10.244.1.2 (echo id 40122)'],
  ['an IPv6 source rewritten', 'tcp', { ...six, seenSourceAddress: 'fd00:30::3' }, 'rewritten', '[fd00:30::3]:40122', '[fd00::2]:40122'],
  ['the destination rewritten', 'tcp', { seenDestinationAddress: '10.244.2.3' }, 'rewritten', 'server saw destination 10.244.2.3:7000', '10.244.2.2:7000'],
  ['the destination port rewritten', 'tcp', { seenDestinationPort: 7001 }, 'rewritten', 'destination 10.244.2.2:7001'],
  ['a UDP destination rewritten', 'udp', { seenDestinationAddress: '10.244.2.3' }, 'rewritten', 'destination'],
  ["an echo's destination rewritten", 'icmp', { ...icmp, seenDestinationAddress: '10.244.2.3' }, 'rewritten', 'destination 10.244.2.3'],
  ['a reply from elsewhere', 'icmp', { ...icmp, replyFromAddress: '10.244.2.9' }, 'rewritten', 'the reply came from 10.244.2.9', '10.244.2.2'],
  ['another pod answers', 'tcp', { answeredBy: 0 }, 'wrong-server', 'c1/default/a answered', 'c1/default/b answers'],
  ['another pod answers and the source is rewritten', 'tcp', { answeredBy: 0, seenSourceAddress: '172.30.0.3' }, 'wrong-server', 'from 172.30.0.3:40122'],
  ['something foreign answers', 'tcp', { answeredBy: -1 }, 'wrong-server', 'no responder of this lab'],
  ['the server never got the nonce', 'tcp', { nonceThere: false }, 'foreign-nonce', 'never got the nonce'],
  ['the client got another nonce', 'udp', { nonceBack: false }, 'foreign-nonce', 'another nonce back'],
  ['the client is at an address of nobody', 'tcp', { localAddress: '10.9.9.9', seenSourceAddress: '10.9.9.9' }, 'address-differs', '10.9.9.9', 'c1/default/a'],
  ['refused', 'tcp', { ...unseen, outcome: 'refused', errno: 111 }, 'refused', 'connection refused', 'an answer from 10.244.2.2:7000'],
  ['refused by UDP', 'udp', { ...unseen, outcome: 'refused', errno: 111 }, 'refused', 'refused'],
  ['silence', 'tcp', { ...unseen, outcome: 'silent' }, 'silent', 'no answer before the deadline'],
  ['silence, but it arrived', 'udp', { outcome: 'silent', nonceBack: false }, 'silent', 'it did arrive (there: from 10.244.1.2:40122'],
  ['silence, and another got it', 'udp', { outcome: 'silent', answeredBy: 0, nonceBack: false }, 'silent', 'c1/default/a got it'],
  ['silence to an echo', 'icmp', { ...unseen, ...icmp, outcome: 'silent' }, 'silent', 'no answer', 'an answer from 10.244.2.2'],
  ['no route', 'tcp', { ...unseen, outcome: 'no-route', errno: 101 }, 'no-route', 'no route'],
  ['unreachable at once', 'tcp', { ...unseen, outcome: 'unreachable', errno: 113 }, 'unreachable', 'at once'],
  ['nobody there', 'tcp', { ...unseen, outcome: 'no-host', errno: 113 }, 'no-host', 'nobody answered'],
  ['too big', 'udp', { ...unseen, outcome: 'too-big', errno: 90 }, 'too-big', 'too big'],
  ['connected, then nothing', 'tcp', { ...unseen, outcome: 'stalled' }, 'stalled', 'then no data'],
  ['another errno', 'tcp', { ...unseen, outcome: 'error', errno: 22 }, 'error', 'errno 22'],
  ['it did not run', 'tcp', { ...unseen, outcome: 'not-run' }, 'inconclusive', 'did not run'],
  ['it could not run', 'icmp', { ...unseen, ...icmp, outcome: 'not-run', errno: 13 }, 'inconclusive', 'errno 13'],
  ['a failure with all the rest in order is still a failure', 'tcp', { outcome: 'silent' }, 'silent'],
];

describe('judgeProbe', () => {
  it.each(rows.map((row) => [row[0], row[1], row] as const))('%s (%s)', (_title, protocol, [, , change, verdict, saw = '', expected = '']) => {
    const judgement = judgeProbe({ ...clean, ...change }, context(protocol));
    const found = judgement.verdict === 'fail' ? judgement.class : judgement.verdict;
    expect(found).toBe(verdict);
    expect(judgement.verdict === 'fail' ? judgement.saw : judgement.verdict === 'inconclusive' ? judgement.reason : '').toContain(saw);
    expect(judgement.verdict === 'fail' ? judgement.expected : '').toContain(expected);
  });

  it('covers every outcome', () => {
    const covered = new Set(rows.map(([, , change]) => change.outcome ?? 'ok'));
    expect(OUTCOMES.filter((outcome) => !covered.has(outcome))).toEqual([]);
  });
});

describe('a proxy that is meant to be in the server', () => {
  const declared: JudgeContext = { ...context('tcp'), isOwnProxy: (server, address) => server === 1 && address === '10.244.2.2' };
  const byItself = { ...clean, seenSourceAddress: '10.244.2.2', seenSourcePort: 51000 };

  it('may call with an address of the server, over TCP', () => {
    expect(judgeProbe(byItself, declared)).toEqual({ verdict: 'pass' });
    expect(judgeProbe(byItself, context('tcp'))).toMatchObject({ verdict: 'fail', class: 'rewritten', saw: 'server saw 10.244.2.2:51000' });
    expect(judgeProbe(byItself, { ...declared, protocol: 'udp' })).toMatchObject({ verdict: 'fail', class: 'rewritten' });
  });

  it('excuses nothing else', () => {
    expect(judgeProbe({ ...byItself, seenSourceAddress: '172.30.0.3' }, declared)).toMatchObject({ verdict: 'fail', class: 'rewritten' });
    expect(judgeProbe({ ...byItself, seenDestinationPort: 7001 }, declared)).toMatchObject({ verdict: 'fail', class: 'rewritten' });
    expect(judgeProbe({ ...byItself, nonceBack: false }, declared)).toMatchObject({ verdict: 'fail', class: 'foreign-nonce' });
    expect(judgeProbe({ ...byItself, replyFromAddress: '172.30.0.4' }, declared)).toMatchObject({ verdict: 'fail', class: 'rewritten' });
    expect(judgeProbe({ ...byItself, localAddress: '10.9.9.9' }, declared)).toMatchObject({ verdict: 'fail', class: 'address-differs' });
  });
});

describe('rowAgrees', () => {
  it.each(rows.map((row) => [row[0], row[1], row[2]] as const))('never calls right what judgeProbe does not: %s (%s)', (_title, protocol, change) => {
    const record = { ...clean, ...change };
    const owned: JudgeContext = { ...context(protocol), ownsSource: () => true };
    expect(rowAgrees(createBatch([record]), 0, protocol === 'icmp')).toBe(judgeProbe(record, owned).verdict === 'pass');
  });

  it('agrees with judgeProbe on any record', () => {
    const address = fc.constantFrom('', '10.244.1.2', '10.244.2.2', '172.30.0.3');
    const port = fc.constantFrom(0, 7000, 40122);
    const record = fc.record({
      client: fc.constant(0),
      server: fc.constantFrom(0, 1),
      attempt: fc.constant(0),
      outcome: fc.constantFrom(...OUTCOMES),
      errno: fc.constantFrom(0, 111),
      rttUs: fc.nat(1000),
      localAddress: address,
      localPort: port,
      dialledAddress: address,
      dialledPort: port,
      seenSourceAddress: address,
      seenSourcePort: port,
      seenDestinationAddress: address,
      seenDestinationPort: port,
      seenTtl: fc.nat(255),
      answeredBy: fc.constantFrom(-1, 0, 1),
      replyFromAddress: address,
      nonceThere: fc.boolean(),
      nonceBack: fc.boolean(),
    });
    const mostlyRight = fc
      .tuple(record, fc.subarray(Object.keys(clean) as (keyof ProbeRecord)[]))
      .map(([any, kept]): ProbeRecord => ({ ...any, ...Object.fromEntries(kept.map((key) => [key, clean[key]])) }));
    fc.assert(
      fc.property(mostlyRight, fc.constantFrom<ProbeProtocol>('tcp', 'udp', 'icmp'), (one, protocol) => {
        const owned: JudgeContext = { ...context(protocol), ownsSource: () => true };
        expect(rowAgrees(createBatch([one]), 0, protocol === 'icmp')).toBe(judgeProbe(one, owned).verdict === 'pass');
      }),
      { numRuns: 2000 },
    );
  });
});

describe('translation', () => {
  const original = { source: '10.244.1.2', destination: '10.244.2.2', sourcePort: 40122, destinationPort: 7000 };
  const mirror = { source: '10.244.2.2', destination: '10.244.1.2', sourcePort: 7000, destinationPort: 40122 };
  const entry = (reply: Partial<typeof mirror>, protocol: ProbeProtocol = 'tcp'): ConntrackEntry => ({
    netns: 'node.c1.worker1',
    protocol,
    original,
    reply: { ...mirror, ...reply },
    replied: true,
  });

  it.each([
    ['the exact reverse', entry({}), ''],
    ['source translated', entry({ destination: '172.30.0.3' }), 'source 10.244.1.2 became 172.30.0.3'],
    ['source port translated', entry({ destinationPort: 50_000 }), 'source port 40122 became 50000'],
    ['destination translated', entry({ source: '10.244.2.9' }), 'destination 10.244.2.2 became 10.244.2.9'],
    ['destination port translated', entry({ sourcePort: 8080 }), 'destination port 7000 became 8080'],
    ['both', entry({ source: '10.244.2.9', destination: '172.30.0.3' }), 'source 10.244.1.2 became 172.30.0.3, destination 10.244.2.2 became 10.244.2.9'],
    ['an echo has no ports', entry({ sourcePort: 0, destinationPort: 0 }, 'icmp'), ''],
  ] as const)('%s', (_title, given, words) => {
    expect(translation(given)).toBe(words);
  });
});
