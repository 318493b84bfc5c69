import type { Fault } from './fault.ts';
import { routeHolder, withoutRoutes } from './lost-route.ts';
import { ip, namespaceIn, sysctl } from './steps.ts';
import { isRoutedPerPod, rangesOf } from './target.ts';

const KEY = 'net.ipv4.conf.all.rp_filter';

/** What comes in by the underlay or the overlay would go out by a pod's side: strict filtering (RFC 3704) drops it, and only a counter tells. */
export const rpFilterStrictAsymmetric: Fault = {
  id: 'rp-filter-strict-asymmetric',
  layer: 'routing',
  title: 'strict reverse path filtering meets a route that leads back by another device',
  diagnosis: 'reverse-path-filter-drops',
  check: 'r1-pod-to-pod',
  fits: (target) => {
    if (target.family !== 'ipv4') return 'the kernel has rp_filter for IPv4 only';
    return routeHolder(target)?.kind === 'node' ? true : 'the node itself has no route to the pods of another node that could lead elsewhere';
  },
  script: (target, snapshot) => {
    const { node, family, pod } = target;
    const wrong = (isRoutedPerPod(target) ? pod.interface.hostName : node.bridge?.name) ?? 'lo';
    const planned = withoutRoutes(target, snapshot, node.netns);
    const ranges = rangesOf(target, target.peer);
    const before = namespaceIn(snapshot, node.netns).sysctls[KEY.replaceAll('.', '/')] ?? '0';
    return {
      inject: [...planned.inject, ...ranges.map((range) => ip(node.netns, family, 'route', 'add', range, 'dev', wrong)), sysctl(node.netns, KEY, 1)],
      undo: [sysctl(node.netns, KEY, before), ...ranges.map((range) => ip(node.netns, family, 'route', 'del', range, 'dev', wrong)), ...planned.undo],
    };
  },
};
