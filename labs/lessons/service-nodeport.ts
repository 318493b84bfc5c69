import type { LessonSpec } from 'cnilab';

export const lesson: LessonSpec = {
  title: 'A Service of type NodePort: the same port on every node',
  topic: 'service',
  level: 'first',
  order: 2,
  goal:
    'A cluster IP is of no use outside of the cluster. NodePort is the simplest way in: every node takes connections at one port, here 30080, and hands them to a pod, wherever that pod is. ' +
    'You will see the chains behind it, why the pod usually does not see the real client, and what `externalTrafficPolicy: Local` changes about that, and at which price.',
  look: [
    {
      title: 'The port is a rule, not a listener',
      on: 'worker1',
      run: 'ss -ltn; iptables -t nat -S KUBE-NODEPORTS',
      text: 'Nothing listens on 30080. `KUBE-NODEPORTS` is one chain for all node ports, without a hash behind its name; it leads to a chain `KUBE-EXT-…` for each Service, for what comes from outside (external).',
      shows: [
        'State Recv-Q Send-Q Local Address:Port Peer Address:Port…',
        '-N KUBE-NODEPORTS',
        '-A KUBE-NODEPORTS -p tcp -m comment --comment "default/web" -m tcp --dport 30080 -j KUBE-EXT-LOLE4ISW44XBNF3G',
        '-A KUBE-NODEPORTS -p tcp -m comment --comment "default/web-local" -m tcp --dport 30081 -j KUBE-EXT-W6DWRVOIQKRHXDQP',
      ],
    },
    {
      title: 'It comes last',
      on: 'worker1',
      run: 'iptables -t nat -S KUBE-SERVICES | tail -n 1',
      text: 'Only what no cluster IP has taken, and what is addressed to this machine itself (`--dst-type LOCAL`, whichever of its addresses), is looked up among the node ports.',
      shows: [
        '-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS',
      ],
    },
    {
      title: 'Policy Cluster: mark, then choose any pod',
      on: 'worker1',
      run: 'iptables -t nat -S KUBE-EXT-LOLE4ISW44XBNF3G; iptables -t nat -S KUBE-POSTROUTING',
      text:
        'Everything that comes in from outside is marked with 0x4000, then goes through the same `KUBE-SVC-…` as the cluster IP. On its way out, `KUBE-POSTROUTING` masquerades what is marked: the pod sees the node. It must be so, since the chosen ' +
        'pod may stand on another node, and would send its answer past this one, straight to the client, who never spoke with that pod.',
      shows: [
        '-N KUBE-EXT-LOLE4ISW44XBNF3G',
        '-A KUBE-EXT-LOLE4ISW44XBNF3G -m comment --comment "masquerade traffic for default/web external destinations" -j KUBE-MARK-MASQ',
        '-A KUBE-EXT-LOLE4ISW44XBNF3G -j KUBE-SVC-LOLE4ISW44XBNF3G',
        '-N KUBE-POSTROUTING',
        '-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
        '-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0',
        '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
      ],
    },
    {
      title: 'Policy Local: only pods of this node',
      on: 'worker1',
      run: 'iptables -t nat -S KUBE-SVL-W6DWRVOIQKRHXDQP',
      text:
        '`KUBE-SVL-…` (L for local) holds the endpoints of this node alone: one of the two. Nothing is marked on the way here, so the pod sees the client as it is. ' +
        'The rest of `KUBE-EXT-…` is about the pods and the node itself, who get any endpoint all the same.',
      shows: ['-N KUBE-SVL-W6DWRVOIQKRHXDQP', '-A KUBE-SVL-W6DWRVOIQKRHXDQP -m comment --comment "default/web-local -> 10.244.1.2:8080" -j KUBE-SEP-…'],
    },
    {
      title: 'Policy Local on a node without a pod',
      on: 'control-plane1',
      run: 'iptables-save | grep "default/web-local.*30081"',
      text: 'The control plane has no pod of it. There the table `filter` says DROP: a client hears nothing. That is meant for load balancers, which ask each node whether it has an endpoint and leave out those that have none.',
      shows: [
        '…-A KUBE-EXTERNAL-SERVICES -p tcp -m comment --comment "default/web-local has no local endpoints" -m addrtype --dst-type LOCAL -m tcp --dport 30081 -j DROP',
        '…-A KUBE-NODEPORTS -p tcp -m comment --comment "default/web-local" -m tcp --dport 30081 -j KUBE-EXT-W6DWRVOIQKRHXDQP',
      ],
    },
    {
      title: 'The node itself, by 127.0.0.1',
      on: 'worker1',
      run: 'sysctl net.ipv4.conf.all.route_localnet',
      text:
        'In mode iptables kube-proxy sets this to 1, so that `127.0.0.1:30080` works on the node itself: the kernel would otherwise refuse to route what has a loopback address. ' +
        'Mode nftables does not serve node ports on 127.0.0.1 at all, and by default only on the primary address of the node.',
      shows: ['net.ipv4.conf.all.route_localnet = 1'],
    },
  ],
  checks: [
    {
      id: 'from-outside-node-with-pod',
      says: 'From outside, a node hands the connection to a pod.',
      type: 'output',
      on: 'laptop',
      run: "timeout 4 bash -c '</dev/tcp/${worker1}/30080' 2>&1; timeout 4 bash -c '</dev/tcp/${worker2}/30080' 2>&1; true",
      matches: ['refused[^]*refused'],
      lacks: ['nreachable'],
    },
    {
      id: 'node-without-pod',
      says: 'A node without a pod of the Service takes the port in all the same.',
      type: 'output',
      on: 'laptop',
      run: "timeout 4 bash -c '</dev/tcp/${control-plane1}/30080' 2>&1; true",
      matches: ['refused'],
    },
    {
      id: 'local-keeps-the-client',
      says: 'With policy Local the pod sees the client outside.',
      type: 'reach',
      from: 'laptop',
      to: 'worker1',
      protocol: 'tcp',
      port: 30081,
      responder: { at: 'web-1', port: 8080 },
      expect: 'answered',
      seenAs: '${laptop}',
    },
    {
      id: 'local-without-pod',
      says: 'With policy Local a node without a pod stays silent.',
      type: 'reach',
      from: 'laptop',
      to: 'control-plane1',
      protocol: 'tcp',
      port: 30081,
      responder: null,
      expect: 'silent',
    },
    {
      id: 'loopback',
      says: 'On the node itself the port answers at 127.0.0.1 too.',
      type: 'output',
      on: 'worker1',
      run: "timeout 4 bash -c '</dev/tcp/127.0.0.1/30080' 2>&1; iptables -t nat -nvxL KUBE-NODEPORTS | grep 30080",
      matches: ['^ *[1-9]\\d* .*KUBE-EXT-LOLE4ISW44XBNF3G'],
    },
    {
      id: 'every-node',
      says: 'Every node serves the port to every client, and pods see whom they should, by either policy.',
      type: 'verdict',
      only: ['service-node-port', 'service-source', 'service-traffic-policy'],
    },
  ],
  exercises: [
    {
      name: 'closed-node',
      title: 'One node of three does not answer',
      symptom: 'From outside, port 30080 answers at two nodes and is silent at the third. All nodes are Ready, and inside of the cluster nothing is wrong.',
      see: {
        on: 'laptop',
        run: "for node in ${control-plane1} ${worker1} ${worker2}; do timeout 2 bash -c '</dev/tcp/'$$node/30080 2>/dev/null; echo $$node $$?; done",
        timeoutMs: 20_000,
      },
      break: [{ fault: 'node-port-blocked', node: 'worker1' }],
      hints: [
        'Exit 1 is an answer (refused by the pod, where nothing listens now), 124 is silence. Which node is silent?',
        'Does the packet reach that node? Capture there, while you dial: `cnilab capture service-nodeport worker1 tcp port 30080`.',
        "It arrives, and no rule of kube-proxy counts it. What comes before `nat PREROUTING`? Look for a firewall that is not kube-proxy's: `nft list ruleset`.",
        '`cnilab verify service-nodeport` names it and says how to take it away; `cnilab fault undo service-nodeport node-port-blocked` does.',
      ],
      solution: [{ undo: 'node-port-blocked' }],
      why: 'Node ports have to pass every firewall of the node and in front of it (30000-32767 by default). Traffic inside of the cluster does not use them, and so shows nothing.',
      checks: [{ id: 'all-nodes-answer', says: 'Every node serves the port.', type: 'verdict', only: ['service-node-port'], waitMs: 30_000 }],
    },
    {
      name: 'no-forwarding',
      title: 'Works on the node, not through it',
      symptom: 'Somebody hardened `worker2`. Since then about half of the connections from outside to 192.168.15.4:30080 fail; the port itself is open.',
      see: {
        on: 'laptop',
        run: "for i in $(seq 8); do timeout 2 bash -c '</dev/tcp/192.168.15.4/30080' 2>/dev/null; echo $?; done | sort | uniq -c",
        timeoutMs: 30_000,
      },
      break: [{ on: 'worker2', run: 'sysctl -qw net.ipv4.ip_forward=0' }],
      hints: [
        'After DNAT a packet is addressed to a pod. What must a machine do with a packet that is not for itself?',
        '`cnilab exec service-nodeport worker2 -- sysctl net.ipv4.ip_forward`.',
        '`sysctl -w net.ipv4.ip_forward=1` on `worker2`.',
      ],
      solution: [{ on: 'worker2', run: 'sysctl -qw net.ipv4.ip_forward=1' }],
      why: 'A node is a router: for its pods, for node ports and for everything behind them. Hardening guides that switch forwarding off are not written for nodes of a cluster.',
      checks: [
        {
          id: 'through-worker2',
          says: 'Port 30081 of worker2 leads to its pod.',
          type: 'reach',
          from: 'laptop',
          to: 'worker2',
          protocol: 'tcp',
          port: 30081,
          responder: { at: 'web-2', port: 8080 },
          expect: 'answered',
        },
      ],
    },
  ],
  today: [
    {
      claim: 'A node port leads from PREROUTING through a chain KUBE-NODEPORTS-… with a hash to the Service, and DNAT happens at the start.',
      truth:
        'KUBE-NODEPORTS is one chain without a hash. It leads to KUBE-EXT-…, which marks for masquerading, then to KUBE-SVC-… and KUBE-SEP-…; DNAT is the very last rule.',
      source: 'https://kubernetes.io/docs/reference/networking/virtual-ips/',
    },
    {
      claim: 'A node port is open on all addresses of a node.',
      truth: 'By default so in mode iptables; in mode nftables only on the primary address. --nodeport-addresses of kube-proxy says which.',
      source: 'https://kubernetes.io/docs/reference/networking/virtual-ips/#migrating-from-iptables-mode-to-nftables',
    },
    {
      claim: 'Services have three types, and NodePort is a type of its own beside ClusterIP.',
      truth: 'There are four (ExternalName too), and a NodePort Service has a cluster IP as well: each type contains the one before.',
      source: 'https://kubernetes.io/docs/concepts/services-networking/service/#type-nodeport',
    },
  ],
};
