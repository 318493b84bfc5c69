/**
 * The labs that must come up on real Kubernetes by one command and hold the three requirements, compared with the same labs on the embedded engine. The lessons of two
 * of them are followed there, one for each CNI and proxy mode: what they show, what they check, and each exercise broken and solved.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withLesson } from '../../lab/lesson/open-lesson.ts';
import { shippedLabs } from '../../scripts/lab-pages.ts';
import type { LessonSpec } from '../../topology/lesson/lesson.ts';
import type { ClusterSpec, LabSpec } from '../../topology/spec.ts';
import type { Comparison } from '../../verify/compare/document.ts';
import type { Report } from '../../verify/report.ts';
import { checksOf, exerciseOf, lookAt } from '../follow-lesson.ts';
import { Place } from '../integration/cnilab.ts';
import { lacking } from '../requires.ts';
import { writesWhatIsWrittenHere } from './kube-proxy.ts';
import { containers, onNode, RealLab, verdicts } from './real.ts';

const why = lacking('kind', 'plugins');
const { labs: shipped } = await shippedLabs();

const JOINED = 'nodes get their ranges in the order in which they join';

interface Row {
  readonly name: string;
  readonly proxy: 'iptables' | 'nftables';
  /** A node that is no control plane. */
  readonly worker: string;
  /** @default the lab that ships, by its name */
  readonly own?: LabSpec;
  /** Title of a look → why it shows something else there. */
  readonly differs: Readonly<Record<string, string>>;
}

const LABS: readonly Row[] = [
  {
    name: 'bridge-routes',
    proxy: 'iptables',
    worker: 'node2',
    differs: {
      'Where the node stands': 'nodes stand on the network of Docker',
      'Every node has a bridge with an address': 'pods of the system hang on the bridge as well',
      'Other node: routed': `${JOINED}, and the routes are marked as the CNI's own`,
    },
  },
  {
    name: 'flannel-vxlan',
    proxy: 'nftables',
    worker: 'worker1',
    differs: {
      'First entry: the route': `${JOINED}, and flanneld leaves its routes unmarked`,
      'Third entry: the forwarding entry': 'sorted by the MAC addresses, which flanneld chooses by chance',
    },
  },
  {
    name: 'real-host-gw',
    proxy: 'iptables',
    worker: 'worker1',
    own: { name: 'real-host-gw', clusters: [{ name: 'c1', cni: { type: 'flannel', backend: 'host-gw' }, workloads: [{ name: 'web', perNode: 2 }] }] },
    differs: {},
  },
];

interface RealSpec extends LabSpec {
  readonly cluster: ClusterSpec;
}

/** The lab of a row: its one cluster, with the mode of the proxy. */
function specOf({ name, proxy, own }: Row): RealSpec {
  const spec = own ?? shipped.find((one) => one.name === name)?.spec;
  const [first] = spec?.clusters ?? [];
  if (spec === undefined || first === undefined) throw new Error(`there is no lab ${name} with a cluster`);
  return { ...spec, cluster: { ...first, kubeProxy: { mode: proxy } } };
}

const textOf = ({ cluster, ...spec }: RealSpec, change: Partial<ClusterSpec> = {}): string =>
  JSON.stringify({ ...spec, clusters: [{ ...cluster, ...change }] });

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
  const spec = specOf(row);
  let place: Place;
  let lab: RealLab;
  let report: Report;

  beforeAll(async () => {
    place = new Place();
    lab = await RealLab.create(place, row.name, textOf(spec));
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

  it('is compared with the same lab of the embedded engine', async () => {
    const { lesson: _taught, ...plain } = spec;
    const file = join(place.directory, 'embedded.json');
    writeFileSync(file, textOf({ ...plain, name: 'embedded' }));
    expect((await place.cnilab(['up', file])).code).toBe(0);
    const { code, stdout, stderr } = await place.cnilab(['compare', lab.name, 'embedded', '--seconds', '0.5', '--json']);
    expect(code, stderr).toBe(0);
    const [real, embedded] = (JSON.parse(stdout) as Comparison).labs;
    expect([real?.cluster?.passage, real?.cluster?.podMtuBytes]).toEqual([embedded?.cluster?.passage, embedded?.cluster?.podMtuBytes]);
    for (const way of ['oneNode', 'twoNodes'] as const) {
      expect(real?.[way]).toMatchObject({ by: 'programs', reason: '', roundTripUs: { ratio: 1 } });
      expect(real?.[way].roundTripUs.value).toBeGreaterThan(0);
      expect(real?.[way].bitsPerSecond.value).toBeGreaterThan(0);
      expect(embedded?.[way]).toMatchObject({ by: 'thread', reason: '', roundTripUs: { ratio: null }, bitsPerSecond: { ratio: null } });
    }
    expect(onNode(containers(`cnilab-${row.name}`)[0] ?? '', 'ps', '-eo', 'args=')).not.toContain('perl -');
    expect((await place.cnilab(['down', 'embedded'])).code).toBe(0);
  });

  it('is a cluster that kubectl knows, with the pods of the lab', async () => {
    const kubeconfig = await lab.kubeconfig();
    const names = (what: readonly string[]): readonly string[] =>
      execFileSync('kubectl', ['--kubeconfig', kubeconfig, 'get', ...what, '-o', 'name'], { encoding: 'utf8' })
        .trim()
        .split('\n');
    expect(names(['nodes'])).toHaveLength(3);
    expect(names(['pods', '-n', 'default', '-l', 'app in (web, web-2)'])).toHaveLength(6);
    const seen = await place.cnilab(['exec', lab.name, row.worker, '--', 'ip', '-4', 'route']);
    expect(seen.stdout).toMatch(/10\.244\.\d+\.0\/24/);
    // Nothing of a verification stays behind.
    expect(names(['namespaces']).filter((name) => name.includes('cnilab-verify'))).toEqual([]);
  });

  if (spec.lesson !== undefined) followsItsLesson(row, spec.lesson, () => place);

  // The lab is another from here on.
  it('takes workloads in place, and nodes only by replacement', async () => {
    const wider = { workloads: [{ name: 'web', perNode: 1 }] };
    // The lesson speaks of pods that go.
    const { lesson: _taught, ...plain } = spec;
    const { code, stderr } = await lab.up(textOf(plain, wider));
    expect(stderr).toContain('changed');
    expect(code).toBe(0);
    const { nodes } = spec.cluster;
    const refused = await lab.up(textOf(plain, { ...wider, ...(nodes === undefined ? { workers: 3 } : { nodes: nodes.slice(0, -1) }) }));
    expect(refused.code).toBe(6);
    expect(refused.stderr).toMatch(/kind .*node/);
  });

  if (row.proxy === 'nftables') writesWhatIsWrittenHere(() => lab, spec.cluster);
});

/** The lesson of a row, followed on its cluster as it came up. */
function followsItsLesson({ name, differs }: Row, lesson: LessonSpec, place: () => Place): void {
  describe(`the lesson of ${name}`, () => {
    const before = process.env['XDG_STATE_HOME'];
    beforeAll(() => {
      process.env['XDG_STATE_HOME'] = join(place().directory, 'state');
    });
    afterAll(() => {
      if (before === undefined) delete process.env['XDG_STATE_HOME'];
      else process.env['XDG_STATE_HOME'] = before;
    });

    it('says of no look that it differs which it does not have', () => {
      expect(Object.keys(differs).filter((title) => lesson.look?.every((look) => look.title !== title))).toEqual([]);
    });

    for (const look of lesson.look ?? []) {
      const reason = differs[look.title];
      it.skipIf(reason !== undefined)(`shows "${look.title}"${reason === undefined ? '' : ` (skipped: ${reason})`}`, async () => {
        expect((await withLesson(name, {}, async ({ context }) => await lookAt(context, look))).join('\n')).toBe('');
      });
    }

    it('holds its checks', async () => {
      expect((await withLesson(name, {}, async ({ context }) => await checksOf(context, lesson))).join('\n')).toBe('');
    });

    it.each(lesson.exercises ?? [])('has the exercise $name: broken, noticed, solved', async (exercise) => {
      expect((await exerciseOf(name, lesson, exercise)).join('\n')).toBe('');
    });

    it('leaves no program of a check or an exercise behind, and lets those of the nodes go on', () => {
      for (const node of containers(`cnilab-${name}`)) {
        const programs = onNode(node, 'ps', '-eo', 'stat=,args=').split('\n');
        expect(programs.filter((line) => /^T|perl - /.test(line))).toEqual([]);
      }
    });
  });
}
