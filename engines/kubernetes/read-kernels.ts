/** The kernels of nodes and of pods on them, read through the nodes: one shell for each node. */
import { EngineError } from '../../topology/errors.ts';
import type { CommandResult, NamespaceSnapshot, Snapshot } from '../port.ts';
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
 * The state of these namespaces. A pod that is gone is left out.
 *
 * @throws EngineError COMMAND_FAILED when a node cannot be entered
 */
export async function readKernels(
  onNode: OnNode,
  places: readonly ClusterPlace[],
  options: { readonly rules: boolean; readonly flows?: boolean },
): Promise<Snapshot> {
  const nodes = [...new Set(places.map((place) => place.node))];
  const read = await Promise.all(
    nodes.map(async (node): Promise<Readonly<Record<string, NamespaceSnapshot>>> => {
      const here = places.filter((place) => place.node === node);
      const pods = here.some((place) => place.pod !== null) ? await readPodPlaces(onNode, node) : new Map<string, string>();
      const found = here.flatMap(({ netns, pod }): readonly KernelPlace[] => {
        const path = pod === null ? '' : pods.get(pod);
        return path === undefined ? [] : [{ netns, path }];
      });
      return parseKernels(await printed(onNode, node, kernelArgv(found, options)));
    }),
  );
  return { takenAt: new Date().toISOString(), namespaces: Object.assign({}, ...read) as Snapshot['namespaces'] };
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
