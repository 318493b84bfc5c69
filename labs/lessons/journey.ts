import type { LessonSpec } from 'cnilab';

const DIAL = { on: 'laptop', run: "timeout 3 bash -c '</dev/tcp/203.0.113.10/80'; true" } as const;
/** Opens fresh connections from a node to port 53 of a Service, and names the pods that the kernel chose: sources of the answers. */
const fresh = (node: string, service: string): string =>
  `for i in $(seq 16); do timeout 2 bash -c "</dev/tcp/${service}/53"; done; ` +
  `grep "src=${node} dst=${service} .*dport=53 " /proc/net/nf_conntrack | grep -o "src=10.244[0-9.]*" | sort -u`;

export const lesson: LessonSpec = {
  title: 'The journey of one request',
  topic: 'ingress',
  level: 'deep',
  order: 3,
  goal:
    'A laptop outside opens a connection to 203.0.113.10, and a pod somewhere answers. In between stand a router, a node that does not have the pod, a handful of rules, a tunnel, another node and a bridge. You will go the whole way and back, hop by hop, with ' +
    'the one command at each hop that shows why the packet goes on as it does; then you will see what a connection that stays open costs, and what it costs to prefer near endpoints.',
  notShown:
    'An older way to near endpoints, the annotation `service.kubernetes.io/topology-mode: Auto`, weighs zones by the CPUs of their nodes before it hints at anything; here only `trafficDistribution` is acted on. And all zones of this lab are on one machine: a way between them costs no time and no money.',
  look: [
    {
      title: '1. The laptop: who has this address?',
      on: 'laptop',
      run: `${DIAL.run} 2>/dev/null; ip route get 203.0.113.10; ip neigh show 203.0.113.10`,
      text: 'The address is on the link, so ARP asks for it, and the router answers, though it does not have it either: it knows the way. (`cnilab explain journey laptop 203.0.113.10 --port 80` shows the whole journey at once, `--live` with the counters around a real packet.)',
      shows: ['…', '203.0.113.10 dev eth0 src 203.0.113.2 …', '…', '203.0.113.10 dev eth0 lladdr … REACHABLE…'],
    },
    {
      title: '2. The router: to a node',
      on: 'router',
      run: 'ip route get 203.0.113.10',
      text: 'A host route, which a speaker of BGP or a cloud would have put there. It leads to `worker1`, which has no pod of the Service: with `externalTrafficPolicy: Cluster` any node will do.',
      shows: ['203.0.113.10 via 192.168.15.3 dev eth0 src 192.168.15.1 …', '…'],
    },
    {
      title: '3. The first node: the rules, in the order of the packet',
      on: 'worker1',
      run: 'iptables -t nat -S | grep -E "loadbalancer IP|KUBE-EXT-LOLE4ISW44XBNF3G -|KUBE-SVC-LOLE4ISW44XBNF3G .*->|KUBE-SEP-5Q3P56IRA2PP7VYF .*DNAT"',
      text: 'From bottom to top of the journey: the outside address leads to `KUBE-EXT`, which marks the packet for masquerading and goes on to `KUBE-SVC`, which chooses an endpoint, whose `KUBE-SEP` rewrites the destination to 10.244.2.2:8080. (The listing is sorted by the names of the chains, not by the way of the packet.)',
      shows: [
        '-A KUBE-EXT-LOLE4ISW44XBNF3G -m comment --comment "masquerade traffic for default/web external destinations" -j KUBE-MARK-MASQ',
        '-A KUBE-EXT-LOLE4ISW44XBNF3G -j KUBE-SVC-LOLE4ISW44XBNF3G',
        '-A KUBE-SEP-5Q3P56IRA2PP7VYF -p tcp -m comment --comment "default/web" -m tcp -j DNAT --to-destination 10.244.2.2:8080',
        '-A KUBE-SERVICES -d 203.0.113.10/32 -p tcp -m comment --comment "default/web loadbalancer IP" -m tcp --dport 80 -j KUBE-EXT-LOLE4ISW44XBNF3G',
        '-A KUBE-SVC-LOLE4ISW44XBNF3G -m comment --comment "default/web -> 10.244.2.2:8080" -j KUBE-SEP-5Q3P56IRA2PP7VYF',
      ],
    },
    {
      title: '4. The first node: into the tunnel',
      on: 'worker1',
      run: 'ip route get 10.244.2.2; ip neigh show dev flannel.1 10.244.2.0; bridge fdb show dev flannel.1 | grep "dst 192.168.15.4"',
      text: 'The route is asked again, for the new destination: pods of `worker2` are behind flannel.1. Three tables make a packet out of a packet: the route gives the next hop 10.244.2.0, the neighbour entry its MAC, the forwarding entry the node that has this MAC. On leaving, the mark makes the source the address of flannel.1: 10.244.1.0.',
      shows: ['10.244.2.2 via 10.244.2.0 dev flannel.1 src 10.244.1.0 …', '…', '10.244.2.0 lladdr … PERMANENT…', '… dst 192.168.15.4 self permanent'],
    },
    {
      title: '5. The second node: out of the tunnel, onto the bridge',
      on: 'worker2',
      run: 'ip route get 10.244.2.2 from 10.244.1.0 iif flannel.1',
      text: 'Unwrapped, the packet is routed once more: its destination is on the bridge of this node, and from there a veth pair leads into the pod.',
      shows: ['10.244.2.2 from 10.244.1.0 dev cni0', '…'],
    },
    {
      title: '6. Back: the pod answers whom it saw',
      on: 'web',
      run: 'ip route get 10.244.1.0',
      text:
        'To the pod the client is 10.244.1.0, so the answer goes to `worker1`, by the same tunnel. There connection tracking turns both rewrites back: the laptop gets its answer from 203.0.113.10. Had the source not been masqueraded, the pod would have answered the laptop past `worker1`, ' +
        'and nobody would have turned anything back.',
      shows: ['10.244.1.0 via 10.244.2.1 dev eth0 src 10.244.2.2 …', '…'],
    },
    {
      title: 'Fresh connections are spread',
      on: 'control-plane1',
      run: fresh('192.168.15.2', '10.96.0.10'),
      timeoutMs: 30_000,
      text: 'Sixteen connections to the DNS Service, which has two pods: both get some. Dice are thrown for the first packet of each connection.',
      shows: ['src=10.244.0.3', 'src=10.244.1.2'],
    },
    {
      title: 'One that stays is not',
      on: 'control-plane1',
      run: 'bash -c "exec 3<>/dev/tcp/10.96.0.10/53; for i in 1 2 3 4 5; do printf 0 >&3; sleep 0.1; done; grep ESTABLISHED /proc/net/nf_conntrack | grep -c \'src=192.168.15.2 dst=10.96.0.10\'"',
      text: 'One connection, five writes, one entry, one pod, however long it lives. Protocols that keep connections open (HTTP/2, gRPC, pools of database clients) are balanced when they connect and never again: a new pod gets nothing until somebody reconnects.',
      shows: ['1'],
    },
    {
      title: 'Near endpoints first: the rules',
      on: 'control-plane1',
      run: 'iptables -t nat -S | grep -o "kube-system/[a-z-]*:dns-tcp -> [0-9.]*" | sort -u',
      text:
        'Two Services for the same two pods. `dns-near` says `trafficDistribution: PreferSameZone`, so the EndpointSlice controller hints for each endpoint at the zone of its node, and the proxy of a node writes only the endpoints that are hinted for its own zone: `control-plane1` is in zone a, ' +
        'the workers are in zone b (`cnilab plan journey` shows it). Hints are a preference: where an endpoint has none, or none is for this zone, all endpoints are written.',
      shows: ['kube-system/dns-near:dns-tcp -> 10.244.0.3', 'kube-system/kube-dns:dns-tcp -> 10.244.0.3', 'kube-system/kube-dns:dns-tcp -> 10.244.1.2'],
    },
    {
      title: 'Near endpoints first: fresh connections from zone a',
      on: 'control-plane1',
      run: fresh('192.168.15.2', '10.96.0.11'),
      timeoutMs: 30_000,
      text: 'No dice: the pod of this zone gets every connection. The way is short, and stays so while that pod is ready.',
      shows: ['src=10.244.0.3'],
    },
    {
      title: 'Near endpoints first: fresh connections from zone b',
      on: 'worker2',
      run: fresh('192.168.15.4', '10.96.0.11'),
      timeoutMs: 30_000,
      text:
        '`worker2` has no such pod, `worker1` in its zone has one. That pod carries two nodes now and the other one: latency was bought with even shares. How many pods a zone needs follows from who asks there, and a pod more in the wrong zone helps nobody. ' +
        '`PreferSameNode` goes one step further, to the pod of the node itself where there is one.',
      shows: ['src=10.244.1.2'],
    },
  ],
  checks: [
    {
      id: 'arrives',
      says: 'The request arrives, and the pod sees the first node as its client.',
      type: 'reach',
      from: 'laptop',
      to: '203.0.113.10',
      protocol: 'tcp',
      port: 80,
      responder: { at: 'web', port: 8080 },
      expect: 'answered',
      seenAs: '10.244.1.0',
    },
    {
      id: 'hop-1-unchanged',
      says: 'On the segment of the laptop it is addressed to 203.0.113.10.',
      type: 'wire',
      at: 'router',
      interface: 'eth1',
      filter: 'tcp and src host ${laptop} and dst host 203.0.113.10 and dst port 80',
      during: DIAL,
    },
    {
      id: 'hop-2-still-unchanged',
      says: 'So it is when it comes to the first node.',
      type: 'wire',
      at: 'worker1',
      interface: 'eth0',
      filter: 'tcp and src host ${laptop} and dst host 203.0.113.10 and dst port 80',
      during: DIAL,
    },
    {
      id: 'hop-3-both-rewritten',
      says: 'Into the tunnel goes another packet: source and destination are new, and the port is that of the pod.',
      type: 'wire',
      at: 'worker1',
      interface: 'flannel.1',
      filter: 'tcp and src host 10.244.1.0 and dst host ${web} and dst port 8080',
      during: DIAL,
    },
    {
      id: 'hop-4-wrapped',
      says: 'Between the nodes it travels in UDP.',
      type: 'wire',
      at: 'worker2',
      interface: 'eth0',
      filter: 'udp and src host ${worker1} and dst port 8472',
      during: DIAL,
    },
    {
      id: 'hop-5-at-the-pod',
      says: 'The pod gets it from the first node.',
      type: 'wire',
      at: 'web',
      interface: 'eth0',
      filter: 'tcp and src host 10.244.1.0 and dst port 8080',
      during: DIAL,
    },
    {
      id: 'back-at-the-laptop',
      says: 'The answer comes from the address that was called.',
      type: 'wire',
      at: 'laptop',
      interface: 'eth0',
      filter: 'tcp and src host 203.0.113.10 and src port 80 and dst host ${laptop}',
      during: DIAL,
    },
    {
      id: 'counted',
      says: 'The rules of the first node count the connection, those of the second do not.',
      type: 'output',
      on: 'worker1',
      run: 'iptables -t nat -nvxL KUBE-EXT-LOLE4ISW44XBNF3G',
      matches: ['^ *[1-9]\\d* +\\d+ KUBE-MARK-MASQ', '^ *[1-9]\\d* +\\d+ KUBE-SVC-LOLE4ISW44XBNF3G'],
    },
    {
      id: 'not-counted',
      says: 'The second node has the same rules, and none of them is asked.',
      type: 'output',
      on: 'worker2',
      run: 'iptables -t nat -nvxL KUBE-SERVICES | grep "loadbalancer IP"',
      matches: ['^ *0 +0 KUBE-EXT-LOLE4ISW44XBNF3G'],
    },
    {
      id: 'fresh-are-spread',
      says: 'Fresh connections to `kube-dns` are spread over its two pods.',
      type: 'output',
      on: 'worker2',
      run: fresh('192.168.15.4', '10.96.0.10'),
      timeoutMs: 30_000,
      matches: ['^src=10\\.244\\.0\\.3$', '^src=10\\.244\\.1\\.2$'],
    },
    {
      id: 'fresh-stay-near',
      says: 'Those to `dns-near` all go to the pod in the zone of the node that asks.',
      type: 'output',
      on: 'worker2',
      run: fresh('192.168.15.4', '10.96.0.11'),
      timeoutMs: 30_000,
      matches: ['^src=10\\.244\\.1\\.2$'],
      lacks: ['^src=10\\.244\\.0\\.3$'],
    },
  ],
  exercises: [
    {
      name: 'one-way-street',
      title: 'The way there is fine',
      symptom: 'The laptop gets no answer. On `worker2` one can see its requests arrive at the pod, and the pod answers them.',
      see: { on: 'laptop', run: "timeout 3 bash -c '</dev/tcp/203.0.113.10/80'; echo exit $?" },
      break: [{ on: 'worker2', run: 'ip route del 10.244.1.0/24' }],
      hints: [
        'There and back are two ways. Where does the answer of the pod go?',
        'To 10.244.1.0, the end of the tunnel on `worker1`. Ask `worker2` for its route: `cnilab exec journey worker2 -- ip route get 10.244.1.0`.',
        'The route to the pods of `worker1` is gone, so the answer leaves by the default route: `ip route add 10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink`.',
      ],
      solution: [{ on: 'worker2', run: 'ip route add 10.244.1.0/24 via 10.244.1.0 dev flannel.1 proto static onlink' }],
      why: 'Every hop decides by itself, there and back: a request that is seen to arrive proves one direction. Capture on both sides, and follow the answer from the end.',
      checks: [
        {
          id: 'there-and-back',
          says: 'The laptop gets an answer.',
          type: 'reach',
          from: 'laptop',
          to: '203.0.113.10',
          protocol: 'tcp',
          port: 80,
          responder: { at: 'web', port: 8080 },
          expect: 'answered',
        },
      ],
    },
    {
      name: 'wrong-envelope',
      title: 'Sent, and never delivered',
      symptom:
        'The laptop hears nothing from 203.0.113.10. `worker1` counts its requests in all rules and sends them into the tunnel; the pod on `worker2` never sees one.',
      see: { on: 'laptop', run: "timeout 3 bash -c '</dev/tcp/203.0.113.10/80'; echo exit $?" },
      break: [
        { on: 'worker1', run: 'bridge fdb replace $(ip neigh show 10.244.2.0 dev flannel.1 | grep -o "[0-9a-f:]\\{17\\}") dev flannel.1 dst 192.168.15.2' },
      ],
      hints: [
        'It goes in at one end of the tunnel and does not come out at the other. Watch the outside of it: `cnilab capture journey worker1 --interface eth0 udp port 8472`.',
        'The outer packets are addressed to 192.168.15.2. Which of the three tables of the tunnel says so?',
        '`cnilab exec journey worker1 -- bridge fdb show dev flannel.1`: the MAC of the end on `worker2` is said to be at the control plane.',
        '`bridge fdb replace MAC dev flannel.1 dst 192.168.15.4`, with the MAC that `ip neigh show 10.244.2.0` tells.',
      ],
      solution: [
        { on: 'worker1', run: 'bridge fdb replace $(ip neigh show 10.244.2.0 dev flannel.1 | grep -o "[0-9a-f:]\\{17\\}") dev flannel.1 dst 192.168.15.4' },
      ],
      why: 'Inside, the packet was right; its envelope was addressed to another node, whose tunnel got a frame for a MAC that it does not have, and dropped it without a word. flannel writes these entries when nodes come and go: a node that changed its address leaves such a trace.',
      checks: [
        {
          id: 'delivered',
          says: 'The request reaches the pod by way of the first node.',
          type: 'reach',
          from: 'laptop',
          to: '203.0.113.10',
          protocol: 'tcp',
          port: 80,
          responder: { at: 'web', port: 8080 },
          expect: 'answered',
          seenAs: '10.244.1.0',
        },
      ],
    },
  ],
};
