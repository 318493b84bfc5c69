import { describe, expect, it } from 'vitest';
import { outcomeOf, parseEvidence, PROBLEM_LIMIT, type ProbeLine } from '../../engines/kubernetes/evidence.ts';

/** Lines as the Jobs of a real cluster printed them (flannel, kind, curl 7.88.1). */
const MESH =
  '{"v":1,"type":"probe","kind":"mesh","requirement":"r1","node":"lab-control-plane","pod":"r1-0-xxw8t","target":"responder-6j75f","targetNode":"lab-worker","address":"10.244.2.2","port":7000,"protocol":"tcp","family":"ipv4","attempt":2,"exit":0,"error":"","connectMs":0.312,"ms":1.204,"connects":1,"localAddress":"10.244.0.5","localPort":43210,"seen":"10.244.0.5:43210","hostname":"responder-6j75f","nonce":"97bbead017","echo":"97bbead017","bytes":0}';
const VIEW =
  '{"v":1,"type":"view","requirement":"r1","node":"lab-control-plane","pod":"r1-0-xxw8t","podIPs":"10.244.0.5,fd00:10:244::5","interfaces":[{"ifindex":1,"ifname":"lo","addr_info":[]},{"ifindex":2,"ifname":"eth0","addr_info":[{"family":"inet","local":"10.244.0.5","prefixlen":24,"scope":"global"}]}]}';
const SHELL =
  '{"v":1,"type":"view","requirement":"r3","node":"lab-worker","pod":"responder-6j75f","podIPs":"10.244.2.2","shell":{"output":"[{\\"ifname\\":\\"eth0\\"}]\\n"}}';
const DONE = '{"v":1,"type":"done","requirement":"r1","node":"lab-control-plane","pod":"r1-0-xxw8t","probes":1,"complete":true,"error":""}';

const probe = (change: Partial<ProbeLine> = {}): ProbeLine => {
  const [line] = parseEvidence(MESH).probes;
  if (line === undefined) throw new Error('the recorded line is not read');
  return { ...line, ...change };
};

describe('evidence', () => {
  it('is read from the joined logs of Jobs', () => {
    const evidence = parseEvidence([VIEW, MESH, '', SHELL, DONE, ''].join('\n'));
    expect(evidence.problems).toEqual([]);
    expect(evidence.probes).toMatchObject([{ kind: 'mesh', target: 'responder-6j75f', attempt: 2, seen: '10.244.0.5:43210', connectMs: 0.312 }]);
    expect(evidence.done).toMatchObject([{ pod: 'r1-0-xxw8t', probes: 1, complete: true }]);
    expect(evidence.views).toMatchObject([
      { pod: 'r1-0-xxw8t', podIPs: ['10.244.0.5', 'fd00:10:244::5'], interfaces: [{ ifname: 'lo' }, { ifname: 'eth0' }], shell: null, error: '' },
      { pod: 'responder-6j75f', podIPs: ['10.244.2.2'], interfaces: null, shell: { output: '[{"ifname":"eth0"}]\n' } },
    ]);
  });

  it('has one entry for each interface of a node, whose two dumps follow one another', () => {
    const eth0 = (family: string, local: string): string => `{"ifname":"eth0","addr_info":[{"family":"${family}","local":"${local}"}]}`;
    const dump = `[{"ifname":"cni0","addr_info":[]},${eth0('inet', '172.18.0.3')},{},${eth0('inet6', 'fc00::3')}]`;
    const [view] = parseEvidence(`{"v":1,"type":"view","requirement":"r2","node":"n","pod":"p","podIPs":"-","interfaces":${dump}}`).views;
    expect(view?.podIPs).toEqual([]);
    expect(view?.interfaces).toMatchObject([{ ifname: 'cni0' }, { ifname: 'eth0', addr_info: [{ local: '172.18.0.3' }, { local: 'fc00::3' }] }]);
  });

  it.each([
    ['curl: (6) Could not resolve host', 'not a line of JSON'],
    ['[1,2]', 'not a line of JSON'],
    [MESH.slice(0, 200), 'not a line of JSON'],
    [MESH.replace('"v":1', '"v":2'), 'version 2 is not known'],
    [MESH.replace('"type":"probe"', '"type":"guess"'), 'its type is not known'],
    [MESH.replace('"port":7000', '"port":70000'), 'its port is 70000'],
    [MESH.replace('"attempt":2', '"attempt":-2'), 'its attempt is -2'],
    [MESH.replace('"exit":0', '"exit":-2'), 'its exit is -2'],
    [MESH.replace('"connectMs":0.312', '"connectMs":"0.312"'), 'its connectMs is "0.312"'],
    [MESH.replace('"kind":"mesh"', '"kind":"web"'), 'its kind is "web"'],
    [MESH.replace('"seen":"10.244.0.5:43210",', ''), 'its seen is missing'],
    [DONE.replace('true', '"yes"'), 'its complete is "yes"'],
  ])('is nothing else: %s', (line, why) => {
    const evidence = parseEvidence(`${line}\n${DONE}`);
    expect(evidence.problems).toEqual([expect.stringContaining(why)]);
    expect([evidence.probes, evidence.views, evidence.done.length]).toEqual([[], [], 1]);
  });

  it('does not keep problems without end', () => {
    const { problems } = parseEvidence(Array.from({ length: 500 }, (_, i) => `${i} ${'x'.repeat(1000)}`).join('\n'));
    expect(problems).toHaveLength(PROBLEM_LIMIT + 1);
    expect(problems.at(-1)).toBe('and 450 more');
    expect(Math.max(...problems.map((one) => one.length))).toBeLessThan(200);
  });
});

const CURL_7 = (words: string): string =>
  `connect to 10.244.1.2 port 7001 failed: ${words}; curl: (7) Failed to connect to 10.244.1.2 port 7001 after 0 ms: Couldn't connect to server`;
const CURL_8 = (words: string): string =>
  `connect to 10.244.1.2 port 7001 from 10.244.0.5 port 43210 failed: ${words}; curl: (7) Failed to connect to 10.244.1.2 port 7001 after 0 ms: Could not connect to server`;

describe('what became of a probe', () => {
  it.each<[string, Partial<ProbeLine>, string, number]>([
    ['an answer', {}, 'ok', 0],
    ['a probe that did not run', { exit: -1, error: 'curl does not run' }, 'not-run', 0],
    ['a closed port, curl 7', { exit: 7, error: CURL_7('Connection refused') }, 'refused', 111],
    ['a closed port, curl 8', { exit: 7, error: CURL_8('Connection refused') }, 'refused', 111],
    ['a closed port, udp', { protocol: 'udp', exit: 7, error: 'Connection refused', connectMs: 0 }, 'refused', 111],
    ['no route, glibc', { exit: 7, error: CURL_7('Network is unreachable') }, 'no-route', 101],
    ['no route, musl', { exit: 7, error: CURL_8('Network unreachable') }, 'no-route', 101],
    [
      'no route of its own',
      { exit: 7, error: "Immediate connect fail for 10.9.0.1: Network is unreachable; curl: (7) Couldn't connect to server" },
      'no-route',
      101,
    ],
    ['no route of its own, udp', { protocol: 'udp', exit: 7, error: 'RTNETLINK answers: Network is unreachable', connectMs: 0 }, 'no-route', 101],
    ['a router that says so', { exit: 7, ms: 0.4, error: CURL_7('No route to host') }, 'unreachable', 113],
    ['a router that says so, musl', { exit: 7, ms: 1011, error: CURL_8('Host is unreachable') }, 'unreachable', 113],
    ['an address without a neighbour', { exit: 7, ms: 3061, error: CURL_7('No route to host') }, 'no-host', 113],
    ['silence', { exit: 28, connectMs: 0, error: 'curl: (28) Connection timed out after 1001 milliseconds' }, 'silent', 0],
    ['silence, udp', { protocol: 'udp', exit: 28, connectMs: 0, error: 'no answer' }, 'silent', 0],
    [
      'a connection without data',
      { exit: 28, connectMs: 0.4, error: 'curl: (28) Operation timed out after 1001 milliseconds with 0 bytes received' },
      'stalled',
      0,
    ],
    ['a connection that is reset', { exit: 56, error: 'curl: (56) Recv failure: Connection reset by peer' }, 'error', 104],
    ['a connection that is closed', { exit: 52, error: 'curl: (52) Empty reply from server' }, 'error', 104],
    ['a stream that came back changed', { exit: 56, error: '65536 of 65536 bytes came back, not as they were sent' }, 'error', 74],
    ['a filter on the way out', { protocol: 'udp', exit: 7, error: 'Operation not permitted', connectMs: 0 }, 'error', 1],
    ['an error that is not named', { exit: 7, error: 'an ICMP error came back' }, 'error', 0],
  ])('%s', (_, change, outcome, errno) => {
    expect(outcomeOf(probe(change))).toEqual({ outcome, errno });
  });
});
