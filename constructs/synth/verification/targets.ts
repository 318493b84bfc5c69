import { LabError } from '../../../topology/errors.ts';
import type { ConfigMap } from '../kubernetes-types.ts';
import { ownerLabels, type Owner } from './labels.ts';

/** A node as the Jobs probe it. */
export interface TargetLine {
  /** From 0, in the order of the nodes; without gaps. */
  readonly index: number;
  readonly node: string;
  /** Name of the responder's pod; '' where none came up: then the node is asked, and no pod on it. */
  readonly pod: string;
  readonly podIPs: readonly string[];
  readonly nodeIPs: readonly string[];
  /** Addresses of the node's share of the pod network that no pod has: nothing may answer there. */
  readonly nobody: readonly string[];
}

/** etcd takes objects of 1.5 MiB, the API server ConfigMaps of 1 MiB; some room is left for what it adds. */
export const CONFIG_MAP_BYTES = 900_000;

/** What is empty is a dash: a shell takes several tabs for one. */
const column = (values: readonly string[]): string => values.join(',') || '-';

function text({ index, node, pod, podIPs, nodeIPs, nobody }: TargetLine): string {
  return `${[String(index), node, column(pod === '' ? [] : [pod]), column(podIPs), column(nodeIPs), column(nobody)].join('\t')}\n`;
}

/**
 * Whom the Jobs probe. Their pods wait for this ConfigMap, because the addresses of the responders are known only once they run.
 * @throws {LabError} ENGINE_UNSUPPORTED when the cluster has more nodes than fit into one ConfigMap (about 5000)
 */
export function targetsConfigMap(input: Owner & { readonly lines: readonly TargetLine[] }): ConfigMap {
  const targets = input.lines.map(text).join('');
  const bytes = Buffer.byteLength(targets);
  if (bytes > CONFIG_MAP_BYTES) {
    throw new LabError({
      code: 'ENGINE_UNSUPPORTED',
      message: `the addresses of ${input.lines.length} nodes take ${bytes} bytes, and a ConfigMap has room for ${CONFIG_MAP_BYTES}`,
      hint: 'clusters of this size cannot be verified as a whole',
    });
  }
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'targets', namespace: input.namespace, labels: ownerLabels(input) }, data: { targets } };
}

/**
 * Which nodes a node probes: node i the nodes (i + offset) modulo their number, for each offset. 0 (itself) is always there, the others are spread
 * evenly, and because every node uses the same offsets each is source and target equally often.
 *
 * @param nodes number of nodes
 * @param perNode targets of each node; null: all
 */
export function offsetsFor(nodes: number, perNode: number | null): readonly number[] | 'all' {
  if (perNode === null || perNode >= nodes) return 'all';
  const count = Math.max(1, Math.floor(perNode));
  return Array.from({ length: count }, (_, i) => Math.floor((i * nodes) / count));
}
