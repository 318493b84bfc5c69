/**
 * Faults on the nodes of a real cluster that the library does not have there: each must be found in the right requirement and between the right nodes, and be
 * gone afterwards.
 */
import { execFileSync } from 'node:child_process';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Report, RequirementId } from '../../verify/report.ts';
import { failingCells, onNode, type RealLab, verdicts } from './real.ts';

/** What the faults need to know of a node. */
interface Node {
  readonly name: string;
  readonly podCIDR: string;
  readonly vtepAddress: string;
}

type Command = readonly [node: string, ...argv: string[]];

function look(name: string): Node {
  const vtep = onNode(name, 'ip', '-o', 'addr', 'show', 'flannel.1');
  const vtepAddress = /inet ([\d.]+)/.exec(vtep)?.[1] ?? '';
  return { name, vtepAddress, podCIDR: vtepAddress.replace(/\.\d+$/, '.0/24') };
}

interface Fault {
  readonly name: string;
  readonly inject: (one: Node, two: Node) => readonly Command[];
  readonly undo: (one: Node, two: Node) => readonly Command[];
  readonly fails: readonly RequirementId[];
  readonly passes: readonly RequirementId[];
  /** Pairs of nodes that must be among the failing ones, and the only ones that may. */
  readonly cells: readonly string[];
  readonly class: RegExp;
}

const rule = (node: Node, ...words: readonly string[]): Command => [node.name, 'iptables', '-w', ...words];

const FAULTS: readonly Fault[] = [
  {
    name: 'a translation that the other node undoes',
    inject: (one, two) => [
      [two.name, 'ip', 'route', 'add', '10.99.1.0/24', 'via', one.vtepAddress, 'dev', 'flannel.1', 'onlink'],
      rule(two, '-t', 'nat', '-I', 'POSTROUTING', '-s', '10.99.1.0/24', '-d', two.podCIDR, '-j', 'NETMAP', '--to', one.podCIDR),
      rule(one, '-t', 'nat', '-I', 'POSTROUTING', '-s', one.podCIDR, '-d', two.podCIDR, '-j', 'NETMAP', '--to', '10.99.1.0/24'),
      rule(one, '-I', 'FORWARD', '-d', '10.99.1.0/24', '-j', 'ACCEPT'),
      rule(two, '-I', 'FORWARD', '-s', '10.99.1.0/24', '-j', 'ACCEPT'),
    ],
    undo: (one, two) => [
      rule(one, '-D', 'FORWARD', '-d', '10.99.1.0/24', '-j', 'ACCEPT'),
      rule(two, '-D', 'FORWARD', '-s', '10.99.1.0/24', '-j', 'ACCEPT'),
      rule(one, '-t', 'nat', '-D', 'POSTROUTING', '-s', one.podCIDR, '-d', two.podCIDR, '-j', 'NETMAP', '--to', '10.99.1.0/24'),
      rule(two, '-t', 'nat', '-D', 'POSTROUTING', '-s', '10.99.1.0/24', '-d', two.podCIDR, '-j', 'NETMAP', '--to', one.podCIDR),
      [two.name, 'ip', 'route', 'del', '10.99.1.0/24'],
    ],
    // The node speaks with its VTEP's address, which is of the translated range.
    fails: ['R1', 'R2'],
    passes: ['R3'],
    cells: ['c1/worker1>c1/control-plane1'],
    class: /hidden-nat/,
  },
  {
    name: 'a node that does not reach its own pods',
    inject: (one) => [rule(one, '-I', 'OUTPUT', '-d', one.podCIDR, '-p', 'tcp', '--dport', '7000', '-j', 'DROP')],
    undo: (one) => [rule(one, '-D', 'OUTPUT', '-d', one.podCIDR, '-p', 'tcp', '--dport', '7000', '-j', 'DROP')],
    fails: ['R2'],
    passes: ['R1', 'R3'],
    cells: ['c1/worker1>c1/worker1'],
    class: /silent/,
  },
  {
    // Last: flanneld makes the device anew, so it is stopped first.
    name: 'a node lost its VXLAN device',
    inject: (one) => [
      [one.name, 'sh', '-c', 'kill -STOP $(pidof flanneld)'],
      [one.name, 'ip', 'link', 'del', 'flannel.1'],
    ],
    undo: (one) => [[one.name, 'sh', '-c', 'kill -CONT $(pidof flanneld)']],
    fails: ['R1', 'R2'],
    passes: [],
    cells: ['c1/worker1>c1/control-plane1', 'c1/control-plane1>c1/worker1'],
    class: /silent|no-route|no-host|unreachable|refused|stalled/,
  },
];

/**
 * The tests, on a cluster of flannel that is up, one after the other; the last one mends what they leave.
 *
 * @param running the lab, once it is up: a control plane and a worker
 */
export function findsFaultsByHand(running: () => RealLab): void {
  describe.sequential('faults that the library does not have', () => {
    let nodes: readonly [worker: Node, controlPlane: Node];

    beforeAll(() => {
      const cluster = `cnilab-${running().name}`;
      nodes = [look(`${cluster}-worker`), look(`${cluster}-control-plane`)];
    });

    const run = (commands: readonly Command[]): void => {
      for (const [node, ...argv] of commands) onNode(node, ...argv);
    };

    it.each(FAULTS)('finds: $name', async (fault) => {
      let report: Report;
      let code: number | null;
      run(fault.inject(...nodes));
      try {
        ({ report, code } = await running().verify('--suite', 'network'));
      } finally {
        run(fault.undo(...nodes));
      }
      expect(code).toBe(1);
      const found = verdicts(report);
      expect(fault.fails.map((id) => [id, found[id]])).toEqual(fault.fails.map((id) => [id, 'fail']));
      expect(fault.passes.map((id) => [id, found[id]])).toEqual(fault.passes.map((id) => [id, 'pass']));
      const cells = failingCells(report);
      expect(cells).toEqual(expect.arrayContaining([...fault.cells]));
      const others = cells.filter((cell) => !fault.cells.includes(cell));
      const seen = report.checks.flatMap((check) => check.failures.map((one) => `${check.id}: ${JSON.stringify(one)}`));
      expect(others, seen.join('\n')).toEqual([]);
      const failures = report.checks.filter((check) => check.requirement === fault.fails[0]).flatMap((check) => check.failures);
      expect(failures.length).toBeGreaterThan(0);
      expect(failures.filter((failure) => !fault.class.test(failure.class))).toEqual([]);
    });

    it('finds nothing once the faults are undone', async () => {
      const [{ name: worker }] = nodes;
      const kubeconfig = await running().kubeconfig();
      const kubectl = (...words: readonly string[]): string =>
        execFileSync('kubectl', ['--kubeconfig', kubeconfig, '--namespace', 'kube-flannel', ...words], { encoding: 'utf8' });
      const pod = kubectl('get', 'pods', '--field-selector', `spec.nodeName=${worker}`, '--output', 'name').trim();
      kubectl('delete', pod);
      // The device, and the route over it to the pods of the other node.
      await vi.waitFor(() => expect(onNode(worker, 'ip', 'route')).toMatch(/via [\d.]+ dev flannel\.1/), { timeout: 60_000, interval: 1000 });
      const { report, code } = await running().verify();
      expect(code).toBe(0);
      expect(report.verdict).toBe('pass');
    });
  });
}
