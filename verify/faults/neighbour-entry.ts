/** What those who send to a pod of the target hold for its address: an entry written, and the one that was found given back. */
import type { Snapshot } from '../../engines/port.ts';
import type { FaultScript, FaultStep } from './fault.ts';
import { ip, namespaceIn, routesTo } from './steps.ts';
import { type FaultTarget, isOneSegment, isRoutedPerPod, type NetworkedPod } from './target.ts';

/** A MAC that is locally administered, and nobody's. */
export const NOBODY = '02:00:00:00:00:99';

interface Cache {
  readonly netns: string;
  readonly dev: string;
}

/** The pod's node, and where pods are one segment a pod of the peer, which needs no node to reach it. */
export function cachesOf(target: FaultTarget, snapshot: Snapshot, pod: NetworkedPod, address: string): readonly Cache[] {
  const { node, peerPod, family } = target;
  const own = isRoutedPerPod(target)
    ? (routesTo(snapshot, node.netns, `${address}/${family === 'ipv4' ? 32 : 128}`)[0]?.dev ?? pod.interface.hostName ?? '')
    : (node.bridge?.name ?? '');
  return [{ netns: node.netns, dev: own }, ...(isOneSegment(target) ? [{ netns: peerPod.netns, dev: peerPod.interface.name }] : [])];
}

/** `learned`: the state in which an entry is written that is not permanent already. */
export function writeEntry(target: FaultTarget, snapshot: Snapshot, { netns, dev }: Cache, address: string, mac: string, learned: string): FaultScript {
  const { family } = target;
  const found = namespaceIn(snapshot, netns).neighbours.find((one) => one.address === address && one.dev === dev && one.state === 'permanent');
  const replace = (lladdr: string, state: string): FaultStep => ip(netns, family, 'neigh', 'replace', address, 'lladdr', lladdr, 'dev', dev, 'nud', state);
  return {
    inject: [replace(mac, found === undefined ? learned : 'permanent')],
    undo: [found === undefined ? { ...ip(netns, family, 'neigh', 'del', address, 'dev', dev), tolerant: true } : replace(found.mac, 'permanent')],
  };
}
