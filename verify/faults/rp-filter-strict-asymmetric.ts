import { asymmetricRoute, routeCanTurn } from './asymmetric-route.ts';
import type { Fault } from './fault.ts';
import { namespaceIn, sysctl } from './steps.ts';

const KEY = 'net.ipv4.conf.all.rp_filter';

/** What comes in by the underlay or the overlay would go out by a pod's side: strict filtering (RFC 3704) drops it, and only a counter tells. */
export const rpFilterStrictAsymmetric: Fault = {
  id: 'rp-filter-strict-asymmetric',
  layer: 'routing',
  title: 'strict reverse path filtering meets a route that leads back by another device',
  diagnosis: 'reverse-path-filter-drops',
  check: 'r1-pod-to-pod',
  fits: (target) => (target.family !== 'ipv4' ? 'the kernel has rp_filter for IPv4 only' : routeCanTurn(target)),
  script: (target, snapshot) => {
    const { netns } = target.node;
    const turned = asymmetricRoute(target, snapshot);
    const before = namespaceIn(snapshot, netns).sysctls[KEY.replaceAll('.', '/')] ?? '0';
    return { inject: [...turned.inject, sysctl(netns, KEY, 1)], undo: [sysctl(netns, KEY, before), ...turned.undo] };
  },
};
