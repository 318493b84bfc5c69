/** What `cnilab up --engine kind` costs beside the same steps by hand, and how long a verification of a cluster takes. */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { timed } from './measure.ts';

export interface KindBench {
  /** Runs the built CLI. */
  readonly cnilab: (...args: string[]) => Promise<{ readonly ms: number; readonly stdout: string }>;
  /** Folder for files. */
  readonly place: string;
}

const LAB = 'labs/three-requirements.ts';
const NAME = 'three-requirements';

/** Why nothing can be measured here; null where it can. */
export function kindLacks(): string | null {
  try {
    for (const argv of [
      ['kind', 'version'],
      ['docker', 'info'],
      ['kubectl', 'version', '--client'],
    ])
      execFileSync(argv[0] ?? '', argv.slice(1), { stdio: 'ignore' });
    return null;
  } catch {
    return 'kind, kubectl or Docker is not here';
  }
}

/** Images that the node image of the machine holds, when CNILAB_NODE_IMAGE names one. */
const images = (): readonly string[] =>
  process.env['CNILAB_NODE_IMAGE'] === undefined ? [] : ['--image', 'ghcr.io/flannel-io/flannel=ghcr.io/flannel-io/flannel:v0.28.4'];

/** Milliseconds until the lab is up, without the start of taking it down. */
export async function byCnilab({ cnilab }: KindBench): Promise<number> {
  const { ms } = await cnilab('up', LAB, '--engine', 'kind', ...images());
  await cnilab('down', NAME);
  return ms;
}

/** The same by hand: `kind create cluster`, `kubectl apply`, and waits for the same things. */
export async function byHand({ cnilab, place }: KindBench): Promise<number> {
  const out = join(place, 'by-hand');
  await cnilab('synth', LAB, '--engine', 'kind', '-o', out, '--force', ...images());
  mkdirSync(join(out, 'bin'), { recursive: true });
  for (const folder of [...(process.env['CNI_PATH'] ?? '').split(':'), '/opt/cni/bin', '/usr/lib/cni']) {
    try {
      copyFileSync(join(folder, 'bridge'), join(out, 'bin/bridge'));
      chmodSync(join(out, 'bin/bridge'), 0o755);
      break;
    } catch {
      // The next one.
    }
  }
  writeFileSync(join(out, 'owner'), 'bench');
  const cluster = `cnilab-${NAME}`;
  const kubeconfig = ['--kubeconfig', join(place, 'by-hand.kubeconfig')];
  const kubectl = (...words: string[]): [string, ...string[]] => ['kubectl', ...kubeconfig, ...words];
  const each = (folder: string): string[] =>
    readdirSync(join(out, folder))
      .toSorted()
      .map((file) => join(out, folder, file));
  const steps: readonly [string, ...string[]][] = [
    ['kind', 'create', 'cluster', '--config', join(out, 'kind.yaml'), ...kubeconfig],
    ...each('cni').map((file) => kubectl('apply', '--server-side', '-f', file)),
    kubectl('rollout', 'status', '--namespace', 'kube-flannel', 'daemonset/kube-flannel-ds'),
    kubectl('wait', '--for=condition=Ready', 'nodes', '--all', '--timeout=120s'),
    kubectl('rollout', 'status', '--namespace', 'kube-system', 'deployment/coredns'),
    kubectl('apply', ...each('workloads').flatMap((file) => ['-f', file])),
    kubectl('rollout', 'status', 'daemonset/web'),
    kubectl('rollout', 'status', 'daemonset/web-2'),
  ];
  let ms = 0;
  try {
    for (const argv of steps) ms += (await timed(argv, { cwd: out })).ms;
  } finally {
    await timed(['kind', 'delete', 'cluster', '--name', cluster, ...kubeconfig]);
  }
  return ms;
}

/** Milliseconds of whole `cnilab verify` processes on a cluster of three nodes that is up. */
export async function verification({ cnilab }: KindBench, times: number): Promise<readonly number[]> {
  await cnilab('up', LAB, '--engine', 'kind', ...images());
  try {
    const found: number[] = [];
    for (let i = 0; i < times; i++) found.push((await cnilab('verify', NAME)).ms);
    return found;
  } finally {
    await cnilab('down', NAME);
  }
}
