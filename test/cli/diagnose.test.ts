import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CapturedPacket } from '../../engines/port.ts';
import type { LabDiagnosis } from '../../verify/diagnose-lab.ts';
import type { DiagnosisReport } from '../../verify/diagnosis/document.ts';
import type { Bundle } from '../../verify/evidence/bundle.ts';
import { runCli } from './run-cli.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cnilab-diagnose-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const packet: CapturedPacket = { netns: 'n1', dev: 'eth0', direction: 'out', link: 'ethernet', atUs: 1, length: 14, data: Buffer.alloc(14).toString('base64') };
const healthy: DiagnosisReport = {
  schema: 'cnilab.diagnosis/1',
  lab: 'shop',
  engine: 'netns',
  from: null,
  to: null,
  startedAt: '2026-01-01T00:00:00.000Z',
  elapsedMs: 900,
  found: false,
  inventory: { namespaces: 8, elapsedMs: 60, rules: [{ id: 'inventory-routes', findings: 0, remarks: [] }] },
  ladder: [{ id: 'network', title: 'every pod and node by its address', verdict: 'pass', detail: 'r1-pod-to-pod 30/30', elapsedMs: 300 }],
  checks: [],
  counters: [],
  capture: null,
  diagnoses: [],
  notLookedAt: [],
};
const broken: DiagnosisReport = {
  ...healthy,
  from: 'c1/default/a',
  to: 'c1/default/b',
  found: true,
  inventory: { namespaces: 8, elapsedMs: 60, rules: [{ id: 'inventory-routes', findings: 2, remarks: ['link-down at c1/worker1: eth9 is down'] }] },
  ladder: [
    { id: 'address', title: 'the pod by its own address', verdict: 'fail', detail: 'r1-pod-to-pod: 3 failures', elapsedMs: 750 },
    { id: 'name', title: 'names', verdict: 'skip', detail: 'not climbed: it stands on the one below', elapsedMs: 0 },
  ],
  counters: [{ where: 'worker1', counter: 'IpExtInNoRoutes', by: 1 }],
  capture: {
    client: 'c1/default/a',
    server: 'c1/default/b',
    passed: ['c1/default/a eth0 out', 'worker1 eth0 in'],
    unseen: ['c1/default/b'],
    packets: [{ afterUs: 0, where: 'c1/default/a eth0 out', text: '10.244.2.2:40000 > 10.244.1.2:7000 tcp SYN, ttl 64, DF' }],
    packetsTotal: 2,
    dropped: 0,
  },
  diagnoses: [
    {
      name: 'no-return-route',
      title: 'replies find no route back to the pods of the client',
      where: ['c1/worker1'],
      confidence: 'certain',
      evidence: ['worker1 has no route to 10.244.2.0/24'],
      ruledOut: [{ name: 'policy-drops', because: 'no DROP rule on worker1 takes the probes' }],
      mend: 'cnilab exec shop worker1 -- ip route replace 10.244.2.0/24 via 10.244.2.0',
      severity: 'fail',
      checks: ['r1-pod-to-pod'],
    },
  ],
};
const answering = (report: DiagnosisReport, packets: readonly CapturedPacket[] = []) => ({
  diagnose: async (): Promise<LabDiagnosis> => ({ report, packets }),
});

describe('cnilab diagnose', () => {
  it('exits 0 where nothing is found, and says how it was looked for', async () => {
    const { code, stdout, stderr } = await runCli(['diagnose', 'shop'], { lab: answering(healthy) });
    expect(code).toBe(0);
    expect(stdout).toMatch(/nothing found[^]*8 namespaces read[^]*ok {4}routes[^]*pass {2}every pod and node/);
    expect(stderr).toContain('next: cnilab verify shop');
  });

  it('exits 5 where nothing is found, and something could not be judged', async () => {
    const unjudged: DiagnosisReport = {
      ...healthy,
      ladder: healthy.ladder.map((rung) => ({ ...rung, verdict: 'inconclusive', detail: 'r1-pod-to-pod: answers are missing' })),
    };
    const { code, stdout } = await runCli(['diagnose', 'shop'], { lab: answering(unjudged) });
    expect(code).toBe(5);
    expect(stdout).toContain('not everything could be judged');
  });

  it('exits 1 with name, evidence, what was ruled out, counters, packets, and the mending command as the next one', async () => {
    const { code, stdout, stderr } = await runCli(['diagnose', 'shop', 'a', 'b'], { lab: answering(broken) });
    expect(code).toBe(1);
    expect(stdout).toMatch(/no-return-route \(certain\) at c1\/worker1[^]*evidence {3}worker1 has no route[^]*ruled out {2}policy-drops/);
    expect(stdout).toContain('IpExtInNoRoutes +1');
    expect(stdout).toMatch(/not seen {3}c1\/default\/b/);
    expect(stdout).toContain('link-down at c1/worker1: eth9 is down');
    expect(stdout.split('\n').filter((line) => line.length > 100 && !line.includes('mend'))).toEqual([]);
    expect(stderr).toContain('next: cnilab exec shop worker1 -- ip route replace');
  });

  it('passes both ends on, and prints the document with --json', async () => {
    const asked: unknown[] = [];
    const diagnose = async (name: string, options: object = {}): Promise<LabDiagnosis> => {
      asked.push([name, options]);
      return { report: broken, packets: [] };
    };
    const { code, stdout } = await runCli(['diagnose', 'shop', 'a', 'svc/web:80', '--deadline', '500', '--json'], { lab: { diagnose } });
    expect(code).toBe(1);
    expect(asked).toEqual([['shop', expect.objectContaining({ from: 'a', to: 'svc/web:80', deadlineMs: 500 })]]);
    expect(JSON.parse(stdout)).toEqual(broken);
  });

  it('writes the packets of the failing pair, and refuses before the work where it cannot', async () => {
    const file = join(folder, 'pair.pcapng');
    await runCli(['diagnose', 'shop', '--pcap', file], { lab: answering(broken, [packet]) });
    expect(readFileSync(file).readUInt32LE(0)).toBe(0x0a0d0d0a);
    const refused = await runCli(['diagnose', 'shop', '--pcap', join(folder, 'no/such/x')], { lab: {} });
    expect(refused.code).toBe(2);
  });
});

describe('cnilab evidence', () => {
  const bundle: Bundle = { archive: Buffer.from([0x1f, 0x8b, 8, 0]), files: ['README.txt', 'plan.json'], cut: [] };
  const lab = { collectEvidence: async (): Promise<Bundle> => bundle };

  it('writes the archive, never over a file unless it is told to', async () => {
    const file = join(folder, 'e.tgz');
    expect((await runCli(['evidence', 'shop', '-o', file], { lab })).code).toBe(0);
    expect(readFileSync(file)).toEqual(bundle.archive);
    writeFileSync(file, 'mine');
    const refused = await runCli(['evidence', 'shop', '-o', file], { lab: {} });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('OUTPUT_REFUSED'.toLowerCase());
    expect(readFileSync(file, 'utf8')).toBe('mine');
    expect((await runCli(['evidence', 'shop', '-o', file, '--force'], { lab })).code).toBe(0);
    expect(readFileSync(file)).toEqual(bundle.archive);
  });

  it('is named by the lab without -o, and goes to stdout with -', async () => {
    const { stderr } = await runCli(['evidence', 'shop'], { lab, cwd: folder });
    expect(stderr).toContain('wrote shop-evidence.tgz: 2 files');
    expect(readFileSync(join(folder, 'shop-evidence.tgz'))).toEqual(bundle.archive);
    const { stdout } = await runCli(['evidence', 'shop', '-o', '-'], { lab, cwd: folder });
    expect(Buffer.from(stdout, 'latin1')).toEqual(bundle.archive);
  });

  it('refuses a folder, and a place that is not there', async () => {
    expect((await runCli(['evidence', 'shop', '-o', folder], { lab: {} })).code).toBe(2);
    expect((await runCli(['evidence', 'shop', '-o', join(folder, 'no/such.tgz')], { lab: {} })).code).toBe(2);
  });
});
