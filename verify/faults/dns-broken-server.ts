import { restartServer, stopServer } from '../dns/restart-server.ts';
import type { Fault } from './fault.ts';
import { hasServers, serversOf } from './dns-target.ts';

/** The rung of the pods: nothing listens, and the Service leads to it. */
export const dnsBrokenServer: Fault = {
  id: 'dns-broken-server',
  layer: 'dns',
  title: 'the servers of the DNS of a cluster have ended',
  diagnosis: 'dns-server-down',
  check: 'dns-ladder',
  fits: hasServers,
  script: ({ cluster }) => {
    const places = serversOf(cluster).map((pod) => pod.netns);
    return {
      inject: places.map((netns) => ({ netns, argv: stopServer(netns) })),
      undo: places.map((netns) => ({ netns, argv: restartServer(netns) })),
    };
  },
};
