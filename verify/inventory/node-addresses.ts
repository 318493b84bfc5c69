/** The addresses by which nodes are known to each other belong to one node each (VirtualBox gives every machine 10.0.2.15). */
import type { NodePlan, VxlanPlan } from '../../topology/plan.ts';
import type { Finding } from './finding.ts';
import { isLost, joins } from './flow.ts';
import { execCommand, type LabView, namespaceOf } from './lab-view.ts';
import { ipArgv } from '../ip-argv.ts';

/** Addresses that say nothing about a node: of links, of the loopback. */
const OF_NO_NODE = /^(127\.|169\.254\.|fe80:|::1$)/;

/** Address → the nodes of the cluster that have it, where there are several. Dummy devices hold addresses of Services, on every node alike. */
export function sharedAddresses(view: LabView, cluster: string): ReadonlyMap<string, readonly NodePlan[]> {
  const holders = new Map<string, NodePlan[]>();
  for (const node of view.nodes.filter((one) => one.cluster === cluster)) {
    const namespace = namespaceOf(view, node.netns);
    const dummies = new Set((namespace?.links ?? []).filter((link) => link.kind === 'dummy' || link.name === 'lo').map((link) => link.name));
    const own = (namespace?.addresses ?? []).filter((one) => !dummies.has(one.dev) && !OF_NO_NODE.test(one.address)).map((one) => one.address);
    for (const address of new Set([...own, ...node.interfaces.flatMap((one) => one.addresses.map((has) => has.address))]))
      holders.set(address, [...(holders.get(address) ?? []), node]);
  }
  return new Map([...holders].filter(([, nodes]) => nodes.length > 1));
}

/** Shared addresses that nodes are planned to have on the underlay, or that overlays send to. Others, as that of docker0, do no harm. */
export function inventoryNodeAddresses(view: LabView): readonly Finding[] {
  return [...view.clusters.keys()].flatMap((cluster) =>
    [...sharedAddresses(view, cluster)].flatMap(([address, nodes]): readonly Finding[] => {
      const planned = nodes.filter((node) => node.interfaces.some((one) => one.addresses.some((has) => has.address === address)));
      const entries = view.nodes.filter((node) => node.cluster === cluster).flatMap((node) => entriesTo(view, node, address));
      if (planned.length === 0 && entries.length === 0) return [];
      const names = nodes.map((node) => node.name).join(' and ');
      return [
        {
          name: 'node-address-not-unique',
          where: nodes.map((node) => node.id),
          certainty: 'certain',
          evidence: [
            `${address} is an address of ${names}${planned.length === 1 ? `; planned: of ${planned[0]?.name} alone` : ''}`,
            ...entries.map(
              (one) => `forwarding entry ${one.mac} on ${one.device.name} of ${one.node.name}, for ${one.peer}, leads to ${address}; planned: ${one.underlay}`,
            ),
          ],
          mend: [
            ...entries.map((one) =>
              execCommand(view, one.node, ['bridge', 'fdb', 'replace', one.mac, 'dev', one.device.name, 'dst', one.underlay, 'self', 'permanent']),
            ),
            ...(planned.length === 0 ? [] : nodes.filter((node) => !planned.includes(node)).flatMap((node) => withoutAddress(view, node, address))),
          ].join('; '),
          explains: (flow) => isLost(flow) && nodes.some((node, at) => nodes.slice(at + 1).some((other) => joins(flow, node.id, other.id))),
        },
      ];
    }),
  );
}

function withoutAddress(view: LabView, node: NodePlan, address: string): readonly string[] {
  return (namespaceOf(view, node.netns)?.addresses ?? [])
    .filter((one) => one.address === address)
    .map((one) => execCommand(view, node, ipArgv(one.family, 'addr', 'del', `${address}/${one.prefixLength}`, 'dev', one.dev)));
}

interface Entry {
  readonly node: NodePlan;
  readonly device: VxlanPlan;
  readonly mac: string;
  /** Identity of the node that it is to lead to, and where that is. */
  readonly peer: string;
  readonly underlay: string;
}

/** Forwarding entries for the planned peers of a node that lead to the address instead of theirs. */
function entriesTo(view: LabView, node: NodePlan, address: string): readonly Entry[] {
  const fdb = namespaceOf(view, node.netns)?.fdb ?? [];
  return node.vxlans.flatMap((device) =>
    device.peers.flatMap(({ mac, node: peer, underlay }) =>
      mac !== null && underlay !== address && fdb.some((one) => one.dev === device.name && one.mac === mac && one.dst === address)
        ? [{ node, device, mac, peer, underlay }]
        : [],
    ),
  );
}
