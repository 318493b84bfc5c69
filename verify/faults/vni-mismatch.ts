import type { Snapshot } from '../../engines/port.ts';
import type { VxlanPlan } from '../../topology/plan.ts';
import type { Fault, FaultStep } from './fault.ts';
import { bridge, ip, namespaceIn, routeAsFound } from './steps.ts';
import { type FaultTarget, overlayTo } from './target.ts';

const FLOOD = '00:00:00:00:00:00';
/** RTPROT_KERNEL of linux/rtnetlink.h. */
const KERNEL_PROTOCOL = 2;

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
  const { netns } = target.node;
  const { name } = device;
  const link = (...words: readonly (string | number)[]): FaultStep => ip(netns, 'ipv4', 'link', ...words);
  return [
    link('del', name),
    link(
      'add',
      name,
      'address',
      device.mac,
      'mtu',
      device.mtuBytes,
      'type',
      'vxlan',
      'id',
      vni,
      'dstport',
      device.port,
      'local',
      device.local,
      'dev',
      device.dev,
      device.learning ? 'learning' : 'nolearning',
    ),
    ...device.addresses.map((one) =>
      ip(netns, one.family, 'addr', 'add', `${one.address}/${one.prefixLength}`, 'dev', name, ...(one.family === 'ipv6' ? ['nodad'] : [])),
    ),
    ...(device.master === null ? [] : [link('set', name, 'master', device.master)]),
    link('set', name, 'up'),
    ...device.peers.flatMap((peer): readonly FaultStep[] => [
      ...(peer.mac !== null && peer.address !== null
        ? [ip(netns, peer.address.includes(':') ? 'ipv6' : 'ipv4', 'neigh', 'replace', peer.address, 'lladdr', peer.mac, 'dev', name, 'nud', 'permanent')]
        : []),
      bridge(netns, 'fdb', peer.mac === null ? 'append' : 'replace', peer.mac ?? FLOOD, 'dev', name, 'dst', peer.underlay, 'self', 'permanent'),
    ]),
    ...namespaceIn(snapshot, netns)
      .routes.filter((route) => route.dev === name && route.proto !== KERNEL_PROTOCOL)
      .map((route) => routeAsFound(netns, 'replace', route)),
  ];
}
