/** How a lab on kind is found again, and the names of things in it. */
import { limited } from '../kubernetes/time-limit.ts';
import type { EngineHandle, KubernetesAccess } from '../port.ts';
import { join } from 'node:path';
import type { ClusterArtifacts } from '../../topology/artifacts.ts';
import type { KindDeps } from './kind-deps.ts';
import { PROVIDERS, type Provider } from './container-engine.ts';
import type { Owner } from './owner.ts';

export const NAME = 'kind';

export interface KindHandle {
  readonly directory: string;
  readonly provider: Provider;
  /** Name in the plan → name for kind. */
  readonly clusters: Readonly<Record<string, string>>;
  /** Containers of all clusters, and when the first of them may have been made: as the owner file says it. */
  readonly containers: number;
  readonly writtenAt: string;
}

export function handleOf({ directory, provider, clusters, containers, writtenAt }: KindHandle): EngineHandle {
  return { engine: NAME, directory, provider, containers, writtenAt, clusters: JSON.stringify(clusters) };
}

export function kindHandle(handle: EngineHandle): KindHandle {
  return {
    directory: String(handle['directory']),
    provider: PROVIDERS.find((provider) => provider === handle['provider']) ?? 'docker',
    clusters: JSON.parse(String(handle['clusters'] ?? '{}')) as Readonly<Record<string, string>>,
    containers: Number(handle['containers']),
    writtenAt: String(handle['writtenAt']),
  };
}

export function handleFor({ directory, provider, containers, writtenAt }: Owner, clusters: readonly ClusterArtifacts[]): KindHandle {
  return {
    directory,
    provider,
    clusters: Object.fromEntries(clusters.map(({ name, engineName }) => [name, engineName])),
    containers,
    writtenAt,
  };
}

/** The kubeconfig of one cluster, 0600, in the incarnation's directory: the user's own is never touched. */
export function kubeconfigPath(directory: string, engineName: string): string {
  return join(directory, `${engineName}.kubeconfig`);
}

/** Access to the API of one cluster, and to its nodes, which are containers. */
export function accessTo(
  deps: Pick<KindDeps, 'run'>,
  { directory, provider }: Pick<KindHandle, 'directory' | 'provider'>,
  cluster: string,
  engineName: string,
): KubernetesAccess {
  return {
    cluster,
    kubeconfig: kubeconfigPath(directory, engineName),
    context: `kind-${engineName}`,
    onNode: async (node, argv, options = {}) => await deps.run([provider, 'exec', node, ...limited(argv, options.timeoutMs)], options),
  };
}
