import { cidrContains, parseCidr } from '../../topology/cidr.ts';
import type { VxlanPeerPlan, VxlanPlan } from '../../topology/plan.ts';
import type { Fault, FaultScript, FaultStep } from './fault.ts';
import { bridge, ip } from './steps.ts';
import { type FaultTarget, overlayTo } from './target.ts';

/** What every VirtualBox machine calls its own, unless a segment of the lab is there; in IPv6 a unique local address (RFC 4193) in its place. */
const EVERYBODYS = ['10.0.2.15', '10.0.3.15', 'fd00:2::15', 'fd00:3::15'] as const;
const DEVICE = 'nat0';

/** Both nodes have an interface with the same address, and both were announced with it: each sends what is for the other to itself, until the TTL ends. */
export const wrongNodeAddress: Fault = {
  id: 'wrong-node-address',
  layer: 'addressing',
  title: 'two nodes are known by an address that both have',
  diagnosis: 'node-address-not-unique',
  check: 'r1-pod-to-pod',
  fits: (target) => {
    const device = overlayTo(target);
    if (device === null) return 'there is no VXLAN between the nodes, and a next hop of its own no kernel takes';
    return peerOf(device, target.peer.id) === null ? 'overlay devices have no addresses of their own: no node routes what comes back to it' : true;
  },
  script: (target) => {
    const scripts = [both(target), both({ ...target, node: target.peer, peer: target.node })];
    return { inject: scripts.flatMap((one) => one.inject), undo: scripts.flatMap((one) => one.undo) };
  },
};

function peerOf(device: VxlanPlan, node: string): (VxlanPeerPlan & { readonly mac: string }) | null {
  return device.peers.find((one): one is VxlanPeerPlan & { readonly mac: string } => one.node === node && one.mac !== null) ?? null;
}

function both(target: FaultTarget): FaultScript {
  const { netns } = target.node;
  const device = overlayTo(target);
  const peer = device === null ? null : peerOf(device, target.peer.id);
  if (device === null || peer === null) return { inject: [], undo: [] };
  const family = device.local.includes(':') ? 'ipv6' : 'ipv4';
  const segments = target.plan.segments.flatMap((segment) => segment.cidrs.map(parseCidr));
  const free = EVERYBODYS.filter((one) => one.includes(':') === (family === 'ipv6')).find((one) => !segments.some((range) => cidrContains(range, one)));
  const address = free ?? device.local;
  const own = `${address}/${family === 'ipv4' ? 32 : 128}`;
  const link = (...words: readonly string[]): FaultStep => ip(netns, 'ipv4', 'link', ...words);
  const entry = (dst: string): FaultStep => bridge(netns, 'fdb', 'replace', peer.mac, 'dev', device.name, 'dst', dst, 'self', 'permanent');
  return {
    inject: [
      link('add', DEVICE, 'type', 'bridge'),
      ip(netns, family, 'addr', 'add', own, 'dev', DEVICE, ...(family === 'ipv6' ? ['nodad'] : [])),
      link('set', DEVICE, 'up'),
      entry(address),
    ],
    undo: [entry(peer.underlay), { ...link('del', DEVICE), tolerant: true }],
  };
}
