import type { LessonSpec } from 'cnilab';

export const lesson: LessonSpec = {
  title: 'A Linux machine becomes a router',
  topic: 'hosts',
  level: 'first',
  order: 3,
  goal: `Every Kubernetes node is a router: its pods are one network, the node's cable is another. Here you make one. After this lab you know the three things without which
nothing is forwarded (a route there, a route back, and the permission \`ip_forward\`), and how to tell which of them is missing when all you see is silence.

\`a\` and \`c\` are in different networks, \`b\` has a card in each. All routes are right from the start.`,
  notShown:
    'A reboot of b alone: a network namespace does not boot. When the machine that the lab runs on does, the lab is gone with it: `cnilab ls` calls it lost, `cnilab up linux-router` makes it anew, and b does not forward.',
  steps: [
    {
      title: 'Allow b to forward',
      on: 'b',
      run: 'echo 1 > /proc/sys/net/ipv4/ip_forward',
      undo: 'echo 0 > /proc/sys/net/ipv4/ip_forward',
      text: `Ping first: on a, \`ping -c1 192.168.2.1\` is answered, although that is b's address in the *other* network: it is b itself, nothing is forwarded. \`ping -c1 192.168.2.10\`
is silent: b takes the packet in, sees that it is for somebody else, and drops it without a word.

That is Linux' default, and a sensible one: a machine with one card in the company's network and the other in the Internet must not join the two just because it can. Write 1 into the
file, and the ping is answered. (\`sysctl -w net.ipv4.ip_forward=1\` does the same.) At the next boot it is 0 again; to keep it, put the line \`net.ipv4.ip_forward = 1\` into a file in
\`/etc/sysctl.d/\`.`,
      check: { id: 'forwarded', type: 'reach', says: 'a reaches c', from: 'a', to: 'c', protocol: 'icmp', expect: 'answered', hops: 1 },
    },
  ],
  look: [
    {
      title: 'Two cards, two networks',
      on: 'b',
      run: 'ip -br addr',
      shows: ['lo               UNKNOWN        127.0.0.1/8', 'eth0@…         UP             192.168.1.1/24', 'eth1@…         UP             192.168.2.1/24'],
      text: 'b is .1 in both. That is a habit, not a rule.',
    },
    {
      title: 'b needs no routes of its own',
      on: 'b',
      run: 'ip route',
      shows: ['192.168.1.0/24 dev eth0 proto kernel scope link src 192.168.1.1', '192.168.2.0/24 dev eth1 proto kernel scope link src 192.168.2.1'],
      text: 'It stands in both networks, so both are directly there: the kernel wrote these lines when the addresses were set.',
    },
    {
      title: 'The hosts do',
      on: 'a',
      run: 'ip route',
      shows: ['default via 192.168.1.1 dev eth0 proto static', '192.168.1.0/24 dev eth0 proto kernel scope link src 192.168.1.10'],
      text: 'For all that is not in 192.168.1.0/24, ask 192.168.1.1. That would be right even while b does not forward: a route says where to send, not that somebody carries it on.',
    },
    {
      title: 'And so does the other side',
      on: 'c',
      run: 'ip route',
      shows: ['default via 192.168.2.1 dev eth0 proto static', '192.168.2.0/24 dev eth0 proto kernel scope link src 192.168.2.10'],
      text: 'Without the first line c would get every request of a and could answer none.',
    },
    {
      title: 'The permission',
      on: 'b',
      run: 'cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/eth0/forwarding /proc/sys/net/ipv4/conf/eth1/forwarding',
      shows: ['1', '1', '1'],
      text: `\`ip_forward\` is for all interfaces; writing it also writes the setting of each one. It belongs to the network namespace: b forwards, a and c do not. A new namespace starts with the
value that the computer itself has, so where Docker runs, which sets 1, it starts with 1. That is why this lab sets 0 explicitly.`,
    },
    {
      title: 'Across',
      on: 'a',
      run: 'ping -c1 -W2 ${c}',
      shows: [
        'PING 192.168.2.10 (192.168.2.10) 56(84) bytes of data.',
        '64 bytes from 192.168.2.10: icmp_seq=1 ttl=63 time=… ms',
        '',
        '--- 192.168.2.10 ping statistics ---',
        '1 packets transmitted, 1 received, 0% packet loss, time 0ms',
        'rtt …',
      ],
      text: 'b took one off the TTL. c sees 192.168.1.10 as the sender: b forwards, it does not translate addresses. (Docker does both, and makes the masquerading rule itself.)',
    },
    {
      title: 'Whom a talks to',
      on: 'a',
      run: 'ping -c1 -W2 ${c} > /dev/null; ip neigh',
      shows: ['192.168.1.1 dev eth0 lladdr ${b.mac} …'],
      text: 'The only neighbour of a is b. c is never asked for by ARP: it is not on this switch. The frame carries the MAC address of b, the packet inside the IP address of c.',
    },
  ],
  checks: [
    {
      id: 'a-to-c',
      type: 'reach',
      says: 'a reaches c over one router, with its own address',
      from: 'a',
      to: 'c',
      protocol: 'icmp',
      expect: 'answered',
      hops: 1,
      seenAs: '192.168.1.10',
    },
    { id: 'c-to-a', type: 'reach', says: 'c reaches a by TCP', from: 'c', to: 'a', protocol: 'tcp', port: 8080, expect: 'answered', seenAs: '192.168.2.10' },
    { id: 'forwarding', type: 'output', says: 'b forwards', on: 'b', run: 'cat /proc/sys/net/ipv4/ip_forward', shows: ['1'] },
    {
      id: 'request-arrives',
      type: 'wire',
      says: 'a request of a arrives at c',
      at: 'c',
      filter: 'icmp and src host 192.168.1.10',
      during: { on: 'a', run: 'ping -c1 -W1 192.168.2.10; true' },
    },
    { id: 'way-back', type: 'output', says: 'c knows the way back to a', on: 'c', run: 'ip route get 192.168.1.10', matches: [' via 192\\.168\\.2\\.1 '] },
  ],
  exercises: [
    {
      name: 'not-forwarded',
      title: 'After the reboot',
      symptom: 'Since b was restarted, a and c cannot ping each other. Both can ping b, at either of its addresses.',
      see: { on: 'a', run: 'ping -c1 -W1 192.168.2.1; ping -c1 -W1 192.168.2.10' },
      break: [{ on: 'b', run: 'echo 0 > /proc/sys/net/ipv4/ip_forward' }],
      hints: [
        'Find out how far the request gets: `cnilab capture linux-router b icmp`, and the same for c.',
        'It comes in at b by eth0 and does not go out by eth1. b has the routes; what else does it need?',
        'Look at `/proc/sys/net/ipv4/ip_forward` on b.',
      ],
      solution: [{ on: 'b', run: 'echo 1 > /proc/sys/net/ipv4/ip_forward' }],
      why: '`ip_forward` was written into the running kernel only, and a reboot sets the default, 0. b drops what is not for itself, silently; what is for one of its own addresses it answers all the same.',
    },
    {
      name: 'no-way-back',
      title: 'The same silence',
      symptom: 'a gets no answer from c. It looks exactly like the last time.',
      see: { on: 'a', run: 'ping -c1 -W1 192.168.2.1; ping -c1 -W1 192.168.2.10' },
      break: [{ on: 'c', run: 'ip route del default' }],
      hints: [
        'Do as before: how far does the request get?',
        'This time it passes b and arrives at c. b is fine. What does c do with it?',
        '`ip route get 192.168.1.10` on c says that there is no way. Give it one: `ip route add default via …`',
      ],
      solution: [{ on: 'c', run: 'ip route add default via 192.168.2.1' }],
      why: `Seen from a, both faults are the same silence. What tells them apart is where the request is last seen: at b's first card (b does not forward), or at c (c has no way back).
\`cnilab explain linux-router a c\` follows the packet there and back, and says which it is; \`cnilab diagnose linux-router a c\` gives it a name.`,
    },
  ],
  today: [
    {
      claim: 'To make it permanent, write `net.ipv4.ip_forward = 1` into `/etc/sysctl.conf`.',
      truth:
        'Use a file of your own in `/etc/sysctl.d/`, for example `99-forward.conf`. systemd-sysctl reads those; it does not read `/etc/sysctl.conf`, and newer Debian no longer links the two.',
      source: 'https://man7.org/linux/man-pages/man5/sysctl.d.5.html',
    },
  ],
};
