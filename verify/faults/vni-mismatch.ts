import type { Snapshot } from '../../engines/port.ts';
import type { VxlanPlan } from '../../topology/plan.ts';
import { remakeVxlan } from '../inventory/remake-vxlan.ts';
import type { Fault, FaultStep } from './fault.ts';
import { ip, KERNEL_PROTOCOL, namespaceIn, routeAsFound } from './steps.ts';
import { type FaultTarget, overlayTo } from './target.ts';

/** The kernel cannot change the identifier of a device, so the device is made anew with all that hangs on it. */
export const vniMismatch: Fault = {
  id: 'vni-mismatch',
  layer: 'overlay',
  title: 'the overlay device of a node has another VXLAN network identifier than its peers',
  diagnosis: 'vni-mismatch',
  check: 'r1-pod-to-pod',
  fits: (target) => (overlayTo(target) === null ? 'there is no VXLAN between the nodes' : true),
  script: (target, snapshot) => {
    const device = overlayTo(target);
    if (device === null) return { inject: [], undo: [] };
    return { inject: remake(target, snapshot, device, device.vni === 1 ? 2 : device.vni - 1), undo: remake(target, snapshot, device, device.vni) };
  },
};

function remake(target: FaultTarget, snapshot: Snapshot, device: VxlanPlan, vni: number): readonly FaultStep[] {
  const { netns, podRoutes } = target.node;
  const before = namespaceIn(snapshot, netns);
  // Where all pods are on its wire, it has an entry for each besides those of its peers.
  const ofPods = podRoutes.length > 0 ? [] : before.neighbours.filter(({ dev, state, mac }) => dev === device.name && state === 'permanent' && mac !== '');
  const mtu = before.links.find((link) => link.name === device.name)?.mtu ?? device.mtuBytes;
  return [
    ...remakeVxlan(device, vni).map((argv) => ({ netns, argv })),
    // As found: who narrowed it is another fault, and not mended by this one.
    ...(mtu === device.mtuBytes ? [] : [ip(netns, 'ipv4', 'link', 'set', device.name, 'mtu', mtu)]),
    ...ofPods.map(({ address, mac }) => ip(netns, 'ipv4', 'neigh', 'replace', address, 'lladdr', mac, 'dev', device.name, 'nud', 'permanent')),
    ...before.routes.filter((route) => route.dev === device.name && route.proto !== KERNEL_PROTOCOL).map((route) => routeAsFound(netns, 'replace', route)),
  ];
}
