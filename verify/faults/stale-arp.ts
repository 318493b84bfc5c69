import type { Fault } from './fault.ts';
import { cachesOf, NOBODY, writeEntry } from './neighbour-entry.ts';
import { podAddress } from './target.ts';

/** The pod was made anew with its old address, and nobody told its node. The pod's own requests fail as well: replies take the same entry. */
export const staleArp: Fault = {
  id: 'stale-arp',
  layer: 'l2',
  title: 'a node holds a MAC for a pod of it that the pod does not have',
  diagnosis: 'stale-neighbour',
  check: 'r1-pod-to-pod',
  fits: () => true,
  script: (target, snapshot) => {
    const address = podAddress(target, target.pod);
    const scripts = cachesOf(target, snapshot, target.pod, address).map((cache) => writeEntry(target, snapshot, cache, address, NOBODY, 'permanent'));
    return { inject: scripts.flatMap((one) => one.inject), undo: scripts.flatMap((one) => one.undo) };
  },
};
