import { restartServer, runUntilItEnds, stopServer } from '../dns/restart-server.ts';
import { dnsFile, LOOP_ADDRESS } from '../dns/forwarding.ts';
import { hasServers, serversOf } from './dns-target.ts';
import type { Fault } from './fault.ts';

/** What a node whose resolver is on 127.0.0.1 does to `forward . /etc/resolv.conf` of its pods; the rest stays as it is. */
const FORWARD_TO_ITSELF = `cp -p "$1" "$1.planned" && { printf '. {\\n    loop\\n    forward . %s\\n' ${LOOP_ADDRESS}; sed -e 1d -e '/^ *forward /d' "$1.planned"; } >"$1"`;
/** Only where the file was changed is anything given back. */
const CHANGED = 'f=$1; shift; test -f "$f.planned" || exit 0;';

/**
 * The plugin `loop` of CoreDNS asks itself once at the start, and ends the program with a FATAL line when the question comes back a second time
 * (https://coredns.io/plugins/loop). It is started for that: one that only reads its file again may be answered by what it was before. dnsmasq looks for no loop.
 */
export const dnsForwardingLoop: Fault = {
  id: 'dns-forwarding-loop',
  layer: 'dns',
  title: 'the servers of the DNS of a cluster forward to themselves, and CoreDNS ends when it finds the loop',
  diagnosis: 'dns-forwarding-loop',
  check: 'dns-ladder',
  needs: ['coredns'],
  fits: hasServers,
  script: ({ cluster }) => {
    const places = serversOf(cluster).map((pod) => ({ netns: pod.netns, file: dnsFile(pod.netns) }));
    return {
      inject: [
        ...places.map(({ netns, file }) => ({ netns, argv: ['test', '-f', file], lack: 'the servers of the DNS are no CoreDNS that cnilab configures' })),
        ...places.flatMap(({ netns, file }) => [
          { netns, argv: ['sh', '-c', FORWARD_TO_ITSELF, 'sh', file] },
          { netns, argv: stopServer(netns) },
          { netns, argv: runUntilItEnds(netns, 'plugin/loop: Loop'), lack: 'its CoreDNS does not find the loop: it was built without the plugin loop' },
        ]),
      ],
      undo: places.flatMap(({ netns, file }) => [
        { netns, argv: ['sh', '-c', `${CHANGED} exec "$@"`, 'sh', file, ...stopServer(netns)] },
        { netns, argv: ['sh', '-c', `${CHANGED} cp -p "$f.planned" "$f" && "$@" && rm "$f.planned"`, 'sh', file, ...restartServer(netns)] },
      ]),
    };
  },
};
