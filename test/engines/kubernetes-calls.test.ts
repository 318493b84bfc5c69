/** What is asked of a real cluster beyond its network: rehearsed by the checks, written as lines, answered from what was reported. */
import { describe, expect, it } from 'vitest';
import type { PodObject } from '../../engines/kubernetes/api-objects.ts';
import { amountOf, callLine, callsText, offWire, type Call } from '../../engines/kubernetes/calls.ts';
import { callingSession } from '../../engines/kubernetes/calling-session.ts';
import type { ProbeLine, ReplyLine } from '../../engines/kubernetes/evidence.ts';
import { parseEvidence } from '../../engines/kubernetes/evidence.ts';
import { labParts } from '../../engines/kubernetes/lab-parts.ts';
import { clusterServices } from '../../engines/kubernetes/observed-services.ts';
import { rehearse } from '../../engines/kubernetes/rehearsal.ts';
import type { Endpoint, EngineSession, ProbeRecord } from '../../engines/port.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { ClusterPlan, LabPlan } from '../../topology/plan.ts';
import type { KubernetesObject } from '../../topology/spec.ts';
import { recordedFacts } from './kubernetes-fixture.ts';

const service = (name: string, spec: Readonly<Record<string, unknown>>): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { type: 'ClusterIP', selector: { app: 'web' }, ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 'http' }], ...spec },
});
const OBJECTS = [service('web', {}), service('near', {})];
const planned = planLab({
  name: 'calls',
  clusters: [{ name: 'c1', workers: 1, cni: { type: 'flannel' }, workloads: [{ name: 'web', replicas: 1 }], objects: OBJECTS }],
});
const cluster = ((): ClusterPlan => {
  const [one] = planned.clusters;
  if (one === undefined) throw new Error('no cluster');
  // As on kind: nodes have other names in Kubernetes.
  return { ...one, nodes: one.nodes.map((node) => ({ ...node, netns: `kind-${node.name}` })) };
})();

const pod = (name: string, ip: string, args: readonly string[], more: Partial<NonNullable<PodObject['spec']>> = {}): PodObject => ({
  metadata: { name, namespace: 'default', labels: { app: 'web' } },
  spec: { nodeName: 'kind-worker1', containers: [{ name: 'main', image: 'registry.k8s.io/e2e-test-images/agnhost:2.53', args }], ...more },
  status: { phase: 'Running', podIPs: [{ ip }], conditions: [{ type: 'Ready', status: 'True' }] },
});
/** Items of a list have no kind. */
const slice = (name: string, port: number, ...addresses: readonly (readonly [ip: string, pod: string])[]): KubernetesObject =>
  ({
    metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port, protocol: 'TCP' }],
    endpoints: addresses.map(([ip, target]) => ({
      addresses: [ip],
      conditions: { ready: true },
      nodeName: 'kind-worker1',
      targetRef: { kind: 'Pod', namespace: 'default', name: target },
    })),
  }) as unknown as KubernetesObject;
const api = {
  services: [
    { ...service('web', { clusterIP: '10.96.1.1', clusterIPs: ['10.96.1.1'], ipFamilies: ['IPv4'] }) },
    { ...service('other', { clusterIP: '10.96.1.2', clusterIPs: ['10.96.1.2'], ipFamilies: ['IPv4'] }) },
  ],
  slices: [slice('web-1', 8080, ['10.244.1.5', 'web-a'], ['10.244.1.6', 'web-b']), slice('web-2', 8080, ['10.244.1.6', 'web-b'])],
  pods: [
    pod('web-a', '10.244.1.5', ['netexec', '--http-port=8080']),
    pod('web-b', '10.244.1.6', ['netexec', '--http-port=8080', '--udp-port=5353']),
    pod('idle', '10.244.1.7', []),
    pod('theirs', '10.244.1.8', ['netexec'], { containers: [{ name: 'main', image: 'nginx:1', args: ['netexec'] }] }),
  ],
  nodes: cluster.nodes.map((node) => ({
    metadata: { name: node.netns },
    status: { addresses: [{ type: 'InternalIP', address: node.interfaces[0]?.addresses[0]?.address ?? '' }] },
  })),
};
const selects: KubernetesObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default' },
  spec: { selector: { matchLabels: { app: 'web' } } },
};
const parts = labParts({ ...cluster, objects: [...OBJECTS, selects] }, api);

describe('the parts of a lab in a cluster', () => {
  it('are its Services alone, with the endpoints of all slices, each address once, on nodes by their names in the plan', () => {
    expect(parts.services.map((one) => one.name)).toEqual(['web']);
    const [web] = parts.services;
    expect(web).toMatchObject({ id: 'c1/default/web', clusterIPs: ['10.96.1.1'], families: ['ipv4'] });
    expect(web?.endpoints.map(({ address, node, pod: id }) => [address, node, id])).toEqual([
      ['10.244.1.5', 'worker1', 'c1/default/web-a'],
      ['10.244.1.6', 'worker1', 'c1/default/web-b'],
    ]);
  });
  it('tell which ports say who answers, and which pods can be entered', () => {
    expect([...parts.serves].toSorted()).toEqual(['10.244.1.5 tcp 8080', '10.244.1.5 udp 8081', '10.244.1.6 tcp 8080', '10.244.1.6 udp 5353']);
    expect([...parts.enterable]).toEqual([
      ['c1/default/web-a', 'main'],
      ['c1/default/web-b', 'main'],
      ['c1/default/idle', 'main'],
    ]);
  });
  it('of a cluster that was found are what kubeadm gives to all, or nothing', () => {
    const services = clusterServices(recordedFacts());
    expect(services.map(({ name, clusterIPs }) => [name, clusterIPs])).toEqual([
      ['kubernetes', recordedFacts().apiServiceIPs],
      ['kube-dns', recordedFacts().dnsServiceIPs],
    ]);
    expect(clusterServices({ ...recordedFacts(), apiServiceIPs: [], dnsServiceIPs: [] })).toEqual([]);
    expect(clusterServices({ ...recordedFacts(), apiServiceIPs: [] }).map(({ name }) => name)).toEqual(['kube-dns']);
  });
});

describe('a call', () => {
  it('is a line, and a message over TCP has its length before it', () => {
    const message = Buffer.from([1, 2, 3]).toString('base64');
    expect(callLine({ kind: 'call', protocol: 'udp', address: '10.96.0.1', port: 53, attempts: 4 })).toBe('call\tudp\t10.96.0.1\t53\t4');
    expect(callLine({ kind: 'ask', protocol: 'udp', address: '10.96.0.10', data: message })).toBe(`ask\tudp\t10.96.0.10\t53\t${message}`);
    const sent = callLine({ kind: 'ask', protocol: 'tcp', address: '10.96.0.10', data: message }).split('\t')[4] ?? '';
    expect([...Buffer.from(sent, 'base64')]).toEqual([0, 3, 1, 2, 3]);
    expect(offWire('tcp', sent)).toBe(message);
    expect(callLine({ kind: 'resolve', name: 'web', family: 6 })).toBe('resolve\tipv6\t-\t0\tweb');
    const calls: readonly Call[] = [{ kind: 'conf' }, { kind: 'call', protocol: 'tcp', address: '10.96.0.1', port: 80, attempts: 4 }];
    expect(callsText(calls)).toBe('conf\t-\t-\t0\t-\ncall\ttcp\t10.96.0.1\t80\t4\n');
    expect(amountOf(calls)).toBe(5);
  });
});

const endpoint = (id: string, netns: string, address: string, port?: number): Endpoint => ({
  id,
  netns,
  kind: 'pod',
  addresses: [{ family: 'ipv4', address }],
  ...(port === undefined ? {} : { port }),
});
const client = endpoint('c1/cnilab-verify/r1-0-x', 'c1/cnilab-verify/r1-0-x', '10.244.1.9');
const door = endpoint('c1/default/web at 10.96.1.1 port 80', '', '10.96.1.1', 80);
const behind = ['web-a', 'web-b'].map((name, at) => endpoint(`c1/default/${name} port 8080`, `c1/default/${name}`, `10.244.1.${5 + at}`, 8080));

async function probe(session: EngineSession, attempts: number, responders: readonly number[] = [2, 3]): Promise<readonly ProbeRecord[]> {
  const records: ProbeRecord[] = [];
  await session.probe(
    {
      attempts,
      responders,
      protocol: 'tcp',
      family: 'ipv4',
      port: 7000,
      endpoints: [client, door, ...behind],
      pairs: { kind: 'list', pairs: [[0, 1]] },
      deadlineMs: 100,
      conntrack: [],
    },
    (batch) => {
      for (let row = 0; row < batch.length; row++) records.push(batch.at(row));
    },
  );
  return records;
}

describe('a rehearsal', () => {
  it('notes each thing once, with the most connections that were asked for, by the place that asks', async () => {
    const { session, calls } = rehearse((message) => message);
    await probe(session, 2);
    await probe(session, 5);
    await session.names?.exchange('node', '10.96.0.10', [{ protocol: 'udp', data: 'AAAA' }], 100);
    await session.names?.resolve('node', [{ name: 'web', family: 4 }], 100);
    await session.run('node', ['cat', '/etc/resolv.conf']);
    await session.run('node', ['rm', '-rf', '/']);
    expect(Object.fromEntries(calls())).toEqual({
      [client.netns]: [{ kind: 'call', protocol: 'tcp', address: '10.96.1.1', port: 80, attempts: 5 }],
      node: [{ kind: 'ask', protocol: 'udp', address: '10.96.0.10', data: 'AAAA' }, { kind: 'resolve', name: 'web', family: 4 }, { kind: 'conf' }],
    });
  });
});

describe('the session of calls', () => {
  const plan: LabPlan = { ...planned, clusters: [{ ...cluster, services: parts.services, pods: parts.pods }] };
  const places = new Map([
    ['r1-0-x', client.netns],
    ['kind-worker1', 'kind-worker1'],
    ['default/web-a', 'c1/default/web-a'],
  ]);
  const line = (more: Partial<ProbeLine>): ProbeLine => ({
    type: 'probe',
    kind: 'call',
    requirement: 'r1',
    node: 'kind-worker1',
    pod: 'r1-0-x',
    target: '',
    targetNode: '',
    address: '10.96.1.1',
    port: 80,
    protocol: 'tcp',
    family: 'ipv4',
    attempt: 0,
    exit: 0,
    error: '',
    connectMs: 0.5,
    ms: 1,
    connects: 1,
    localAddress: '10.244.1.9',
    localPort: 40_000,
    seen: '10.244.1.9:40000',
    hostname: 'web-b',
    nonce: 'a1',
    echo: 'a1',
    bytes: 0,
    ...more,
  });
  const reply = (more: Partial<ReplyLine>): ReplyLine => ({
    type: 'reply',
    requirement: 'own',
    node: 'kind-worker1',
    pod: 'default/web-a',
    kind: 'ask',
    protocol: 'udp',
    address: '10.96.0.10',
    text: 'AAAA',
    exit: 0,
    error: '',
    data: 'BBBB',
    ...more,
  });
  const sessionOf = (probes: readonly ProbeLine[], replies: readonly ReplyLine[] = []): EngineSession => callingSession({ probes, replies }, plan, places);

  it('says which endpoint answered, as whom it saw the client, and what nobody reported', async () => {
    const records = await probe(
      sessionOf([line({}), line({ attempt: 1, exit: 7, error: 'Connection refused', hostname: '', echo: '' }), line({ attempt: 2, connects: 2 })]),
      4,
    );
    expect(records.map(({ outcome, answeredBy, seenSourceAddress }) => [outcome, answeredBy, seenSourceAddress])).toEqual([
      ['ok', 3, '10.244.1.9'],
      ['refused', -1, '10.244.1.9'],
      ['not-run', -1, ''],
      ['not-run', -1, ''],
    ]);
    const [stranger] = await probe(sessionOf([line({ hostname: 'somebody' })]), 1);
    expect(stranger).toMatchObject({ outcome: 'ok', answeredBy: -1 });
  });
  it('takes no line of another kind, place or door for an answer', async () => {
    const others = [line({ kind: 'mesh' }), line({ pod: 'r1-1-x' }), line({ requirement: 'r2' }), line({ port: 81 }), line({ protocol: 'udp' })];
    expect((await probe(sessionOf(others), 1)).map(({ outcome }) => outcome)).toEqual(['not-run']);
  });
  it('gives back replies, names and files; what could not be asked is an error and no silence', async () => {
    const got = Buffer.from('10.96.1.1  STREAM web\n10.96.1.1  DGRAM\n').toString('base64');
    const session = sessionOf(
      [],
      [
        reply({}),
        reply({ text: 'CCCC', exit: 28, data: '' }),
        reply({ text: 'DDDD', exit: 7, error: 'Connection refused', data: '' }),
        reply({ text: 'DDEE', exit: 7, error: 'an ICMP error came back', data: '' }),
        reply({ kind: 'resolve', protocol: 'ipv4', address: '-', text: 'web', data: got }),
        reply({ kind: 'resolve', protocol: 'ipv4', address: '-', text: 'absent', exit: 2, data: '' }),
        reply({ kind: 'resolve', protocol: 'ipv4', address: '-', text: 'toolless', exit: -1, error: 'getent is not there', data: '' }),
        reply({ kind: 'conf', protocol: '-', address: '-', text: '-', data: Buffer.from('nameserver 10.96.0.10\n').toString('base64') }),
      ],
    );
    const { names } = session;
    const place = 'c1/default/web-a';
    const ask = (data: string): { readonly protocol: 'udp'; readonly data: string } => ({ data, protocol: 'udp' });
    expect(await names?.exchange(place, '10.96.0.10', [ask('AAAA'), ask('CCCC'), ask('DDDD'), ask('DDEE')], 100)).toEqual([
      { data: 'BBBB' },
      { failed: 'silent' },
      { failed: 'ECONNREFUSED' },
      { failed: 'ECONNREFUSED' },
    ]);
    await expect(names?.exchange(place, '10.96.0.10', [ask('EEEE')], 100)).rejects.toThrow('1 questions were not reported');
    expect(
      await names?.resolve(
        place,
        ['web', 'absent'].map((name) => ({ name, family: 4 as const })),
        100,
      ),
    ).toEqual([['10.96.1.1'], { failed: 'ENOTFOUND' }]);
    await expect(names?.resolve(place, [{ name: 'toolless', family: 4 }], 100)).rejects.toThrow('getent is not there');
    expect((await session.run(place, ['cat', '/etc/resolv.conf'])).stdout).toBe('nameserver 10.96.0.10\n');
    await expect(session.run(place, ['id'])).rejects.toThrow('nobody reported id');
  });
  it('reads replies strictly', () => {
    const text = JSON.stringify({ v: 1, ...reply({}) });
    expect(parseEvidence(text).replies).toMatchObject([reply({})]);
    expect(parseEvidence(text.replace('"exit":0', '"exit":"0"')).problems).toHaveLength(1);
  });
});
