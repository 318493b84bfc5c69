/** What every node must have alone: its MAC on the network it shares with others, its host name, its machine-id. A cloned machine has another's. */
import type { NodePlan } from '../../topology/plan.ts';
import type { Finding } from './finding.ts';
import { isLost, touchesNode } from './flow.ts';
import { execCommand, type LabView, namespaceOf } from './lab-view.ts';

/** https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/install-kubeadm/#verify-mac-address */
export function inventoryNodeIdentities(view: LabView): readonly Finding[] {
  return [
    ...sharedMacs(view),
    ...shared(view, 'host name', 'hostname', (one) => one.hostName),
    ...shared(view, 'machine-id', 'machine-id', (one) => one.machineId),
  ];
}

/** The nodes that have the same, where it is more than one. */
function holders(nodes: readonly NodePlan[], key: (node: NodePlan) => readonly string[]): readonly (readonly [string, readonly NodePlan[]])[] {
  const found = new Map<string, NodePlan[]>();
  for (const node of nodes) for (const value of new Set(key(node))) found.set(value, [...(found.get(value) ?? []), node]);
  return [...found].filter(([, many]) => many.length > 1);
}

/** A tunnel of IP in IP has an IPv4 address there (0.0.0.0 for tunl0, on every node), and WireGuard nothing: no switch looks at either. */
const ETHERNET = /^(?!00(:00){5}$)[\da-f]{2}(:[\da-f]{2}){5}$/;

function sharedMacs(view: LabView): readonly Finding[] {
  const macs = ({ netns, interfaces }: NodePlan): readonly string[] =>
    interfaces.flatMap((face) => {
      const link = namespaceOf(view, netns)?.links.find((one) => one.name === face.name);
      return link === undefined || !ETHERNET.test(link.mac) ? [] : [`${link.mac} ${face.segment}`];
    });
  return holders(view.nodes, macs).map(([key, nodes]): Finding => {
    const [mac = '', segment = ''] = key.split(' ');
    const mends = nodes.flatMap((node) =>
      node.interfaces
        .filter((face) => face.segment === segment && face.mac !== mac)
        .map((face) => execCommand(view, node, ['ip', 'link', 'set', face.name, 'address', face.mac])),
    );
    return {
      name: 'duplicate-mac',
      where: nodes.map((node) => node.id),
      certainty: 'certain',
      evidence: [`${mac} is the MAC of ${nodes.map((node) => node.name).join(' and ')} on segment ${segment}: the switch sends to whoever spoke last`],
      mend: mends.join('; '),
      explains: (flow) => isLost(flow) && nodes.some((node) => touchesNode(flow, node.id)),
    };
  });
}

function shared(
  view: LabView,
  what: string,
  file: string,
  of: (identity: { readonly hostName: string; readonly machineId: string }) => string,
): readonly Finding[] {
  const values = ({ netns }: NodePlan): readonly string[] => {
    const identity = namespaceOf(view, netns)?.identity;
    return identity === undefined ? [] : [of(identity)];
  };
  return holders(view.nodes, values).map(
    ([value, nodes]): Finding => ({
      name: 'node-not-unique',
      where: nodes.map((node) => node.id),
      certainty: 'certain',
      evidence: [`${value} is the ${what} of ${nodes.map((node) => node.name).join(' and ')}`],
      mend: nodes.flatMap((node) => mendOf(view, node, file, value)).join('; '),
      explains: () => false,
    }),
  );
}

/** The file as planned, for who has another's. */
function mendOf(view: LabView, node: NodePlan, file: string, value: string): readonly string[] {
  const planned = file === 'hostname' ? node.name : (node.machineId ?? '');
  return planned === value ? [] : [execCommand(view, node, ['sh', '-c', `echo ${planned} >/etc/${file}`])];
}
