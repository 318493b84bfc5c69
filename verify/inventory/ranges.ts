/** Every node has a pod range of its own, in the plan and in its kernel, and no foreign network of a node takes a part of it. */
import type { NamespaceSnapshot } from '../../engines/port.ts';
import { cidrContains, cidrOf, formatCidr, parseAddress, parseCidr, cidrsOverlap } from '../../topology/cidr.ts';
import type { NodePlan, RoutePlan } from '../../topology/plan.ts';
import type { Finding } from './finding.ts';
import { isLost, joins, touches, touchesNode } from './flow.ts';
import { familyOf, execCommand, isOneSegment, type LabView, namespaceOf, podRanges, podsOn } from './lab-view.ts';
import { destinationOf, routesOf, routeText, routeWords } from './route-lookup.ts';
import { ipArgv } from '../ip-argv.ts';

/** Ranges that two nodes have, then foreign routes inside of a node's own range. */
export function inventoryRanges(view: LabView): readonly Finding[] {
  return [...sharedByPlan(view), ...sharedByBridge(view), ...foreignRoutes(view)];
}

/** As the plan, or the API, has it. */
function sharedByPlan(view: LabView): readonly Finding[] {
  const nodes = view.nodes.filter((node) => hasOwnRange(view, node)).map((node) => ({ node, ranges: podRanges(node).map(parseCidr) }));
  return nodes.flatMap(({ node, ranges }, at) =>
    nodes.slice(at + 1).flatMap(({ node: other, ranges: others }): readonly Finding[] => {
      if (other.cluster !== node.cluster || isOneSegment(view, node)) return [];
      const shared = podRanges(node)[ranges.findIndex((range) => others.some((one) => cidrsOverlap(one, range)))];
      if (shared === undefined) return [];
      return [
        {
          name: 'duplicate-pod-cidr',
          where: [node.id, other.id],
          certainty: 'certain',
          evidence: [`${node.name} and ${other.name} both have pods in ${shared}: ${podRanges(node).join(', ')} and ${podRanges(other).join(', ')}`],
          mend: '',
          explains: (flow) => isLost(flow) && (touchesNode(flow, node.id) || touchesNode(flow, other.id)),
        },
      ];
    }),
  );
}

/** In a real cluster with Calico the blocks of a node may lie anywhere in the pools, and the pools are all that is known of them. */
function hasOwnRange({ clusters }: LabView, { cluster, blocks }: NodePlan): boolean {
  return blocks.length === 0 || blocks.join() !== clusters.get(cluster)?.podCIDRs.join();
}

interface Intruder {
  readonly address: string;
  readonly prefixLength: number;
  readonly owner: NodePlan;
}

/** Addresses of a node's bridge that stand in the range of another node. */
function intrudersOf(view: LabView, node: NodePlan): readonly Intruder[] {
  const { bridge } = node;
  if (bridge === null || isOneSegment(view, node)) return [];
  return (namespaceOf(view, node.netns)?.addresses ?? [])
    .filter((one) => one.dev === bridge.name && !podRanges(node).some((range) => cidrContains(parseCidr(range), one.address)))
    .flatMap(({ address, prefixLength }) => {
      const owner = view.nodes.find((other) => other.id !== node.id && podRanges(other).some((range) => cidrContains(parseCidr(range), address)));
      return owner === undefined ? [] : [{ address, prefixLength, owner }];
    });
}

/** Does the node look for the pods of that range among its own, because its bridge stands in it? */
export function hasRangeOnBridge(view: LabView, node: NodePlan, route: Pick<RoutePlan, 'to'>): boolean {
  return intrudersOf(view, node).some(({ address }) => cidrContains(parseCidr(route.to), address));
}

function sharedByBridge(view: LabView): readonly Finding[] {
  return view.nodes.flatMap((node) =>
    intrudersOf(view, node).map(({ address, prefixLength, owner }): Finding => {
      const range = formatCidr(cidrOf(parseAddress(address), prefixLength));
      const planned = node.podRoutes.filter((route) => cidrContains(parseCidr(route.to), address));
      const family = familyOf(address);
      const dev = node.bridge?.name ?? '';
      return {
        name: 'duplicate-pod-cidr',
        where: [node.id],
        certainty: 'certain',
        evidence: [
          `${dev} of ${node.name} has ${address}/${prefixLength}, in the range of ${owner.name}: ${node.name} looks for the pods of ${owner.name} among its own`,
          `planned: ${range} for ${owner.name}, ${podRanges(node).join(', ')} for ${node.name}`,
        ],
        mend: [
          ipArgv(family, 'addr', 'del', `${address}/${prefixLength}`, 'dev', dev),
          ...planned.map((route) => ipArgv(family, 'route', 'replace', ...routeWords(route))),
        ]
          .map((argv) => execCommand(view, node, argv))
          .join('; '),
        explains: (flow) => isLost(flow) && joins(flow, node.id, owner.id),
      };
    }),
  );
}

/** A node's own pods are behind its bridge: what else takes a part of their range, takes pods away. */
function foreignRoutes(view: LabView): readonly Finding[] {
  return view.nodes.flatMap((node) => {
    const namespace = namespaceOf(view, node.netns);
    return node.bridge === null || namespace === undefined || isOneSegment(view, node) ? [] : foreignTo(view, node, namespace);
  });
}

function foreignTo(view: LabView, node: NodePlan, namespace: NamespaceSnapshot): readonly Finding[] {
  // Tunnel devices have an address of the range, and IPv6 a route to it.
  const own = new Set([node.bridge?.name, ...node.vxlans.map((one) => one.name)]);
  return podRanges(node).flatMap((text) => {
    const range = parseCidr(text);
    return routesOf(namespace, range.family).flatMap((route): readonly Finding[] => {
      const part = destinationOf(route);
      if (part === null || part.prefixLength <= range.prefixLength || !cidrContains(range, part)) return [];
      if (own.has(route.dev ?? undefined) || route.type === 'local' || route.type === 'broadcast' || route.type === 'multicast') return [];
      const taken = podsOn(view, node).filter((pod) => pod.interface?.addresses.some((one) => cidrContains(part, one.address)) === true);
      return [
        {
          name: route.type === 'unicast' ? 'pod-cidr-overlaps' : 'route-is-blackhole',
          where: [node.id],
          certainty: 'certain',
          evidence: [`"${routeText(route)}" on ${node.name} takes a part of ${text}, the pods of ${node.name} itself`],
          mend: execCommand(view, node, ipArgv(range.family, 'route', 'del', ...routeWords(route))),
          explains: (flow) => isLost(flow) && taken.some((pod) => touches(flow, pod.id)),
        },
      ];
    });
  });
}
