import type { BridgePlan, InterfacePlan, NodePlan, TunPlan, VxlanPlan } from './plan.ts';

/** The devices of a node that have addresses: underlay, bridge and overlay. */
export function nodeDevices(node: Pick<NodePlan, 'interfaces' | 'bridge' | 'vxlans' | 'tun'>): readonly (InterfacePlan | BridgePlan | VxlanPlan | TunPlan)[] {
  return [...node.interfaces, ...(node.bridge === null ? [] : [node.bridge]), ...node.vxlans, ...(node.tun === undefined ? [] : [node.tun])];
}
