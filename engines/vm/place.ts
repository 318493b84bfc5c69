/** Places of a running lab in which programs run: a node is entered by ssh, a pod by kubectl. */
import { LabError } from '../../topology/errors.ts';
import { kubeconfigPath, type VmHandle } from './handle.ts';
import type { MachineRecord } from './records.ts';
import { sshArgv } from './ssh.ts';

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
 * @throws LabError TARGET_UNKNOWN for a place that only other engines have, and for a node that is stopped
 */
export function placeArgv(
  { directory, clusters }: VmHandle,
  records: readonly MachineRecord[],
  place: string,
  argv: readonly string[],
  { input, terminal }: Stdio,
): readonly [string, ...string[]] {
  const [, cluster = '', namespace = '', name = ''] = POD.exec(place) ?? [];
  const engineName = clusters[cluster];
  if (engineName !== undefined) {
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
  const record = records.find((machine) => machine.name === place);
  if (record?.wanted === 'running') return sshArgv(directory, record, argv, { terminal });
  throw new LabError({
    code: 'TARGET_UNKNOWN',
    message: record === undefined ? `a lab on virtual machines has no ${place}` : `node ${record.node} is stopped`,
    hint: record === undefined ? 'name a node or a pod: `cnilab inspect LAB` lists them' : `\`cnilab node start LAB ${record.node}\` starts it`,
  });
}
