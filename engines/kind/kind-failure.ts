/** What kind says when it fails, in terms of the lab. Pure. */
import { stripVTControlCharacters } from 'node:util';
import { EngineError, EnvironmentError, type LabError, type LabErrorCode } from '../../topology/errors.ts';

interface Known {
  readonly says: RegExp;
  readonly code: LabErrorCode;
  readonly hint: (cluster: string) => string;
}

/** The first that fits. */
const KNOWN: readonly Known[] = [
  {
    says: /too many open files/i,
    code: 'ENVIRONMENT_LACKS',
    hint: () =>
      'sudo sysctl -w fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=512   # each node takes about 15 instances, of all clusters together',
  },
  {
    says: /already exist for a cluster with the name/,
    code: 'NAME_TAKEN',
    hint: (cluster) => `give the lab another name; or, if nobody needs that cluster: kind delete cluster --name ${cluster}`,
  },
  {
    says: /failed to pull image|pull access denied|manifest unknown|manifest for .* not found/i,
    code: 'IMAGE_MISSING',
    hint: () => 'check the name of the node image and that its registry can be reached, or choose one that is here: --node-image IMAGE',
  },
  {
    says: /port is already allocated|address already in use/i,
    code: 'ENVIRONMENT_LACKS',
    hint: () => 'map another port (portMappings), or end what listens on it',
  },
  {
    says: /no space left on device|disk quota exceeded/i,
    code: 'ENVIRONMENT_LACKS',
    hint: () => 'make room: docker system prune removes what no container uses',
  },
  {
    says: /all predefined address pools have been fully subnetted|could not find an available,? non-overlapping/i,
    code: 'ENVIRONMENT_LACKS',
    hint: () => 'remove networks that nothing uses: docker network prune',
  },
  {
    says: /could not find a log line that matches/i,
    code: 'ENGINE_STEP_FAILED',
    hint: () =>
      'systemd does not start in the node: `cnilab doctor --engine kind` looks at cgroups and limits; an image that is no node image ends like this, too',
  },
  {
    says: /unknown field|unable to decode config|error unmarshaling|invalid configuration/i,
    code: 'ENGINE_STEP_FAILED',
    hint: () => 'this kind does not know the configuration: use kind 0.33',
  },
];

/** Lines of kind's error output that say why; kind prints a stack and the output of its commands besides. */
function reason(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim());
  const said = lines.find((line) => line.startsWith('ERROR: ')) ?? lines.findLast((line) => line !== '' && !/^[•✓✗]/u.test(line)) ?? 'no reason was given';
  return said.replace(/^ERROR: (failed to create cluster: )?/, '').slice(0, 500);
}

/** A node that ended, with the end of what it wrote. */
export interface EndedNode {
  readonly name: string;
  readonly log: string;
}

/** The error that a failed `kind create cluster` stands for. Why a node ended says more than what kind could not do with it. */
export function kindFailure(cluster: string, stderr: string, exitCode: number, ended: readonly EndedNode[] = []): LabError {
  const known = [...ended.map(({ log }) => log), stderr].flatMap((text) => KNOWN.find(({ says }) => says.test(text)) ?? [])[0];
  const node = ended.find(({ log }) => known?.says.test(log) === true);
  const line = node?.log.split('\n').find((one) => known?.says.test(one) === true);
  const why = node === undefined || line === undefined ? reason(stderr) : `its node ${node.name} ended: ${stripVTControlCharacters(line).trim()}`;
  const init = {
    code: known?.code ?? 'ENGINE_STEP_FAILED',
    message: `kind cannot create cluster ${cluster}: ${why}`,
    hint: known?.hint(cluster) ?? '`cnilab doctor --engine kind` looks at what kind needs; --retain keeps the nodes, to look at them',
    details: { cluster, exitCode, stderr: stderr.split('\n').slice(-40), ended: ended.map(({ name }) => name) },
  } as const;
  return init.code === 'ENGINE_STEP_FAILED' ? new EngineError(init) : new EnvironmentError(init);
}
