import type { LessonSpec } from 'cnilab';

export const lesson: LessonSpec = {
  title: 'Hosts on a switch',
  topic: 'hosts',
  level: 'first',
  order: 1,
  goal: `Everything that a container network does is made of what you see here: an interface, an address on it, and something that passes frames on. After this lab you can
tell the **link** (is the cable in, is the interface on?) from the **address** (who am I, and who is in my network?), and you know why a machine on the very same switch
can be out of reach.

The three machines are network namespaces of this computer, the switch is a Linux bridge, the cables are veth pairs. Later labs use the same pieces for pods.`,
  steps: [
    {
      title: 'Put the third machine into another network',
      on: 'stray',
      run: 'ip addr flush dev eth0 scope global && ip addr add 192.168.2.10/24 dev eth0',
      undo: 'ip addr flush dev eth0 scope global && ip addr add 192.168.1.12/24 dev eth0',
      text: `\`stray\` came up with 192.168.1.12. Take that away and give it 192.168.2.10/24 instead. The cable stays where it is.

What \`ip\` sets lives in the kernel's memory: after a reboot it is gone. To keep it, it is written into whatever sets up the network at boot (systemd-networkd, netplan,
NetworkManager, ifupdown). In a lab the definition is what is kept: \`cnilab down\` and \`cnilab up\` bring 192.168.1.12 back.`,
      check: {
        id: 'moved',
        type: 'output',
        says: 'stray has 192.168.2.10/24, and no other address',
        on: 'stray',
        run: 'ip -br -4 addr show eth0',
        shows: ['eth0@… UP 192.168.2.10/24'],
      },
    },
  ],
  look: [
    {
      title: 'The links',
      on: 'pc1',
      run: 'ip -br link',
      shows: [
        'lo               UNKNOWN        00:00:00:00:00:00 <LOOPBACK,UP,LOWER_UP>',
        'eth0@…         UP             ${pc1.mac} <BROADCAST,MULTICAST,UP,LOWER_UP>',
      ],
      text: `\`ip link\` shows interfaces and nothing above them: name, state, MAC address, flags; no IP address. \`lo\` is the machine's way to itself, \`eth0\` is the network card.
\`UP\` among the flags says that somebody switched it on, \`LOWER_UP\` that there is a signal on the cable. \`@if…\` is the number of the cable's other end: this card is one end of a veth pair.`,
    },
    {
      title: 'The addresses',
      on: 'pc1',
      run: 'ip -br addr',
      shows: ['lo               UNKNOWN        127.0.0.1/8', 'eth0@…         UP             192.168.1.10/24'],
      text: `\`ip addr\` shows the same interfaces with their addresses, also those that are down. \`/24\` is as much a part of the address as the digits before it: the first
24 bits, 192.168.1, are the network, the rest is the machine in it.`,
    },
    {
      title: 'What the address means: a route',
      on: 'pc1',
      run: 'ip route',
      shows: ['192.168.1.0/24 dev eth0 proto kernel scope link src 192.168.1.10'],
      text: `Nobody typed this line: the kernel wrote it when the address was set. All of 192.168.1.0/24 is \`scope link\`: directly there, on eth0, no router in between. It is the
only line, so nothing else is reachable.`,
    },
    {
      title: 'The neighbour answers',
      on: 'pc1',
      run: 'ping -c1 -W2 ${pc2}',
      shows: [
        'PING 192.168.1.11 (192.168.1.11) 56(84) bytes of data.',
        '64 bytes from 192.168.1.11: icmp_seq=1 ttl=64 time=… ms',
        '',
        '--- 192.168.1.11 ping statistics ---',
        '1 packets transmitted, 1 received, 0% packet loss, time 0ms',
        'rtt …',
      ],
      text: `\`ttl=64\` is the number that the other machine put in when it sent the answer. Every router takes one off; here none did.`,
    },
    {
      title: 'From IP address to MAC address',
      on: 'pc1',
      run: 'ping -c1 -W2 ${pc2} > /dev/null; ip neigh show ${pc2}',
      shows: ['192.168.1.11 dev eth0 lladdr ${pc2.mac} …'],
      text: `Frames carry MAC addresses. Before the first packet, pc1 asked everybody on the switch by ARP who has 192.168.1.11, and keeps the answer here: \`REACHABLE\` for about half
a minute, then \`STALE\`, to be asked for again when it is needed.`,
    },
    {
      title: 'What the switch has learned',
      on: 'fabric',
      run: 'bridge fdb show | grep -e ${pc1.mac} -e ${pc2.mac}',
      shows: ['${pc1.mac} dev … master …', '${pc2.mac} dev … master …'],
      text: `\`fabric\` is the namespace in which a lab keeps its switches. A switch knows no IP addresses: it reads the source MAC of every frame that comes in, and remembers the
port. Five minutes of silence and it forgets (ping again if the list is empty); until it knows, it sends a frame to every port.`,
    },
    {
      title: 'The stray machine: a link, and no way',
      on: 'stray',
      run: 'ip -br addr show eth0; ip route; ping -c1 -W2 ${pc1} 2>&1',
      shows: [
        'eth0@…         UP             192.168.2.10/24',
        '192.168.2.0/24 dev eth0 proto kernel scope link src 192.168.2.10',
        'ping: connect: Network is unreachable',
      ],
      text: `The link is up and the switch would pass its frames to pc1. But 192.168.1.10 is not in 192.168.2.0/24, and there is no other line in the routing table: the packet is
refused by stray's own kernel and never becomes a frame. Between two *networks* stands a router, not a switch: that is the next lab.`,
    },
  ],
  checks: [
    {
      id: 'pc1-to-pc2',
      type: 'reach',
      says: 'pc1 reaches pc2, with no router in between',
      from: 'pc1',
      to: 'pc2',
      protocol: 'icmp',
      expect: 'answered',
      hops: 0,
      seenAs: '192.168.1.10',
    },
    {
      id: 'pc2-to-pc1',
      type: 'reach',
      says: 'pc2 reaches pc1',
      from: 'pc2',
      to: 'pc1',
      protocol: 'tcp',
      port: 8080,
      expect: 'answered',
      seenAs: '192.168.1.11',
    },
    { id: 'stray-to-pc1', type: 'reach', says: 'stray has no way to pc1', from: 'stray', to: '${pc1}', protocol: 'icmp', expect: 'no-route' },
    {
      id: 'stray-is-not-asked',
      type: 'wire',
      says: 'pc1 does not even ask on the switch for 192.168.2.10',
      at: 'stray',
      filter: 'arp and host 192.168.2.10',
      during: { on: 'pc1', run: 'ping -c1 -W1 192.168.2.10 > /dev/null 2>&1; true' },
      seen: false,
    },
    { id: 'pc1-link', type: 'output', says: 'the link of pc1 is up', on: 'pc1', run: 'ip -br link show eth0', matches: ['^eth0\\S* +UP '] },
    { id: 'pc2-link', type: 'output', says: 'the link of pc2 is up', on: 'pc2', run: 'ip -br link show eth0', matches: ['^eth0\\S* +UP '] },
    {
      id: 'pc2-address',
      type: 'output',
      says: 'pc2 has 192.168.1.11/24',
      on: 'pc2',
      run: 'ip -br -4 addr show eth0',
      matches: [' 192\\.168\\.1\\.11/24( |$$)'],
    },
  ],
  exercises: [
    {
      name: 'silent-neighbour',
      title: 'The neighbour does not answer any more',
      symptom: 'A minute ago pc1 could ping pc2. Now it cannot, although "nobody changed an address".',
      see: { on: 'pc1', run: 'ip neigh flush dev eth0; ping -c1 -W1 192.168.1.11; ip neigh show 192.168.1.11' },
      break: [{ on: 'pc2', run: 'ip link set eth0 down' }],
      hints: [
        'Who does not answer the ARP request? Look at the other machine.',
        '`ip -br addr` on pc2 shows its address as ever. What stands between the name of the interface and the address?',
        'The interface of pc2 is `DOWN`. `ip link set DEVICE up` switches one on.',
      ],
      solution: [{ on: 'pc2', run: 'ip link set eth0 up' }],
      why: `\`ip link set eth0 down\` is the switch on the card, below all addresses: the address stays, but its route is gone and no frame is taken in. \`ip addr\` lists such an
interface all the same; \`ifconfig\` without \`-a\` leaves it out.`,
    },
    {
      name: 'wrong-mask',
      title: 'Up, addressed, and still silent',
      symptom: 'pc1 cannot ping pc2. The link of pc2 is up, and 192.168.1.11 is on it.',
      see: { on: 'pc1', run: 'ping -c1 -W1 192.168.1.11; ip neigh show 192.168.1.11' },
      break: [{ on: 'pc2', run: 'ip addr del 192.168.1.11/24 dev eth0 && ip addr add 192.168.1.11/32 dev eth0' }],
      hints: [
        'pc1 knows the MAC address of pc2, so its request gets there. What about the answer?',
        'Compare `ip route` on pc1 and on pc2.',
        'pc2 has 192.168.1.11/32: a network of one machine. Take that address away and set it with the prefix length that pc1 has.',
      ],
      solution: [{ on: 'pc2', run: 'ip addr del 192.168.1.11/32 dev eth0; ip addr add 192.168.1.11/24 dev eth0' }],
      why: `The prefix length says which machines are directly there. With /32 that is nobody: no route, so pc2 takes the request and has no way to send the answer. Remember /32: in
some pod networks every pod has one, together with a route that makes up for it.`,
    },
  ],
  today: [
    {
      claim: '`ifconfig -a` lists all interfaces.',
      truth: 'It does where it is installed. net-tools has been replaced by iproute2, and most distributions and images no longer bring it: `ip -br addr`.',
      source: 'https://man7.org/linux/man-pages/man8/ifconfig.8.html',
    },
    {
      claim: '`/etc/network/interfaces` shows all physical interfaces.',
      truth:
        'It is the configuration of ifupdown, of Debian: what is to be set up at boot, not what there is. Many systems have netplan, NetworkManager or systemd-networkd instead. What there is, `ip link` says.',
      source: 'https://manpages.debian.org/bookworm/ifupdown/interfaces.5.en.html',
    },
    {
      claim: '`ip link show eth0` is the same as `ifconfig eth0`.',
      truth: '`ip link` shows the link alone. ifconfig prints the address as well, which is `ip addr show eth0`.',
      source: 'https://man7.org/linux/man-pages/man8/ip-link.8.html',
    },
  ],
};
