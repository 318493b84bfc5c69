import type { LessonSpec, StepSpec } from 'cnilab';

/** The same on either host, but for names and addresses. */
const bridgeOn = (host: string, pod: string): StepSpec => ({
  title: `A bridge on ${host}, and ${pod} on it`,
  on: host,
  run: [
    'ip link add br0 type bridge && ip link set br0 up',
    `ip link add veth0 type veth peer name eth0 netns ${pod}`,
    'ip link set veth0 master br0 && ip link set veth0 up',
  ].join(' && '),
  undo: 'ip link del veth0 && ip link del br0',
  text: `A bridge, and a veth pair from it into the namespace \`${pod}\`. \`netns ${pod}\` makes the other end right where it belongs. The bridge has no address: ${host} itself takes no part.`,
  check: {
    id: `bridge-${host}`,
    says: `veth0 is a port of br0 on ${host}`,
    type: 'output',
    on: host,
    run: 'bridge link show dev veth0',
    matches: ['master br0'],
  },
});

const addressOf = (pod: string, address: string): StepSpec => ({
  title: `An address for ${pod}`,
  on: pod,
  run: `ip address add ${address}/24 dev eth0 && ip link set eth0 mtu 1450 up`,
  undo: `ip link set eth0 mtu 1500 down && ip address del ${address}/24 dev eth0`,
  text: 'Both are in one network, 10.1.1.0/24, though they are on two machines. The MTU is 50 bytes less than that of the hosts: so much of their packets is gone before that of the container begins (outer IP 20, UDP 8, VXLAN 8, and the Ethernet header of the frame inside, 14).',
  check: {
    id: `address-${pod}`,
    says: `${pod} has its address`,
    type: 'output',
    on: pod,
    run: 'ip -br -4 address show dev eth0',
    matches: [address.replaceAll('.', '\\.')],
  },
});

const tunnelOn = (host: string): StepSpec => ({
  title: `The VXLAN device on ${host}`,
  on: host,
  run: ['ip link add vxlan0 type vxlan id 42 group 239.1.1.1 dev eth0 dstport 4789', 'ip link set vxlan0 master br0', 'ip link set vxlan0 up'].join(' && '),
  undo: 'ip link del vxlan0',
  text: '`id 42` is the number of the virtual network, `dstport 4789` the UDP port that IANA gave to VXLAN (the Linux default is 8472, from before). `group 239.1.1.1`: what is for everybody, or for nobody known, is sent to this multicast address, which every host of the same virtual network joins.',
  check: {
    id: `tunnel-${host}`,
    says: `vxlan0 is a port of br0 on ${host}, with VNI 42 and the group`,
    type: 'output',
    on: host,
    run: 'ip -d link show vxlan0',
    matches: ['vxlan id 42 group 239\\.1\\.1\\.1', 'dstport 4789', 'master br0'],
  },
});

export const lesson: LessonSpec = {
  title: 'VXLAN that learns by multicast',
  topic: 'by-hand',
  level: 'next',
  order: 3,
  goal: [
    'Two bridges on two hosts become one: a frame that has to go to the other host is put into a UDP packet, sent there, and taken out again. That is VXLAN, and half of all pod networks are made of it.',
    'The question is how a host knows where to send a frame. Here it asks everybody: unknown destinations go to a multicast group, and from the answers the device learns.',
    'When you have seen that, you know what flannel and Calico do differently, and why: they write the tables themselves, because most networks of data centres and clouds carry no multicast.',
  ].join('\n'),
  steps: [
    bridgeOn('host1', 'pod1'),
    bridgeOn('host2', 'pod2'),
    addressOf('pod1', '10.1.1.2'),
    addressOf('pod2', '10.1.1.3'),
    tunnelOn('host1'),
    tunnelOn('host2'),
  ],
  look: [
    {
      title: 'The device',
      on: 'host1',
      run: "ip -d link show vxlan0 | grep -oE 'mtu [0-9]+ qdisc|vxlan id [0-9]+ group [0-9.]+ dev [a-z0-9]+|dstport [0-9]+'",
      shows: ['mtu 1450 qdisc', 'vxlan id 42 group 239.1.1.1 dev eth0', 'dstport 4789'],
      text: 'The kernel has taken the 50 bytes off the MTU of `eth0` by itself.',
    },
    {
      title: 'Who is in the group',
      on: 'host2',
      run: 'ip maddress show dev eth0 | grep inet',
      shows: ['inet 239.1.1.1', 'inet 224.0.0.1', '…'],
      text: '`host2` has joined 239.1.1.1 (by IGMP) when vxlan0 came up; switches that look into IGMP send the group only where somebody joined.',
    },
    {
      title: 'One network over two hosts',
      on: 'pod1',
      run: 'ping -c 1 10.1.1.3',
      shows: ['PING 10.1.1.3 (10.1.1.3) 56(84) bytes of data.', '64 bytes from 10.1.1.3: icmp_seq=1 ttl=64 time=… ms', '…'],
      text: '`ttl=64`: no router was passed. For `pod1`, `pod2` is on the same cable. Watch it on the wire with `cnilab capture vxlan-multicast host2 udp port 4789`: the ARP request comes to 239.1.1.1, all that follows to the one address 192.168.15.6.',
    },
    {
      title: 'What was learned',
      on: 'host1',
      run: 'ping -c 1 -W 1 -I eth0 192.168.15.6 >/dev/null; bridge fdb show dev vxlan0 | sort',
      shows: ['00:00:00:00:00:00 dst 239.1.1.1 via eth0 self permanent', '…', '… dst 192.168.15.6 self', '…'],
      text: 'The line of zeros is the default: whatever is not known goes to the group. The line with `dst 192.168.15.6` was learned from an answer: the MAC of pod2 is behind host2. Learned lines age out after five minutes.',
    },
    {
      title: 'Both know where the other is',
      on: 'pod2',
      run: 'ip neigh show dev eth0 10.1.1.2',
      shows: ['10.1.1.2 lladdr …'],
      text: 'ARP went through the tunnel, as every broadcast does: inside there is nothing but Ethernet.',
    },
    {
      title: 'The hosts themselves have no such network',
      on: 'host1',
      run: 'ip route get 10.1.1.3',
      shows: ['RTNETLINK answers: Network is unreachable'],
      text: 'Neither br0 nor vxlan0 has an address. `host1` carries the frames of its namespace and cannot talk to it: a pod network needs an address on the bridge as well, and routes.',
    },
  ],
  checks: [
    { id: 'icmp', says: 'pod1 reaches pod2 without a router between them', type: 'reach', from: 'pod1', to: '10.1.1.3', protocol: 'icmp', expect: 'answered' },
    {
      id: 'tcp',
      says: 'pod1 reaches pod2 by TCP, and pod2 sees its address',
      type: 'reach',
      from: 'pod1',
      to: '10.1.1.3',
      protocol: 'tcp',
      port: 8080,
      responder: { at: 'pod2' },
      expect: 'answered',
      seenAs: '10.1.1.2',
    },
    {
      id: 'udp',
      says: 'pod2 reaches pod1 by UDP, and pod1 sees its address',
      type: 'reach',
      from: 'pod2',
      to: '10.1.1.2',
      protocol: 'udp',
      port: 8080,
      responder: { at: 'pod1' },
      expect: 'answered',
      seenAs: '10.1.1.3',
    },
    {
      id: 'flooded',
      says: 'a broadcast goes to the group',
      type: 'wire',
      at: 'host2',
      interface: 'eth0',
      filter: 'udp and dst host 239.1.1.1 and dst port 4789',
      during: { on: 'pod1', run: 'ip neigh flush dev eth0; ping -c 1 -W 1 10.1.1.3' },
    },
    {
      id: 'direct',
      says: 'what is known goes to host2 alone',
      type: 'wire',
      at: 'host2',
      interface: 'eth0',
      filter: 'udp and dst host ${host2} and dst port 4789',
      during: { on: 'pod1', run: 'ping -c 1 -W 1 10.1.1.3' },
    },
    {
      id: 'learned',
      says: 'host1 has learned that something is behind host2',
      type: 'output',
      on: 'host1',
      run: 'bridge fdb show dev vxlan0',
      matches: ['dst 192\\.168\\.15\\.6 self', '^00:00:00:00:00:00 dst 239\\.1\\.1\\.1 via eth0 self permanent'],
    },
    {
      id: 'mtu',
      says: '1450 bytes pass whole, 1451 do not',
      type: 'output',
      on: 'pod1',
      run: 'ping -M do -s 1422 -c 1 -W 1 10.1.1.3; ping -M do -s 1423 -c 1 -W 1 10.1.1.3',
      exit: null,
      matches: ['1 received', '[Mm]essage too long'],
    },
  ],
  exercises: [
    {
      name: 'no-multicast',
      title: 'A network as in the cloud',
      symptom:
        '“It worked until the tables were empty. The hosts reach each other, the tunnel is up on both, and the namespaces do not find each other any more.”',
      see: { on: 'pod1', run: 'ping -c 1 -W 1 10.1.1.3; ip neigh show dev eth0' },
      break: [
        { on: 'host1', run: 'iptables -A OUTPUT -d 239.1.1.1 -j DROP && ip link set vxlan0 down && ip link set vxlan0 up' },
        { on: 'host2', run: 'iptables -A OUTPUT -d 239.1.1.1 -j DROP && ip link set vxlan0 down && ip link set vxlan0 up' },
        { on: 'pod1', run: 'ip neigh flush dev eth0' },
        { on: 'pod2', run: 'ip neigh flush dev eth0' },
      ],
      hints: [
        'Which packet is the first one that pod1 needs an answer to? See its neighbour table.',
        'A broadcast leaves host1 as a packet to 239.1.1.1. Does it arrive? `cnilab capture vxlan-multicast host2 udp port 4789`.',
        'Here it is a packet filter that plays the network without multicast: `iptables -S OUTPUT` on both hosts.',
      ],
      solution: [
        { on: 'host1', run: 'iptables -D OUTPUT -d 239.1.1.1 -j DROP' },
        { on: 'host2', run: 'iptables -D OUTPUT -d 239.1.1.1 -j DROP' },
      ],
      why: 'Only known destinations travel by unicast; to get to know one, the first frame must be flooded. Where the network drops multicast, nothing is ever learned. Instead of mending the network one can write the flood list by hand, one unicast line for each other host (`bridge fdb append 00:00:00:00:00:00 dev vxlan0 dst 192.168.15.6`), or every MAC and every neighbour: that is what flannel does.',
    },
    {
      name: 'other-network',
      title: 'Two numbers',
      symptom: '“Packets arrive on UDP port 4789, and nothing comes of them.”',
      see: { on: 'pod1', run: 'ping -c 1 -W 1 10.1.1.3' },
      break: [
        {
          on: 'host2',
          run: 'ip link del vxlan0 && ip link add vxlan0 type vxlan id 43 group 239.1.1.1 dev eth0 dstport 4789 && ip link set vxlan0 master br0 && ip link set vxlan0 up',
        },
      ],
      hints: [
        'Both devices are up, both ports are the same. Compare `ip -d link show vxlan0` on the two hosts, word by word.',
        'A VXLAN packet carries the number of its network, and a host hands it only to the device with that number.',
        'It is 42 on host1 and 43 on host2.',
      ],
      solution: [
        {
          on: 'host2',
          run: 'ip link del vxlan0 && ip link add vxlan0 type vxlan id 42 group 239.1.1.1 dev eth0 dstport 4789 && ip link set vxlan0 master br0 && ip link set vxlan0 up',
        },
      ],
      why: 'The VNI keeps virtual networks on one wire apart, as a VLAN tag does. Different numbers are different networks, whatever else agrees: the kernel of host2 finds no device for 42 and drops the packet.',
    },
  ],
};
