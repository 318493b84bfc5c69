/** A diagnosis of a way between hosts, over the state of kernels as data. That a kernel gives such a state is tested in test/integration/explain-hosts.test.ts. */
import { describe, expect, it } from 'vitest';
import { emptyNamespace } from '../../engines/empty-namespace.ts';
import type { NamespaceSnapshot, ProbeRecord, Snapshot } from '../../engines/port.ts';
import { plainStyle } from '../../report/style.ts';
import { renderDiagnosis } from '../../report/diagnosis-text.ts';
import { cidrOf, formatCidr, parseAddress } from '../../topology/cidr.ts';
import { FABRIC_NETNS, type MachinePlan } from '../../topology/plan.ts';
import { planLab } from '../../topology/plan-lab.ts';
import { diagnoseWay } from '../../verify/diagnose-way.ts';
import type { DiagnosisReport } from '../../verify/diagnosis/document.ts';
import { changed, link } from './inventory-fixture.ts';
import { modelSession, SILENT } from './model-session.ts';

const plan = planLab({
  name: 'two-nets',
  underlay: {
    segments: [
      { name: 'net1', cidr: '192.168.1.0/24' },
      { name: 'net2', cidr: '192.168.2.0/24' },
    ],
  },
  hosts: [
    { name: 'a', segment: 'net1', address: '192.168.1.10' },
    { name: 'c', segment: 'net2', address: '192.168.2.10' },
  ],
  routers: [
    {
      name: 'b',
      forwarding: false,
      interfaces: [
        { segment: 'net1', address: '192.168.1.1' },
        { segment: 'net2', address: '192.168.2.1' },
      ],
    },
  ],
});

function stateOf({ netns, interfaces, routes }: MachinePlan): NamespaceSnapshot {
  const common = { family: 'ipv4', type: 'unicast', proto: 4, metric: 0, table: 254, onlink: false } as const;
  return {
    ...emptyNamespace(netns),
    links: interfaces.map(({ name, mac, mtuBytes }, at) => link(at + 2, name, mac, mtuBytes)),
    addresses: interfaces.flatMap(({ name, addresses }) => addresses.map((one) => ({ dev: name, ...one }))),
    routes: [
      ...routes.map(({ to, via, dev }) => ({ ...common, to, via, dev })),
      ...interfaces.flatMap(({ name, addresses }) =>
        addresses.map(({ address, prefixLength }) => ({ ...common, to: formatCidr(cidrOf(parseAddress(address), prefixLength)), via: null, dev: name })),
      ),
    ],
    sysctls: { 'net/ipv4/ip_forward': '1' },
  };
}

const netnsOf = (name: string): string => plan.machines.find((one) => one.name === name)?.netns ?? '';
const healthy: Snapshot = {
  takenAt: '2026-01-01T00:00:00.000Z',
  namespaces: { [FABRIC_NETNS]: emptyNamespace(FABRIC_NETNS), ...Object.fromEntries(plan.machines.map((one) => [one.netns, stateOf(one)])) },
};
const notForwarded = changed(healthy, netnsOf('b'), () => ({ sysctls: { 'net/ipv4/ip_forward': '0' } }));
const noWayBack = changed(healthy, netnsOf('c'), ({ routes }) => ({ routes: routes.filter(({ via }) => via === null) }));
const OK: Partial<ProbeRecord> = { outcome: 'ok', errno: 0, answeredBy: 2, seenSourceAddress: '192.168.1.10' };

async function diagnosed(snapshot: Snapshot, answer: Partial<ProbeRecord>, unusable: Readonly<Record<string, string>> = {}): Promise<DiagnosisReport> {
  const session = modelSession(plan, { snapshot: (netns) => snapshot.namespaces[netns] ?? null, change: () => answer, unusable: () => unusable });
  const between = { cluster: '', from: 'a', to: { kind: 'host', id: 'c' } } as const;
  return (await diagnoseWay(session, plan, { between, word: 'c', address: null, port: null })).report;
}

const causes = ({ diagnoses }: DiagnosisReport): unknown => diagnoses.map(({ name, where, confidence, mend }) => ({ name, where, confidence, mend }));

describe('a diagnosis of a way between hosts', () => {
  it('finds nothing where the packet comes back', async () => {
    const report = await diagnosed(healthy, OK);
    expect([report.found, causes(report), report.ladder.map(({ verdict, detail }) => [verdict, detail])]).toEqual([false, [], [['pass', 'answered by c']]]);
  });

  it('tells a router that does not forward from a host without a way back, which look alike to the client', async () => {
    const [first, second] = [await diagnosed(notForwarded, SILENT), await diagnosed(noWayBack, SILENT)];
    expect([first.found, first.ladder[0]?.verdict]).toEqual([true, 'fail']);
    expect(causes(first)).toEqual([
      { name: 'forwarding-disabled', where: ['b'], confidence: 'likely', mend: 'cnilab exec two-nets b -- sysctl -w net.ipv4.ip_forward=1' },
    ]);
    expect(causes(second)).toEqual([
      {
        name: 'no-return-route',
        where: ['c'],
        confidence: 'likely',
        mend: expect.stringMatching(/^cnilab exec two-nets c -- ip route replace .* via 192\.168\.2\.1/),
      },
    ]);
    expect(second.diagnoses[0]?.ruledOut.map(({ name }) => name)).toEqual(['forwarding-disabled']);
    expect(second.diagnoses[0]?.evidence).toEqual(
      expect.arrayContaining(['the way there: a, b, c, and there it arrives', 'the way back: c, and no further', 'one real packet: silent']),
    );
  });

  it('says what it saw where the state of the kernels explains nothing, and accuses nobody', async () => {
    const report = await diagnosed(healthy, SILENT);
    expect([report.found, report.diagnoses]).toEqual([true, []]);
    expect(report.ladder[0]?.detail).toMatch(/^not answered: silent; by the state of the kernels it arrives/);
  });

  it('judges by the state alone where no packet could be sent', async () => {
    const report = await diagnosed(notForwarded, SILENT, { a: 'no sockets' });
    expect(report.ladder[0]).toMatchObject({ verdict: 'inconclusive', detail: expect.stringContaining('b does not forward') });
    expect(causes(report)).toMatchObject([{ name: 'forwarding-disabled', confidence: 'likely' }]);
    expect(report.notLookedAt.join()).toContain('no sockets');
  });

  it('is printed with the place, the evidence and the command that mends it', async () => {
    const text = renderDiagnosis(await diagnosed(notForwarded, SILENT), { style: plainStyle });
    expect(text).toMatch(/forwarding-disabled \(likely\) at b/);
    expect(text).toMatch(/b does not forward: net\.ipv4\.ip_forward is 0/);
    expect(text).toMatch(/mend +cnilab exec two-nets b -- sysctl -w net\.ipv4\.ip_forward=1/);
  });
});
