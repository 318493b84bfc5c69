import type { MachinePlan } from '../../topology/plan.ts';
import type { Fault } from './fault.ts';
import { firstRule } from './steps.ts';
import { type FaultTarget, overlayTo } from './target.ts';

/** A network between subnets that lets nodes talk, and not their overlay: pairs of one subnet are well. */
export const encapsulationFilteredAcrossSubnets: Fault = {
  id: 'encapsulation-filtered-across-subnets',
  layer: 'overlay',
  title: 'the routers between two subnets drop the outer packets of the overlay',
  diagnosis: 'encapsulation-filtered',
  check: 'r1-pod-to-pod',
  fits: (target) => {
    if (routersBetween(target).length === 0) return 'no router is between the nodes: they share a subnet';
    return overlayTo(target) === null ? 'there is no VXLAN between the nodes' : true;
  },
  script: (target) => {
    const device = overlayTo(target);
    const rules = routersBetween(target).map((router) =>
      firstRule(router.netns, device?.family ?? target.family, 'filter', 'FORWARD', ['-p', 'udp', '--dport', device?.port ?? 0, '-j', 'DROP']),
    );
    return { inject: rules.flatMap((rule) => rule.inject), undo: rules.flatMap((rule) => rule.undo) };
  },
};

/** Routers with a foot in the subnet of either node; none where the nodes share one. */
function routersBetween({ plan, node, peer }: FaultTarget): readonly MachinePlan[] {
  const own = new Set(node.interfaces.map((one) => one.segment));
  const others = new Set(peer.interfaces.map((one) => one.segment));
  if ([...own].some((segment) => others.has(segment))) return [];
  return plan.machines.filter(
    ({ kind, interfaces }) => kind === 'router' && interfaces.some((one) => own.has(one.segment)) && interfaces.some((one) => others.has(one.segment)),
  );
}
