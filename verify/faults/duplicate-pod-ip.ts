import type { Snapshot } from '../../engines/port.ts';
import type { Fault, FaultScript, FaultStep } from './fault.ts';
import { cachesOf, writeEntry } from './neighbour-entry.ts';
import { ip, routeAsFound, routesTo } from './steps.ts';
import { type FaultTarget, isOneSegment, isRoutedPerPod, type NetworkedPod, podAddress, podPrefixLength } from './target.ts';

/**
 * Two stacks own one address: the pod gets its neighbour's besides its own. Which of the two is reached is a race of ARP replies in life; here the
 * node (and where pods are one segment, a pod of the peer) is told that the wrong one won, with an entry of the kind it has for that address:
 * learned ones stay learned (and are confirmed by the wrong pod), permanent ones permanent. Where pods are routed one by one, the host route
 * says who won.
 */
export const duplicatePodIp: Fault = {
  id: 'duplicate-pod-ip',
  layer: 'addressing',
  title: 'a pod holds the address of another pod of its node',
  diagnosis: 'duplicate-pod-ip',
  check: 'r3-self-view',
  fits: (target) => (target.neighbour === null ? 'needs two pods on one node' : true),
  script: (target, snapshot) => {
    const { pod, neighbour, family } = target;
    if (neighbour === null) return { inject: [], undo: [] };
    const address = podAddress(target, neighbour);
    const words = [`${address}/${podPrefixLength(target, neighbour)}`, 'dev', pod.interface.name];
    const won = isRoutedPerPod(target) ? byRoute(target, snapshot, address) : byNeighbour(target, snapshot, neighbour, address);
    return {
      inject: [ip(pod.netns, family, 'addr', 'add', ...words, ...(family === 'ipv6' ? ['nodad'] : [])), ...won.inject],
      undo: [ip(pod.netns, family, 'addr', 'del', ...words), ...won.undo, ...forget(target, address)],
    };
  },
};

function byRoute(target: FaultTarget, snapshot: Snapshot, address: string): FaultScript {
  const { node, pod, family } = target;
  const range = `${address}/${family === 'ipv4' ? 32 : 128}`;
  const found = routesTo(snapshot, node.netns, range);
  const own = routesTo(snapshot, node.netns, `${podAddress(target, pod)}/${family === 'ipv4' ? 32 : 128}`)[0];
  const wrong = [range, 'dev', pod.interface.hostName ?? own?.dev ?? ''];
  return {
    inject: [...found.map((route) => routeAsFound(node.netns, 'del', route)), ip(node.netns, family, 'route', 'add', ...wrong)],
    undo: [ip(node.netns, family, 'route', 'del', ...wrong), ...found.map((route) => routeAsFound(node.netns, 'add', route))],
  };
}

function byNeighbour(target: FaultTarget, snapshot: Snapshot, neighbour: NetworkedPod, address: string): FaultScript {
  const { mac } = target.pod.interface;
  const scripts = cachesOf(target, snapshot, neighbour, address).map((cache) => writeEntry(target, snapshot, cache, address, mac, 'reachable'));
  return { inject: scripts.flatMap((one) => one.inject), undo: scripts.flatMap((one) => one.undo) };
}

/** Pods of the segment may have learned the wrong MAC; permanent entries are not touched by a flush. */
function forget(target: FaultTarget, address: string): readonly FaultStep[] {
  const { cluster, node, family } = target;
  if (isRoutedPerPod(target)) return [{ ...ip(node.netns, family, 'neigh', 'flush', 'to', address), tolerant: true }];
  const pods = cluster.pods.filter((pod): pod is NetworkedPod => pod.interface !== null && (isOneSegment(target) || pod.node === node.name));
  const nodes = isOneSegment(target) ? cluster.nodes : [];
  return [...pods, ...nodes].map((one) => ({ ...ip(one.netns, family, 'neigh', 'flush', 'to', address), tolerant: true }));
}
