import type { LessonSpec } from 'cnilab';

export const lesson: LessonSpec = {
  title: 'From network to network',
  topic: 'hosts',
  level: 'first',
  order: 2,
  goal: `A router is a machine with a foot in each of several networks, and an address in each. A host does not find it by itself: it has to be told, by routes. After this
lab you can read a routing table, say by which of two routers a packet will leave, and you will not forget the way back.

pc1 is in 192.168.1.0/24, pc2 in 192.168.2.0/24, and \`www\` plays a machine of the Internet (nothing leaves your computer). Two routers join the networks: \`router\`, which also
leads to the Internet, and \`inner\`, which does not. The hosts have no routes yet: you write them.`,
  steps: [
    {
      title: 'One way',
      on: 'pc1',
      run: 'ip route add 192.168.2.0/24 via 192.168.1.1',
      undo: 'ip route del 192.168.2.0/24 via 192.168.1.1',
      text: `First see what happens without: \`ping -c1 192.168.2.10\` on pc1 says \`Network is unreachable\` at once; its own kernel refuses. Then add the route: all of network 2 is
behind 192.168.1.1, the address that \`router\` has *in pc1's own network*. (A next hop must be directly reachable: 192.168.2.1, the same router's other address, would be no help.)

Now the ping is silent instead. The request arrives at pc2, but pc2 has no way to answer: half a connection is none.`,
      check: {
        id: 'request-arrives',
        type: 'wire',
        says: 'the request of pc1 arrives at pc2',
        at: 'pc2',
        filter: 'icmp and src host 192.168.1.10',
        during: { on: 'pc1', run: 'ping -c1 -W1 192.168.2.10; true' },
      },
    },
    {
      title: 'And back',
      on: 'pc2',
      run: 'ip route add 192.168.1.0/24 via 192.168.2.1',
      undo: 'ip route del 192.168.1.0/24 via 192.168.2.1',
      text: 'The same on the other side. From pc2 the door is 192.168.2.1. Now the ping is answered, in both directions.',
      check: { id: 'answered', type: 'reach', says: 'pc1 reaches pc2, and is answered', from: 'pc1', to: 'pc2', protocol: 'icmp', expect: 'answered', hops: 1 },
    },
    {
      title: 'One range of the Internet',
      on: 'pc2',
      run: 'ip route add 172.217.194.0/24 via 192.168.2.1',
      undo: 'ip route del 172.217.194.0/24 via 192.168.2.1',
      text: 'Another network, another line: pc2 learns where 172.217.194.0/24 is. It can ping www, and nothing else of the Internet.',
      check: { id: 'pc2-www', type: 'reach', says: 'pc2 reaches www', from: 'pc2', to: 'www', protocol: 'icmp', expect: 'answered' },
    },
    {
      title: 'All the rest: the default route',
      on: 'pc1',
      run: 'ip route add default via 192.168.1.1',
      undo: 'ip route del default via 192.168.1.1',
      text: `One line per network of the Internet would be many lines. \`default\` stands for 0.0.0.0/0: any address that no other line fits. It belongs to hosts of network 1, since
192.168.1.1 is there; in network 2 it would be \`via 192.168.2.1\`.`,
      check: { id: 'pc1-www', type: 'reach', says: 'pc1 reaches www', from: 'pc1', to: 'www', protocol: 'icmp', expect: 'answered' },
    },
    {
      title: 'Two routers: the inner one for what is inside',
      on: 'pc1',
      run: 'ip route replace 192.168.2.0/24 via 192.168.1.2',
      undo: 'ip route replace 192.168.2.0/24 via 192.168.1.1',
      text: 'Traffic between the two networks need not trouble the router to the Internet. `replace` puts a new line in the place of the old one.',
      check: {
        id: 'pc1-inner',
        type: 'output',
        says: 'pc1 goes to network 2 by inner',
        on: 'pc1',
        run: 'ip route get 192.168.2.10',
        matches: [' via 192\\.168\\.1\\.2 '],
      },
    },
    {
      title: 'Two routers, from the other side',
      on: 'pc2',
      run: 'ip route replace 192.168.1.0/24 via 192.168.2.2',
      undo: 'ip route replace 192.168.1.0/24 via 192.168.2.1',
      text: 'Without it the answers would come back by `router`: that works, but a way there and another one back is hard to reason about, and a stateful firewall would drop it.',
      check: {
        id: 'pc2-inner',
        type: 'output',
        says: 'pc2 goes to network 1 by inner',
        on: 'pc2',
        run: 'ip route get 192.168.1.10',
        matches: [' via 192\\.168\\.2\\.2 '],
      },
    },
  ],
  look: [
    {
      title: 'A router has an address in each of its networks',
      on: 'router',
      run: 'ip -br addr',
      shows: [
        'lo               UNKNOWN        127.0.0.1/8',
        'eth0@…         UP             192.168.1.1/24',
        'eth1@…         UP             192.168.2.1/24',
        'eth2@…         UP             172.217.194.1/24',
      ],
      text: 'Three interfaces, three cables into three switches. Think of a room with three doors; each network knows the door on its side only.',
    },
    {
      title: 'The routing table of pc1',
      on: 'pc1',
      run: 'ip route',
      shows: [
        'default via 192.168.1.1 dev eth0',
        '192.168.1.0/24 dev eth0 proto kernel scope link src 192.168.1.10',
        '192.168.2.0/24 via 192.168.1.2 dev eth0',
      ],
      text: `\`ip route\` shows the main table; \`ip route show default\` only its first line here. \`scope link\` is the own network: no gateway is needed, packets go to the machine itself.
A line with \`via\` has one: packets go to the router's MAC address, with the far machine's IP address inside.`,
    },
    {
      title: 'Which line wins',
      on: 'pc1',
      run: 'ip route get 192.168.2.10; ip route get ${www}; ip route get 192.168.1.1',
      shows: [
        '192.168.2.10 via 192.168.1.2 dev eth0 src 192.168.1.10 uid …',
        '    cache',
        '172.217.194.100 via 192.168.1.1 dev eth0 src 192.168.1.10 uid …',
        '    cache',
        '192.168.1.1 dev eth0 src 192.168.1.10 uid …',
        '    cache',
      ],
      text: `Two lines fit 192.168.2.10: \`default\` and 192.168.2.0/24. The longest prefix wins, wherever it stands in the list. \`ip route get\` asks the kernel itself, which beats
reading the table: it also tells the source address that a packet will carry.`,
    },
    {
      title: 'Two lines, two routers',
      on: 'pc2',
      run: 'ip route',
      shows: [
        '172.217.194.0/24 via 192.168.2.1 dev eth0',
        '192.168.1.0/24 via 192.168.2.2 dev eth0',
        '192.168.2.0/24 dev eth0 proto kernel scope link src 192.168.2.10',
      ],
      text: 'pc2 has no default route: it knows one range of the Internet, and network 1. Each destination leaves by the router that leads there.',
    },
    {
      title: 'A hop costs one',
      on: 'pc1',
      run: 'ping -c1 -W2 192.168.2.10',
      shows: [
        'PING 192.168.2.10 (192.168.2.10) 56(84) bytes of data.',
        '64 bytes from 192.168.2.10: icmp_seq=1 ttl=63 time=… ms',
        '',
        '--- 192.168.2.10 ping statistics ---',
        '1 packets transmitted, 1 received, 0% packet loss, time 0ms',
        'rtt …',
      ],
      text: '`ttl=63`: pc2 sent it with 64, and the one router on the way took one off.',
    },
    {
      title: 'The way, as the packet wrote it down',
      on: 'pc1',
      run: 'ping -c1 -W2 -R 192.168.2.10 | grep -A 6 RR',
      shows: ['RR:…192.168.1.10', '192.168.2.2', '192.168.2.10', '192.168.2.10', '192.168.1.2', '192.168.1.10'],
      text: '`-R` asks every machine on the way to note the address by which the packet leaves it: inner on the way there, pc2, inner on the way back. (In the real Internet few routers still do so.)',
    },
  ],
  checks: [
    {
      id: 'networks',
      type: 'reach',
      says: 'pc1 reaches pc2 over one router, with its own address',
      from: 'pc1',
      to: 'pc2',
      protocol: 'icmp',
      expect: 'answered',
      hops: 1,
      seenAs: '192.168.1.10',
    },
    { id: 'networks-back', type: 'reach', says: 'pc2 reaches pc1 by TCP', from: 'pc2', to: 'pc1', protocol: 'tcp', port: 8080, expect: 'answered' },
    {
      id: 'pc1-to-www',
      type: 'reach',
      says: 'pc1 reaches the Internet by its default route',
      from: 'pc1',
      to: 'www',
      protocol: 'icmp',
      expect: 'answered',
      hops: 1,
    },
    { id: 'pc2-to-www', type: 'reach', says: 'pc2 reaches the one range that it knows', from: 'pc2', to: 'www', protocol: 'icmp', expect: 'answered', hops: 1 },
    { id: 'pc2-elsewhere', type: 'reach', says: 'pc2 has no way to any other address', from: 'pc2', to: '203.0.113.1', protocol: 'icmp', expect: 'no-route' },
    {
      id: 'inside-by-inner',
      type: 'wire',
      says: 'what goes from network 1 to network 2 passes inner',
      at: 'inner',
      filter: 'icmp and host 192.168.1.10 and host 192.168.2.10',
      during: { on: 'pc1', run: 'ping -c1 -W1 192.168.2.10; true' },
    },
    {
      id: 'outside-by-router',
      type: 'wire',
      says: 'what goes to the Internet does not pass inner',
      at: 'inner',
      filter: 'icmp and host 172.217.194.100',
      during: { on: 'pc1', run: 'ping -c1 -W1 172.217.194.100; true' },
      seen: false,
    },
  ],
  exercises: [
    {
      name: 'no-way-back',
      title: 'Asked, but not answered',
      symptom: 'pc1 cannot ping pc2 any more. Its routing table has not changed, and inner is fine.',
      see: { on: 'pc1', run: 'ip route get 192.168.2.10; ping -c1 -W1 192.168.2.10' },
      break: [{ on: 'pc2', run: 'ip route del 192.168.1.0/24' }],
      hints: [
        'Silence is not the same as `unreachable`: the request may well have arrived.',
        'Watch at the other end while you ping: `cnilab capture router pc2 icmp`.',
        'Requests come in at pc2, and nothing goes out. Ask pc2 for its way: `ip route get 192.168.1.10`.',
      ],
      solution: [{ on: 'pc2', run: 'ip route add 192.168.1.0/24 via 192.168.2.2' }],
      why: 'A connection needs two routes, one at each end. pc2 had no line for 192.168.1.0/24 and no default route: it took the requests and could not send the answers.',
    },
    {
      name: 'wrong-door',
      title: 'The Internet is gone, for one of two',
      symptom: 'pc1 cannot reach www. pc2 can. The default route of pc1 is what it always was.',
      see: { on: 'pc1', run: 'ip route show default; ping -c1 -W1 172.217.194.100' },
      break: [{ on: 'pc1', run: 'ip route add 172.217.194.0/25 via 192.168.1.2' }],
      hints: [
        'Who says that the network is unreachable? Read the address in the answer to the ping.',
        'A default route is for what no other line fits. Ask: `ip route get 172.217.194.100`.',
        '172.217.194.0/25 is longer than 0.0.0.0/0, and leads to inner, which has no way to the Internet. Delete that line.',
      ],
      solution: [{ on: 'pc1', run: 'ip route del 172.217.194.0/25' }],
      why: 'The longest prefix wins, right or wrong. inner got the packet, had no route for it, and said so by ICMP: that it was inner who answered is what gives it away.',
    },
  ],
  today: [
    {
      claim: '`route` shows the routing table of the kernel, and 0.0.0.0 in its column Gateway means: own network.',
      truth:
        '`route` is of net-tools, which few systems still install. `ip route` shows the same; what has no gateway there has no `via`, and says `scope link`.',
      source: 'https://man7.org/linux/man-pages/man8/route.8.html',
    },
  ],
};
