/** How a plan carries packets from the pods of one node to those of another. Pure. */
import { traitsOf } from './cni/index.ts';
import { UDP_OVERHEAD, VXLAN_OVERHEAD } from './cni/flannel.ts';
import type { CniPlan, NodePlan, RoutePlan } from './plan.ts';
import type { Family } from './spec.ts';

export interface Passage {
  /** `route`: as the pod sent it. `udp`, `sleeve`: through a process on either node. `unknown`: the plan says nothing of it. */
  readonly by: 'route' | 'vxlan' | 'ipip' | 'udp' | 'sleeve' | 'unknown';
  /** Bytes that are put around each packet, as an MTU counts them: without the outer Ethernet header. null: not known. */
  readonly overheadBytes: number | null;
}

/** By what the packets of a family pass from the pods of `from` to those of `to`. */
export function passageBetween(cni: CniPlan, from: NodePlan, to: NodePlan, family: Family): Passage {
  // Its headers depend on what its router negotiates.
  if (cni.type === 'weave' && cni.sleeve === true) return { by: 'sleeve', overheadBytes: null };
  const route = routeTo(from, to, family);
  const routed = route === null ? null : byDevice(from, route.dev);
  if (routed !== null) return routed;
  // One wire or one range for all nodes: no route is a single node's, the device knows where each is.
  const vxlan = from.vxlans.find((one) => one.family === family && one.peers.some(({ node }) => node === to.id));
  if (vxlan !== undefined) return { by: 'vxlan', overheadBytes: VXLAN_OVERHEAD[vxlan.family] };
  if (from.tun?.peers.some(({ node }) => node === to.id) === true) return { by: 'udp', overheadBytes: UDP_OVERHEAD };
  // The routes are the nodes' own, or those of the router in front of them.
  if (route !== null || (cni.type === 'bridge' && cni.routesOn === 'router')) return { by: 'route', overheadBytes: 0 };
  return { by: 'unknown', overheadBytes: null };
}

/** The route that is the other node's own: to its share of the pod addresses. */
function routeTo(from: NodePlan, to: NodePlan, family: Family): RoutePlan | null {
  const ranges = new Set([...to.podCIDRs, ...to.blocks]);
  return from.podRoutes.find((one) => one.family === family && one.type === 'unicast' && ranges.has(one.to)) ?? null;
}

/** By the kind of the device; null for one that wraps nothing. */
function byDevice(node: NodePlan, dev: string | null): Passage | null {
  const vxlan = node.vxlans.find(({ name }) => name === dev);
  if (vxlan !== undefined) return { by: 'vxlan', overheadBytes: VXLAN_OVERHEAD[vxlan.family] };
  if (node.ipip !== null && node.ipip.name === dev) return { by: 'ipip', overheadBytes: traitsOf('calico').overheadBytes['ipip'] ?? null };
  return null;
}
