import type { LessonSpec } from 'cnilab';

/** As many rules, or elements of a map, as there would be Services, in a table of their own; pings that match none of them; and all is taken away again. */
const SCALE: string = [
  "rtt() { ping -q -A -c 200 127.0.0.1 | awk -F/ '/^rtt/ { print $5 }'; nft delete table ip scale; }",
  'each() { for i in $(seq $1); do echo "$2$((i / 256)).$((i % 256)) $3"; done; }',
  'chain="add table ip scale; add chain ip scale out { type filter hook output priority 0; }"',
  'list() { { echo "$chain"; each $1 "add rule ip scale out ip daddr 10.96." counter; } | nft -f -; rtt; }',
  'map() { { echo "$chain; add map ip scale services { type ipv4_addr : verdict; }; add rule ip scale out ip daddr vmap @services"; each $1 "add element ip scale services { 10.96." ": accept }"; } | nft -f -; rtt; }',
].join('; ');

export const lesson: LessonSpec = {
  title: 'iptables and nftables side by side',
  topic: 'service',
  level: 'next',
  order: 5,
  goal:
    'kube-proxy can write the same Services in several ways. This lab has two clusters with equal Services: `old` in mode iptables, the default for years, and `new` in mode nftables, its successor. ' +
    'You will lay the rules side by side, a list against a map, find the few things that a client can notice, and see why the size of a cluster matters for one and not for the other.',
  notShown:
    'The third mode, ipvs, needs a kernel with ip_vs: the lab `service-ipvs`. How long kube-proxy itself takes to make its rules is not shown, as cnilab makes them here; `cnilab explain scheduler` shows how ipvs shares out.',
  look: [
    {
      title: 'old: a list, one rule for each Service and port',
      on: 'old/node1',
      run: 'iptables -t nat -S KUBE-SERVICES',
      text:
        'A new connection walks down this list until a rule matches. With seven entries nobody cares; with ten thousand Services there are ten thousand rules in front of the node ports, which come last. ' +
        'Only the first packet of a connection pays: all later ones are handled by connection tracking.',
      shows: [
        '-N KUBE-SERVICES',
        '-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m comment --comment "default/kubernetes:https cluster IP" -m tcp --dport 443 -j KUBE-SVC-…',
        '-A KUBE-SERVICES -d 10.96.0.10/32 -p udp -m comment --comment "kube-system/kube-dns:dns cluster IP" -m udp --dport 53 -j KUBE-SVC-…',
        '-A KUBE-SERVICES -d 10.96.0.10/32 -p tcp -m comment --comment "kube-system/kube-dns:dns-tcp cluster IP" -m tcp --dport 53 -j KUBE-SVC-…',
        '-A KUBE-SERVICES -d 10.96.0.10/32 -p tcp -m comment --comment "kube-system/kube-dns:metrics cluster IP" -m tcp --dport 9153 -j KUBE-SVC-…',
        '-A KUBE-SERVICES -d 10.96.0.77/32 -p tcp -m comment --comment "default/mysql cluster IP" -m tcp --dport 3306 -j KUBE-SVC-…',
        '-A KUBE-SERVICES -d 10.96.152.1/32 -p tcp -m comment --comment "default/mysql-nodes cluster IP" -m tcp --dport 3306 -j KUBE-SVC-…',
        '-A KUBE-SERVICES -d 10.96.123.108/32 -p tcp -m comment --comment "default/mysql-sticky cluster IP" -m tcp --dport 3306 -j KUBE-SVC-…',
        '-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS',
      ],
    },
    {
      title: 'new: two rules in all',
      on: 'new/node1',
      run: 'nft list chain ip kube-proxy services',
      text: '`vmap` looks address, protocol and port up in a map and goes where it says. The chain has two rules whether there are seven Services or ten thousand.',
      shows: [
        'table ip kube-proxy {',
        'chain services {',
        'ip daddr . meta l4proto . th dport vmap @service-ips',
        'ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports',
        '}',
        '}',
      ],
    },
    {
      title: 'new: the map',
      on: 'new/node1',
      run: 'nft list map ip kube-proxy service-ips',
      text: 'A hash: it costs the same to find one entry among seven or among ten thousand, and one Service is changed by changing one element.',
      shows: ['…', '…10.97.0.77 . tcp . 3306 : goto service-F6SWUA4B-default/mysql/tcp/…', '…'],
    },
    {
      title: 'new: which pod',
      on: 'new/node1',
      run: 'nft list chain ip kube-proxy service-F6SWUA4B-default/mysql/tcp/',
      text: 'A random number decides here as well, by one lookup instead of a ladder of probabilities. The mark for clients from outside of the pod range has the same value, 0x4000.',
      shows: [
        'table ip kube-proxy {',
        'chain service-F6SWUA4B-default/mysql/tcp/ {',
        'ip daddr 10.97.0.77 ip saddr != 10.245.0.0/16 jump mark-for-masquerade',
        'numgen random mod 3 vmap { 0 : goto endpoint-6IQNYF6C-default/mysql/tcp/__10.245.1.2/3306, 1 : goto endpoint-Q5QJVKEM-default/mysql/tcp/__10.245.1.3/3306, 2 : goto endpoint-ZKO7AXKQ-default/mysql/tcp/__10.245.2.2/3306 }',
        '}',
        '}',
      ],
    },
    {
      title: 'new: where node ports answer',
      on: 'new/node1',
      run: 'nft list set ip kube-proxy nodeport-ips',
      text:
        'By default the primary address of the node, and neither 127.0.0.1 nor any other address. In mode iptables a node port is served wherever the node has an address, loopback included. ' +
        'Who dials `localhost:30080` on a node notices the change.',
      shows: [
        'table ip kube-proxy {',
        'set nodeport-ips {',
        'type ipv4_addr',
        'comment "IPs that accept NodePort traffic"',
        'elements = { 10.16.59.23 }',
        '}',
        '}',
      ],
    },
    {
      title: 'Ten, a thousand, ten thousand',
      on: 'old/node1',
      run: `${SCALE}; for n in 10 1000 10000; do echo "$n Services: list $(list $n) ms, map $(map $n) ms"; done`,
      timeoutMs: 60_000,
      text:
        'So many rules, or elements of a map, in a table of their own that goes away again, and the mean time of 200 pings to the node itself, which match none of them: that is what a connection has to go through before the last Service. ' +
        'With the list the time grows with the number of Services, with the map it stays. Your numbers will differ; their shape will not. Remember that only the first packet of a connection pays. ' +
        'Writing the rules is another matter: when a node starts, all of them have to be loaded, and the chains of the Services are as many in both modes. On a machine with two cores, with one endpoint each, 10 Services took 0.01 s in mode iptables and 0.02 s in nftables, 1000 took 0.2 s in both, 10000 took 26 s and 18 s. What nftables gains comes after that: a change is one element, and nothing else is touched.',
      shows: ['10 Services: list … ms, map … ms', '1000 Services: list … ms, map … ms', '10000 Services: list … ms, map … ms'],
    },
    {
      title: 'old: a ping of a cluster IP',
      on: 'old/node1',
      run: 'ping -c 1 -W 1 10.96.0.77',
      text: 'No rule is about ICMP, so the packet leaves the node by the default route. Here the router says that it has no way; on the Internet it would vanish without a word.',
      shows: ['PING 10.96.0.77 …', 'From 10.16.59.1 icmp_seq=1 Destination Net Unreachable', '…'],
    },
    {
      title: 'new: a ping of a cluster IP',
      on: 'new/node1',
      run: 'ping -c 1 -W 1 10.97.0.77 2>&1',
      text: 'nftables rejects what is addressed to a cluster IP and is no port of its Service, on the node itself, at once. A cluster IP that nobody has is dropped.',
      shows: ['…', 'From 10.16.59.23 icmp_seq=1 Destination Port Unreachable', '…'],
    },
  ],
  checks: [
    {
      id: 'map-does-not-grow',
      says: 'With ten thousand entries a packet is slower through the list than through the map, several times over.',
      type: 'output',
      on: 'old/node1',
      run: `${SCALE}; echo "$(list 10000) $(map 10000)" | awk '{ print "list " $1 " ms, map " $2 " ms"; exit !($1 > 3 * $2) }'`,
      timeoutMs: 60_000,
      matches: ['^list [\\d.]+ ms, map [\\d.]+ ms$'],
      waitMs: 20_000,
    },
    {
      id: 'old-is-a-list',
      says: "old has a rule for each Service, and nothing of nftables in kube-proxy's form.",
      type: 'output',
      on: 'old/node1',
      run: "iptables-save -t nat | grep -c -- '-j KUBE-SVC-.*' ; nft list tables",
      lacks: ['^table ip kube-proxy$'],
    },
    {
      id: 'new-is-a-map',
      says: 'new has a map, and no chain of the old kind.',
      type: 'output',
      on: 'new/node1',
      run: 'nft list tables; iptables-save -t nat',
      matches: ['^table ip kube-proxy$'],
      lacks: ['KUBE-SVC-', 'KUBE-SERVICES'],
    },
    {
      id: 'old-localhost',
      says: 'old serves its node port at 127.0.0.1: a pod answers, if only to refuse.',
      type: 'output',
      on: 'old/node1',
      run: "timeout 4 bash -c '</dev/tcp/127.0.0.1/30080' 2>&1; iptables -t nat -nvxL KUBE-NODEPORTS",
      matches: ['^ *[1-9]\\d* .*KUBE-EXT-'],
    },
    {
      id: 'new-localhost',
      says: 'new refuses at 127.0.0.1: nobody listens, and no rule is about it.',
      type: 'output',
      on: 'new/node1',
      run: "timeout 4 bash -c '</dev/tcp/127.0.0.1/30080' 2>&1; nft list set ip kube-proxy nodeport-ips",
      matches: ['refused'],
      lacks: ['elements = .*127\\.'],
    },
    {
      id: 'same-verdicts',
      says: 'In both, Services, node ports, affinity and sources are as they should.',
      type: 'verdict',
      only: ['service-cluster-ip', 'service-node-port', 'service-hairpin', 'service-affinity', 'service-source'],
      waitMs: 30_000,
    },
  ],
  exercises: [
    {
      name: 'lost-element',
      title: 'One entry of the map',
      symptom: 'In the new cluster, programs on `node1` cannot connect to `mysql` (10.97.0.77). Other Services work there, and other nodes have no trouble.',
      see: { on: 'new/node1', run: "timeout 3 bash -c '</dev/tcp/10.97.0.77/3306'; echo exit $?" },
      break: [{ on: 'new/node1', run: "nft delete element ip kube-proxy service-ips '{ 10.97.0.77 . tcp . 3306 }'" }],
      hints: [
        'A refusal, as if by a pod. Does it come from one? Watch the counters of `flannel.1`, or capture on it.',
        'Nothing leaves the node: the map has no entry, and what is addressed to a cluster IP and fits nowhere is rejected. Compare `service-ips` of `new/node1` and `new/node2`.',
        "Put the element back: `nft add element ip kube-proxy service-ips '{ 10.97.0.77 . tcp . 3306 : goto service-F6SWUA4B-default/mysql/tcp/ }'`.",
      ],
      solution: [
        { on: 'new/node1', run: "nft add element ip kube-proxy service-ips '{ 10.97.0.77 . tcp . 3306 : goto service-F6SWUA4B-default/mysql/tcp/ }'" },
      ],
      why:
        'The chains of the Service were all there; only the one element that leads to them was not. In mode iptables the same fault would be one missing rule in KUBE-SERVICES, and the packet would leave by the ' +
        'default route; here it is refused at once, which is easier to find.',
      checks: [
        {
          id: 'mysql-on-new',
          says: 'The map of new/node1 leads 10.97.0.77 to its Service.',
          type: 'output',
          on: 'new/node1',
          run: 'nft list map ip kube-proxy service-ips',
          matches: ['10\\.97\\.0\\.77 \\. tcp \\. 3306 : goto service-F6SWUA4B-default/mysql/tcp/'],
        },
      ],
    },
    {
      name: 'forgotten-client',
      title: 'Sticky, and then not',
      symptom: 'Users of the old cluster are logged out again and again. `mysql-sticky` has session affinity: each client ought to keep its pod.',
      see: { on: 'old/node2', run: 'iptables -t nat -S | grep -c "recent.*rcheck"; iptables -t nat -S | grep -c "recent.*set"', timeoutMs: 10_000 },
      break: [{ fault: 'affinity-lost', node: 'node2' }],
      hints: [
        'Affinity is a memory: address of the client, endpoint, time. Which rules read it, which write it?',
        'Compare the chain `KUBE-SVC-VM7OQ2TCYQBOOA2O` of `old/node1` with that of `old/node2`.',
        'On one of them the rules `-m recent --rcheck` are gone, which look the client up before the dice are thrown: `cnilab fault undo proxy-modes affinity-lost`.',
      ],
      solution: [{ undo: 'affinity-lost' }],
      why: 'Mode iptables keeps clients with the match `recent`, mode nftables with a set for each endpoint whose elements time out (3 hours by default). Both remember addresses, per node: a client that comes in by another node is a new one.',
      checks: [{ id: 'affinity', says: 'Clients keep their endpoint.', type: 'verdict', only: ['service-affinity'], waitMs: 30_000 }],
    },
  ],
  today: [
    {
      claim: 'kube-proxy has three implementations: userspace, iptables and ipvs.',
      truth:
        'userspace was removed in 1.26. nftables came in 1.29 and is stable since 1.33; ipvs is deprecated since 1.35. The default on Linux is still iptables.',
      source: 'https://kubernetes.io/docs/reference/networking/virtual-ips/',
    },
    {
      claim: 'The iptables mode is slow in big clusters, because each packet goes down a long list.',
      truth:
        'Each new connection does, not each packet. What hurts first is writing the rules: thousands of Services mean tens of thousands of rules. The nftables mode needs one lookup, and writes what has changed.',
      source: 'https://kubernetes.io/blog/2025/02/28/nftables-kube-proxy/',
    },
  ],
};
