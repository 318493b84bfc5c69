/** What the CNIs with one subnet per node share: gateway bridge, routes to the peers, host-local conflist. */
import { gatewayOf } from '../allocate.ts';
import { formatCidr, type Cidr } from '../cidr.ts';
import { macFor } from '../names.ts';
import type { AddressPlan, BridgePlan, CniPlan, PodInterfacePlan, RoutePlan } from '../plan.ts';
import type { Family } from '../spec.ts';
import type { CniContext, CniNode, NodeNetwork, RouterRoutes } from './cni.ts';

/** The underlay address of a node in a family. */
export const underlayAddress = (node: CniNode, family: Family): string | null => node.interface.addresses.find((a) => a.family === family)?.address ?? null;

/** A bridge that is the gateway of its node's pods, with a MAC of its own: without one it takes its ports' lowest, and changes with them. */
export function gatewayBridge(node: CniNode, name: string, mtuBytes: number): BridgePlan {
  const addresses: AddressPlan[] = node.ranges.map((range) => ({ family: range.family, address: gatewayOf(range), prefixLength: range.prefixLength }));
  return { name, mac: macFor(`${node.id}#${name}`), mtuBytes, addresses };
}

/** Routes to one peer's ranges through the underlay: on-link to a node of the same segment, else through the segment's router. */
export function underlayRoutes(context: CniContext<CniPlan>, node: CniNode, peer: CniNode): readonly RoutePlan[] {
  return peer.ranges.flatMap((range): RoutePlan[] => {
    const router = context.routersOn(node.segment)[0]?.addresses.find((a) => a.family === range.family)?.address ?? null;
    const via = peer.segment === node.segment ? underlayAddress(peer, range.family) : router;
    return via === null
      ? []
      : [{ family: range.family, to: formatCidr(range), via, dev: node.interface.name, onlink: false, type: 'unicast', origin: 'static' }];
  });
}

/** Every router's routes to the ranges of the nodes on its own segments, and of the rest through the next router. */
export function routerRoutesToNodes(context: CniContext<CniPlan>): RouterRoutes {
  const routes = new Map<string, RoutePlan[]>();
  const segments = new Set(context.nodes.map((n) => n.segment));
  for (const segment of segments) {
    for (const { router, dev } of context.routersOn(segment)) {
      const mine = routes.get(router) ?? [];
      for (const node of context.nodes.filter((n) => n.segment === segment)) {
        for (const range of node.ranges) {
          const via = underlayAddress(node, range.family);
          if (via !== null) mine.push({ family: range.family, to: formatCidr(range), via, dev, onlink: false, type: 'unicast', origin: 'static' });
        }
      }
      routes.set(router, mine);
    }
  }
  return routes;
}

/** IPAM section of host-local for a node, with routes by the node's gateway; `dataDir` lives with the lab, one per node. */
export function hostLocal(node: CniNode, routes: readonly Cidr[]): Readonly<Record<string, unknown>> {
  const gatewayFor = (family: Family): string | undefined => node.ranges.filter((range) => range.family === family).map(gatewayOf)[0];
  return {
    type: 'host-local',
    dataDir: `/run/cnilab/ipam/${node.id.replace('/', '.')}`,
    ranges: node.ranges.map((range) => [{ subnet: formatCidr(range), gateway: gatewayOf(range) }]),
    // The gateway is said although ADD would find it: CHECK looks for the route as it is written here.
    routes: routes.map((route) => ({ dst: formatCidr(route), gw: gatewayFor(route.family) })),
  };
}

export const PORTMAP = { type: 'portmap', capabilities: { portMappings: true } } as const;

/** eth0 of a pod whose CNI plugin names the node's end. */
export function bridgedPodInterface(mtuBytes: number, node: CniNode, network: NodeNetwork, podId: string, addresses: readonly string[]): PodInterfacePlan {
  return {
    name: 'eth0',
    mac: macFor(podId),
    mtuBytes,
    addresses: addresses.map((address, i) => ({ family: node.ranges[i]?.family ?? 'ipv4', address, prefixLength: node.ranges[i]?.prefixLength ?? 24 })),
    gateways: network.gateways,
    hostName: null,
    hostMac: null,
  };
}
