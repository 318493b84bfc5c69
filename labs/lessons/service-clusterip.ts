import type { LessonSpec } from 'cnilab';

const SOURCE_PROXY = 'https://kubernetes.io/docs/reference/networking/virtual-ips/';

export const lesson: LessonSpec = {
  title: 'A Service of type ClusterIP: an address that nobody has',
  topic: 'service',
  level: 'first',
  order: 1,
  goal:
    'Pods come and go, and their addresses with them. A Service puts one address, and one name, in front of all pods that carry a label. No machine has that address: ' +
    "on the client's own node a few rules of the packet filter change it into the address of one pod, before the packet leaves. You will read those rules, follow a connection " +
    'through them, and see what it looks like when one of them is stale, missing, or not asked.',
  look: [
    {
      title: 'A name and an address, from a pod',
      on: 'shell',
      run: 'getent hosts mysql db-service kubernetes',
      text:
        "The cluster's DNS knows every Service. `kubernetes` is there in every cluster: it leads to the API server, and its address is the first one of the service range, " +
        'here 10.16.59.64/26. The addresses are fixed for as long as the Service lives, whatever happens to its pods.',
      shows: [
        '10.16.59.77 mysql.default.svc.cluster.local',
        '10.16.59.95 db-service.default.svc.cluster.local',
        '10.16.59.65 kubernetes.default.svc.cluster.local',
      ],
    },
    {
      title: 'No route leads to it',
      on: 'shell',
      run: 'ip route get 10.16.59.77',
      text:
        'For the pod this is an address like any other: it goes to the gateway, which is the bridge of its node. Nothing in the pod knows about Services, and no interface of any machine ' +
        'has this address. So it must become another one on the node.',
      shows: ['10.16.59.77 via 172.17.33.1 dev eth0 src 172.17.33.2 …', '…'],
    },
    {
      title: 'Two doors into the same chain',
      on: 'node1',
      run: "iptables -t nat -S | grep -- '-j KUBE-SERVICES'",
      text:
        "`PREROUTING` sees what comes in from pods and from other machines, `OUTPUT` what the node's own programs send. Both lead to `KUBE-SERVICES`, so that a Service works from a pod and from " +
        'the node alike. kube-proxy, one on each node, reads Services and EndpointSlices from the API and writes all this; no packet ever passes through kube-proxy itself.',
      shows: [
        '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
        '-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
      ],
    },
    {
      title: 'One rule for each Service and port',
      on: 'node1',
      run: "iptables -t nat -S KUBE-SERVICES | grep -E 'default/(mysql|db-service)'",
      text:
        'Destination address, protocol and port must all match. A ping of the address matches no rule, and so nothing answers it. The comment holds the name of the Service: that is why ' +
        '`grep db-service` finds its rules. The letters behind `KUBE-SVC-` are a hash of namespace, name and port, the same on every node.',
      shows: [
        '-A KUBE-SERVICES -d 10.16.59.77/32 -p tcp -m comment --comment "default/mysql cluster IP" -m tcp --dport 3306 -j KUBE-SVC-R2CEXK5KF4QS4EYR',
        '-A KUBE-SERVICES -d 10.16.59.95/32 -p tcp -m comment --comment "default/db-service cluster IP" -m tcp --dport 3306 -j KUBE-SVC-PKJNZ2BPYAP7WCVG',
      ],
    },
    {
      title: 'Which of the three pods',
      on: 'node1',
      run: 'iptables -t nat -S KUBE-SVC-PKJNZ2BPYAP7WCVG',
      text:
        'Dice, not turns. The first rule takes a third of the new connections, the second one half of what is left, the last one the rest: each pod has a third. In general rule number i of n ' +
        'has the probability 1/(n−i), counted from 0. Who asks from outside of the pod range gets the mark for masquerading first.',
      shows: [
        '-N KUBE-SVC-PKJNZ2BPYAP7WCVG',
        '-A KUBE-SVC-PKJNZ2BPYAP7WCVG ! -s 172.17.0.0/16 -d 10.16.59.95/32 -p tcp -m comment --comment "default/db-service cluster IP" -m tcp --dport 3306 -j KUBE-MARK-MASQ',
        '-A KUBE-SVC-PKJNZ2BPYAP7WCVG -m comment --comment "default/db-service -> 172.17.29.2:3306" -m statistic --mode random --probability 0.333… -j KUBE-SEP-…',
        '-A KUBE-SVC-PKJNZ2BPYAP7WCVG -m comment --comment "default/db-service -> 172.17.30.2:3306" -m statistic --mode random --probability 0.500… -j KUBE-SEP-…',
        '-A KUBE-SVC-PKJNZ2BPYAP7WCVG -m comment --comment "default/db-service -> 172.17.30.3:3306" -j KUBE-SEP-…',
      ],
    },
    {
      title: 'Where the address changes',
      on: 'node1',
      run: 'iptables -t nat -S KUBE-SEP-JRGQKMFPZHQKGBJ5',
      text:
        'A chain for each endpoint (SEP). The last rule is the whole magic: DNAT, a new destination. The rule before it is for a pod that calls its own Service and gets itself: ' +
        'it is masqueraded as the node, because a packet from 172.17.29.35 to 172.17.29.35 would never be answered by way of the node.',
      shows: [
        '-N KUBE-SEP-JRGQKMFPZHQKGBJ5',
        '-A KUBE-SEP-JRGQKMFPZHQKGBJ5 -s 172.17.29.35/32 -m comment --comment "default/mysql" -j KUBE-MARK-MASQ',
        '-A KUBE-SEP-JRGQKMFPZHQKGBJ5 -p tcp -m comment --comment "default/mysql" -m tcp -j DNAT --to-destination 172.17.29.35:3306',
      ],
    },
    {
      title: 'What the kernel remembers',
      on: 'node1',
      run: 'bash -c "</dev/tcp/10.16.59.74/53"; grep "src=10.16.59.13 dst=10.16.59.74 .*dport=53 " /proc/net/nf_conntrack | tail -n 1',
      text:
        'The dice are thrown once, for the first packet of a connection; connection tracking remembers the result. The line has two halves: what was asked (to 10.16.59.74, the DNS Service) and ' +
        'how the answer will look (from the pod 172.17.33.3). Answers are turned back by the same entry, so that the client hears the address that it called. The node itself asked here, so the second ' +
        'half ends at 172.17.33.1: its source was masqueraded.',
      shows: ['ipv4 2 tcp 6 … src=10.16.59.13 dst=10.16.59.74 sport=… dport=53 src=172.17.33.3 dst=172.17.33.1 sport=53 dport=… [ASSURED] …'],
    },
    {
      title: 'From outside there is nothing',
      on: 'client',
      run: 'ping -c 1 -W 1 10.16.59.77',
      text:
        'No router of this world has a route for the service range, and none needs one: rules on the nodes are all that a cluster IP is. NodePort, LoadBalancer, Ingress and Gateway are ' +
        'the ways in.',
      shows: [
        'PING 10.16.59.77 (10.16.59.77) 56(84) bytes of data.',
        'From 203.0.113.1 icmp_seq=1 Destination Net Unreachable',
        '…',
        '1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms',
        '…',
      ],
    },
  ],
  checks: [
    {
      id: 'from-a-pod',
      says: 'A pod reaches the Service, and the endpoint sees the pod itself.',
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
      says: 'A node reaches it as well, masqueraded as its own end of the tunnel: the address it had chosen was for another way.',
      type: 'reach',
      from: 'node1',
      to: '${svc/mysql}',
      protocol: 'tcp',
      port: 3306,
      responder: { at: 'newdeploy' },
      expect: 'answered',
      seenAs: '172.17.33.0',
    },
    {
      id: 'from-itself',
      says: 'The endpoint reaches itself by way of its Service, and sees its node.',
      type: 'reach',
      from: 'newdeploy',
      to: '${svc/mysql}',
      protocol: 'tcp',
      port: 3306,
      responder: { at: 'newdeploy' },
      expect: 'answered',
      seenAs: '${node2.gateway}',
    },
    {
      id: 'from-the-same-node',
      says: 'A pod beside the endpoint, on the same bridge, reaches the Service.',
      type: 'reach',
      from: 'near',
      to: '${svc/mysql}',
      protocol: 'tcp',
      port: 3306,
      responder: { at: 'newdeploy' },
      expect: 'answered',
      seenAs: '${near}',
    },
    {
      id: 'api',
      says: 'The Service kubernetes leads to the API server, on the network of its node.',
      type: 'reach',
      from: 'shell',
      to: '${svc/kubernetes}',
      protocol: 'tcp',
      port: 443,
      responder: { at: 'node1', port: 6443 },
      expect: 'answered',
    },
    {
      id: 'not-from-outside',
      says: 'A machine outside of the cluster has no way to the address.',
      type: 'reach',
      from: 'client',
      to: '${svc/mysql}',
      protocol: 'tcp',
      port: 3306,
      responder: { at: 'newdeploy' },
      expect: 'no-route',
    },
    {
      id: 'no-ping',
      says: 'Nobody answers a ping of it: rules are there for its port alone.',
      type: 'reach',
      from: 'shell',
      to: '${svc/mysql}',
      protocol: 'icmp',
      expect: 'no-route',
    },
    {
      id: 'rewritten-at-once',
      says: "What leaves the client's node is addressed to the pod already.",
      type: 'wire',
      at: 'node1',
      interface: 'flannel.1',
      filter: 'tcp and src host ${shell} and dst host ${newdeploy}',
      during: { on: 'shell', run: 'timeout 2 bash -c "</dev/tcp/10.16.59.77/3306"; true' },
    },
    {
      id: 'shares',
      says: 'Every endpoint has its share, from every node and pod; nobody is seen as somebody else.',
      type: 'verdict',
      only: ['service-cluster-ip', 'service-from-node', 'service-hairpin', 'service-source'],
    },
  ],
  exercises: [
    {
      name: 'one-in-three',
      title: 'It hangs, but not always',
      symptom:
        'The people behind pod `shell` say: about one in three connections to `db-service` hangs, the others are fine. A pod of the database was replaced this morning.',
      see: {
        on: 'shell',
        run: "for i in $(seq 12); do timeout 1 bash -c '</dev/tcp/10.16.59.95/3306' 2>/dev/null; echo $?; done | sort | uniq -c",
        timeoutMs: 30_000,
      },
      break: [{ fault: 'stale-endpoint', node: 'node1' }],
      hints: [
        'An answer of the pod itself (here a refusal, exit 1: nothing listens) is not the trouble; silence (exit 124) is. Why not always? Who throws dice?',
        'Only clients of one node are hit. Compare the endpoints in the rules of `node1` with the pods that there are (`cnilab inspect service-clusterip`).',
        '`cnilab exec service-clusterip node1 -- iptables -t nat -S KUBE-SVC-PKJNZ2BPYAP7WCVG`: one of the three addresses belongs to nobody.',
        'On a real node one would restart kube-proxy, which writes all rules anew. Here: `cnilab fault undo service-clusterip stale-endpoint`.',
      ],
      solution: [{ undo: 'stale-endpoint' }],
      why:
        'The proxy of `node1` did not hear that the pod is gone, and sends a third of the new connections to its old address. In this mode nobody tries the next endpoint: the rules choose before anything is known of ' +
        'the pod. That is what readiness probes are for, which take a pod out of the EndpointSlice early.',
      checks: [
        { id: 'all-endpoints-answer', says: 'Every share of db-service gets an answer.', type: 'verdict', only: ['service-cluster-ip'], waitMs: 30_000 },
      ],
    },
    {
      name: 'nobody-behind-it',
      title: 'Refused, although the pod runs',
      symptom: 'Every client of `mysql` is refused, from every node. The pod `newdeploy` runs, and whoever calls it by its own address gets an answer.',
      see: { on: 'shell', run: "timeout 5 bash -c '</dev/tcp/10.16.59.77/3306'; ping -c 1 -W 1 172.17.29.35" },
      break: [{ fault: 'no-ready-endpoint' }],
      hints: [
        'A refusal comes from somewhere. Is it from the pod? `cnilab capture service-clusterip shell icmp` shows who sends what.',
        'It is the node of the client that refuses, with an ICMP message. Which table would do that? `nat` cannot.',
        '`cnilab exec service-clusterip node1 -- iptables-save -t filter | grep mysql` says it in words.',
        'The pod is not ready. When it becomes ready it comes back into the EndpointSlice, and the proxies write their rules: `cnilab fault undo service-clusterip no-ready-endpoint`.',
      ],
      solution: [{ undo: 'no-ready-endpoint' }],
      why:
        'A Service without a ready endpoint is refused on the node of the client (`has no endpoints … REJECT`): better a quick no than a long silence. The pod runs and is not ready, or the selector ' +
        'does not match its labels: look at `kubectl get endpointslices` before you look at anything else.',
      checks: [
        {
          id: 'mysql-answers',
          says: 'The Service mysql answers.',
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
    {
      name: 'neighbours',
      title: 'Neighbours cannot talk',
      symptom: 'Pod `near` cannot use `mysql`, while `shell` on another node can. `near` stands on the same node, and on the same bridge, as the endpoint.',
      see: { on: 'near', run: "timeout 2 bash -c '</dev/tcp/10.16.59.77/3306'; echo exit $?; sysctl -n net.ipv4.ip_forward" },
      break: [{ on: 'node2', run: 'sysctl -qw net.bridge.bridge-nf-call-iptables=0' }],
      hints: [
        'The request arrives. So it must be the answer: which way does it take, and who should change it on that way?',
        'Client and endpoint share a bridge: the answer needs no router, and goes straight from port to port. Who tells the packet filter about frames that only a bridge sees?',
        '`cnilab exec service-clusterip node2 -- sysctl net.bridge.bridge-nf-call-iptables`.',
        'It must be 1: `sysctl -w net.bridge.bridge-nf-call-iptables=1` on `node2`.',
      ],
      solution: [{ on: 'node2', run: 'sysctl -qw net.bridge.bridge-nf-call-iptables=1' }],
      why:
        'The request went up to the node (the address of the Service is not on the bridge), was rewritten, and came back down. The answer from 172.17.29.35 to `near` is a matter of the bridge alone; ' +
        'without br_netfilter it passes no rules, nobody turns its source back into 10.16.59.77, and `near` throws away an answer from somebody whom it never called.',
      checks: [
        {
          id: 'near-gets-an-answer',
          says: 'A pod on the node of the endpoint reaches the Service.',
          type: 'reach',
          from: 'near',
          to: '${svc/mysql}',
          protocol: 'tcp',
          port: 3306,
          responder: { at: 'newdeploy' },
          expect: 'answered',
        },
      ],
    },
    {
      name: 'open-to-the-world',
      title: 'A cluster IP that answers outside',
      symptom:
        'An audit says that the machine `client`, which is no part of the cluster, can open connections to the database at 10.16.59.77. Cluster IPs were thought to be safe from outside.',
      see: { on: 'client', run: "ip route get 10.16.59.77; timeout 3 bash -c '</dev/tcp/10.16.59.77/3306'; echo exit $?" },
      break: [{ on: 'router', run: 'ip route add 10.16.59.64/26 via 10.16.59.13' }],
      hints: [
        'The rules in `PREROUTING` do not ask where a packet comes from. So what kept strangers out until now?',
        'Nothing but the lack of a route. Who brings packets for 10.16.59.77 to a node?',
        'Look at the routes of `router`: one of them is for the service range. Take it away.',
      ],
      solution: [{ on: 'router', run: 'ip route del 10.16.59.64/26' }],
      why:
        'Whoever can bring a packet for a cluster IP to a node is served by it, masqueraded as that node. The range is private by the routes around it, not by a filter: NetworkPolicies, or a firewall on the way, ' +
        'are what keeps somebody out.',
      checks: [
        {
          id: 'closed-again',
          says: 'A machine outside of the cluster has no way to the address.',
          type: 'reach',
          from: 'client',
          to: '${svc/mysql}',
          protocol: 'tcp',
          port: 3306,
          responder: { at: 'newdeploy' },
          expect: 'no-route',
        },
      ],
    },
  ],
  today: [
    {
      claim: 'A Service has one of three types.',
      truth:
        'Four: ClusterIP, NodePort, LoadBalancer and ExternalName. Of the first three each contains the one before; ExternalName is a name in DNS and nothing else.',
      source: 'https://kubernetes.io/docs/concepts/services-networking/service/#publishing-services-service-types',
    },
    {
      claim: 'The iptables mode hands requests out to the pods in turn.',
      truth: 'At random, with equal chances, for each new connection. With three pods and six connections nobody may get none.',
      source: SOURCE_PROXY,
    },
    {
      claim: 'The Endpoints object of a Service holds the addresses of its ready pods, and kube-proxy reads it.',
      truth: 'kube-proxy reads EndpointSlices. The Endpoints API is deprecated since Kubernetes 1.33, and the API server warns who uses it.',
      source: 'https://kubernetes.io/blog/2025/04/24/endpoints-deprecation/',
    },
    {
      claim: 'To let others in, bind a cluster IP to a machine that runs kube-proxy.',
      truth:
        'Use NodePort, LoadBalancer or a Gateway. The rules of iptables and nftables need no machine that has the address (mode ipvs puts all of them on a dummy device of every node), and the field externalIPs ' +
        'is deprecated since Kubernetes 1.36.',
      source: 'https://kubernetes.io/docs/concepts/services-networking/service/',
    },
    {
      claim: 'A replication controller keeps the number of pods.',
      truth: 'It is still in the API, but Deployments and their ReplicaSets do that work.',
      source: 'https://kubernetes.io/docs/concepts/workloads/controllers/replicationcontroller/',
    },
    {
      claim: 'kube-proxy has the modes userspace, iptables and ipvs.',
      truth: 'userspace was removed in 1.26, nftables is stable since 1.33, and ipvs is deprecated since 1.35. iptables is still the default on Linux.',
      source: SOURCE_PROXY,
    },
  ],
};
