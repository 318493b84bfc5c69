import { LabError } from '../../topology/errors.ts';
import type { Snapshot } from '../../engines/port.ts';
import { CONNTRACK } from '../inventory/conntrack.ts';
import type { Fault } from './fault.ts';
import { flushConntrack, namespaceIn } from './steps.ts';
import type { FaultTarget } from './target.ts';

const TABLE = 'cnilab_conntrack_full';
/** Entries that are still worth writing: about 260 bytes and 10 to 30 µs each. */
const MOST = 524_288;
/** Seconds after which they are gone, undone or not. */
const LIFETIME = 600;

/**
 * Entries of established, assured connections up to the machine's maximum, which is read and not touched. It is counted by namespace, so that the others keep
 * their room. Unassured entries would be dropped first, and nothing would fail.
 */
export const conntrackFull: Fault = {
  id: 'conntrack-full',
  layer: 'conntrack',
  title: 'the connection tracking of a node has no room for new connections',
  diagnosis: 'conntrack-table-full',
  check: 'r1-pod-to-pod',
  needs: ['nft'],
  fits: () => true,
  script: (target, snapshot) => {
    const { netns } = target.node;
    const most = roomOf(target, snapshot);
    return {
      inject: [
        // Without a rule that asks for it, connections are not tracked. An accept ends its own chain only.
        {
          netns,
          argv: ['nft', '-f', '-'],
          input: `table inet ${TABLE} {\n  chain forward {\n    type filter hook forward priority 0;\n    ct state established,related accept\n  }\n}\n`,
        },
        // Entries that are about to end would leave room.
        ...flushConntrack(netns),
        { netns, argv: ['sh', '-c', FILL, 'sh', String(most), String(LIFETIME)] },
      ],
      undo: [...flushConntrack(netns), { netns, argv: ['nft', 'delete', 'table', 'inet', TABLE] }],
    };
  },
};

/**
 * Writes entries until there is no room: one that finds none ends a round, and what ended meanwhile is made up for in the next.
 * The addresses are those for benchmarks (RFC 2544), which no lab has.
 */
const FILL = `count=/proc/sys/net/netfilter/nf_conntrack_count
for round in 1 2 3 4 5 6 7 8; do
  room=$(($1 - $(cat $count)))
  [ $room -gt 0 ] || exit 0
  awk -v room=$room -v life="$2" -v round=$round 'BEGIN {
    for (host = 1; host < 250; host++) for (port = 1; port < 65536; port++) {
      if (made++ >= room) exit
      printf "-A -s 198.18.%d.%d -d 198.19.0.1 -p tcp --sport %d --dport 80 --reply-src 198.19.0.1 --reply-dst 198.18.%d.%d --reply-port-src 80 --reply-port-dst %d -t %d -u SEEN_REPLY,ASSURED --state ESTABLISHED\\n", round, host, port, round, host, port, life
    }
  }' | conntrack -R - 2>/dev/null
done
echo "the table still has room for $(($1 - $(cat $count))) connections" >&2
exit 1`;

/** @throws LabError FAULT_NOT_APPLICABLE where the table is not there, or larger than is filled within seconds */
function roomOf({ node, plan }: FaultTarget, snapshot: Snapshot): number {
  const most = namespaceIn(snapshot, node.netns).counters[CONNTRACK.most] ?? 0;
  if (most > 0 && most <= MOST) return most;
  const why = most === 0 ? 'the kernel tracks no connections there' : `its table takes ${most} connections, and more than ${MOST} take too long to write`;
  throw new LabError({
    code: 'FAULT_NOT_APPLICABLE',
    message: `conntrack-full cannot be shown at ${node.name} of ${plan.name}: ${why}`,
    hint: 'net.netfilter.nf_conntrack_max of the machine decides; the fault does not change it',
  });
}
