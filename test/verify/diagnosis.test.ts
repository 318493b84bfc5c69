/** From failures to names, on hand-made kernel states: what explains which failure, in which order, and what is ruled out. */
import { describe, expect, it } from 'vitest';
import type { Snapshot } from '../../engines/port.ts';
import { diagnosisKind, diagnosisKinds } from '../../verify/diagnosis/catalogue.ts';
import { diagnose, explainFailures } from '../../verify/diagnosis/diagnose.ts';
import type { Diagnosis, Failure } from '../../verify/report.ts';
import { changed, failure, failuresBetween, healthySnapshot, nodeNamed, podsOf, rewritten, smallPlan } from './inventory-fixture.ts';

const plan = smallPlan({ type: 'flannel' });
const [worker1, worker2] = [nodeNamed(plan, 'worker1'), nodeNamed(plan, 'worker2')];
const [client, server] = [podsOf(plan, 'worker1')[0], podsOf(plan, 'worker2')[0]];
if (client === undefined || server === undefined) throw new Error('a pod on each worker');
const healthy = healthySnapshot(plan);
const to2 = worker2.podCIDRs[0] ?? '';
const lostRoute = changed(healthy, worker1.netns, (one) => ({ routes: one.routes.filter((route) => route.to !== to2) }));

function explain(snapshot: Snapshot, failures: readonly Failure[], countersBefore?: Snapshot): readonly Diagnosis[] {
  return diagnose({ plan, failures, conntrack: [], snapshot, ...(countersBefore === undefined ? {} : { countersBefore }) });
}
const names = (diagnoses: readonly Diagnosis[]): readonly string[] => diagnoses.map((one) => `${one.name} ${one.confidence}`);
/** The state in which a counter of a node has risen since `healthy`. */
const counted = (netns: string, counters: Readonly<Record<string, number>>): Snapshot =>
  changed(healthy, netns, (one) => ({ counters: { ...one.counters, ...counters } }));

describe('diagnose', () => {
  it('says nothing without failures that it can place', () => {
    expect(explain(healthy, [])).toEqual([]);
    expect(explain(healthy, [failure(plan, 'nobody', 'nowhere', 'silent')])).toEqual([]);
    expect(explain(healthy, failuresBetween(plan, 'worker1', 'worker2', 'silent'))).toEqual([]);
  });

  it('names a missing route by the direction that failed', () => {
    expect(names(explain(lostRoute, failuresBetween(plan, 'worker1', 'worker2', 'no-route')))).toEqual(['no-route-to-pod-cidr certain']);
    expect(names(explain(lostRoute, failuresBetween(plan, 'worker2', 'worker1', 'silent')))).toEqual([
      'no-return-route certain',
      'no-route-to-pod-cidr possible',
    ]);
    const both = [...failuresBetween(plan, 'worker1', 'worker2', 'no-route'), ...failuresBetween(plan, 'worker2', 'worker1', 'silent')];
    expect(names(explain(lostRoute, both))).toEqual(['no-return-route certain', 'no-route-to-pod-cidr certain']);
    expect(explainFailures({ plan, failures: both, conntrack: [], snapshot: lostRoute }).names).toEqual([
      ...Array<string>(4).fill('no-route-to-pod-cidr'),
      ...Array<string>(4).fill('no-return-route'),
    ]);
  });

  it('knows a proxy in the server by its calling with the address of the server, whoever the client is', () => {
    const own = server.interface.addresses[0]?.address ?? '';
    const failures = [client.id, worker1.id].map((id) => rewritten(plan, id, server.id, 'tcp', `${own}:51000`, '10.244.1.2:40000'));
    const diagnoses = explain(healthy, failures);
    expect(diagnoses.map(({ name, confidence }) => [name, confidence])).toEqual([['proxy-in-path', 'likely']]);
    expect(diagnoses[0]?.evidence).toContain(`${own} is ${server.id} itself: a program in it took the connection and made another`);
  });

  it('keeps a deviation that explains nothing as a warning after the rest', () => {
    const rules = `*nat\n:POSTROUTING ACCEPT [0:0]\n[3:180] -A POSTROUTING -s ${worker2.podCIDRs[0]} ! -d ${worker2.podCIDRs[0]} -j MASQUERADE\nCOMMIT\n`;
    const both = changed(lostRoute, worker2.netns, (one) => ({ rules: { ...one.rules, iptables: rules } }));
    const diagnoses = explain(both, [rewritten(plan, server.id, client.id, 'tcp', '172.30.0.4:40000', '10.244.2.2:40000')]);
    expect(diagnoses.map((one) => [one.name, one.severity])).toEqual([
      ['pod-source-rewritten', 'fail'],
      ['no-route-to-pod-cidr', 'warn'],
    ]);
  });

  it('gives evidence with values, the checks that failed, the command that mends, and what was ruled out', () => {
    const off = changed(counted(worker1.netns, { IpInAddrErrors: 12 }), worker1.netns, (one) => ({ sysctls: { ...one.sysctls, 'net/ipv4/ip_forward': '0' } }));
    const [diagnosis] = explain(off, failuresBetween(plan, 'worker1', 'worker2', 'silent'), healthy);
    expect(diagnosis).toEqual({
      name: 'forwarding-disabled',
      title: 'the node does not forward packets',
      where: ['c1/worker1'],
      confidence: 'certain',
      severity: 'fail',
      checks: ['r1-pod-to-pod'],
      evidence: ['net.ipv4.ip_forward is 0 on worker1; planned: 1', 'IpInAddrErrors rose by 12 on worker1 around the failing probes'],
      ruledOut: [
        { name: 'route-is-blackhole', because: 'no route to pods of another node on worker1 is a blackhole' },
        { name: 'forward-policy-drops', because: 'no FORWARD policy on worker1 takes the probes' },
      ],
      mend: 'cnilab exec small worker1 -- sysctl -w net.ipv4.ip_forward=1',
    });
  });

  it('gathers one cause on many nodes', () => {
    const rules = '*filter\n:FORWARD DROP [5:300]\nCOMMIT\n';
    const both = healthySnapshot(plan, { worker1: rules, worker2: rules });
    const [diagnosis, ...rest] = explain(both, failuresBetween(plan, 'worker1', 'worker2', 'silent'));
    expect(rest).toEqual([]);
    expect(diagnosis).toMatchObject({ name: 'forward-policy-drops', where: ['c1/worker1', 'c1/worker2'] });
    expect(diagnosis?.mend).toBe(
      'cnilab exec small worker1 -- iptables -t filter -P FORWARD ACCEPT; cnilab exec small worker2 -- iptables -t filter -P FORWARD ACCEPT',
    );
  });

  it('is pure', () => {
    const failures = failuresBetween(plan, 'worker1', 'worker2', 'no-route');
    const frozen = JSON.stringify([plan, failures, lostRoute]);
    expect(explain(lostRoute, failures)).toEqual(explain(lostRoute, failures));
    expect(JSON.stringify([plan, failures, lostRoute])).toBe(frozen);
  });
});

describe('symptoms, where the inventory found nothing', () => {
  const lost = failuresBetween(plan, 'worker1', 'worker2', 'silent');
  it.each([
    ['forwarding-disabled likely', worker1.netns, { IpInAddrErrors: 6 }],
    ['reverse-path-filter-drops likely', worker2.netns, { TcpExtIPReversePathFilter: 6 }],
    ['no-return-route likely', worker2.netns, { IpExtInNoRoutes: 6 }],
  ] as const)('%s by its counter', (name, netns, counters) => {
    expect(names(explain(counted(netns, counters), lost, healthy))).toEqual([name]);
  });

  it('does not use counters that were not read before', () => {
    expect(explain(counted(worker1.netns, { IpInAddrErrors: 6 }), lost)).toEqual([]);
  });

  const saw = (source: string, wanted: string, protocol: Failure['protocol'] = 'tcp'): Failure =>
    rewritten(plan, client.id, server.id, protocol ?? 'tcp', source, wanted);
  it.each([
    ['source-port-rewritten likely', [saw('10.244.1.2:300', '10.244.1.2:40000')]],
    ['source-rewritten-for-one-protocol possible', [saw('172.30.0.3:40000', '10.244.1.2:40000', 'udp')]],
    ['pod-source-rewritten likely', [saw('172.30.0.3:40000', '10.244.1.2:40000'), saw('172.30.0.3:40001', '10.244.1.2:40001', 'udp')]],
    ['proxy-in-path possible', [saw(`${worker1.interfaces[0]?.addresses[0]?.address}:51234`, '10.244.1.2:40000')]],
    ['node-source-rewritten likely', [rewritten(plan, 'c1/worker1', server.id, 'tcp', '10.244.1.1:40000', '172.30.0.3:40000')]],
    ['port-not-listening possible', [failure(plan, client.id, server.id, 'refused')]],
    ['duplicate-pod-ip possible', [failure(plan, client.id, server.id, 'wrong-server')]],
    ['address-differs-from-plan likely', [failure(plan, client.id, '', 'address-differs', { check: 'r3-self-view' })]],
    ['hidden-double-nat likely', [failure(plan, client.id, server.id, 'hidden-nat')]],
    ['packet-loss likely', [failure(plan, client.id, server.id, 'silent', { saw: 'nothing came back (1 of 3 attempts)' })]],
    ['mtu-blackhole possible', [failure(plan, client.id, server.id, 'silent', { check: 'size-sweep', protocol: 'udp' })]],
  ] as const)('%s', (name, failures) => {
    expect(names(explain(healthy, failures))).toEqual([name]);
  });

  it('are not asked about what the inventory explains', () => {
    const diagnoses = explain(lostRoute, [...failuresBetween(plan, 'worker1', 'worker2', 'no-route'), failure(plan, server.id, 'c1/worker2', 'refused')]);
    expect(names(diagnoses)).toEqual(['no-route-to-pod-cidr certain', 'port-not-listening possible']);
  });
});

describe('the catalogue', () => {
  it('knows every look-alike that it names', () => {
    const known = Object.keys(diagnosisKinds);
    for (const name of known) for (const other of diagnosisKind(name as keyof typeof diagnosisKinds).lookAlikes) expect(known).toContain(other);
  });
});
