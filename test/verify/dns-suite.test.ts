import { describe, expect, it } from 'vitest';
import type { CommandResult, EngineSession } from '../../engines/port.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { DnsRecord } from '../../topology/services/dns-records.ts';
import { dnsZone, resolveDns } from '../../topology/services/dns-records.ts';
import { formatResolvConf, resolvConf } from '../../topology/services/resolv-conf.ts';
import type { KubernetesObject } from '../../topology/spec.ts';
import { answerProblem, parseResolvConf, questionsOf, searchAnswer } from '../../verify/dns/expect.ts';
import { decodeReply, encodeQuestion } from '../../verify/dns/message.ts';
import type { CheckResult, Report } from '../../verify/report.ts';
import { verifyLab } from '../../verify/run-verification.ts';
import { serviceObject } from '../service-object.ts';
import { modelSession } from './model-session.ts';

const HTTP = [{ name: 'http', port: 80, targetPort: 8080 }];
const object = (name: string, spec: Readonly<Record<string, unknown>>): KubernetesObject =>
  serviceObject(name, { selector: { app: 'web' }, ports: HTTP, ...spec });
const plan = planLab({
  name: 'names',
  clusters: [
    {
      name: 'c1',
      cni: { type: 'flannel' },
      workloads: [{ name: 'web', perNode: 1 }],
      objects: [object('web', {}), object('pods', { clusterIP: 'None' }), object('abroad', { type: 'ExternalName', externalName: 'example.com' })],
    },
  ],
});
const [cluster] = plan.clusters;
if (cluster === undefined) throw new Error('no cluster');
const zone = dnsZone(cluster);

/** A DNS server of a few lines: decodes the question, answers from the records. */
function serve(data: Uint8Array, answers: (name: string, type: number) => { readonly rcode: number; readonly records: readonly DnsRecord[] }): Buffer {
  const labels: string[] = [];
  let at = 12;
  for (; data[at] !== 0; at += 1 + (data[at] ?? 0)) labels.push(Buffer.from(data.slice(at + 1, at + 1 + (data[at] ?? 0))).toString());
  const type = ((data[at + 1] ?? 0) << 8) | (data[at + 2] ?? 0);
  const { rcode, records } = answers(labels.join('.'), type);
  const nameBytes = (name: string): number[] => [...name.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]), 0];
  const rdata = (record: DnsRecord): readonly number[] => {
    switch (record.type) {
      case 'A':
        return record.address.split('.').map(Number);
      case 'AAAA':
        return [...new Uint8Array(16)];
      case 'CNAME':
      case 'PTR':
        return nameBytes(record.target);
      case 'SRV':
        return [0, record.priority, 0, record.weight, record.port >> 8, record.port & 255, ...nameBytes(record.target)];
      case 'TXT':
        return [record.text.length, ...Buffer.from(record.text)];
    }
  };
  const numbers = { A: 1, CNAME: 5, PTR: 12, TXT: 16, AAAA: 28, SRV: 33 } as const;
  const body = records.flatMap((record, index) => {
    const bytes = rdata(record);
    // The first name by a pointer to the question, where it is the same.
    const name = index === 0 && record.name === labels.join('.') ? [0xc0, 12] : nameBytes(record.name);
    return [...name, 0, numbers[record.type], 0, 1, 0, 0, 0, 30, bytes.length >> 8, bytes.length & 255, ...bytes];
  });
  return Buffer.from([...data.slice(0, 2), 0x85, 0x80 | rcode, 0, 1, 0, records.length, 0, 0, 0, 0, ...data.slice(12, at + 5), ...body]);
}

const TYPES = new Map([
  [1, 'A'],
  [5, 'CNAME'],
  [12, 'PTR'],
  [16, 'TXT'],
  [28, 'AAAA'],
  [33, 'SRV'],
] as const);

const truth = (name: string, type: number): { rcode: number; records: readonly DnsRecord[] } => {
  const found = resolveDns(zone, { name, type: TYPES.get(type as 1) ?? 'A' });
  return { rcode: found?.rcode === 'NXDOMAIN' ? 3 : 0, records: found?.answers ?? [] };
};

interface World {
  readonly answers?: typeof truth;
  readonly resolvConf?: (text: string) => string;
  readonly lookup?: (name: string, addresses: readonly string[]) => readonly string[];
}

/** The model network, with programs: the scripts of the suite and cat, answered from the plan. */
function session(world: World = {}): EngineSession {
  const done = (stdout: string): Promise<CommandResult> => Promise.resolve({ exitCode: 0, stdout, stderr: '' });
  return {
    ...modelSession(plan),
    run: (netns, argv, options) => {
      const pod = cluster?.pods.find((one) => one.netns === netns) ?? null;
      const conf = pod === null ? null : resolvConf(pod, cluster ?? expect.fail());
      if (argv[0] === 'cat') return done((world.resolvConf ?? ((text) => text))(conf === null ? '' : formatResolvConf(conf)));
      const input = JSON.parse(options?.input ?? '{}') as { names?: { name: string; family: number }[] };
      const found = (input.names ?? []).map(({ name }) => {
        const right = conf === null ? [] : (searchAnswer(zone, conf, name, 'A') ?? []);
        const addresses = world.lookup?.(name, right) ?? right;
        return addresses.length === 0 ? { failed: 'ENOTFOUND' } : addresses;
      });
      return done(JSON.stringify(found));
    },
    exchangeNames: (_netns, _server, messages) =>
      Promise.resolve(messages.map(({ data }) => ({ data: serve(Buffer.from(data, 'base64'), world.answers ?? truth).toString('base64') }))),
  };
}

const verify = (world?: World): Promise<Report> => verifyLab(session(world), plan, { suites: ['dns'] });
const check = (report: Report, id: string): CheckResult => report.checks.find((one) => one.id === id) ?? expect.fail(id);

describe('the suite dns', () => {
  it('passes where every answer is that of the records', async () => {
    const report = await verify();
    expect(report.checks.map((one) => [one.id, one.verdict, one.failures.map((failure) => failure.saw)])).toEqual([
      ['dns-ladder', 'pass', []],
      ['dns-records', 'pass', []],
      ['dns-search', 'pass', []],
      ['dns-resolv-conf', 'pass', []],
    ]);
    const { asked } = questionsOf(cluster);
    expect(new Set(asked.map(({ question }) => question.type))).toEqual(new Set(['A', 'CNAME', 'PTR', 'SRV', 'TXT']));
    expect(asked.some(({ answer }) => answer.rcode === 'NXDOMAIN')).toBe(true);
    // Nodes, and a pod of each.
    expect(check(report, 'dns-records').pairs.planned).toBe(asked.length * 6);
  });

  it('names the record that is missing, and who asked', async () => {
    const report = await verify({ answers: (name, type) => (name.startsWith('web.default') ? { rcode: 3, records: [] } : truth(name, type)) });
    const failures = check(report, 'dns-records').failures;
    expect(failures[0]).toMatchObject({ class: 'finding', saw: 'A web.default.svc.cluster.local by udp: NXDOMAIN: no record' });
    expect(failures[0]?.expected).toMatch(/^NOERROR: A 10\.96\./);
    expect(new Set(failures.map((one) => one.clientNode))).toHaveLength(3);
  });

  it('an address too many is wrong', async () => {
    const report = await verify({
      answers: (name, type) => {
        const right = truth(name, type);
        return name.startsWith('pods.default') && type === 1
          ? { ...right, records: [...right.records, { name, ttl: 30, type: 'A', address: '192.0.2.1' }] }
          : right;
      },
    });
    expect(check(report, 'dns-records').failures[0]?.saw).toContain('192.0.2.1');
  });

  it('finds a short name that leads elsewhere, and a search list that differs', async () => {
    const report = await verify({
      lookup: (name, right) => (name === 'web' ? [] : right),
      resolvConf: (text) => text.replace('search default.svc.cluster.local ', 'search '),
    });
    expect(check(report, 'dns-search').failures.map((one) => one.saw)).toContain('web: ENOTFOUND');
    expect(check(report, 'dns-resolv-conf').failures[0]?.saw).toContain('search svc.cluster.local cluster.local');
  });

  it('names of pods of a cluster that was found are not asked for, and the report says so', async () => {
    const found = {
      ...plan,
      clusters: plan.clusters.map((one) => ({ ...one, cni: { type: 'observed', name: 'some', ranges: 'node', mtuBytes: 1450 } as const })),
    };
    const asked = found.clusters.flatMap((one) => questionsOf(one).asked.map(({ question }) => question.name));
    expect(asked.filter((name) => name.includes('.pod.'))).toEqual([]);
    const note = 'names of pods of c1 by their address';
    expect((await verifyLab(session(), found, { suites: ['dns'] })).notLookedAt.join()).toContain(note);
    expect((await verify()).notLookedAt.join()).not.toContain(note);
  });

  it('asks a cluster that was found whatever plays its proxy, and says of no address that it has no DNS', async () => {
    const found = (services: boolean): typeof plan => ({
      ...plan,
      clusters: plan.clusters.map((one) => ({
        ...one,
        cni: { type: 'observed', name: 'cilium', ranges: 'unknown', mtuBytes: 1450 } as const,
        kubeProxy: { mode: 'none', scheduler: null } as const,
        services: services ? one.services : [],
      })),
    });
    const report = await verifyLab(session(), found(true), { suites: ['dns'] });
    for (const { id, verdict, pairs } of report.checks) expect([id, verdict, pairs.planned > 0]).toEqual([id, 'pass', true]);
    const unknown = await verifyLab(session(), found(false), { suites: ['dns'] });
    for (const { verdict, reason } of unknown.checks)
      expect([verdict, reason]).toEqual(['skip', expect.stringContaining('the address of the DNS is not known')]);
  });

  it('what cannot be run is inconclusive', async () => {
    const refuse = (): Promise<never> => Promise.reject(new Error('no such program'));
    const broken: EngineSession = { ...session(), run: refuse, exchangeNames: refuse };
    const report = await verifyLab(broken, plan, { suites: ['dns'] });
    expect(report.checks.map((one) => one.verdict)).toEqual(['inconclusive', 'inconclusive', 'inconclusive', 'inconclusive']);
  });
});

describe('DNS messages', () => {
  it('questions carry name, type and number', () => {
    expect(Buffer.from(encodeQuestion(258, 'a.bc.', 'SRV')).toString('hex')).toBe(
      '010201000001000000000001' + '0161' + '026263' + '00' + '0021' + '0001' + '00' + '0029' + '04d0' + '000000000000',
    );
  });

  it('an answer that was cut off is right by UDP when what it holds is', () => {
    const name = 'pods.default.svc.cluster.local';
    const records = ['10.244.0.2', '10.244.1.2'].map((address) => ({ name, ttl: 30, type: 'A', address }) as const);
    const problem = (protocol: 'udp' | 'tcp', found: readonly DnsRecord[], truncated = true): string | null =>
      answerProblem(
        { question: { name, type: 'A', protocol }, answer: { rcode: 'NOERROR', answers: records } },
        { id: 1, truncated, rcode: 'NOERROR', answers: found },
      );
    expect(problem('udp', records.slice(1))).toBeNull();
    expect(problem('udp', records.slice(1), false)).toBe('NOERROR: A 10.244.1.2');
    expect(problem('tcp', records.slice(1))).toBe('NOERROR: A 10.244.1.2 (truncated)');
    expect(problem('udp', [{ name, ttl: 30, type: 'A', address: '192.0.2.1' }])).toBe('NOERROR: A 192.0.2.1 (truncated)');
  });

  it('another code is wrong even where the records are right', () => {
    const nothing = { question: { name: 'none.default.svc.cluster.local', type: 'A', protocol: 'udp' }, answer: { rcode: 'NXDOMAIN', answers: [] } } as const;
    const got = (rcode: 'NXDOMAIN' | 'NOERROR'): string | null => answerProblem(nothing, { id: 1, truncated: false, rcode, answers: [] });
    expect([got('NXDOMAIN'), got('NOERROR')]).toEqual([null, 'NOERROR: no record']);
  });

  it('names with many records are asked for by TCP as well', () => {
    const large = planLab({
      name: 'many',
      clusters: [
        { name: 'c1', workers: 7, cni: { type: 'flannel' }, workloads: [{ name: 'web', perNode: 1 }], objects: [object('pods', { clusterIP: 'None' })] },
      ],
    });
    const asked = large.clusters.flatMap((one) => questionsOf(one).asked.map(({ question }) => `${question.protocol} ${question.type} ${question.name}`));
    for (const protocol of ['udp', 'tcp']) expect(asked).toContain(`${protocol} A pods.default.svc.cluster.local`);
  });

  it.each([
    ['nothing', []],
    ['a header that promises more', [0, 1, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0]],
    ['a name that points at itself', [0, 1, 0x80, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]],
  ])('%s is no message', (_what, bytes) => {
    expect(() => decodeReply(Uint8Array.from(bytes))).toThrow(RangeError);
  });

  it('a refusal is told as such', () => {
    const [expected] = questionsOf(cluster).asked;
    if (expected === undefined) expect.fail('no question');
    expect(answerProblem(expected, decodeReply(serve(encodeQuestion(1, 'x', 'A'), () => ({ rcode: 5, records: [] }))))).toBe('REFUSED: no record');
  });
});

it('resolv.conf is read as resolv.conf(5) says', () => {
  expect(parseResolvConf('# no\nsearch a b\nnameserver 10.0.0.1 ; x\nsearch c\noptions ndots:5 rotate\n')).toEqual({
    nameservers: ['10.0.0.1'],
    search: ['c'],
    options: ['ndots:5', 'rotate'],
  });
});
