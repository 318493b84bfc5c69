/** How a lab on virtual machines is found again, and the names of things in it. */
import { join } from 'node:path';
import type { EngineHandle, KubernetesAccess } from '../port.ts';
import { onMachine } from './ssh.ts';
import { readRecords } from './records.ts';
import type { VmDeps } from './vm-deps.ts';

export const NAME = 'vm';

export interface VmHandle {
  readonly directory: string;
  /** Name in the plan → name for kubeadm. */
  readonly clusters: Readonly<Record<string, string>>;
  /** By how much everything takes longer than with KVM. */
  readonly slowness: number;
}

export function handleOf({ directory, clusters, slowness }: VmHandle): EngineHandle {
  return { engine: NAME, directory, slowness, clusters: JSON.stringify(clusters) };
}

export function vmHandle(handle: EngineHandle): VmHandle {
  return {
    directory: String(handle['directory']),
    slowness: Number(handle['slowness'] ?? 1),
    clusters: JSON.parse(String(handle['clusters'] ?? '{}')) as Readonly<Record<string, string>>,
  };
}

/** The kubeconfig of one cluster, 0600, in the incarnation's directory: the user's own is never touched. */
export function kubeconfigPath(directory: string, engineName: string): string {
  return join(directory, `${engineName}.kubeconfig`);
}

/** Access to the API of one cluster, and to its nodes by ssh. */
export function accessTo(deps: Pick<VmDeps, 'run'>, { directory, slowness, clusters }: VmHandle, cluster: string): KubernetesAccess {
  const engineName = clusters[cluster] ?? '';
  return {
    cluster,
    kubeconfig: kubeconfigPath(directory, engineName),
    context: `kubernetes-admin@${engineName}`,
    slowness,
    onNode: async (node, argv, options = {}) => {
      const record = (await readRecords(directory)).find((one) => one.cluster === cluster && one.name === node);
      if (record === undefined || record.wanted === 'stopped') return { exitCode: 255, stdout: '', stderr: `node ${node} does not run\n` };
      return await onMachine(deps.run, directory, record, argv, options);
    },
  };
}
