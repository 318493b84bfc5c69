/** Faults on the nodes of a real cluster: each must be found in the right requirement and between the right nodes, and be gone afterwards. */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Report, RequirementId } from '../../verify/report.ts';
import { Place } from '../integration/cnilab.ts';
import { lacking } from '../requires.ts';
import { failingCells, onNode, RealLab, verdicts } from './real.ts';

const why = lacking('kind', 'plugins');

const CLUSTER = 'cnilab-real-faults';
const [CONTROL, ONE, TWO] = [`${CLUSTER}-control-plane`, `${CLUSTER}-worker`, `${CLUSTER}-worker2`] as const;

const YAML = `name: real-faults
clusters:
  - name: c1
    cni: { type: flannel }
`;

/** What the faults need to know of a node. */
interface Node {
  readonly address: string;
  readonly podCIDR: string;
  readonly vtepAddress: string;
  readonly vtepMac: string;
}

function look(node: string): Node {
  const address = /inet ([\d.]+)/.exec(onNode(node, 'ip', '-4', '-o', 'addr', 'show', 'eth0'))?.[1] ?? '';
  const vtep = onNode(node, 'ip', '-o', 'addr', 'show', 'flannel.1');
  const vtepAddress = /inet ([\d.]+)/.exec(vtep)?.[1] ?? '';
  const vtepMac = /link\/ether ([0-9a-f:]+)/.exec(onNode(node, 'ip', '-o', 'link', 'show', 'flannel.1'))?.[1] ?? '';
  return { address, vtepAddress, vtepMac, podCIDR: vtepAddress.replace(/\.\d+$/, '.0/24') };
}

interface Fault {
  readonly name: string;
  readonly inject: (one: Node, two: Node, control: Node) => readonly (readonly [node: string, ...argv: string[]])[];
  readonly undo: (one: Node, two: Node, control: Node) => readonly (readonly [node: string, ...argv: string[]])[];
  readonly fails: readonly RequirementId[];
  readonly passes: readonly RequirementId[];
  /** Pairs of nodes that must be among the failing ones, and the only ones that may. */
  readonly cells: readonly string[];
  readonly also?: readonly string[];
  readonly class: RegExp;
}

const rule = (node: string, ...words: readonly string[]): readonly [string, ...string[]] => [node, 'iptables', '-w', ...words];

const FAULTS: readonly Fault[] = [
  {
    name: 'a route to another node is missing',
    inject: (_one, two) => [[ONE, 'ip', 'route', 'del', two.podCIDR]],
    undo: (_one, two) => [[ONE, 'ip', 'route', 'add', two.podCIDR, 'via', two.vtepAddress, 'dev', 'flannel.1', 'onlink']],
    fails: ['R1', 'R2'],
    passes: [],
    cells: ['c1/worker1>c1/worker2'],
    also: ['c1/worker2>c1/worker1'],
    class: /silent|no-route|no-host|unreachable|refused/,
  },
  {
    name: 'a node rewrites the source of its pods towards another node',
    inject: (one, two) => [rule(ONE, '-t', 'nat', '-I', 'POSTROUTING', '-s', one.podCIDR, '-d', two.podCIDR, '-j', 'SNAT', '--to-source', one.vtepAddress)],
    undo: (one, two) => [rule(ONE, '-t', 'nat', '-D', 'POSTROUTING', '-s', one.podCIDR, '-d', two.podCIDR, '-j', 'SNAT', '--to-source', one.vtepAddress)],
    fails: ['R1', 'R3'],
    passes: ['R2'],
    cells: ['c1/worker1>c1/worker2'],
    class: /rewritten/,
  },
  {
    name: 'a translation that the other node undoes',
    inject: (one, two) => [
      [TWO, 'ip', 'route', 'add', '10.99.1.0/24', 'via', one.vtepAddress, 'dev', 'flannel.1', 'onlink'],
      rule(TWO, '-t', 'nat', '-I', 'POSTROUTING', '-s', '10.99.1.0/24', '-d', two.podCIDR, '-j', 'NETMAP', '--to', one.podCIDR),
      rule(ONE, '-t', 'nat', '-I', 'POSTROUTING', '-s', one.podCIDR, '-d', two.podCIDR, '-j', 'NETMAP', '--to', '10.99.1.0/24'),
      rule(ONE, '-I', 'FORWARD', '-d', '10.99.1.0/24', '-j', 'ACCEPT'),
      rule(TWO, '-I', 'FORWARD', '-s', '10.99.1.0/24', '-j', 'ACCEPT'),
    ],
    undo: (one, two) => [
      rule(ONE, '-D', 'FORWARD', '-d', '10.99.1.0/24', '-j', 'ACCEPT'),
      rule(TWO, '-D', 'FORWARD', '-s', '10.99.1.0/24', '-j', 'ACCEPT'),
      rule(ONE, '-t', 'nat', '-D', 'POSTROUTING', '-s', one.podCIDR, '-d', two.podCIDR, '-j', 'NETMAP', '--to', '10.99.1.0/24'),
      rule(TWO, '-t', 'nat', '-D', 'POSTROUTING', '-s', '10.99.1.0/24', '-d', two.podCIDR, '-j', 'NETMAP', '--to', one.podCIDR),
      [TWO, 'ip', 'route', 'del', '10.99.1.0/24'],
    ],
    // The node speaks with its VTEP's address, which is of the translated range.
    fails: ['R1', 'R2'],
    passes: ['R3'],
    cells: ['c1/worker1>c1/worker2'],
    class: /hidden-nat/,
  },
  {
    name: 'a node drops what it should forward to its pods',
    inject: (_one, two) => [rule(TWO, '-I', 'FORWARD', '!', '-s', two.podCIDR, '-d', two.podCIDR, '-j', 'DROP')],
    undo: (_one, two) => [rule(TWO, '-D', 'FORWARD', '!', '-s', two.podCIDR, '-d', two.podCIDR, '-j', 'DROP')],
    fails: ['R1', 'R2'],
    passes: [],
    cells: ['c1/control-plane1>c1/worker2', 'c1/worker1>c1/worker2'],
    also: ['c1/worker2>c1/control-plane1', 'c1/worker2>c1/worker1'],
    class: /silent|stalled/,
  },
  {
    name: 'a forwarding entry leads to the wrong node',
    inject: (_one, two, control) => [[ONE, 'bridge', 'fdb', 'replace', two.vtepMac, 'dev', 'flannel.1', 'dst', control.address]],
    undo: (_one, two) => [[ONE, 'bridge', 'fdb', 'replace', two.vtepMac, 'dev', 'flannel.1', 'dst', two.address]],
    fails: ['R1', 'R2'],
    passes: [],
    cells: ['c1/worker1>c1/worker2'],
    also: ['c1/worker2>c1/worker1'],
    class: /silent|no-host|unreachable|stalled/,
  },
  {
    name: 'a node that does not reach its own pods',
    inject: (one) => [rule(ONE, '-I', 'OUTPUT', '-d', one.podCIDR, '-p', 'tcp', '--dport', '7000', '-j', 'DROP')],
    undo: (one) => [rule(ONE, '-D', 'OUTPUT', '-d', one.podCIDR, '-p', 'tcp', '--dport', '7000', '-j', 'DROP')],
    fails: ['R2'],
    passes: ['R1', 'R3'],
    cells: ['c1/worker1>c1/worker1'],
    class: /silent/,
  },
  {
    // Last: flanneld makes the device anew, so it is stopped first.
    name: 'a node lost its VXLAN device',
    inject: () => [
      [ONE, 'sh', '-c', 'kill -STOP $(pidof flanneld)'],
      [ONE, 'ip', 'link', 'del', 'flannel.1'],
    ],
    undo: () => [[ONE, 'sh', '-c', 'kill -CONT $(pidof flanneld)']],
    fails: ['R1', 'R2'],
    passes: [],
    cells: ['c1/worker1>c1/worker2', 'c1/worker1>c1/control-plane1', 'c1/worker2>c1/worker1', 'c1/control-plane1>c1/worker1'],
    class: /silent|no-route|no-host|unreachable|refused|stalled/,
  },
];

describe.skipIf(why !== null)(`faults of real nodes${why === null ? '' : ` (skipped: ${why})`}`, () => {
  let place: Place;
  let lab: RealLab;
  let nodes: readonly [Node, Node, Node];

  beforeAll(async () => {
    place = new Place();
    lab = await RealLab.create(place, 'real-faults', YAML);
    nodes = [look(ONE), look(TWO), look(CONTROL)];
  });
  afterAll(async () => {
    await place?.[Symbol.asyncDispose]();
  });

  const run = (commands: readonly (readonly [string, ...string[]])[]): void => {
    for (const [node, ...argv] of commands) onNode(node, ...argv);
  };

  it.each(FAULTS)('finds: $name', async (fault) => {
    let report: Report;
    let code: number | null;
    run(fault.inject(...nodes));
    try {
      ({ report, code } = await lab.verify());
    } finally {
      run(fault.undo(...nodes));
    }
    expect(code).toBe(1);
    const found = verdicts(report);
    expect(fault.fails.map((id) => [id, found[id]])).toEqual(fault.fails.map((id) => [id, 'fail']));
    expect(fault.passes.map((id) => [id, found[id]])).toEqual(fault.passes.map((id) => [id, 'pass']));
    const cells = failingCells(report);
    expect(cells).toEqual(expect.arrayContaining([...fault.cells]));
    expect(cells.filter((cell) => !fault.cells.includes(cell) && fault.also?.includes(cell) !== true)).toEqual([]);
    const failures = report.checks.filter((check) => check.requirement === fault.fails[0]).flatMap((check) => check.failures);
    expect(failures.length).toBeGreaterThan(0);
    expect(failures.filter((failure) => !fault.class.test(failure.class))).toEqual([]);
  });

  it('finds nothing once the faults are undone', async () => {
    const kubectl = (...words: readonly string[]): string =>
      execFileSync('kubectl', ['--kubeconfig', kubeconfig, '--namespace', 'kube-flannel', ...words], { encoding: 'utf8' });
    const kubeconfig = await lab.kubeconfig();
    const pod = kubectl('get', 'pods', '--field-selector', `spec.nodeName=${ONE}`, '--output', 'name').trim();
    kubectl('delete', pod);
    await expect.poll(() => onNode(ONE, 'ip', '-o', 'link'), { timeout: 60_000, interval: 1000 }).toContain('flannel.1');
    await expect.poll(() => onNode(ONE, 'ip', 'route'), { timeout: 60_000, interval: 1000 }).toMatch(/flannel\.1[\s\S]*flannel\.1/);
    const { report, code } = await lab.verify();
    expect(code).toBe(0);
    expect(report.verdict).toBe('pass');
  });
});
