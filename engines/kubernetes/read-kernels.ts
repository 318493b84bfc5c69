/** The kernels of nodes and of pods on them, read through the nodes: one shell for each node. */
import { EngineError, LabError, type LabErrorCode } from '../../topology/errors.ts';
import type { CommandResult, Snapshot } from '../port.ts';
import { kernelArgv, POD_PLACES_SCRIPT, podPlaces, type KernelPlace } from './kernel-script.ts';
import { parseKernels } from './kernel-text.ts';

/** Runs a program on a node, as root, in its network namespace. */
export type OnNode = (node: string, argv: readonly string[], options?: { readonly timeoutMs?: number }) => Promise<CommandResult>;

/** A namespace of a cluster: of a node itself, or of a pod on it. */
export interface ClusterPlace {
  readonly netns: string;
  /** Name of the node. */
  readonly node: string;
  /** `namespace/name`; null: the node's own. */
  readonly pod: string | null;
}

/** A node that is busy starts two dozen programs for each namespace. */
const READ_MS = 30_000;

/** Path of the network namespace of every pod of a node, by `namespace/name`. @throws EngineError COMMAND_FAILED */
export async function readPodPlaces(onNode: OnNode, node: string): Promise<ReadonlyMap<string, string>> {
  return podPlaces(await printed(onNode, node, ['sh', '-c', POD_PLACES_SCRIPT]));
}

/**
 * The state of these namespaces. Left out is a pod that is gone, and a node that cannot be read, as one that is stopped, with its pods.
 *
 * @throws EngineError COMMAND_FAILED, LabError TARGET_UNKNOWN when none of the nodes can be read
 */
export async function readKernels(
  onNode: OnNode,
  places: readonly ClusterPlace[],
  options: { readonly rules: boolean; readonly flows?: boolean },
): Promise<Snapshot> {
  const nodes = [...new Set(places.map((place) => place.node))];
  const away: LabError[] = [];
  const read = await Promise.all(
    nodes.map(async (node): Promise<Snapshot['namespaces']> => {
      try {
        return await readNode(
          onNode,
          node,
          places.filter((place) => place.node === node),
          options,
        );
      } catch (error) {
        if (!(error instanceof LabError) || !AWAY.has(error.code)) throw error;
        away.push(error);
        return {};
      }
    }),
  );
  const [first] = away;
  if (first !== undefined && away.length === nodes.length) throw first;
  return { takenAt: new Date().toISOString(), namespaces: Object.assign({}, ...read) as Snapshot['namespaces'] };
}

/** What entering a node fails with where it does not run, or does not answer. */
const AWAY: ReadonlySet<LabErrorCode> = new Set(['COMMAND_FAILED', 'TARGET_UNKNOWN']);

async function readNode(
  onNode: OnNode,
  node: string,
  places: readonly ClusterPlace[],
  options: { readonly rules: boolean; readonly flows?: boolean },
): Promise<Snapshot['namespaces']> {
  const pods = places.some((place) => place.pod !== null) ? await readPodPlaces(onNode, node) : new Map<string, string>();
  const found = places.flatMap(({ netns, pod }): readonly KernelPlace[] => {
    const path = pod === null ? '' : pods.get(pod);
    return path === undefined ? [] : [{ netns, path }];
  });
  return parseKernels(await printed(onNode, node, kernelArgv(found, options)));
}

async function printed(onNode: OnNode, node: string, argv: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await onNode(node, argv, { timeoutMs: READ_MS });
  if (exitCode === 0) return stdout;
  throw new EngineError({
    code: 'COMMAND_FAILED',
    message: `the kernel of ${node} could not be read: ${stderr.trim().split('\n').at(-1) || `exit code ${exitCode}`}`,
    hint: 'see whether the node runs: `cnilab ls`',
    details: { node, exitCode },
  });
}
