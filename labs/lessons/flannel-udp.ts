import type { LessonSpec } from 'cnilab';

const ACROSS = {
  id: 'across',
  type: 'reach',
  says: 'a pod reaches the one of the other node, which sees its address',
  from: 'web-node1',
  to: 'web-node2',
  protocol: 'tcp',
  port: 8080,
  expect: 'answered',
  seenAs: '${web-node1}',
} as const;
const PROCESS = "$(ss -Hlunp 'sport = :8285' | grep -o 'pid=[0-9]*' | cut -d = -f 2)";

export const lesson: LessonSpec = {
  title: 'flannel udp: every packet through a process',
  topic: 'pod-network',
  level: 'deep',
  order: 11,
  goal: [
    'The first flannel had no help from the kernel. It made a **TUN** device: a network device whose cable ends in a process. What the kernel routes into it, the process reads; what the process writes, comes in by it.',
    'A packet goes nine steps: eth0 of the pod, its cable, the bridge, the routing table of the node, flannel0, flanneld (which knows which node has which range and sends the packet as a UDP datagram), eth0 of the node, flanneld of the other node, flannel0 there, and on to the bridge and the pod.',
    'You follow them, and see why this backend is kept for debugging only: with VXLAN (lab flannel-vxlan) the kernel wraps by itself, with host-gw (flannel-host-gw) nobody wraps at all.',
  ].join('\n'),
  notShown:
    'flanneld itself: a process of cnilab’s own stands in its place, and knows its peers from the start. It counts TTL and routes as flanneld does. Megabits inside one machine say little, ratios more: `cnilab compare flannel-host-gw flannel-vxlan flannel-udp`, once all three labs are up, shows what each backend puts around a packet (0, 50 and 28 bytes), its MTU, and what the process costs.',
  look: [
    {
      title: 'From the pod to the bridge',
      text: 'Nothing special: eth0 behind the bridge of the node, with an MTU of 1472. The wrapping costs 28 bytes, an IPv4 header (20) and one of UDP (8); VXLAN costs 50, for it carries a whole Ethernet frame.',
      on: 'web-node1',
      run: 'ip -brief -4 address show eth0; ip -o link show eth0 | grep -o "mtu [0-9]*"; ip route get ${web-node2} | head -n 1',
      shows: ['eth0@… UP 10.244.0.2/24', 'mtu 1472', '10.244.1.2 via 10.244.0.1 dev eth0 src 10.244.0.2 uid 0'],
    },
    {
      title: 'The routing table of the node',
      text: 'The own range goes to the bridge, everything else of the network into flannel0. One route: which node has which range is known by the process, not by the kernel.',
      on: 'node1',
      run: 'ip route show root 10.244.0.0/16',
      shows: ['10.244.0.0/24 dev cni0 proto kernel scope link src 10.244.0.1', '10.244.0.0/16 dev flannel0 proto static scope link'],
    },
    {
      title: 'The TUN device',
      text: 'No MAC address, no ARP: packets, not frames. Its carrier is up as long as a process has it open. Its address, /32, is only for what the node itself sends.',
      on: 'node1',
      run: 'ip -brief -4 address show flannel0; ip -o -d link show flannel0 | grep -o " mtu 1472\\|link/none\\|tun type tun"',
      shows: ['flannel0 … 10.244.0.0/32', 'mtu 1472', 'link/none', 'tun type tun'],
    },
    {
      title: 'The process behind it',
      text: 'It listens on UDP 8285 of the node’s own address. Every packet between pods of two nodes is copied out of the kernel and into it again, on both sides.',
      on: 'node1',
      run: "ss -Hlunp 'sport = :8285' | grep -o '[0-9.]*:8285\\|pid=[0-9]*'",
      shows: ['172.30.0.…:8285', 'pid=…'],
    },
    {
      title: 'Four routers on the way',
      text: 'The TTL of an answer started at 64. Both nodes count it down once as routers, and both processes once more.',
      on: 'web-node1',
      run: 'ping -c 1 -W 2 ${web-node2} | grep -o "ttl=[0-9]*"',
      shows: ['ttl=60'],
    },
  ],
  checks: [
    { id: 'verified', type: 'verdict', says: 'the three requirements hold, process or not' },
    ACROSS,
    {
      id: 'mtu',
      type: 'output',
      says: '1472 bytes pass in one piece, 1473 do not',
      on: 'web-node1',
      run: 'ping -c 1 -W 2 -M do -s 1444 ${web-node2} >/dev/null && echo 1472; ping -c 1 -W 1 -M do -s 1445 ${web-node2} >/dev/null 2>&1 || echo "not 1473"',
      shows: ['1472', 'not 1473'],
    },
    {
      id: 'on-the-wire',
      type: 'wire',
      says: 'between the nodes a packet is a datagram to port 8285',
      at: 'node1',
      interface: 'eth0',
      filter: 'udp port 8285',
      during: { on: 'web-node1', run: 'ping -c 2 -W 1 ${web-node2}' },
    },
    {
      id: 'no-vxlan',
      type: 'wire',
      says: 'and not VXLAN',
      at: 'node1',
      interface: 'eth0',
      filter: 'udp port 8472',
      during: { on: 'web-node1', run: 'ping -c 2 -W 1 ${web-node2}' },
      seen: false,
    },
    {
      id: 'hops',
      type: 'reach',
      says: 'both nodes and both processes count as routers',
      from: 'web-node1',
      to: 'web-node2',
      protocol: 'icmp',
      expect: 'answered',
      hops: 4,
    },
  ],
  exercises: [
    {
      name: 'stuck-process',
      title: 'The process hangs',
      symptom: 'All devices are up, all routes are there, no rule drops anything. Yet pods of different nodes are cut off.',
      see: { on: 'node1', run: `grep State /proc/${PROCESS}/status; ip -s -brief link show flannel0; ss -Hun 'sport = :8285'` },
      break: [{ on: 'node1', run: `kill -STOP ${PROCESS}` }],
      hints: [
        'Follow the packet: it goes into flannel0. Does it come out of eth0? `cnilab capture` tells.',
        'Behind flannel0 is a process. In which state is it? `grep State /proc/PID/status`.',
        'It was stopped. `kill -CONT PID` lets it run again.',
      ],
      solution: [{ on: 'node1', run: `kill -CONT ${PROCESS}` }],
      why: 'With this backend the data path is a program: while it hangs, is restarted or updated, nothing passes. A VXLAN device goes on without flanneld, which only writes its tables.',
      checks: [ACROSS],
    },
    {
      name: 'port-blocked',
      title: 'The firewall of the node',
      symptom: 'Since the firewall of node2 was "cleaned up" its pods are cut off from those of node1, although the rule for VXLAN is still there.',
      see: { on: 'node2', run: 'iptables -S INPUT' },
      break: [{ on: 'node2', run: 'iptables -I INPUT -p udp --dport 8285 -j DROP' }],
      hints: ['Which port does this backend use?', 'Not the one of VXLAN: UDP 8285.', 'Remove the rule that drops it on node2.'],
      solution: [{ on: 'node2', run: 'iptables -D INPUT -p udp --dport 8285 -j DROP' }],
      why: 'Every backend has its own way over the wire: udp 8285, vxlan 8472, wireguard 51820, host-gw none. Firewalls are to be told when the backend changes.',
      checks: [ACROSS],
    },
  ],
  today: [
    {
      claim: 'The modes of flannel are udp, vxlan and host-gw.',
      truth: 'Recommended are vxlan, host-gw and wireguard; udp is for debugging. There are ipip, ipsec, alloc, extension and tencent-vpc besides.',
      source: 'https://github.com/flannel-io/flannel/blob/master/Documentation/backends.md',
    },
    {
      claim: 'flanneld wraps each packet after it looked up the node in etcd.',
      truth:
        'That is the backend udp, and only its shape: the table of ranges is in the memory of the process. With vxlan the kernel wraps, and flanneld writes routes, neighbours and forwarding entries.',
      source: 'https://github.com/flannel-io/flannel/blob/master/Documentation/backends.md#udp',
    },
    {
      claim: 'VXLAN is slow because of the wrapping in flanneld.',
      truth: 'Copying each packet into a process and back is the price of udp alone. VXLAN costs its 50 bytes and some work of the kernel, host-gw nothing.',
      source: 'https://www.kernel.org/doc/html/latest/networking/vxlan.html',
    },
  ],
};
