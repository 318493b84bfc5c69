import type { VxlanPlan } from '../../topology/plan.ts';
import { ipArgv } from '../ip-argv.ts';
import { familyOf } from './lab-view.ts';

/** Frames without an entry of their own go to the peers of this one (ip-link(8), type vxlan). */
const FLOOD = '00:00:00:00:00:00';

/**
 * The commands that make a VXLAN device of a node anew: the kernel changes neither the identifier nor the port of one that exists. Routes go with the device that
 * is deleted, and are not among them.
 *
 * @param vni the planned one, or that of a fault
 */
export function remakeVxlan(device: VxlanPlan, vni: number = device.vni): readonly (readonly string[])[] {
  const { name } = device;
  const words = ['id', String(vni), 'dstport', String(device.port), 'local', device.local, 'dev', device.dev, device.learning ? 'learning' : 'nolearning'];
  return [
    ['ip', 'link', 'del', name],
    ['ip', 'link', 'add', name, 'address', device.mac, 'mtu', String(device.mtuBytes), 'type', 'vxlan', ...words],
    ...device.addresses.map(({ address, prefixLength, family }) =>
      ipArgv(family, 'addr', 'add', `${address}/${prefixLength}`, 'dev', name, ...(family === 'ipv6' ? ['nodad'] : [])),
    ),
    ...(device.master === null ? [] : [['ip', 'link', 'set', name, 'master', device.master]]),
    ['ip', 'link', 'set', name, 'up'],
    ...device.peers.flatMap((peer) => [
      ...(peer.mac !== null && peer.address !== null
        ? [ipArgv(familyOf(peer.address), 'neigh', 'replace', peer.address, 'lladdr', peer.mac, 'dev', name, 'nud', 'permanent')]
        : []),
      ['bridge', 'fdb', peer.mac === null ? 'append' : 'replace', peer.mac ?? FLOOD, 'dev', name, 'dst', peer.underlay, 'self', 'permanent'],
    ]),
  ];
}
