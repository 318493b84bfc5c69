/** The labs that must come up on real Kubernetes by one command and hold the three requirements, compared with the same labs on the embedded engine. */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../verify/report.ts';
import { Place } from '../integration/cnilab.ts';
import { lacking } from '../requires.ts';
import { containers, RealLab, verdicts } from './real.ts';

const why = lacking('kind', 'plugins');

interface Row {
  readonly name: string;
  readonly cni: string;
  readonly proxy: string;
}

const LABS: readonly Row[] = [
  { name: 'real-bridge', cni: '{ type: bridge }', proxy: 'iptables' },
  { name: 'real-vxlan', cni: '{ type: flannel }', proxy: 'nftables' },
  { name: 'real-host-gw', cni: '{ type: flannel, backend: host-gw }', proxy: 'iptables' },
];

const yamlOf = ({ name, cni, proxy }: Row): string => `name: ${name}
clusters:
  - name: c1
    cni: ${cni}
    kubeProxy: { mode: ${proxy} }
    workloads: [{ name: web, perNode: 2 }]
`;

/** Roles of the addresses that a kind of pair was seen with, without the number of probes: `bridge cni0`. */
function roles(report: Report, id: string): readonly string[] {
  const value = report.observations.find((one) => one.id === id)?.value ?? '';
  return value
    .split(', ')
    .map((one) => one.replace(/ \(.*$/, ''))
    .toSorted();
}

const PAIRS = ['node-to-pod-source-near', 'node-to-pod-source-far', 'pod-to-node-source-near', 'pod-to-node-source-far'];

describe.skipIf(why !== null).each(LABS)(`$name, kube-proxy $proxy${why === null ? '' : ` (skipped: ${why})`}`, (row) => {
  let place: Place;
  let lab: RealLab;
  let report: Report;

  beforeAll(async () => {
    place = new Place();
    lab = await RealLab.create(place, row.name, yamlOf(row));
    ({ report } = await lab.verify());
  });
  afterAll(async () => {
    await place?.[Symbol.asyncDispose]();
    expect(containers(`cnilab-${row.name}`)).toEqual([]);
  });

  it('holds R1, R2 and R3, seen from inside', () => {
    expect(verdicts(report)).toEqual({ R1: 'pass', R2: 'pass', R3: 'pass' });
    expect(report).toMatchObject({ verdict: 'pass', engine: 'kind' });
    expect(report.matrix).toHaveLength(9);
    expect(report.matrix.filter((cell) => cell.verdict !== 'pass' || cell.pairs === 0)).toEqual([]);
    expect(report.checks.find((check) => check.id === 'controls')).toMatchObject({ verdict: 'pass', pairs: { failed: 0, inconclusive: 0 } });
    // Nodes translate what kube-proxy and the CNI ask them to; their tables were read.
    expect(report.observations.find((one) => one.id === 'connection-tracking')?.value).toMatch(/^[1-9]\d* entries read/);
    const unseen = report.notLookedAt.join('\n');
    expect(unseen).toMatch(/ICMP/);
    expect(unseen).toMatch(/DF/);
  });

  it('gives the verdicts and the source roles of the embedded engine', async () => {
    await using other = new Place();
    const { code, stdout, stderr } = await other.cnilab(['up', lab.file, '--verify', '--json']);
    expect(stderr).not.toContain('error');
    expect(code).toBe(0);
    const netns = (JSON.parse(stdout) as { readonly report: Report }).report;
    expect(verdicts(report)).toEqual(verdicts(netns));
    for (const id of PAIRS) expect([id, roles(report, id)]).toEqual([id, roles(netns, id)]);
  });

  it('is a cluster that kubectl knows, with the pods of the lab', async () => {
    const kubeconfig = await lab.kubeconfig();
    const names = (what: readonly string[]): readonly string[] =>
      execFileSync('kubectl', ['--kubeconfig', kubeconfig, 'get', ...what, '-o', 'name'], { encoding: 'utf8' })
        .trim()
        .split('\n');
    expect(names(['nodes'])).toHaveLength(3);
    expect(names(['pods', '-n', 'default', '-l', 'app in (web, web-2)'])).toHaveLength(6);
    const seen = await place.cnilab(['exec', lab.name, 'worker1', '--', 'ip', '-4', 'route']);
    expect(seen.stdout).toMatch(/10\.244\.\d+\.0\/24/);
    // Nothing of a verification stays behind.
    expect(names(['namespaces']).filter((name) => name.includes('cnilab-verify'))).toEqual([]);
  });

  it('takes workloads in place, and nodes only by replacement', async () => {
    const wider = yamlOf(row).replace('perNode: 2', 'perNode: 1').replace('kubeProxy', 'workers: 2\n    kubeProxy');
    const { code, stderr } = await lab.up(wider);
    expect(stderr).toContain('changed');
    expect(code).toBe(0);
    const refused = await lab.up(wider.replace('workers: 2', 'workers: 3'));
    expect(refused.code).toBe(6);
    expect(refused.stderr).toMatch(/kind .*node/);
  });
});
