import type { Fault } from './fault.ts';
import { routeCanBeLost, routeHolder, withoutRoutes } from './lost-route.ts';
import { ip } from './steps.ts';
import { rangesOf } from './target.ts';

/** Below what BIRD gives its routes (32), so that they stay and lose. */
const BEFORE_BIRD = 1;

/** As a rejected summary, or a block that was given back, leaves behind. No ICMP, and no counter moves: only the table shows it. */
export const blackholeRoute: Fault = {
  id: 'blackhole-route',
  layer: 'routing',
  title: 'the route to the pods of another node is a blackhole',
  diagnosis: 'route-is-blackhole',
  check: 'r1-pod-to-pod',
  fits: routeCanBeLost,
  script: (target, snapshot) => {
    const holder = routeHolder(target);
    if (holder === null) return { inject: [], undo: [] };
    const { netns, origin } = holder;
    // BIRD would put back what is taken from it.
    const planned = origin === 'static' ? withoutRoutes(target, snapshot, netns) : { inject: [], undo: [] };
    const metric = origin === 'static' ? [] : ['metric', BEFORE_BIRD];
    const hole = (verb: 'add' | 'del', range: string): ReturnType<typeof ip> => ip(netns, target.family, 'route', verb, 'blackhole', range, ...metric);
    const ranges = rangesOf(target, target.peer);
    return {
      inject: [...planned.inject, ...ranges.map((range) => hole('add', range))],
      undo: [...ranges.map((range) => ({ ...hole('del', range), tolerant: true })), ...planned.undo],
    };
  },
};
