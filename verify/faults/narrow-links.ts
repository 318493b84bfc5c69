/** Devices of all nodes of a cluster, narrower than planned: of all, since a reply is as large as what it answers. */
import type { Snapshot } from '../../engines/port.ts';
import type { NodePlan } from '../../topology/plan.ts';
import type { FaultScript, FaultStep } from './fault.ts';
import { ip, namespaceIn } from './steps.ts';
import type { FaultTarget } from './target.ts';

/** Narrows the devices of each node that are wider, and sets them back to what they were; pods then forget what they learned of paths. */
export function narrowLinks(target: FaultTarget, snapshot: Snapshot, mtuBytes: number, devicesOf: (node: NodePlan) => readonly string[]): FaultScript {
  const found = target.cluster.nodes.flatMap((node) =>
    namespaceIn(snapshot, node.netns)
      .links.filter(({ name, mtu }) => mtu > mtuBytes && devicesOf(node).includes(name))
      .map(({ name, mtu }) => ({ netns: node.netns, name, mtu })),
  );
  const set = (netns: string, name: string, mtu: number): FaultStep => ip(netns, 'ipv4', 'link', 'set', name, 'mtu', mtu);
  return {
    inject: found.map(({ netns, name }) => set(netns, name, mtuBytes)),
    undo: [...found.map(({ netns, name, mtu }) => set(netns, name, mtu)), ...forgetPaths(target)],
  };
}

/** The cables of a node. */
export function cablesOf(node: NodePlan): readonly string[] {
  return node.interfaces.map((one) => one.name);
}

/** An MTU that was learned stays for ten minutes (net.ipv4.route.mtu_expires). */
function forgetPaths({ cluster }: FaultTarget): readonly FaultStep[] {
  const pods = cluster.pods.filter((pod) => pod.interface !== null);
  return [...cluster.nodes, ...pods].flatMap(({ netns }) =>
    cluster.families.map((family) => ({ ...ip(netns, family, 'route', 'flush', 'cache'), tolerant: true })),
  );
}
