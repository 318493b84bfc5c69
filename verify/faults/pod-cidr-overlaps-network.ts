import { cidrContains, cidrOf, formatCidr, parseAddress, parseCidr } from '../../topology/cidr.ts';
import type { Fault } from './fault.ts';
import { routeCanBeLost, routeHolder } from './lost-route.ts';
import { ip } from './steps.ts';
import { type FaultTarget, podAddress, rangesOf } from './target.ts';

/**
 * A VPN or a bridge of containers has a range that lies in the pod network: its route is the longer prefix, and takes a part of the pods with it.
 * Here it is half of the range of the peer's pods, and leads to the segment of the nodes, where nobody has these addresses.
 */
export const podCidrOverlapsNetwork: Fault = {
  id: 'pod-cidr-overlaps-network',
  layer: 'addressing',
  title: 'the route of another network takes a part of the pods of another node',
  diagnosis: 'pod-cidr-overlaps',
  check: 'r1-pod-to-pod',
  fits: routeCanBeLost,
  script: (target) => {
    const holder = routeHolder(target);
    if (holder === null) return { inject: [], undo: [] };
    const machine = [target.node, ...target.plan.machines].find((one) => one.netns === holder.netns);
    const words = [halfWith(target), 'dev', machine?.interfaces[0]?.name ?? 'eth0'];
    return {
      inject: [ip(holder.netns, target.family, 'route', 'add', ...words)],
      undo: [{ ...ip(holder.netns, target.family, 'route', 'del', ...words), tolerant: true }],
    };
  },
};

/** The half of the peer's range in which its pod lives. */
function halfWith(target: FaultTarget): string {
  const pod = podAddress(target, target.peerPod);
  const range = rangesOf(target, target.peer)
    .map(parseCidr)
    .find((one) => cidrContains(one, pod));
  if (range === undefined) throw new RangeError(`${pod} is in no range of ${target.peer.name}`);
  return formatCidr(cidrOf(parseAddress(pod), range.prefixLength + 1));
}
