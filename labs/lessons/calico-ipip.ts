import type { LessonSpec } from 'cnilab';

export const lesson: LessonSpec = {
  title: 'Calico in IP in IP: a packet in a packet, and nothing between',
  topic: 'pod-network',
  level: 'deep',
  order: 9,
  goal: [
    'VXLAN wraps a pod packet into Ethernet, VXLAN, UDP and IP. IP in IP (RFC 2003) wraps it into IP alone: 20 bytes instead of 50, no ports, no second MAC addresses. For years it was what Calico did by default.',
    'The way is pod, `tunl0`, node, `tunl0`, pod. You see why firewalls do not know what to make of it.',
  ].join('\n'),
  engines: ['netns', 'vm'],
  notShown:
    'The embedded engine shows it only where the kernel of this machine has `ipip` (`sudo modprobe ipip`); `cnilab doctor calico-ipip` tells, and `cnilab up` refuses with the reason. It has the tunnel and its routes, no Felix and no BIRD. The machines of engine `vm` have kernels of their own, and Calico itself.',
  look: [
    {
      title: 'The tunnel device',
      text: 'The kernel makes `tunl0` when it loads the module; there is one, and it has no fixed other end: the route says to which node a packet goes. MTU 1480: one more IP header of 20 bytes fits into 1500. The name is `tunl0`, not `tun0`: that would be a device whose packets a process reads.',
      on: 'node1',
      run: "ip -d link show dev tunl0 | grep -oE ' mtu [0-9]+|link/ipip|ipip (any )?remote any'",
      shows: ['mtu 1480', 'link/ipip', 'ipip …remote any'],
    },
    {
      title: 'Routes through it',
      text: 'To the block of node2 by way of node2, through the tunnel. `onlink`: the next hop is on the other side, whatever the subnets say.',
      on: 'node1',
      run: 'ip route show dev tunl0',
      shows: ['192.168.…/26 via 10.0.0.3 … onlink…'],
    },
    {
      title: 'The pods know it by the MTU alone',
      text: 'Otherwise a pod looks as in calico-bgp: a /32, and a gateway that nobody has.',
      on: 'web-node1',
      run: "ip route | sort; ip link show dev eth0 | grep -o 'mtu [0-9]*'",
      shows: ['169.254.1.1 dev eth0 …scope link', 'default via 169.254.1.1 dev eth0…', 'mtu 1480'],
    },
  ],
  checks: [
    { id: 'model', type: 'verdict', says: 'the three requirements hold' },
    {
      id: 'wrapped',
      type: 'wire',
      says: 'between the nodes there is IP that is neither TCP nor UDP nor ICMP: protocol 4',
      at: 'node2',
      interface: 'eth0',
      filter: 'ip and src host 10.0.0.2 and dst host 10.0.0.3 and not (tcp or udp or icmp)',
      during: { on: 'web-node1', run: 'ping -c 2 -W 1 ${web-node2}' },
    },
    {
      id: 'never-bare',
      type: 'wire',
      says: 'no pod address shows on the wire between the nodes',
      at: 'node2',
      interface: 'eth0',
      filter: 'icmp and net 192.168.0.0/16',
      during: { on: 'web-node1', run: 'ping -c 2 -W 1 ${web-node2}' },
      seen: false,
    },
    {
      id: 'two-hops',
      type: 'reach',
      says: 'pods of two nodes are two routers apart and see each other as they are',
      from: 'web-node1',
      to: 'web-node2',
      protocol: 'udp',
      port: 5000,
      expect: 'answered',
      hops: 2,
      seenAs: '${web-node1}',
    },
    {
      id: 'fits',
      type: 'output',
      says: 'a packet of 1480 bytes passes whole',
      on: 'web-node1',
      run: 'ping -c 1 -W 2 -M do -s 1452 ${web-node2}',
      matches: [' 1 received'],
    },
  ],
  exercises: [
    {
      name: 'protocol-4',
      title: 'All ports are open, and nothing passes',
      symptom: 'The firewall of node2 was told to let through TCP, UDP and ICMP from all nodes. Pods of the two nodes do not reach each other.',
      see: { on: 'web-node1', run: 'ping -c 1 -W 1 10.0.0.3; ping -c 1 -W 1 ${web-node2}' },
      break: [{ on: 'node2', run: 'iptables -t raw -I PREROUTING -p 4 -j DROP' }],
      hints: [
        'What is the protocol number of the packets between the nodes? It is none of the three.',
        '`cnilab capture calico-ipip node2 --interface eth0 "ip and not (tcp or udp or icmp)"` shows them come in; a capture on tunl0 shows nothing.',
        '`cnilab exec calico-ipip node2 -- iptables -t raw -vnL PREROUTING`',
      ],
      solution: [{ on: 'node2', run: 'iptables -t raw -D PREROUTING -p 4 -j DROP' }],
      why: 'Port rules do not apply to a protocol without ports. IP in IP is protocol 4 and needs a rule of its own; some clouds cannot write one, which is why Calico got VXLAN as well.',
      checks: [
        {
          id: 'passes-again',
          type: 'reach',
          says: 'pods of node1 reach pods of node2',
          from: 'web-node1',
          to: 'web-node2',
          protocol: 'icmp',
          expect: 'answered',
          waitMs: 15_000,
        },
      ],
    },
  ],
  today: [
    {
      claim: 'The pod packet enters a local tun0 and leaves by the tun0 of the other node.',
      truth: 'The device is `tunl0`, and exists in the mode IP in IP only. The host end of the cable of a pod is called `cali…`.',
      source: 'https://docs.tigera.io/calico/latest/networking/configuring/vxlan-ipip',
    },
    {
      claim: 'Calico has IP in IP as its default, BGP and cross-subnet.',
      truth: 'And VXLAN. The manifest `calico.yaml` still starts with IP in IP on all ways; installed by the operator, the samples say VXLANCrossSubnet.',
      source: 'https://docs.tigera.io/calico/latest/networking/determine-best-networking',
    },
    {
      claim: 'Begin with `kubeadm init --pod-network-cidr=192.168.0.0/16`.',
      truth:
        'The pool that Calico takes when nothing is said. Where the nodes live in 192.168.x.y it covers them; here they stand in 10.0.0.0/24 for that reason.',
      source: 'https://docs.tigera.io/calico/latest/networking/ipam/initial-ippool',
    },
    {
      claim: 'Install it with two manifests of docs.projectcalico.org/v3.1, one for RBAC and one for the rest.',
      truth: 'One manifest holds both, or the operator installs it; images come from quay.io, and the documentation lives at docs.tigera.io.',
      source: 'https://docs.tigera.io/calico/latest/getting-started/kubernetes/self-managed-onprem/onpremises',
    },
  ],
};
