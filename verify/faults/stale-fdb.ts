import type { Fault, FaultScript } from './fault.ts';
import { freeUnderlayAddress } from './free-address.ts';
import { bridge } from './steps.ts';
import { overlayTo } from './target.ts';

/**
 * A node came back with another address, and its peers were not told. Where the overlay learns, an entry heals with the next frame: there the
 * entry of one pod is written permanently, which no learning overrides.
 */
export const staleFdb: Fault = {
  id: 'stale-fdb',
  layer: 'overlay',
  title: 'a forwarding entry of the overlay leads to an address that no node has',
  diagnosis: 'fdb-points-elsewhere',
  check: 'r1-pod-to-pod',
  fits: (target) => (overlayTo(target) === null ? 'there is no VXLAN between the nodes' : true),
  script: (target): FaultScript => {
    const device = overlayTo(target);
    const peer = device?.peers.find((one) => one.node === target.peer.id);
    if (device === null || peer === undefined) return { inject: [], undo: [] };
    const { netns } = target.node;
    const wrong = freeUnderlayAddress(target);
    const entry = (mac: string, dst: string): ReturnType<typeof bridge> =>
      bridge(netns, 'fdb', 'replace', mac, 'dev', device.name, 'dst', dst, 'self', 'permanent');
    if (peer.mac !== null) return { inject: [entry(peer.mac, wrong)], undo: [entry(peer.mac, peer.underlay)] };
    const { mac } = target.peerPod.interface;
    return { inject: [entry(mac, wrong)], undo: [bridge(netns, 'fdb', 'del', mac, 'dev', device.name, 'dst', wrong, 'self')] };
  },
};
