import type { Fault } from './fault.ts';
import { ip } from './steps.ts';
import { overlayTo } from './target.ts';

/** Locally administered, and nobody's. */
const NOBODY = '02:00:00:00:00:99';

export const wrongVtepMac: Fault = {
  id: 'wrong-vtep-mac',
  layer: 'overlay',
  title: "a node holds a wrong MAC for another node's overlay device",
  diagnosis: 'vtep-mac-wrong',
  check: 'r1-pod-to-pod',
  fits: (target) => {
    const device = overlayTo(target);
    if (device === null) return 'there is no VXLAN between the nodes';
    return device.peers.some((one) => one.node === target.peer.id && one.mac !== null)
      ? true
      : 'overlay devices have no addresses of their own: frames go from pod to pod';
  },
  script: (target) => {
    const device = overlayTo(target);
    const peer = device?.peers.find((one) => one.node === target.peer.id);
    if (device === null || peer?.mac === null || peer === undefined || peer.address === null) return { inject: [], undo: [] };
    const family = peer.address.includes(':') ? 'ipv6' : 'ipv4';
    const words = ['neigh', 'replace', peer.address, 'lladdr'];
    const rest = ['dev', device.name, 'nud', 'permanent'];
    return {
      inject: [ip(target.node.netns, family, ...words, NOBODY, ...rest)],
      undo: [ip(target.node.netns, family, ...words, peer.mac, ...rest)],
    };
  },
};
