import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { conntrackReadings, conntrackScript, conntrackUnread, isSymmetric, parseConntrack, untrackedNodes } from '../../engines/kubernetes/conntrack-text.ts';
import { recordedVerification } from './kubernetes-fixture.ts';

/** Lines of conntrack 1.4.7 and of /proc, kernel 6.18. */
const PLAIN =
  'tcp      6 48 TIME_WAIT src=10.244.1.1 dst=10.244.1.14 sport=39794 dport=7000 src=10.244.1.14 dst=10.244.1.1 sport=7000 dport=39794 [ASSURED] mark=0 use=1';
const MASQUERADED =
  'tcp      6 112 TIME_WAIT src=10.244.0.3 dst=172.18.0.6 sport=41734 dport=7000 src=172.18.0.6 dst=172.18.0.4 sport=7000 dport=33576 [ASSURED] mark=0 use=1';
const PORT_ONLY = 'udp      17 28 src=10.244.0.3 dst=10.244.1.5 sport=20787 dport=7000 src=10.244.1.5 dst=10.244.0.3 sport=7000 dport=65497 mark=0 use=1';
const UNREPLIED =
  'udp      17 28 src=10.244.0.3 dst=10.244.1.5 sport=20788 dport=7000 [UNREPLIED] src=10.244.1.5 dst=10.244.0.3 sport=7000 dport=20788 mark=0 use=1';
const COUNTED =
  'tcp      6 48 TIME_WAIT src=10.244.1.1 dst=10.244.1.14 sport=40000 dport=7000 packets=5 bytes=300 src=10.244.1.14 dst=10.244.1.1 sport=7000 dport=40000 packets=4 bytes=300 [ASSURED] mark=0 use=1';
const PROC6 =
  'ipv6     10 tcp      6 53 TIME_WAIT src=fd00:0010:0244:0000:0000:0000:0000:0005 dst=fd00:0010:0244:0001:0000:0000:0000:0007 sport=40001 dport=7000 src=fd00:0010:0244:0001:0000:0000:0000:0007 dst=fd00:0010:0244:0000:0000:0000:0000:0005 sport=7000 dport=40001 [ASSURED] mark=0 zone=0 use=2';
const OTHER_PORT =
  'ipv4     2 tcp      6 16 TIME_WAIT src=10.244.1.1 dst=10.244.1.2 sport=46940 dport=8080 src=10.244.1.2 dst=10.244.1.1 sport=8080 dport=46940 [ASSURED] mark=0 zone=0 use=2';
const ICMP = 'icmp     1 29 src=10.244.0.3 dst=10.244.1.5 type=8 code=0 id=9 src=10.244.1.5 dst=10.244.0.3 type=0 code=0 id=9 mark=0 use=1';

describe('parseConntrack', () => {
  it.each<[string, string, boolean, boolean]>([
    ['a flow as it is', PLAIN, true, true],
    ['a masqueraded one', MASQUERADED, false, true],
    ['another port alone', PORT_ONLY, false, true],
    ['nobody has answered', UNREPLIED, true, false],
    ['with accounting', COUNTED, true, true],
    ['/proc, IPv6', PROC6, true, true],
  ])('%s', (_name, line, symmetric, replied) => {
    const [entry] = parseConntrack('n', line);
    expect(entry).toMatchObject({ netns: 'n', replied });
    expect(entry !== undefined && isSymmetric(entry)).toBe(symmetric);
  });
  it('reads both tuples, and IPv6 addresses as everything else writes them', () => {
    expect(parseConntrack('n', MASQUERADED)[0]).toMatchObject({
      protocol: 'tcp',
      original: { source: '10.244.0.3', destination: '172.18.0.6', sourcePort: 41734, destinationPort: 7000 },
      reply: { source: '172.18.0.6', destination: '172.18.0.4', sourcePort: 7000, destinationPort: 33576 },
    });
    expect(parseConntrack('n', PROC6)[0]?.original).toMatchObject({ source: 'fd00:10:244::5', destination: 'fd00:10:244:1::7' });
  });
  it('passes over what it does not know', () => {
    expect(parseConntrack('n', `${ICMP}\nconntrack v1.4.7 (conntrack-tools): 3 flow entries have been shown.\n`)).toEqual([]);
  });
});

describe('conntrackReadings', () => {
  it('counts the flows to the port by protocol, and keeps the translated ones', () => {
    const [tcp, udp] = conntrackReadings('n', [PLAIN, MASQUERADED, PORT_ONLY, UNREPLIED, OTHER_PORT].join('\n'), 7000);
    expect(tcp).toMatchObject({ protocol: 'tcp', entries: 2, error: null });
    expect(tcp?.asymmetric.map((one) => one.reply.destination)).toEqual(['172.18.0.4']);
    expect(udp).toMatchObject({ protocol: 'udp', entries: 2 });
    expect(udp?.asymmetric.map((one) => one.reply.destinationPort)).toEqual([65497]);
  });
  it('keeps the reason why a node was not read', () => {
    expect(conntrackUnread('n', 'no such container').map((one) => [one.protocol, one.error])).toEqual([
      ['tcp', 'no such container'],
      ['udp', 'no such container'],
    ]);
  });
  it('asks for both families and protocols, and for /proc where the program is missing', () => {
    for (const word of ['-f ipv4 -p tcp', '-f ipv4 -p udp', '-f ipv6 -p tcp', '-f ipv6 -p udp', '/proc/net/nf_conntrack'])
      expect(conntrackScript(7000)).toContain(word);
  });
  it.each([
    ['', 0, ''],
    ['ipv6', 1, 'conntrack v1.4.7 (conntrack-tools): Operation not permitted'],
  ])('takes no part for the whole (fails for "%s")', (fails, code, reason) => {
    const directory = mkdtempSync(join(tmpdir(), 'conntrack-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const program = `#!/bin/sh\ncase "$*" in *"\${FAILS:-none}"*) echo 'conntrack v1.4.7 (conntrack-tools): Operation not permitted' >&2; exit 1;; esac\necho "$*"\n`;
    writeFileSync(join(directory, 'conntrack'), program, { mode: 0o755 });
    const result = spawnSync('sh', ['-c', conntrackScript(7000)], { encoding: 'utf8', env: { PATH: `${directory}:/usr/bin:/bin`, FAILS: fails } });
    expect(result.status).toBe(code);
    expect(result.stderr.trim()).toBe(reason);
    if (code === 0) expect(result.stdout.trim().split('\n')).toHaveLength(4);
  });
  it('knows a node that tracks nothing of what was answered', () => {
    const { probes } = recordedVerification().evidence;
    const nodes = [...new Set(probes.map((line) => line.node))];
    const [blind = '', seeing = ''] = nodes;
    const readings = [...conntrackReadings(blind, '', 7000), ...conntrackReadings(seeing, PLAIN, 7000), ...conntrackReadings('silent', '', 7000)];
    expect(untrackedNodes(readings, probes)).toEqual([blind]);
    expect(untrackedNodes(conntrackUnread(blind, 'no such container'), probes)).toEqual([]);
  });
});
