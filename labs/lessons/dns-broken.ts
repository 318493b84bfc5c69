import type { LessonSpec } from 'cnilab';

const ASK = 'getent hosts web-service.apps';
const FOUND = '10.96.0.20 web-service.apps.svc.cluster.local';
const RULES = ['udp -m comment --comment "kube-system/kube-dns:dns', 'tcp -m comment --comment "kube-system/kube-dns:dns-tcp'] as const;
const REFUSAL = '-d 10.96.0.10/32 -p udp -m comment --comment "kube-system/kube-dns:dns has no endpoints" -m udp --dport 53 -j REJECT';

const loseEndpoints = `iptables-save -t nat | sed '/^-A KUBE-SERVICES -d 10.96.0.10.* --dport 53 /d' | iptables-restore -T nat && iptables -A KUBE-SERVICES ${REFUSAL}`;
const giveEndpoints = [
  `iptables -D KUBE-SERVICES ${REFUSAL}`,
  `iptables -t nat -I KUBE-SERVICES -d 10.96.0.10/32 -p ${RULES[0]} cluster IP" -m udp --dport 53 -j KUBE-SVC-TCOU7JCQXEZGVUNU`,
  `iptables -t nat -I KUBE-SERVICES -d 10.96.0.10/32 -p ${RULES[1]} cluster IP" -m tcp --dport 53 -j KUBE-SVC-ERIFXISQEP7F7OF4`,
].join(' && ');
const renumber = (from: string, to: string): string => `iptables-save -t nat | sed 's#-d ${from}/32#-d ${to}/32#' | iptables-restore -T nat`;

export const lesson: LessonSpec = {
  title: 'Names are not found: where to look, and in which order',
  topic: 'dns',
  level: 'next',
  order: 3,
  goal:
    'When an application says "no such host", the name is seldom to blame. Between a program and an answer stand a file, a virtual address, rules on the node, the network, and a server. ' +
    'You will learn to ask each of them by itself, from the program outwards, and then do so four times while something is broken.',
  look: [
    {
      title: 'First: a name that must exist',
      on: 'shell',
      run: 'getent hosts kubernetes.default',
      text:
        'Every cluster has the Service `kubernetes` in the namespace `default`, so this name tests the DNS and nothing else. Beware of a slip that is often copied: `kubectl.default` does not exist, and makes a healthy ' +
        'DNS look broken.',
      shows: ['10.96.0.1 kubernetes.default.svc.cluster.local'],
    },
    {
      title: 'Second: what does the pod ask, and whom?',
      on: 'shell',
      run: 'cat /etc/resolv.conf',
      text: 'Three lines, written by the kubelet (in a real cluster: `kubectl exec POD -- cat /etc/resolv.conf`, with the two dashes). The nameserver must be the address of the Service `kube-dns`, the search list must begin with the namespace of the pod.',
      shows: ['search default.svc.cluster.local svc.cluster.local cluster.local', 'nameserver 10.96.0.10', 'options ndots:5'],
    },
    {
      title: 'Third: is that address a Service, on this very node?',
      on: 'node2',
      run: 'iptables -t nat -S KUBE-SERVICES | grep "kube-dns:dns"',
      text: 'In a real cluster one would begin with `kubectl get svc -A | grep kube-dns` and compare the cluster IP with the nameserver. But what counts for a packet are the rules on the node of the pod: two, as DNS speaks UDP and TCP.',
      shows: [
        '-A KUBE-SERVICES -d 10.96.0.10/32 -p udp -m comment --comment "kube-system/kube-dns:dns cluster IP" -m udp --dport 53 -j KUBE-SVC-TCOU7JCQXEZGVUNU',
        '-A KUBE-SERVICES -d 10.96.0.10/32 -p tcp -m comment --comment "kube-system/kube-dns:dns-tcp cluster IP" -m tcp --dport 53 -j KUBE-SVC-ERIFXISQEP7F7OF4',
      ],
    },
    {
      title: 'Fourth: are there servers behind it?',
      on: 'node2',
      run: 'iptables -t nat -S KUBE-SVC-TCOU7JCQXEZGVUNU | grep -- "->"',
      text: 'Two endpoints, one on each node, and half of the questions for each. In a real cluster: `kubectl -n kube-system get endpointslices -l k8s-app=kube-dns`. (`get ep` still works and warns: the Endpoints API is deprecated.)',
      shows: [
        '-A KUBE-SVC-TCOU7JCQXEZGVUNU -m comment --comment "kube-system/kube-dns:dns -> 10.244.1.2:53" -m statistic --mode random --probability 0.50… -j KUBE-SEP-…',
        '-A KUBE-SVC-TCOU7JCQXEZGVUNU -m comment --comment "kube-system/kube-dns:dns -> 10.244.2.3:53" -j KUBE-SEP-…',
      ],
    },
    {
      title: 'Fifth: do the servers answer by their own addresses?',
      on: 'shell',
      run: 'for a in 10.244.1.2 10.244.2.3 10.96.0.10; do timeout 8 bash -c "</dev/tcp/$a/53" && echo $a answers; done',
      timeoutMs: 30_000,
      text: 'Address of each server first, then the address of the Service. Where the servers answer and the Service does not, the rules are to blame; where the servers do not, the network or a policy is; where all three answer, it is the file, or the name.',
      shows: ['10.244.1.2 answers', '10.244.2.3 answers', '10.96.0.10 answers'],
    },
  ],
  checks: [
    { id: 'name', says: 'A name in another namespace is found.', type: 'output', on: 'shell', run: ASK, shows: [FOUND], timeoutMs: 20_000 },
    {
      id: 'no-such-name',
      says: 'kubectl.default is no name, and the answer says so at once.',
      type: 'output',
      on: 'shell',
      run: 'timeout 8 getent hosts kubectl.default',
      exit: 2,
    },
    {
      id: 'file',
      says: 'The pod asks the Service of the cluster.',
      type: 'output',
      on: 'shell',
      run: 'cat /etc/resolv.conf',
      matches: ['^nameserver ${cluster.dns}$', '^search default\\.svc\\.cluster\\.local '],
    },
    {
      id: 'udp-and-tcp',
      says: 'Servers, the Service and the resolver answer, by UDP and TCP, from every node.',
      type: 'verdict',
      only: ['dns-ladder'],
      waitMs: 30_000,
    },
  ],
  exercises: [
    {
      name: 'wrong-nameserver',
      title: 'One pod, no names',
      symptom: 'In pod `shell` no name is found: each attempt hangs for a while and fails. Other pods on the same node are fine, and so is every address.',
      see: { on: 'shell', run: `${ASK} || echo not found; ping -c 1 -W 1 10.244.1.5`, timeoutMs: 40_000 },
      break: [{ on: 'shell', run: 'x=$(sed s/10.96.0.10/10.96.0.100/ /etc/resolv.conf); echo "$x" > /etc/resolv.conf' }],
      hints: [
        'One pod only, others on its node are well. What belongs to this pod alone?',
        'Whom does it ask? `cnilab exec dns-broken shell -- cat /etc/resolv.conf`, and compare with the address of the Service `kube-dns`.',
        'The nameserver says 10.96.0.100 and should say 10.96.0.10.',
      ],
      solution: [{ on: 'shell', run: 'x=$(sed s/10.96.0.100/10.96.0.10/ /etc/resolv.conf); echo "$x" > /etc/resolv.conf' }],
      why: 'A pod keeps the resolv.conf that it was born with. A kubelet with a wrong `clusterDNS`, or a pod with `dnsPolicy: None` and a slip in its `dnsConfig`, sends its questions where nobody listens. For the first name of the search list the library waits five seconds, twice; a server that is silent ends the search, and the same is done once more for the name as it stands.',
      checks: [{ id: 'shell-finds', says: 'Pod shell finds a name.', type: 'output', on: 'shell', run: `timeout 8 ${ASK}`, shows: [FOUND], timeoutMs: 20_000 }],
    },
    {
      name: 'vip-changed',
      title: 'Everybody asks an address that is gone',
      symptom:
        'Since last night no pod of the cluster finds any name. The DNS pods run, and their logs are empty. Somebody says that the Service `kube-dns` was deleted and made again.',
      see: { on: 'shell', run: `cat /etc/resolv.conf; timeout 8 ${ASK} || echo not found`, timeoutMs: 20_000 },
      break: [
        { on: 'node1', run: renumber('10.96.0.10', '10.96.0.53') },
        { on: 'node2', run: renumber('10.96.0.10', '10.96.0.53') },
      ],
      hints: [
        'All pods, all nodes, empty logs: the questions do not arrive. Do the servers answer by their own addresses (10.244.1.2, 10.244.2.3)?',
        'They do. Then compare two addresses: the nameserver of a pod, and the cluster IP of the Service (`cnilab exec dns-broken node2 -- iptables -t nat -S KUBE-SERVICES`).',
        'The Service has 10.96.0.53 now; all pods, and all kubelets, know 10.96.0.10.',
        'Give it the old address again: make the Service with `clusterIP: 10.96.0.10`. Here, on both nodes: `iptables-save -t nat | sed s#10.96.0.53/32#10.96.0.10/32# | iptables-restore -T nat`.',
      ],
      solution: [
        { on: 'node1', run: renumber('10.96.0.53', '10.96.0.10') },
        { on: 'node2', run: renumber('10.96.0.53', '10.96.0.10') },
      ],
      why: 'The cluster IP of kube-dns is written into the configuration of each kubelet (`clusterDNS`), and from there into each pod. It is the one Service that cannot be asked for by name, so its address is fixed when the cluster is made: the tenth of the service range.',
      checks: [
        {
          id: 'asked-address-answers',
          says: 'The address that pods ask leads to the servers.',
          type: 'output',
          on: 'shell',
          run: `timeout 8 ${ASK}`,
          shows: [FOUND],
          timeoutMs: 20_000,
        },
      ],
    },
    {
      name: 'no-endpoints',
      title: 'Refused at once',
      symptom: 'Names fail everywhere, and fast: there is no waiting. The Service `kube-dns` has the right address.',
      see: { on: 'shell', run: `time -p timeout 8 ${ASK} || echo not found`, timeoutMs: 20_000 },
      break: [
        { on: 'node1', run: loseEndpoints },
        { on: 'node2', run: loseEndpoints },
      ],
      hints: [
        'Fast means that somebody says no. Who? `cnilab capture dns-broken shell icmp`, and ask again.',
        'The node says "port unreachable". Where would kube-proxy write such a thing? `iptables-save -t filter | grep kube-dns`.',
        'It says it in words: no endpoints. In a real cluster: `kubectl -n kube-system get endpointslices`, then why the DNS pods are not ready.',
        'Here: delete the REJECT rules on both nodes, and put back the two rules of KUBE-SERVICES (table nat) that lead 10.96.0.10 port 53 to `KUBE-SVC-TCOU7JCQXEZGVUNU` (udp) and `KUBE-SVC-ERIFXISQEP7F7OF4` (tcp).',
      ],
      solution: [
        { on: 'node1', run: giveEndpoints },
        { on: 'node2', run: giveEndpoints },
      ],
      why: 'When no DNS pod is ready (a bad Corefile, no node that takes them, a CNI that is not installed yet) the Service has no endpoints, and every proxy refuses. Pods that run and are not ready count as none.',
      checks: [
        {
          id: 'somebody-answers',
          says: 'The Service has servers again.',
          type: 'output',
          on: 'shell',
          run: `timeout 8 ${ASK}`,
          shows: [FOUND],
          timeoutMs: 20_000,
        },
      ],
    },
    {
      name: 'blocked',
      title: 'All is well, and silent',
      symptom:
        'Pods of `node2` find no names. Their resolv.conf is right, the Service is right, it has two endpoints, and both servers answer pods of `node1`. Addresses can be reached from `node2`, too.',
      see: { on: 'shell', run: `ping -c 1 -W 1 10.244.1.2; timeout 8 ${ASK} || echo not found`, timeoutMs: 20_000 },
      break: [{ fault: 'policy-too-strict', node: 'node2' }],
      hints: [
        'A server answers a ping from `shell`, and no question. What tells one packet from the other?',
        'Port 53, UDP and TCP. Somebody filters on the way: `cnilab exec dns-broken node2 -- nft list ruleset` or `cnilab diagnose dns-broken`.',
        "A table that is nobody's but the policy's drops port 53: `cnilab fault undo dns-broken policy-too-strict`.",
      ],
      solution: [{ undo: 'policy-too-strict' }],
      why: 'The classic of NetworkPolicy: as soon as one policy with Egress selects a pod, everything that is not allowed is dropped, and DNS is nearly always forgotten. The policy needs a rule for UDP and TCP port 53 to the DNS pods.',
      checks: [
        {
          id: 'policy-lets-dns-pass',
          says: 'Pods of node2 find names.',
          type: 'output',
          on: 'shell',
          run: `timeout 8 ${ASK}`,
          shows: [FOUND],
          timeoutMs: 20_000,
        },
      ],
    },
  ],
  today: [
    {
      claim: 'To test the DNS, look up kubectl.default.',
      truth: 'The name is kubernetes.default. There is no Service named kubectl, so that look-up fails in a healthy cluster.',
      source: 'https://kubernetes.io/docs/tasks/administer-cluster/dns-debugging-resolution/',
    },
    {
      claim: 'kubectl exec busybox cat /etc/resolv.conf',
      truth: 'Two dashes must stand before the command: kubectl exec busybox -- cat /etc/resolv.conf. The form without them is refused by now.',
      source: 'https://kubernetes.io/docs/reference/kubectl/generated/kubectl_exec/',
    },
    {
      claim: 'kubectl get ep shows whether endpoints are bound.',
      truth: 'It warns: the Endpoints API is deprecated since 1.33. Use kubectl get endpointslices.',
      source: 'https://kubernetes.io/blog/2025/04/24/endpoints-deprecation/',
    },
  ],
};
