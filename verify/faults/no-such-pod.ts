import type { Fault } from './fault.ts';
import { ip, namespaceIn, neighboursByHand, routeAsFound, routesByHand } from './steps.ts';

/** What is left of a pod whose sandbox died: its address is still in Services and in caches, and nobody answers for it. */
export const noSuchPod: Fault = {
  id: 'no-such-pod',
  layer: 'addressing',
  title: 'the interface of a pod is down: nobody has its address',
  diagnosis: 'address-not-assigned',
  check: 'r1-pod-to-pod',
  fits: ({ family }) => (family === 'ipv4' ? true : 'the kernel forgets IPv6 addresses with their interface, and nothing can listen on what is not there'),
  script: ({ pod }, snapshot) => {
    const { netns } = pod;
    const dev = pod.interface.name;
    const found = namespaceIn(snapshot, netns);
    // The kernel keeps IPv4 addresses of an interface that is down, and forgets those of IPv6, all routes and all neighbours.
    const addresses = found.addresses.filter((one) => one.dev === dev && one.family === 'ipv6' && !one.address.startsWith('fe80:'));
    return {
      inject: [ip(netns, 'ipv4', 'link', 'set', dev, 'down')],
      undo: [
        ip(netns, 'ipv4', 'link', 'set', dev, 'up'),
        ...addresses.map((one) => ip(netns, 'ipv6', 'addr', 'replace', `${one.address}/${one.prefixLength}`, 'dev', dev, 'nodad')),
        ...routesByHand(found).map((route) => routeAsFound(netns, 'replace', route)),
        ...(['ipv4', 'ipv6'] as const).flatMap((family) => neighboursByHand(snapshot, netns, family, dev)),
      ],
    };
  },
};
