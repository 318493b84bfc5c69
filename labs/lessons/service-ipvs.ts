import type { LessonSpec } from 'cnilab';

const DB = '${svc/db-service}:3306';
/** The kernel adds up its counters every two seconds (net/netfilter/ipvs/ip_vs_est.c). */
const SIX_CALLS = "for i in 1 2 3 4 5 6; do timeout 1 bash -c '</dev/tcp/${svc/db-service}/3306' 2>/dev/null; done; sleep 3";
/** Connections that each endpoint got since its counters were set to 0. */
const SHARES = `ipvsadm -Ln --stats -t ${DB} | awk '$1 == "->" && $3 ~ /^[0-9]/ { print $3 }'`;

export const lesson: LessonSpec = {
  title: 'Services by the load balancer of the kernel',
  topic: 'service',
  level: 'deep',
  order: 6,
  engines: ['netns', 'vm'],
  goal:
    'Linux has had a load balancer of its own since long before Kubernetes: IPVS, of the project LVS. In mode ipvs kube-proxy fills its tables instead of writing chains, and every cluster IP really exists, on a device of every node. ' +
    'The mode is deprecated since Kubernetes 1.35; you will meet it in older clusters. Afterwards you know its device, its tables, its schedulers, and what it did and did not do better.',
  notShown:
    'It needs a kernel with `ip_vs`, and the programs ipvsadm and ipset. Where the kernel of this machine lacks it, `cnilab up` says so before it touches anything: engine `vm` brings nodes with kernels of their own, and a real kube-proxy; the ranges of its nodes and the addresses of its pods are others than those shown here. ' +
    'How each scheduler shares out can be seen anywhere: `cnilab explain scheduler`.',
  look: [
    {
      title: 'A device for addresses',
      on: 'node1',
      run: 'ip -4 addr show dev kube-ipvs0 | grep -o "10.16.59.[0-9]*/32" | sort',
      text: 'kube-ipvs0 is a dummy device, down, and carries all cluster IPs, on every node. It sends nothing and gets nothing. Its only use: an address that the kernel holds for its own is delivered to INPUT, and there IPVS waits.',
      shows: ['10.16.59.65/32', '10.16.59.74/32', '10.16.59.77/32', '…'],
    },
    {
      title: 'The kernel takes the address for its own',
      on: 'node1',
      run: 'ip route show table local 10.16.59.77',
      text: 'Compare mode iptables, where nobody has the address and a rule of PREROUTING catches it. Here routing comes first, and says: mine.',
      shows: ['local 10.16.59.77 dev kube-ipvs0 …'],
    },
    {
      title: 'Virtual servers, and real ones',
      on: 'node1',
      run: `ipvsadm -Ln -t ${DB}`,
      text: 'A virtual server for each Service and port, with its scheduler (`rr`); a real server for each endpoint. `Masq` means NAT: the destination is rewritten, and the answer turned back. It is a hash table: ten Services or ten thousand are found equally fast.',
      shows: [
        'Prot LocalAddress:Port Scheduler Flags',
        '-> RemoteAddress:Port …',
        'TCP 10.16.59.95:3306 rr',
        '-> 172.17… Masq 1 …',
        '-> 172.17… Masq 1 …',
        '-> 172.17… Masq 1 …',
      ],
    },
    {
      title: 'Chains that do not grow',
      on: 'node1',
      run: 'iptables -t nat -S KUBE-SERVICES',
      text: 'iptables is still needed, for the mark and the masquerading, but with the same few rules for however many Services: they ask a set (ipset) that holds all their addresses and ports. `ipset list KUBE-CLUSTER-IP` shows it.',
      shows: [
        '-N KUBE-SERVICES',
        '-A KUBE-SERVICES -s 127.0.0.0/8 -j RETURN',
        '-A KUBE-SERVICES ! -s 172.17.0.0/16 … -m set --match-set KUBE-CLUSTER-IP dst,dst -j KUBE-MARK-MASQ',
        '-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODE-PORT',
        '-A KUBE-SERVICES -m set --match-set KUBE-CLUSTER-IP dst,dst -j ACCEPT',
      ],
    },
    {
      title: 'In turn, or always the same',
      on: 'node1',
      run: `for how in rr sh; do ipvsadm -E -t ${DB} -s $how && ipvsadm -Z -t ${DB}; ${SIX_CALLS}; echo $how $(${SHARES}); done; ipvsadm -E -t ${DB} -s rr`,
      text: 'Six connections by `rr`, two for each endpoint; then six by `sh`, which goes by the address of the client: one endpoint gets them all. Nobody has to answer for a connection to be counted. `cnilab explain scheduler` shows all eleven schedulers side by side.',
      shows: ['rr 2 2 2', 'sh …6…'],
      timeoutMs: 30_000,
    },
    {
      title: 'And yet no ping',
      on: 'shell',
      run: 'ping -c 1 -W 2 10.16.59.77',
      text: 'Older texts praise this mode because a cluster IP can be pinged: the node itself would answer. That said nothing about the Service, and it is over: since Kubernetes 1.26 the chain KUBE-IPVS-FILTER rejects what is addressed to a cluster IP and is no port of a Service.',
      shows: ['PING 10.16.59.77 …', 'From … Destination Port Unreachable', '…'],
    },
  ],
  checks: [
    {
      id: 'from-a-pod',
      says: 'A pod reaches the Service, and the endpoint sees the pod itself: the source is not changed on the way.',
      type: 'reach',
      from: 'shell',
      to: '${svc/mysql}',
      protocol: 'tcp',
      port: 3306,
      responder: { at: 'newdeploy' },
      expect: 'answered',
      seenAs: '${shell}',
    },
    {
      id: 'from-a-node',
      says: 'A node reaches it as well, and is masqueraded: only here the source becomes that of the device that the packet leaves by.',
      type: 'reach',
      from: 'node1',
      to: '${svc/mysql}',
      protocol: 'tcp',
      port: 3306,
      responder: { at: 'newdeploy' },
      expect: 'answered',
      seenAs: '${node1.vtepAddress}',
    },
    {
      id: 'local',
      says: 'Every node has the cluster IP among its own addresses.',
      type: 'output',
      on: 'node3',
      run: 'ip route show table local ${svc/mysql}',
      matches: ['^local ${svc/mysql} dev kube-ipvs0'],
    },
    {
      id: 'no-ping',
      says: 'A ping of the cluster IP is refused.',
      type: 'output',
      on: 'shell',
      run: 'ping -c 1 -W 2 ${svc/mysql}',
      exit: 1,
      matches: ['Unreachable'],
    },
    {
      id: 'balance',
      says: 'In turn (rr): of six connections each of three endpoints gets two.',
      type: 'output',
      on: 'node1',
      run: `ipvsadm -Z -t ${DB}; ${SIX_CALLS}; echo $(${SHARES})`,
      shows: ['2 2 2'],
      timeoutMs: 20_000,
    },
    {
      id: 'keeps-its-endpoint',
      says: 'By the address of the client (sh): all six go to one endpoint.',
      type: 'output',
      on: 'node1',
      run: `ipvsadm -E -t ${DB} -s sh && ipvsadm -Z -t ${DB}; ${SIX_CALLS}; echo $(${SHARES} | sort -n); ipvsadm -E -t ${DB} -s rr`,
      shows: ['0 0 6'],
      timeoutMs: 20_000,
    },
    {
      id: 'shares',
      says: 'Every endpoint has its share, and nobody is seen as somebody else.',
      type: 'verdict',
      only: ['service-cluster-ip', 'service-source'],
      waitMs: 30_000,
    },
  ],
  exercises: [
    {
      name: 'not-mine',
      title: 'One address that no node takes',
      symptom:
        'Somebody has tidied up addresses on all nodes. No pod reaches `mysql`: "No route to host". Other Services are reached (`db-service` refuses the connection, as its pods here run no database), and from the nodes `mysql` is as well. ' +
        '`ipvsadm -Ln` shows the virtual server and its endpoint as it should.',
      see: { on: 'shell', run: "for ip in ${svc/mysql} ${svc/db-service}; do timeout 4 bash -c '</dev/tcp/'$ip/3306; done" },
      break: ['node1', 'node2', 'node3'].map((on) => ({ on, run: 'ip addr del 10.16.59.77/32 dev kube-ipvs0' })),
      hints: [
        'IPVS is asked for packets of pods only when they are delivered to the node. Are they? `ip route get 10.16.59.77` on `node1` says it; and 10.16.59.95?',
        'The one leaves by eth0, where nobody answers ARP for it; the other is `local`. Which device should have it, on every node?',
        '`ip addr add 10.16.59.77/32 dev kube-ipvs0` (a real kube-proxy does so by itself after a while).',
      ],
      solution: ['node1', 'node2', 'node3'].map((on) => ({ on, run: 'ip addr add 10.16.59.77/32 dev kube-ipvs0' })),
      why:
        'In this mode the table local is a part of the load balancer: no address, no INPUT, no IPVS. What a node sends itself passes IPVS in OUTPUT, whatever its route: that is why nodes noticed nothing. ' +
        'On one node alone pods would not have noticed either, as the Service range is on the link of the nodes here: that node asks for the address by ARP, and any other that has it on kube-ipvs0 answers. ' +
        'Load balancers like MetalLB, which answer ARP themselves, want that off: `strictARP: true` of kube-proxy sets arp_ignore and arp_announce.',
      checks: [
        {
          id: 'node1-takes-it',
          says: 'A pod of node1 reaches the Service.',
          type: 'reach',
          from: 'shell',
          to: '${svc/mysql}',
          protocol: 'tcp',
          port: 3306,
          responder: { at: 'newdeploy' },
          expect: 'answered',
        },
      ],
    },
  ],
  today: [
    {
      claim: 'ipvs is the mode for large clusters.',
      truth: 'It is deprecated since Kubernetes 1.35 and to be off by default from 1.40 on. nftables, stable since 1.33, is its successor.',
      source: 'https://kubernetes.io/docs/reference/networking/virtual-ips/',
    },
    {
      claim: 'As all cluster IPs are on kube-ipvs0, they can be pinged.',
      truth: 'They are there, and pings are rejected since 1.26. In mode iptables nobody ever answered; nftables rejects as well.',
      source: 'https://github.com/kubernetes/kubernetes/pull/108460',
    },
    {
      claim: 'After POSTROUTING the packet leaves by the flannel device and takes its address as source.',
      truth: 'The source of a pod is kept. Only what the node itself sends, and what is marked for masquerading, gets the address of the device.',
      source: 'https://kubernetes.io/docs/reference/networking/virtual-ips/',
    },
    {
      claim: 'There are six schedulers: rr, lc, dh, sh, sed and nq.',
      truth: 'Also wrr, wlc, lblc, lblcr and mh. The default is rr.',
      source: 'https://kubernetes.io/docs/reference/networking/virtual-ips/#proxy-mode-ipvs',
    },
    {
      claim: 'kube-proxy has the modes userspace, iptables and ipvs.',
      truth: 'userspace was removed in 1.26, and nftables has come.',
      source: 'https://kubernetes.io/docs/reference/command-line-tools-reference/kube-proxy/',
    },
  ],
};
