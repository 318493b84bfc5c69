import { emptyNamespace } from '../../engines/empty-namespace.ts';
import { describe, expect, it } from 'vitest';
import type { NamespaceSnapshot } from '../../engines/port.ts';
import { checks } from '../../verify/checks/index.ts';
import { faults, type Fault } from '../../verify/faults/index.ts';
import { killMatrix, selfTestVerdict, type TestedLab } from '../../verify/faults/kill-matrix.ts';
import { leftBehind, tracesOf } from '../../verify/faults/traces.ts';
import { isClean, judgeTrial, optionsFor, type Trial } from '../../verify/faults/trial.ts';
import type { Diagnosis, Report } from '../../verify/report.ts';

const fault: Pick<Fault, 'check' | 'diagnosis' | 'severity'> = { check: 'r1-pod-to-pod', diagnosis: 'no-route-to-pod-cidr' };
const failing = (...ids: readonly string[]): Report['checks'] =>
  ids.map((id) => ({
    id,
    title: id,
    requirement: null,
    verdict: 'fail',
    reason: '',
    pairs: { planned: 1, passed: 0, failed: 1, inconclusive: 0 },
    probes: 1,
    lost: 1,
    latencyUs: null,
    failures: [],
    failuresTotal: 1,
  }));
const named = (name: string, more: Partial<Diagnosis> = {}): Diagnosis => ({
  name,
  title: name,
  where: ['c1/worker1'],
  confidence: 'certain',
  evidence: ['it is so'],
  ruledOut: [],
  mend: '',
  severity: 'fail',
  checks: [],
  ...more,
});

describe('a trial', () => {
  it('is found when its check fails and its name comes first', () => {
    expect(judgeTrial(fault, { checks: failing('r1-pod-to-pod'), diagnoses: [named('no-route-to-pod-cidr'), named('policy-drops')] })).toEqual({
      verdict: 'found',
      detail: '',
    });
  });

  it('is found behind the name that the same missing route has for the other direction, and behind no other', () => {
    const behind = (first: string) => judgeTrial(fault, { checks: failing('r1-pod-to-pod'), diagnoses: [named(first), named('no-route-to-pod-cidr')] });
    expect(behind('no-return-route').verdict).toBe('found');
    expect(behind('policy-drops')).toEqual({ verdict: 'misnamed', detail: 'named policy-drops, and no-route-to-pod-cidr after it' });
  });

  it('survives when another check fails, or none', () => {
    expect(judgeTrial(fault, { checks: failing('loss'), diagnoses: [named('no-route-to-pod-cidr')] })).toEqual({
      verdict: 'survived',
      detail: 'r1-pod-to-pod does not fail, loss do',
    });
    expect(judgeTrial(fault, { checks: [], diagnoses: [] }).verdict).toBe('survived');
  });

  it('is misnamed under another name, as a warning, or without evidence', () => {
    const report = (...diagnoses: readonly Diagnosis[]) => judgeTrial(fault, { checks: failing('r1-pod-to-pod'), diagnoses }).detail;
    expect(report()).toBe('named nothing');
    expect(report(named('policy-drops'))).toBe('named policy-drops');
    expect(report(named('no-route-to-pod-cidr', { severity: 'warn' }))).toContain('named nothing');
    expect(report(named('no-route-to-pod-cidr', { evidence: [] }))).toBe('no-route-to-pod-cidr without evidence');
  });

  it('of a fault that only warns needs no failure, but its name among the warnings', () => {
    const warns = { check: 'size-sweep', diagnosis: 'path-mtu-below-pod-mtu', severity: 'warn' } as const;
    expect(judgeTrial(warns, { checks: [], diagnoses: [named('path-mtu-below-pod-mtu', { severity: 'warn' })] }).verdict).toBe('found');
    expect(judgeTrial(warns, { checks: [], diagnoses: [] }).verdict).toBe('survived');
    const among = [named('overlay-packets-fragmented', { severity: 'warn' }), named('path-mtu-below-pod-mtu', { severity: 'warn' })];
    expect(judgeTrial(warns, { checks: [], diagnoses: among }).verdict).toBe('found');
    expect(judgeTrial(warns, { checks: failing('size-sweep'), diagnoses: among }).verdict).toBe('misnamed');
  });

  it('looks at the network and at the suite of its check', () => {
    expect(optionsFor({ check: 'r1-pod-to-pod' })).toMatchObject({ suites: ['network'] });
    expect(optionsFor({ check: 'dns-ladder' })).toMatchObject({ suites: ['network', 'dns'], deadlineMs: 2000 });
    expect(optionsFor({ check: 'loss' }, { skip: /^(loss|size-sweep)$/ })).toMatchObject({ skip: /^(size-sweep)$/ });
  });

  it('can be made of every fault: its check is one that there is', () => {
    const known = new Set(Object.keys(checks));
    expect(faults.filter((one) => !known.has(one.check)).map((one) => one.id)).toEqual([]);
    expect(new Set(faults.map((one) => one.id)).size).toBe(faults.length);
  });
});

const namespace = (more: Partial<NamespaceSnapshot> = {}): NamespaceSnapshot => ({ ...emptyNamespace('n'), ...more });
const traces = (more: Partial<NamespaceSnapshot>) => tracesOf({ takenAt: '', namespaces: { n: namespace(more) } });
const rules = (iptables: string, nft = '') => traces({ rules: { iptables, ip6tables: '', nft } });

describe('traces', () => {
  it('are what is there and was not, and what is not there any more', () => {
    const before = traces({ sysctls: { 'net/ipv4/ip_forward': '1' } });
    expect(leftBehind(before, before)).toEqual([]);
    expect(leftBehind(before, traces({ sysctls: { 'net/ipv4/ip_forward': '0' } }))).toEqual([
      'n: + sysctl net/ipv4/ip_forward 0',
      'n: - sysctl net/ipv4/ip_forward 1',
    ]);
  });

  it('see a rule that is there once more', () => {
    const rule = '*filter\n:FORWARD ACCEPT [0:0]\n[3:180] -A FORWARD -j DROP\nCOMMIT\n';
    const twice = rule.replace('COMMIT', '[0:0] -A FORWARD -j DROP\nCOMMIT');
    expect(leftBehind(rules(rule), rules(twice))).toEqual(['n: + rule -A FORWARD -j DROP']);
  });

  it('do not see counters, learned neighbours and tables that do nothing', () => {
    const rule = (packets: number) => `*nat\n:T - [0:0]\n[${packets}:0] -A T -j RETURN\nCOMMIT\n`;
    expect(leftBehind(rules(rule(0)), rules(rule(7)))).toEqual([]);
    expect(leftBehind(rules(`${rule(0)}# Completed on Monday`), rules(`${rule(0)}# Completed on Tuesday`))).toEqual([]);
    const learned = traces({ neighbours: [{ dev: 'eth0', family: 'ipv4', address: '10.0.0.1', mac: '02:00:00:00:00:01', state: 'reachable' }] });
    expect(leftBehind(traces({}), learned)).toEqual([]);
    const empty = rules(
      '# Generated\n*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [5:300]\nCOMMIT\n',
      'table ip filter {\n\tchain FORWARD {\n\t\ttype filter hook forward priority filter; policy accept;\n\t}\n}\n',
    );
    expect(leftBehind(traces({}), empty)).toEqual([]);
    const used = 'table ip nat {\n\tchain POSTROUTING {\n\t\ttype nat hook postrouting priority 100; policy accept;\n\t\tmasquerade\n\t}\n';
    const more = '\n\tchain PREROUTING {\n\t\ttype nat hook prouting priority -100; policy accept;\n\t}\n';
    expect(leftBehind(rules('', `${used}}\n`), rules('', `${used}${more}}\n`))).toEqual([]);
    const dropping = rules(
      '*filter\n:FORWARD DROP [0:0]\nCOMMIT\n',
      'table ip filter {\n\tchain F {\n\t\ttype filter hook forward priority 0; policy drop;\n\t}\n}\n',
    );
    expect(leftBehind(traces({}), dropping)).toEqual(
      expect.arrayContaining(['n: + rule :FORWARD DROP', 'n: + rule type filter hook forward priority 0; policy drop;']),
    );
  });

  it('see rules of the other backend, programs that serve a port, and the set-up of the CNI', () => {
    const legacy = traces({
      rules: { iptables: '', ip6tables: '', nft: '', legacy: { iptables: '*filter\n[1:60] -A FORWARD -j DROP\nCOMMIT\n', ip6tables: '' } },
    });
    expect(leftBehind(traces({}), legacy)).toContain('n: + rule -A FORWARD -j DROP');
    expect(leftBehind(traces({ listening: ['0.0.0.0:53'] }), traces({}))).toEqual(['n: - listening 0.0.0.0:53']);
    const setUp = (...plugins: readonly string[]) =>
      traces({ cni: { configFolder: '/c', configs: [{ file: '10-a.conflist', text: '{}' }], pluginFolder: '/p', plugins } });
    expect(leftBehind(setUp('bridge'), setUp())).toEqual(['n: - CNI plugin bridge']);
    expect(leftBehind(traces({}), setUp())).toEqual(['n: + CNI configuration 10-a.conflist {}']);
  });

  it('see permanent entries, MTUs and addresses', () => {
    const fdb = traces({ fdb: [{ dev: 'vxlan', mac: '02:00:00:00:00:01', dst: '10.0.0.9', permanent: true }] });
    expect(leftBehind(traces({}), fdb)).toEqual(['n: + fdb 02:00:00:00:00:01 dst 10.0.0.9 dev vxlan']);
    const address = traces({ addresses: [{ dev: 'eth0', family: 'ipv4', address: '10.0.0.1', prefixLength: 24 }] });
    expect(leftBehind(address, traces({}))).toEqual(['n: - address 10.0.0.1/24 dev eth0']);
  });
});

const trial = (more: Partial<Trial> = {}): Trial => ({
  lab: 'a',
  fault: 'stale-fdb',
  layer: 'overlay',
  where: 'c1/worker1',
  check: 'r1-pod-to-pod',
  diagnosis: 'fdb-points-elsewhere',
  verdict: 'found',
  failed: ['r1-pod-to-pod'],
  named: ['fdb-points-elsewhere'],
  detail: '',
  left: [],
  seconds: 1,
  ...more,
});
const lab = (status: TestedLab['status']): TestedLab => ({ name: 'a', status, detail: '', verifications: 1, seconds: 1 });

describe('the kill matrix', () => {
  it('has a row per fault, whose verdict is that of its worst trial', () => {
    const trials = [
      trial({ failed: ['r1-pod-to-pod'], seconds: 2 }),
      trial({ lab: 'b', verdict: 'misnamed', failed: ['loss', 'r1-pod-to-pod'] }),
      trial({ fault: 'vni-mismatch' }),
    ];
    expect(killMatrix(trials)).toMatchObject([
      { fault: 'stale-fdb', verdict: 'misnamed', failed: ['r1-pod-to-pod', 'loss'], labs: ['a', 'b (misnamed)'], seconds: 2 },
      { fault: 'vni-mismatch', verdict: 'found', labs: ['a'] },
    ]);
  });

  it('fails for whatever speaks against the verifier, and not for what a machine lacks', () => {
    expect(selfTestVerdict([lab('tested')], [trial(), trial({ verdict: 'lacking' })])).toBe('pass');
    for (const verdict of ['survived', 'misnamed', 'left-behind', 'broken-off'] as const)
      expect(selfTestVerdict([lab('tested')], [trial({ verdict })]), verdict).toBe('fail');
    expect(selfTestVerdict([lab('broken'), lab('inconclusive')], [])).toBe('fail');
    expect(selfTestVerdict([lab('inconclusive')], [trial()])).toBe('inconclusive');
    expect(selfTestVerdict([lab('left out'), lab('tested')], [trial()])).toBe('pass');
  });

  it('needs a new lab after a trial that left something, or broke off', () => {
    expect(isClean(trial())).toBe(true);
    expect(isClean(trial({ left: ['n: + rule x'] }))).toBe(false);
    expect(isClean(trial({ verdict: 'broken-off' }))).toBe(false);
  });
});
