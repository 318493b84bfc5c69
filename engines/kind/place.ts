/** Places of a running lab in which programs run: a node is a container, a pod is entered by kubectl. */
import { LabError } from '../../topology/errors.ts';
import { kubeconfigPath, type KindHandle } from './handle.ts';

/** Name of a pod's place: what `netns` says of the pods of an observed plan. */
const POD = /^pod:([^/]+)\/([^/]+)\/([^/]+)$/;

export interface Stdio {
  /** Standard input is passed on. */
  readonly input: boolean;
  /** Both ends are a terminal. */
  readonly terminal: boolean;
}

/**
 * The argument vector that runs a program in a place.
 * @throws LabError TARGET_UNKNOWN for a place that only other engines have, such as the switches
 */
export function placeArgv(
  { directory, provider, clusters }: KindHandle,
  place: string,
  argv: readonly string[],
  { input, terminal }: Stdio,
): readonly [string, ...string[]] {
  const flags = [...(input ? ['--interactive'] : []), ...(terminal ? ['--tty'] : [])];
  const pod = POD.exec(place);
  if (pod !== null) {
    const [, cluster = '', namespace = '', name = ''] = pod;
    const engineName = clusters[cluster];
    if (engineName === undefined) throw unknown(place, Object.keys(clusters));
    return [
      'kubectl',
      `--kubeconfig=${kubeconfigPath(directory, engineName)}`,
      'exec',
      ...(input ? ['--stdin'] : []),
      ...(terminal ? ['--tty'] : []),
      '--namespace',
      namespace,
      name,
      '--',
      ...argv,
    ];
  }
  if (!Object.values(clusters).some((engineName) => place.startsWith(`${engineName}-`))) throw unknown(place, Object.values(clusters));
  return [provider, 'exec', ...flags, place, ...argv];
}

function unknown(place: string, clusters: readonly string[]): LabError {
  return new LabError({
    code: 'TARGET_UNKNOWN',
    message: `a lab on kind has no ${place}: it has the nodes and pods of ${clusters.join(', ')}`,
    hint: 'name a node or a pod: `cnilab inspect LAB` lists them',
  });
}
