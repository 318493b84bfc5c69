import type { LessonSpec } from 'cnilab';

const SESSIONS = "ss -Htn state established '( sport = :179 or dport = :179 )' | wc -l";

export const lesson: LessonSpec = {
  title: 'Calico: every node is a router, and they tell each other',
  topic: 'pod-network',
  level: 'next',
  order: 6,
  goal: [
    'flannel gives pods a switch on each node. Calico has none: a pod is a cable to its node, and every packet is routed, also between two pods of one node. Who is where travels by BGP, the protocol by which the routers of the Internet do the same.',
    'You see a gateway that nobody has, an ARP answer that is a lie on purpose, routes that no administrator wrote, and what becomes of them when two nodes stop talking.',
  ].join('\n'),
  notShown:
    'Felix, which writes the routes of the pods and the packet filter on each node, confd, which writes the configuration of BIRD, and the data store that both read (the Kubernetes API, through Typha in large clusters). cnilab writes what they would; BIRD and BGP are real. The engine `kind` installs all of Calico.',
  look: [
    {
      title: 'A pod that is alone on its network',
      text: 'The address is a /32: a network of one. The default gateway is 169.254.1.1, in every pod of every node, and the second route says that it is on the other side of the cable. No machine has this address.',
      on: 'web-worker1',
      run: 'ip -brief -4 addr show dev eth0; ip route',
      shows: ['eth0@… UP 192.168.0.65/32', 'default via 169.254.1.1 dev eth0 proto static', '169.254.1.1 dev eth0 proto static scope link'],
    },
    {
      title: 'The gateway answers all the same',
      text: 'The pod asks by ARP who has 169.254.1.1, and the node says "I do": the host end of the cable answers for everything (`proxy_arp`), always with the same MAC. So nothing in a pod depends on its node, and the TTL of 63 shows that the node **routed** between two of its own pods.',
      on: 'web-worker1',
      run: 'ping -c 1 192.168.0.66; ip neigh show 169.254.1.1',
      shows: ['…', '64 bytes from 192.168.0.66: icmp_seq=1 ttl=63 time=… ms', '…', '169.254.1.1 dev eth0 lladdr ee:ee:ee:ee:ee:ee …'],
    },
    {
      title: 'The routes of a node',
      text: 'Two /32 for the pods of this node, each through the cable that leads to it: Felix writes these. Two /26 for the blocks of the other nodes, `proto bird`: these came by BGP. And a hole: the block that this node owns is a blackhole, so that a packet for a pod that is gone ends here and does not travel in circles.',
      on: 'worker1',
      run: "ip route | grep -E '^(blackhole )?192.168'",
      shows: [
        '192.168.0.0/26 via 10.0.0.2 dev eth0 proto bird metric 32',
        'blackhole 192.168.0.64/26 proto static',
        '192.168.0.65 dev cali… proto static scope link',
        '192.168.0.66 dev cali… proto static scope link',
        '192.168.0.128/26 via 10.0.0.4 dev eth0 proto bird metric 32',
      ],
    },
    {
      title: 'Who speaks with whom',
      text: 'BGP runs over TCP port 179. By default every node speaks with every other one (a *full mesh*): with three nodes, two sessions on each and three in all. With n nodes it is n·(n−1)/2, which is why large clusters use route reflectors (calico-reflector).',
      on: 'worker1',
      run: "ss -Htn state established '( sport = :179 or dport = :179 )' | awk '{ print $$4 }' | cut -d: -f1 | sort",
      shows: ['10.0.0.2', '10.0.0.4'],
    },
    {
      title: 'What the BGP daemon was told',
      text: 'One protocol for each peer, all in the same autonomous system. What is announced is the block, not each pod: 64 pods come and go without a word on the wire.',
      on: 'worker1',
      run: "grep -E '^(protocol bgp|  route|  neighbor)' /run/cnilab/node.c1.worker1/bird.conf",
      shows: [
        'route 192.168.0.64/26 blackhole;',
        'protocol bgp Mesh_10_0_0_2 from mesh {',
        'neighbor 10.0.0.2 as 64512;',
        'protocol bgp Mesh_10_0_0_4 from mesh {',
        'neighbor 10.0.0.4 as 64512;',
      ],
    },
    {
      title: 'Nothing is wrapped',
      text: 'A packet of 1500 bytes passes whole, over two routers. `cnilab explain calico-bgp web-worker1 web-worker2` names every hop.',
      on: 'web-worker1',
      run: "ping -c 1 -M do -s 1472 192.168.0.129 | grep -o 'icmp_seq=1 ttl=62'",
      shows: ['icmp_seq=1 ttl=62'],
    },
    {
      title: 'NAT only for what leaves the pool',
      text: 'The same rule as everywhere, by the name that Calico gives it (`natOutgoing`). It is also why the pool must not overlap the network of the nodes: addresses inside are taken for pods. `cnilab plan` refuses that.',
      on: 'worker1',
      run: 'iptables -t nat -S cali-nat-outgoing',
      shows: ['-N cali-nat-outgoing', '-A cali-nat-outgoing -s 192.168.0.0/16 ! -d 192.168.0.0/16 -j MASQUERADE'],
    },
  ],
  checks: [
    { id: 'model', type: 'verdict', says: 'the three requirements hold' },
    {
      id: 'routed-at-home',
      type: 'reach',
      says: 'between two pods of one node there is a router',
      from: 'web-worker1',
      to: 'web-2-worker1',
      protocol: 'udp',
      port: 5000,
      expect: 'answered',
      hops: 1,
    },
    {
      id: 'two-hops',
      type: 'reach',
      says: 'pods of two nodes are two routers apart and see each other as they are',
      from: 'web-worker1',
      to: 'web-worker2',
      protocol: 'udp',
      port: 5000,
      expect: 'answered',
      hops: 2,
      seenAs: '192.168.0.65',
    },
    { id: 'sessions-cp', type: 'output', says: 'the control plane has a session with each other node', on: 'control-plane1', run: SESSIONS, shows: ['2'] },
    { id: 'sessions-1', type: 'output', says: 'worker1 has a session with each other node', on: 'worker1', run: SESSIONS, shows: ['2'] },
    { id: 'sessions-2', type: 'output', says: 'worker2 has a session with each other node', on: 'worker2', run: SESSIONS, shows: ['2'] },
    { id: 'no-bridge', type: 'output', says: 'no node has a bridge', on: 'worker1', run: 'ip -oneline link show type bridge | wc -l', shows: ['0'] },
    {
      id: 'bare',
      type: 'wire',
      says: 'on the wire between the nodes the packet is what the pod sent',
      at: 'worker2',
      interface: 'eth0',
      filter: 'icmp and src host 192.168.0.65 and dst host 192.168.0.129',
      during: { on: 'web-worker1', run: 'ping -c 2 -W 1 192.168.0.129' },
    },
  ],
  exercises: [
    {
      name: 'session-down',
      title: 'Two nodes that do not talk',
      symptom: 'Pods of worker1 and of worker2 do not reach each other, in either direction. The nodes themselves do, and the control plane reaches both.',
      see: { on: 'worker1', run: 'ip route show proto bird' },
      break: [{ fault: 'bgp-down', node: 'worker1' }],
      hints: [
        'Nobody touched a route, and yet one is missing. Where did it come from?',
        'Count the sessions on each node: two of the three nodes have one too few.',
        'The log of BIRD (`/run/cnilab/bird/` on the node) says *Disabling protocol*. `cnilab fault undo calico-bgp` enables it again.',
      ],
      solution: [{ undo: 'bgp-down' }],
      why: 'What a router learned from a peer is true only as long as the peer says so: with the session both ends withdraw the routes that came by it (RFC 4271). Routes that an administrator writes outlive the node they lead to; routes that are learned do not.',
      checks: [
        {
          id: 'two-routes',
          type: 'output',
          says: 'worker1 knows the blocks of both other nodes',
          on: 'worker1',
          run: 'ip route show proto bird | wc -l',
          shows: ['2'],
          waitMs: 15_000,
        },
        { id: 'all-reach', type: 'verdict', says: 'every pod reaches every pod', only: ['r1-pod-to-pod'] },
      ],
    },
    {
      name: 'honest-node',
      title: 'The node that stopped lying',
      symptom: 'After a hardening of worker1 one pod, `web-worker1`, reaches nobody at all. Its neighbour on the same node works.',
      see: { on: 'web-worker1', run: 'ping -c 1 -W 4 192.168.0.129; ip neigh show dev eth0' },
      break: [
        { on: 'worker1', run: 'echo 0 > /proc/sys/net/ipv4/conf/calib1fa78e65cf/proxy_arp' },
        { on: 'web-worker1', run: 'ip neigh flush dev eth0' },
      ],
      hints: [
        'Who says *Destination Host Unreachable*? The address is the pod itself.',
        'It has no MAC address for its gateway: `FAILED`. Who should have answered for 169.254.1.1?',
        'The host end of its cable: `ip route get 192.168.0.65` on worker1 names it. Look at `proxy_arp` of that device.',
      ],
      solution: [{ on: 'worker1', run: 'echo 1 > /proc/sys/net/ipv4/conf/calib1fa78e65cf/proxy_arp' }],
      why: 'Security guides switch proxy ARP off, since on an ordinary network it lets a machine pose as another. Here it is what connects a pod: nobody has 169.254.1.1, so somebody must answer for it.',
      checks: [
        {
          id: 'gateway-answers',
          type: 'reach',
          says: 'the pod reaches others again',
          from: 'web-worker1',
          to: 'web-worker2',
          protocol: 'icmp',
          expect: 'answered',
          waitMs: 15_000,
        },
      ],
    },
  ],
  today: [
    {
      claim: 'Calico keeps the metadata of the network in etcd.',
      truth:
        'The Kubernetes API is the default data store; etcd is an option, mostly for clusters of machines without Kubernetes. Typha stands between the API and many nodes.',
      source: 'https://docs.tigera.io/calico/latest/reference/architecture/overview',
    },
    {
      claim: 'Calico has three modes: IP in IP, which is the default, BGP, and cross-subnet.',
      truth:
        'VXLAN is a fourth, with a cross-subnet form of its own. The manifest `calico.yaml` still begins with IP in IP on all ways, the samples for the operator with VXLANCrossSubnet.',
      source: 'https://docs.tigera.io/calico/latest/networking/configuring/vxlan-ipip',
    },
    {
      claim: 'Every packet finds its way by routes alone, and BGP carries the route of each workload everywhere.',
      truth:
        'Only without encapsulation, as here. And blocks are announced (/26 by default), not each pod; single addresses only when a pod uses one outside of the blocks of its node.',
      source: 'https://docs.tigera.io/calico/latest/networking/ipam/change-block-size',
    },
    {
      claim: 'Begin with `kubeadm init --pod-network-cidr=192.168.0.0/16`.',
      truth:
        'That is the pool that Calico takes when nothing is said. It holds 65,536 addresses that are also the favourites of homes and offices: where nodes live in 192.168.x.y, choose another.',
      source: 'https://docs.tigera.io/calico/latest/networking/ipam/initial-ippool',
    },
    {
      claim: 'All nodes communicate with all containers without NAT.',
      truth: 'The older wording of the requirement; today it is about the agents of a node and the pods of that node.',
      source: 'https://kubernetes.io/docs/concepts/services-networking/#the-kubernetes-network-model',
    },
  ],
};
