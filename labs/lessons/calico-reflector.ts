import type { LessonSpec } from 'cnilab';

/** Sends commands to the BGP daemon of a node over its control socket, one after the other, as birdc does. */
const bird = (node: string, ...commands: readonly string[]): string =>
  `node -e "const [p,...c]=process.argv.slice(1);const s=require('net').connect(p);let n=0;s.on('data',(d)=>{if(!/^\\d{4} /m.test(d))return;c[n]===undefined?s.end():s.write(c[n++]+'\\n')})" /run/cnilab/bird/node.c1.${node}.ctl ${commands.map((one) => `'${one}'`).join(' ')}`;

const SESSIONS = "ss -Htn state established '( sport = :179 or dport = :179 )' | wc -l";

export const lesson: LessonSpec = {
  title: 'Route reflectors: fewer conversations, one more thing to lose',
  topic: 'pod-network',
  level: 'deep',
  order: 8,
  goal: [
    'In a full mesh of BGP every node speaks with every other one: 15 sessions for six nodes, 4950 for a hundred. A route reflector is a node that may pass on what it heard from others, so the rest speak with the reflectors alone.',
    'Here worker1 and worker2 reflect: nine sessions. You see who speaks with whom, lose one reflector without any effect, and then the second.',
  ].join('\n'),
  notShown:
    'How Calico is told: a label on the nodes that reflect, BGPPeer resources that select them, and `nodeToNodeMeshEnabled: false`. cnilab writes what BIRD gets in the end.',
  look: [
    {
      title: 'A client has two conversations',
      text: 'worker5 speaks with the two reflectors. Not with the control plane, and with no other worker.',
      on: 'worker5',
      run: "ss -Htn state established '( sport = :179 or dport = :179 )' | awk '{ print $$4 }' | cut -d: -f1 | sort",
      shows: ['10.0.0.3', '10.0.0.4'],
    },
    {
      title: 'A reflector speaks with everybody',
      text: 'Four clients, and the other reflector: five sessions. Twice four, and the one between them: nine in all.',
      on: 'worker1',
      run: "ss -Htn state established '( sport = :179 or dport = :179 )' | awk '{ print $$4 }' | cut -d: -f1 | sort",
      shows: ['10.0.0.2', '10.0.0.4', '10.0.0.5', '10.0.0.6', '10.0.0.7'],
    },
    {
      title: 'All routes are there all the same',
      text: 'Five blocks of five other nodes. Look at the next hops: a reflector passes on the route **with its next hop unchanged**. It is asked for the way, and does not become part of it.',
      on: 'worker5',
      run: 'ip route show proto bird',
      shows: [
        '192.168.0.0/26 via 10.0.0.2 dev eth0 metric 32',
        '192.168.0.64/26 via 10.0.0.3 dev eth0 metric 32',
        '192.168.0.128/26 via 10.0.0.4 dev eth0 metric 32',
        '192.168.0.192/26 via 10.0.0.5 dev eth0 metric 32',
        '192.168.1.0/26 via 10.0.0.6 dev eth0 metric 32',
      ],
    },
    {
      title: 'What makes a reflector',
      text: 'A BGP speaker does not pass on inside of an autonomous system what it heard from inside of it, or routes would go round for ever. `rr client` is the exception, and the cluster id is how a reflector knows a route that comes back to it.',
      on: 'worker1',
      run: "grep -A 5 'neighbor 10.0.0.7' /run/cnilab/node.c1.worker1/bird.conf",
      shows: ['neighbor 10.0.0.7 as 64512;', 'rr client;', 'rr cluster id 10.0.0.3;', '}'],
    },
  ],
  checks: [
    { id: 'model', type: 'verdict', says: 'the three requirements hold' },
    { id: 'client-sessions', type: 'output', says: 'a client has two sessions', on: 'worker5', run: SESSIONS, shows: ['2'] },
    { id: 'reflector-sessions', type: 'output', says: 'a reflector has a session with all five others', on: 'worker2', run: SESSIONS, shows: ['5'] },
    {
      id: 'all-blocks',
      type: 'output',
      says: 'a client knows the blocks of all five other nodes',
      on: 'worker5',
      run: 'ip route show proto bird | wc -l',
      shows: ['5'],
    },
    {
      id: 'straight',
      type: 'reach',
      says: 'packets between clients pass their two nodes and no reflector',
      from: 'web-worker4',
      to: 'web-worker5',
      protocol: 'udp',
      port: 5000,
      expect: 'answered',
      hops: 2,
    },
  ],
  exercises: [
    {
      name: 'one-lost',
      title: 'One reflector lost, and nothing happens',
      symptom:
        'Monitoring is red: worker5 has one BGP session where there should be two. Nobody complains, all pods reach each other. Find out why nothing broke, and bring the session back.',
      see: { on: 'worker5', run: `${SESSIONS}; ip route show proto bird` },
      break: [{ on: 'worker1', run: bird('worker1', 'disable Mesh_10_0_0_2', 'disable Mesh_10_0_0_5', 'disable Mesh_10_0_0_6', 'disable Mesh_10_0_0_7') }],
      hints: [
        'The list of routes is complete. From whom does worker5 still hear?',
        'Which peers does worker1 speak with, and which does it not? Its log is in `/run/cnilab/bird/`.',
        'worker1 has disabled the sessions to all its clients. `birdc -s /run/cnilab/bird/node.c1.worker1.ctl enable Mesh_10_0_0_7` brings one back (solve shows a way without birdc).',
      ],
      solution: [{ on: 'worker1', run: bird('worker1', 'enable Mesh_10_0_0_2', 'enable Mesh_10_0_0_5', 'enable Mesh_10_0_0_6', 'enable Mesh_10_0_0_7') }],
      why: 'Every route reached worker5 twice, once from each reflector, with the same next hop. One copy is gone and the other is used: the kernel did not even have to change a line. That is why there are two reflectors, and why they are not to fail together.',
      checks: [{ id: 'second-session', type: 'output', says: 'worker5 has two sessions again', on: 'worker5', run: SESSIONS, shows: ['2'], waitMs: 20_000 }],
    },
    {
      name: 'both-lost',
      title: 'The node that nobody tells anything',
      symptom: 'Pods of worker5 reach each other and nobody else. The nodes ping each other.',
      see: { on: 'worker5', run: 'ip route show proto bird | wc -l; ip -brief -4 addr show dev eth0' },
      break: [
        {
          on: 'worker5',
          run: `${bird('worker5', 'disable Mesh_10_0_0_3', 'disable Mesh_10_0_0_4')}; i=0; while ip route show proto bird | grep -q .; do i=$((i+1)); [ $i -lt 100 ] || exit 1; sleep 0.1; done`,
        },
      ],
      hints: [
        'How many routes to other blocks does worker5 have?',
        'They come by BGP. Count its sessions.',
        'Both are disabled on worker5 itself: `enable Mesh_10_0_0_3` and `enable Mesh_10_0_0_4` in its BIRD.',
      ],
      solution: [{ on: 'worker5', run: bird('worker5', 'enable Mesh_10_0_0_3', 'enable Mesh_10_0_0_4') }],
      why: 'In a full mesh it takes five lost sessions to lose five blocks. With reflectors it takes two. Fewer conversations mean that each of them matters more.',
      checks: [
        {
          id: 'blocks-again',
          type: 'output',
          says: 'worker5 knows five blocks',
          on: 'worker5',
          run: 'ip route show proto bird | wc -l',
          shows: ['5'],
          waitMs: 20_000,
        },
        {
          id: 'reached-again',
          type: 'reach',
          says: 'pods of worker5 reach pods of other nodes',
          from: 'web-worker5',
          to: 'web-worker4',
          protocol: 'icmp',
          expect: 'answered',
          waitMs: 20_000,
        },
      ],
    },
  ],
};
