import type { Fault, FaultStep } from './fault.ts';
import { NOBODY } from './neighbour-entry.ts';
import { ip, namespaceIn } from './steps.ts';
import { overlayTo } from './target.ts';

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
  script: (target, snapshot) => {
    const device = overlayTo(target);
    const peer = device?.peers.find((one) => one.node === target.peer.id);
    if (device === null || peer?.mac === null || peer === undefined || peer.address === null) return { inject: [], undo: [] };
    const { mac, address } = peer;
    const { netns } = target.node;
    // Where all pods are on the wire of the device, those of the peer have entries of their own.
    const ofPods = namespaceIn(snapshot, netns).neighbours.filter((one) => one.dev === device.name && one.state === 'permanent' && one.mac === mac);
    const entries = (lladdr: string): readonly FaultStep[] =>
      [...new Set([address, ...ofPods.map((one) => one.address)])].map((to) =>
        ip(netns, to.includes(':') ? 'ipv6' : 'ipv4', 'neigh', 'replace', to, 'lladdr', lladdr, 'dev', device.name, 'nud', 'permanent'),
      );
    return { inject: entries(NOBODY), undo: entries(mac) };
  },
};
