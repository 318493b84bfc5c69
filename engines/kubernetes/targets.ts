/** Whom the Jobs of a verification probe: one line for each node. */
import { addressesFromTheEnd, parseCidr, tryParseCidr } from '../../topology/cidr.ts';
import type { ClusterFacts, NodeFacts } from './facts.ts';

export interface TargetLine {
  readonly index: number;
  readonly node: string;
  /** Name of the responder's pod; '' where none came up: then the node is asked, and no pod on it. */
  readonly pod: string;
  readonly podIPs: readonly string[];
  readonly nodeIPs: readonly string[];
  /** Addresses of the node's share of the pod network that no pod has: nothing may answer there. */
  readonly nobody: readonly string[];
}

/** The lines, in the order of the nodes; also of those that are down, so that a line's place is the node's. */
export function targetLines(
  facts: ClusterFacts,
  responders: readonly { readonly node: string; readonly name: string; readonly ips: readonly string[] }[],
): readonly TargetLine[] {
  const taken = new Set([...(facts.podIPs ?? []), ...responders.flatMap((one) => one.ips)]);
  return facts.nodes.map((node, index) => {
    const responder = responders.find((one) => one.node === node.name && one.ips.length > 0);
    return {
      index,
      node: node.name,
      pod: responder?.name ?? '',
      podIPs: responder?.ips ?? [],
      nodeIPs: node.internalIPs,
      // Where pods may not be listed, any address may be somebody's.
      nobody: facts.podIPs === null ? [] : nobodyOn(node, taken),
    };
  });
}

/** The highest address of each of a node's shares that is not taken: allocators that go round begin at the other end. */
function nobodyOn(node: NodeFacts, taken: ReadonlySet<string>): readonly string[] {
  return node.podCIDRs.flatMap((text) => {
    if (!tryParseCidr(text).ok) return [];
    for (const address of addressesFromTheEnd(parseCidr(text))) if (!taken.has(address)) return [address];
    return [];
  });
}
