import type { Snapshot } from '../../engines/port.ts';
import type { Fault, FaultStep } from './fault.ts';
import { freePodAddress } from './free-address.ts';
import { ip, namespaceIn, neighboursByHand, routeAsFound, routesByHand, routesTo } from './steps.ts';
import { type FaultTarget, isRoutedPerPod, podAddress, podPrefixLength } from './target.ts';

/** The pod itself works: it has an address of its node's range, and the node knows the way to it. It is only not the one that the API shows. */
export const podAddressNotPlanned: Fault = {
  id: 'pod-address-not-planned',
  layer: 'addressing',
  title: 'a pod has another address than the one that was assigned to it',
  diagnosis: 'address-differs-from-plan',
  check: 'r3-self-view',
  fits: () => true,
  script: (target, snapshot) => {
    const planned = podAddress(target, target.pod);
    const other = freePodAddress(target);
    return { inject: swap(target, snapshot, planned, other), undo: swap(target, snapshot, other, planned) };
  },
};

/** Routes and neighbours of a pod go with its last address, so they are written again. */
function swap(target: FaultTarget, snapshot: Snapshot, from: string, to: string): readonly FaultStep[] {
  const { pod, family } = target;
  const length = podPrefixLength(target, pod);
  const words = (address: string): readonly string[] => [`${address}/${length}`, 'dev', pod.interface.name];
  const routes = routesByHand(namespaceIn(snapshot, pod.netns)).filter((route) => route.family === family);
  return [
    ip(pod.netns, family, 'addr', 'del', ...words(from)),
    ip(pod.netns, family, 'addr', 'add', ...words(to), ...(family === 'ipv6' ? ['nodad'] : [])),
    ...routes.map((route) => routeAsFound(pod.netns, 'replace', route)),
    ...neighboursByHand(snapshot, pod.netns, family, pod.interface.name),
    ...onNode(target, snapshot, from, to),
  ];
}

function onNode(target: FaultTarget, snapshot: Snapshot, from: string, to: string): readonly FaultStep[] {
  const { node, pod, family, plan } = target;
  if (isRoutedPerPod(target)) {
    const length = family === 'ipv4' ? 32 : 128;
    const found = routesTo(snapshot, node.netns, `${podAddress(target, pod)}/${length}`)[0];
    if (found === undefined) return [];
    return [routeAsFound(node.netns, 'del', { ...found, to: `${from}/${length}` }), routeAsFound(node.netns, 'add', { ...found, to: `${to}/${length}` })];
  }
  if (plan.neighbours.mode === 'learned' || node.bridge === null) return [];
  return [
    { ...ip(node.netns, family, 'neigh', 'del', from, 'dev', node.bridge.name), tolerant: true },
    ip(node.netns, family, 'neigh', 'replace', to, 'lladdr', pod.interface.mac, 'dev', node.bridge.name, 'nud', 'permanent'),
  ];
}
