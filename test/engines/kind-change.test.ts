import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { changedPaths } from '../../engines/kubernetes/change-objects.ts';
import { fidelity } from '../../engines/kind/fidelity.ts';
import { endMarkedProcesses, makesContainer, markedEnvironment, markedProcesses } from '../../engines/leftover-processes.ts';
import { FIXED_PARTS } from '../../engines/kind/fixed-parts.ts';
import { replaceReasons } from '../../engines/kubernetes/replace-reasons.ts';
import { removedObjects, workloadTargets } from '../../engines/kubernetes/rollout-targets.ts';
import type { ArtifactSet } from '../../topology/artifacts.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { KubernetesObject } from '../../topology/spec.ts';
import { smallLab, smallPlan } from './compile-fixture.ts';

const object = (kind: string, name: string, namespace?: string, spec: unknown = {}): KubernetesObject => ({
  apiVersion: kind === 'Pod' || kind === 'Namespace' || kind === 'Service' ? 'v1' : 'apps/v1',
  kind,
  metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
  spec,
});
const gone = (from: readonly KubernetesObject[], to: readonly KubernetesObject[]): readonly string[] =>
  removedObjects(from, to).map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? '-'}/${metadata.name}`);

describe('a change in place', () => {
  it('deletes what is gone, and what cannot change where it stands', () => {
    const from = [object('Deployment', 'web'), object('Pod', 'client', 'tools', { a: 1 }), object('Service', 'web')];
    expect(gone(from, from)).toEqual([]);
    expect(gone(from, from.slice(1))).toEqual(['Deployment default/web']);
    expect(gone(from, [object('Deployment', 'web', 'default', { replicas: 3 }), object('Pod', 'client', 'tools', { a: 2 }), object('Service', 'web')])).toEqual(
      ['Pod tools/client'],
    );
    expect(gone(from, [object('StatefulSet', 'web'), ...from.slice(1)])).toEqual(['Deployment default/web']);
  });
  it('deletes namespaces that nothing is in any more, and none that the cluster needs', () => {
    expect(gone([object('Pod', 'a', 'mine'), object('Pod', 'b', 'kube-system'), object('Pod', 'c')], [])).toEqual([
      'Pod mine/a',
      'Pod kube-system/b',
      'Pod default/c',
      'Namespace -/mine',
    ]);
    expect(gone([object('Namespace', 'mine'), object('Pod', 'a', 'mine')], [object('Namespace', 'mine')])).toEqual(['Pod mine/a']);
  });
  it('waits for what rolls out', () => {
    const objects = [object('Service', 'web'), object('DaemonSet', 'web'), object('Pod', 'a', 'mine')];
    expect(workloadTargets({ objects })).toEqual([
      { kind: 'DaemonSet', namespace: 'default', name: 'web' },
      { kind: 'Pod', namespace: 'mine', name: 'a' },
    ]);
  });
  /** Files of clusters c1, c2, …, as `cni/…` and `workloads/…` below the name of each. */
  const set = (files: Readonly<Record<string, string>>): ArtifactSet => ({
    schema: 'cnilab.artifacts/1',
    lab: 'l',
    engine: 'kind',
    files: Object.entries(files).map(([path, content]) => ({ path, content, sha256: createHash('sha256').update(content).digest('hex') })),
    clusters: [...new Set(Object.keys(files).map((path) => path.split('/')[0] ?? ''))].map((name) => ({
      name,
      engineName: name,
      config: '',
      cni: Object.keys(files).filter((path) => path.startsWith(`${name}/cni/`)),
      workloads: Object.keys(files).filter((path) => path.startsWith(`${name}/workloads/`)),
      verify: [],
      cniRollouts: [],
      nodes: [],
      plugins: [],
    })),
    images: [],
    nodeImages: [],
  });
  const changed = (before: ArtifactSet, after: ArtifactSet): readonly string[] => after.clusters.flatMap((cluster) => changedPaths(before, after, cluster));

  it('applies files whose text is new, whatever they are called', () => {
    const before = set({ 'c1/cni/0.yaml': 'cni', 'c1/workloads/0-a.yaml': 'a', 'c1/workloads/1-b.yaml': 'b' });
    const after = set({ 'c1/cni/0.yaml': 'cni', 'c1/workloads/0-b.yaml': 'b', 'c1/workloads/1-c.yaml': 'c' });
    expect(changed(before, after)).toEqual(['c1/workloads/1-c.yaml']);
  });
  it('applies what another cluster had before, and this one had not', () => {
    const before = set({ 'c1/workloads/0-a.yaml': 'a', 'c2/workloads/0-b.yaml': 'b' });
    const after = set({ 'c1/workloads/0-a.yaml': 'a', 'c2/workloads/0-a.yaml': 'a', 'c2/workloads/1-b.yaml': 'b' });
    expect(changed(before, after)).toEqual(['c2/workloads/0-a.yaml']);
  });
});

describe('reasons to replace', () => {
  const plan = (...more: Parameters<typeof smallPlan> extends [unknown, ...infer Rest] ? Rest : never): LabPlan => smallPlan({ type: 'flannel' }, ...more);
  const { controlPlanes: _, workers: __, ...rest } = smallLab({ type: 'flannel' }).clusters?.[0] ?? { name: 'c1', cni: { type: 'flannel' } };
  const nodes = [{ name: 'control-plane1', role: 'control-plane', schedulable: true }, { name: 'worker1' }] as const;
  const taking = planLab({ name: 'small', clusters: [{ ...rest, nodes }] });
  it.each<readonly [string, LabPlan, readonly string[]]>([
    ['a workload', plan({ workloads: [{ name: 'other', perNode: 2 }] }), []],
    ['a node', plan({ workers: 2 }), ['node c1/worker2 is added: kind cannot add nodes to a running cluster, nor remove them']],
    ['a taint', taking, ['whether pods run on node c1/control-plane1: kubeadm taints control planes when they join']],
    ['the node image', plan({ nodeImage: 'kindest/node:v1.34.4' }), ['the node image of cluster c1: kind cannot give another to a running node']],
    [
      'a port mapping',
      plan({ portMappings: [{ containerPort: 80, hostPort: 8080 }] }),
      ['the port mappings of cluster c1: the ports of a running container are fixed'],
    ],
  ])('%s', (_, to, reasons) => {
    const from = plan();
    expect(replaceReasons(FIXED_PARTS, from, to)).toEqual(reasons);
    if (reasons.length > 0) expect(replaceReasons(FIXED_PARTS, to, from)).toHaveLength(reasons.length);
  });
  it('a cluster', () => {
    const from = plan();
    expect(replaceReasons(FIXED_PARTS, from, { ...from, clusters: [] })).toEqual([
      'cluster c1 is removed: a lab on kind keeps the clusters that it was created with',
    ]);
  });
});

it('the fidelity statement names the CNI and the proxy of the lab', () => {
  const { engine, real, absent } = fidelity(smallPlan({ type: 'flannel' }, { kubeProxy: { mode: 'nftables' } }));
  expect(engine).toBe('kind');
  expect(real.join('\n')).toMatch(/flannel[^]*kube-proxy in mode nftables/);
  expect(absent.join('\n')).toContain('one kernel');
});

describe.skipIf(process.platform !== 'linux')('processes of a run that was killed', () => {
  const folders: string[] = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });
  const started = async (argv: readonly [string, ...string[]]): Promise<string> => {
    const directory = mkdtempSync(join(tmpdir(), 'cnilab-test-'));
    folders.push(directory);
    await once(spawn(argv[0], argv.slice(1), { cwd: directory, env: markedEnvironment(directory, { MORE: 'x' }), stdio: 'ignore' }), 'spawn');
    return directory;
  };
  it('are found by their environment, children too, and ended', async () => {
    const directory = await started(['sh', '-c', 'sleep 60 & sleep 60']);
    while ((await markedProcesses(directory)).length < 3) await sleep(10);
    expect(await endMarkedProcesses(directory)).toEqual({ ended: 3, complete: false });
    expect(await markedProcesses(directory)).toEqual([]);
    expect(await endMarkedProcesses(directory)).toEqual({ ended: 0, complete: false });
    expect(await markedProcesses('/nowhere')).toEqual([]);
  });
  it('are waited for where they make a container', async () => {
    // A program by the name of docker, which runs the file `run`.
    const directory = await started([
      'bash',
      '-c',
      `echo 'setTimeout(() => require("node:fs").writeFileSync("made", ""), 300)' > run; exec -a docker "$0" run`,
      process.execPath,
    ]);
    while (!(await markedProcesses(directory)).some(({ argv }) => makesContainer(argv))) await sleep(5);
    expect(await endMarkedProcesses(directory)).toMatchObject({ complete: true });
    expect(existsSync(join(directory, 'made'))).toBe(true);
  });
  it.each([
    ['/usr/bin/docker run --name x', true],
    ['podman create x', true],
    ['docker exec x run', false],
    ['kind create cluster', false],
  ])('%s makes a container: %s', (line, makes) => {
    expect(makesContainer(line.split(' '))).toBe(makes);
  });
});
