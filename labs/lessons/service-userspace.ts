import type { LessonSpec } from 'cnilab';

export const lesson: LessonSpec = {
  title: 'History: kube-proxy as a process in the path',
  topic: 'service',
  level: 'deep',
  order: 8,
  goal:
    'Until Kubernetes 1.25 kube-proxy could be what its name says: a program that takes every connection to a Service and opens one of its own to a pod. It worked, and it broke the network model: ' +
    'the pod no longer saw who called. This lab rebuilds that mode from the rules of the time, so that you see why it went, and how a verifier notices a proxy that nobody told it of.',
  notShown:
    'kube-proxy itself is not here: its rules are, in their old form, and a small program of cnilab takes the connections as it did. Kubernetes 1.26 and later refuse the mode, and so does the plan of a lab with such a version.',
  look: [
    {
      title: 'Four chains, two for pods and two for the node',
      on: 'node1',
      run: "iptables -t nat -S | grep -E -- '-A (PREROUTING|OUTPUT)'",
      text:
        'The order is that of today: cluster addresses first, node ports last. `CONTAINER` is for what comes in from pods and other machines, `HOST` for what the node sends itself. ' +
        'There are no node ports in this lab, so two of the four stay empty.',
      shows: [
        '-A PREROUTING -m comment --comment "handle ClusterIPs; NOTE: this must be before the NodePort rules" -j KUBE-PORTALS-CONTAINER',
        '-A PREROUTING -m addrtype --dst-type LOCAL -m comment --comment "handle service NodePorts; NOTE: this must be the last rule in the chain" -j KUBE-NODEPORT-CONTAINER',
        '-A OUTPUT -m comment --comment "handle ClusterIPs; NOTE: this must be before the NodePort rules" -j KUBE-PORTALS-HOST',
        '-A OUTPUT -m addrtype --dst-type LOCAL -m comment --comment "handle service NodePorts; NOTE: this must be the last rule in the chain" -j KUBE-NODEPORT-HOST',
      ],
    },
    {
      title: 'The Service ends on its own node',
      on: 'node1',
      run: 'iptables -t nat -S | grep 10.16.59.77',
      text:
        'Compare this with today: no pod address anywhere. A connection to 10.16.59.77:3306 is turned to port 53407 of this very node. `REDIRECT` means "to myself"; packets that the node sends itself need ' +
        'a `DNAT` to its address instead.',
      shows: [
        '-A KUBE-PORTALS-CONTAINER -d 10.16.59.77/32 -p tcp -m comment --comment "default/mysql" -m tcp --dport 3306 -j REDIRECT --to-ports 53407',
        '-A KUBE-PORTALS-HOST -d 10.16.59.77/32 -p tcp -m comment --comment "default/mysql" -m tcp --dport 3306 -j DNAT --to-destination 10.16.59.13:53407',
      ],
    },
    {
      title: 'Who listens there',
      on: 'node1',
      run: 'ss -ltn',
      text: 'One port for each port of a Service, chosen by the process, and another one on every machine. (`ss -ltnp`, or `lsof -i :53407`, would have shown `kube-proxy` at the time.)',
      shows: ['State Recv-Q Send-Q Local Address:Port Peer Address:Port…', '…', 'LISTEN 0 … 0.0.0.0:53407 0.0.0.0:*…', '…'],
    },
    {
      title: 'One connection has become two',
      on: 'node1',
      run: 'bash -c "</dev/tcp/10.16.59.77/3306"; ss -tan state time-wait state fin-wait-1 state fin-wait-2 state close-wait "( sport = :53407 )" | tail -n +2 | wc -l; iptables -t nat -nvxL KUBE-PORTALS-HOST | grep -c "DNAT"',
      text:
        'The connection succeeds, although nothing listens in the pod: it is the process on the node that takes it, before it knows whether a pod will. Today the pod itself would have refused. ' +
        'This is the first harm that a proxy does: success means less.',
      shows: ['…', '2'],
    },
  ],
  checks: [
    {
      id: 'it-works',
      says: 'The Service answers, and the pod sees the node instead of the pod that asked.',
      type: 'reach',
      from: 'shell',
      to: '${svc/mysql}',
      protocol: 'tcp',
      port: 3306,
      responder: { at: 'newdeploy' },
      expect: 'answered',
      seenAs: '172.17.33.0',
    },
    {
      id: 'straight',
      says: 'Past the Service, by the address of the pod, the client is seen as itself.',
      type: 'reach',
      from: 'shell',
      to: 'newdeploy',
      protocol: 'tcp',
      port: 3306,
      expect: 'answered',
      seenAs: '${shell}',
    },
    {
      id: 'redirected',
      says: 'The rule of the Service leads to a port of the node.',
      type: 'output',
      on: 'node1',
      run: 'iptables-save -t nat',
      matches: ['^-A KUBE-PORTALS-CONTAINER -d 10\\.16\\.59\\.77/32 .* -j REDIRECT --to-ports 53407$'],
      lacks: ['KUBE-SVC-', 'KUBE-SEP-', '172\\.17\\.29\\.35'],
    },
    { id: 'reachable', says: 'Every client reaches an endpoint.', type: 'verdict', only: ['service-cluster-ip'] },
    {
      id: 'proxy-found',
      says: 'The verifier sees that clients are hidden, and names the proxy.',
      type: 'verdict',
      only: ['service-source'],
      verdict: 'fail',
      diagnoses: ['proxy-in-path'],
    },
  ],
  exercises: [
    {
      name: 'process-gone',
      title: 'One lost rule',
      symptom: 'On `node1` nothing can use the database any more. Nobody touched the database, and on `node2` everything works.',
      see: { on: 'shell', run: "timeout 3 bash -c '</dev/tcp/10.16.59.77/3306'; echo exit $?" },
      break: [
        {
          on: 'node1',
          run: 'iptables -t nat -R KUBE-PORTALS-CONTAINER 1 -d 10.16.59.77/32 -p tcp -m comment --comment default/mysql -m tcp --dport 3306 -j REDIRECT --to-ports 53417',
        },
      ],
      hints: [
        'Refused at once: by whom? The pod was never asked.',
        'Where does the rule lead, and who listens there? `cnilab exec service-userspace node1 -- iptables -t nat -S KUBE-PORTALS-CONTAINER`, then `ss -ltn`.',
        'The rule names 53417, the process listens on 53407: replace the rule (`iptables -t nat -R KUBE-PORTALS-CONTAINER 1 …`).',
      ],
      solution: [
        {
          on: 'node1',
          run: 'iptables -t nat -R KUBE-PORTALS-CONTAINER 1 -d 10.16.59.77/32 -p tcp -m comment --comment default/mysql -m tcp --dport 3306 -j REDIRECT --to-ports 53407',
        },
      ],
      why:
        'A process that chooses its port anew at each start, and rules that hold the old one, are two things that can disagree; a crash or a slow restart of kube-proxy cut every Service of the node off. ' +
        'Rules alone, as today, go on working while kube-proxy is away.',
      checks: [
        {
          id: 'answers-on-node1',
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
      claim: 'kube-proxy REDIRECTs what is sent to a cluster IP into a local port and forwards it itself.',
      truth:
        'That is mode userspace: deprecated in 1.23, removed in 1.26. Since 1.2 the default on Linux is iptables, where no packet passes through kube-proxy.',
      source: 'https://kubernetes.io/blog/2022/11/18/upcoming-changes-in-kubernetes-1-26/',
    },
    {
      claim: 'Node addresses and cluster IPs may come from the same range.',
      truth: 'The service range must not overlap with any range of nodes or pods, and so this lab splits 10.16.59.0/24: nodes below .64, Services from .64 on.',
      source: 'https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/',
    },
    {
      claim: 'Where the first pod does not answer, the proxy tries another one.',
      truth: 'The userspace mode did. The rules of iptables, nftables and ipvs choose once: readiness probes must keep bad pods out.',
      source: 'https://kubernetes.io/docs/reference/networking/virtual-ips/',
    },
  ],
};
