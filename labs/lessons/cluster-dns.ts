import type { LessonSpec } from 'cnilab';

export const lesson: LessonSpec = {
  title: 'Names in a cluster',
  topic: 'dns',
  level: 'first',
  order: 1,
  goal:
    'Nobody types cluster IPs. A DNS server in the cluster knows a name for every Service, and for pods; every pod is told to ask it. You will look names up in all their forms, ' +
    'find out who answers, and see what happens when one of the two servers is lost.',
  notShown:
    'The server here is CoreDNS where the machine has it, otherwise dnsmasq with the same records. Only CoreDNS answers for dashed addresses that no pod has (`pods insecure`, as kubeadm sets it up), and reads a Corefile: on engine kind, ' +
    '`kubectl -n kube-system get configmap coredns -o yaml` shows the one of kubeadm.',
  look: [
    {
      title: 'What a pod is told',
      on: 'apps/web',
      run: 'cat /etc/resolv.conf',
      text:
        'The kubelet writes this file. The nameserver is the cluster IP of the Service `kube-dns` (its name has stayed, although CoreDNS answers today): the tenth address of the service range, 10.96.0.0/12. ' +
        'The search list begins with the namespace of the pod, `apps`.',
      shows: ['search apps.svc.cluster.local svc.cluster.local cluster.local', 'nameserver 10.96.0.10', 'options ndots:5'],
    },
    {
      title: 'A Service, in four ways',
      on: 'apps/web',
      run: 'getent hosts web-service web-service.apps web-service.apps.svc web-service.apps.svc.cluster.local',
      text: 'NAME.NAMESPACE.svc.cluster.local is the whole name. Anything shorter is completed from the search list: within the namespace the name alone will do, from another namespace name and namespace.',
      shows: [
        '10.107.37.188 web-service.apps.svc.cluster.local',
        '10.107.37.188 web-service.apps.svc.cluster.local',
        '10.107.37.188 web-service.apps.svc.cluster.local',
        '10.107.37.188 web-service.apps.svc.cluster.local',
      ],
    },
    {
      title: 'A pod',
      on: 'apps/web',
      run: 'getent hosts 10-244-2-5.apps.pod.cluster.local',
      text: 'Pods have no names of their own in the DNS: their address with dashes stands for one. It helps with certificates; somebody who knows the address already learns nothing new.',
      shows: ['10.244.2.5 10-244-2-5.apps.pod.cluster.local'],
    },
    {
      title: 'A headless Service: the pods themselves',
      on: 'apps/web',
      run: 'getent ahostsv4 db | grep STREAM | sort; getent hosts db-0.db db-1.db',
      text: '`db` has no cluster IP: its name stands for the addresses of its pods, and the client chooses. The pods of a StatefulSet each have a name below it, which stays when the pod is replaced.',
      shows: [
        '10.244.2.2 STREAM db.apps.svc.cluster.local',
        '10.244.2.3 STREAM…',
        '10.244.2.2 db-0.db.apps.svc.cluster.local',
        '10.244.2.3 db-1.db.apps.svc.cluster.local',
      ],
    },
    {
      title: 'A name for a name',
      on: 'apps/web',
      run: 'getent hosts elsewhere',
      text: 'ExternalName is an alias (CNAME) and nothing more: no address, no rules, no ports. It usually leads out of the cluster; here it leads to another Service, so that it can be looked up.',
      shows: ['10.107.37.188 web-service.apps.svc.cluster.local elsewhere.apps.svc.cluster.local'],
    },
    {
      title: 'And back',
      on: 'apps/web',
      run: 'getent hosts 10.107.37.188 10.244.2.2',
      text: 'Addresses of Services, and of pods behind headless ones, have names again (PTR records). It makes logs readable.',
      shows: ['10.107.37.188 web-service.apps.svc.cluster.local', '10.244.2.2 db-0.db.apps.svc.cluster.local'],
    },
    {
      title: 'Who answers',
      on: 'node2',
      run: 'iptables -t nat -S KUBE-SVC-TCOU7JCQXEZGVUNU | grep -- "->"',
      text: 'Two pods in `kube-system`, here one on each node, made by a Deployment (two replicas may well land on one node). DNS is reached as any Service is: one address, and dice.',
      shows: [
        '-A KUBE-SVC-TCOU7JCQXEZGVUNU -m comment --comment "kube-system/kube-dns:dns -> 10.244.1.2:53" -m statistic --mode random --probability 0.50… -j KUBE-SEP-…',
        '-A KUBE-SVC-TCOU7JCQXEZGVUNU -m comment --comment "kube-system/kube-dns:dns -> 10.244.2.4:53" -j KUBE-SEP-…',
      ],
    },
    {
      title: 'What the server is started with',
      on: 'node1',
      run: 'grep -ls "[/]run/cnilab/dns/pod.c1.kube-system.coredns-0bbdc84ed8/" /proc/[0-9]*/cmdline | head -n 1 | xargs cat | tr "\\0" " "',
      text:
        'CoreDNS is told the place of its configuration, `-conf …/Corefile` (dnsmasq, in its place: `-C …/dnsmasq.conf`). In a real cluster `kubectl -n kube-system describe deployments.apps coredns | grep -A2 Args` shows `-conf /etc/coredns/Corefile`, and no more than that: ' +
        'the file comes from the ConfigMap `coredns`.',
      shows: ['… /run/cnilab/dns/pod.c1.kube-system.coredns-0bbdc84ed8/…'],
    },
    {
      title: 'The configuration itself',
      on: 'node1',
      run: 'cd /run/cnilab/dns/pod.c1.kube-system.coredns-0bbdc84ed8 && ls; grep -h "web-service.*10.107.37.188" *',
      text:
        'A Corefile has a block for each zone, and in it the plugins that answer, in an order of their own. Here they read a zone file beside it, made from the lab; in a cluster the plugin `kubernetes` asks the API server instead, ' +
        'and `forward` passes on what is of no zone of the cluster: `cnilab synth cluster-dns -o out/` writes the Corefile that this cluster has on engine kind. ' +
        'The last line is what stands there of the address of `web-service`.',
      shows: ['…', '…web-service.apps.svc.cluster.local…10.107.37.188…'],
    },
    {
      title: 'Without any DNS: the hosts file',
      on: 'apps/web',
      run: 'cat /etc/hosts; getent ahostsv4 old-db | grep STREAM',
      text: 'The oldest way of all, and the first that the resolver tries. `spec.hostAliases` of the pod puts lines into its /etc/hosts. What a program writes there itself is lost with the container: the kubelet makes the file anew.',
      shows: [
        '# Kubernetes-managed hosts file.',
        '127.0.0.1 localhost',
        '…',
        '10.244.2.5 web',
        '…',
        '# Entries added by HostAliases.',
        '192.0.2.7 old-db old-db.mycompany.com',
        '192.0.2.7 STREAM old-db',
      ],
    },
    {
      title: 'UDP, and TCP too',
      on: 'kube-system/coredns-0bbdc84ed8',
      run: 'ss -lntu | grep ":53 "',
      text: 'Answers that are too long for UDP are asked for again by TCP. A policy or a firewall that lets only UDP pass works until the day on which an answer grows.',
      shows: ['udp UNCONN …:53 …', '…', 'tcp LISTEN …:53 …', '…'],
    },
  ],
  checks: [
    {
      id: 'service-name',
      says: 'The name of a Service is its cluster IP.',
      type: 'output',
      on: 'apps/web',
      run: 'getent hosts web-service.apps.svc.cluster.local',
      shows: ['${svc/apps/web-service} web-service.apps.svc.cluster.local'],
    },
    {
      id: 'pod-name',
      says: 'The dashed address of a pod is its address, and the pod answers there.',
      type: 'output',
      on: 'node1',
      run: 'ping -c 1 -W 2 ${apps/web}',
      matches: [' 0% packet loss'],
    },
    {
      id: 'host-alias',
      says: 'A name of the hosts file is known to the pod that has it.',
      type: 'output',
      on: 'apps/web',
      run: 'getent ahostsv4 old-db.mycompany.com | grep STREAM',
      shows: ['192.0.2.7 STREAM old-db…'],
    },
    {
      id: 'host-alias-elsewhere',
      says: 'Other pods do not know it: the file is the pod’s own.',
      type: 'output',
      on: 'apps/db-0',
      run: 'timeout 8 getent ahostsv4 old-db.mycompany.com',
      exit: 2,
    },
    {
      id: 'nothing',
      says: 'A name that does not exist is not found, in no time.',
      type: 'output',
      on: 'apps/web',
      run: 'timeout 8 getent hosts nobody.apps',
      exit: 2,
    },
    {
      id: 'tcp',
      says: 'The DNS Service takes connections on TCP port 53 as well.',
      type: 'reach',
      from: 'apps/web',
      to: '${cluster.dns}',
      protocol: 'tcp',
      port: 53,
      responder: null,
      expect: 'answered',
    },
    {
      id: 'all-records',
      says: 'Every record (A, SRV, PTR, CNAME) is right, by UDP and TCP, from every node and a pod of it; the search list works.',
      type: 'verdict',
      only: ['dns-ladder', 'dns-records', 'dns-search', 'dns-resolv-conf'],
      waitMs: 30_000,
    },
  ],
  exercises: [
    {
      name: 'one-of-two',
      title: 'Sometimes it takes five seconds',
      symptom:
        'Pages of the application take five or ten seconds now and then, and are quick otherwise. The developers suspect the database; the database has no slow queries.',
      see: {
        on: 'apps/web',
        run: 'for i in 1 2 3 4 5 6; do s=$(date +%s); getent hosts web-service >/dev/null; echo $(( $(date +%s) - s )) s; done',
        timeoutMs: 120_000,
      },
      break: [{ on: 'kube-system/coredns-0bbdc84ed8', run: 'ip link set eth0 down' }],
      hints: [
        'Five seconds is a number to know by heart: it is how long the resolver waits before it asks again.',
        'Half of the questions are lost. Which of the two servers does not answer? Ask each by its own address (`bash -c "</dev/tcp/10.244.1.2/53"`).',
        'Look at the interface of the pod `coredns-0bbdc84ed8` on `node1`.',
        '`cnilab exec cluster-dns kube-system/coredns-0bbdc84ed8 -- ip link set eth0 up`',
      ],
      solution: [{ on: 'kube-system/coredns-0bbdc84ed8', run: 'ip link set eth0 up; ip route replace default via 10.244.1.1' }],
      why:
        "Two servers are two chances, but only if the one that is lost is taken out of the Service. Until its readiness probe fails, every second question goes to it and waits for the resolver's timeout. " +
        'A cache on each node (NodeLocal DNSCache) and shorter timeouts (`dnsConfig.options`) soften that.',
      checks: [
        {
          id: 'both-answer',
          says: 'Both servers take connections.',
          type: 'output',
          on: 'apps/web',
          run: 'for a in 10.244.1.2 10.244.2.4; do timeout 4 bash -c "</dev/tcp/$a/53" && echo $a; done',
          shows: ['10.244.1.2', '10.244.2.4'],
        },
      ],
    },
    {
      name: 'wrong-search',
      title: 'Long names work, short ones do not',
      symptom: 'A pod moved here from another cluster. It finds `web-service.apps.svc.cluster.local`, but not `web-service`, which its configuration says.',
      see: { on: 'apps/web', run: 'getent hosts web-service || echo not found; getent hosts web-service.apps.svc.cluster.local' },
      break: [{ fault: 'search-list-wrong', pod: 'apps/web' }],
      hints: [
        'The server answers, and knows the Service. So what is asked when one asks for `web-service`?',
        '`cnilab exec cluster-dns apps/web -- cat /etc/resolv.conf`: read the search list aloud.',
        'It is that of another cluster domain: `cnilab fault undo cluster-dns search-list-wrong`.',
      ],
      solution: [{ undo: 'search-list-wrong' }],
      why: 'A short name is nothing without the search list, and the search list is written by the kubelet from its own `clusterDomain`. It must be the domain that the DNS serves.',
      checks: [
        {
          id: 'short-name',
          says: 'The short name is found.',
          type: 'output',
          on: 'apps/web',
          run: 'getent hosts web-service',
          shows: ['10.107.37.188 web-service.apps.svc.cluster.local'],
        },
      ],
    },
  ],
  today: [
    {
      claim: 'kube-dns until 1.12, CoreDNS from then on.',
      truth: 'kubeadm has used CoreDNS by default since 1.11 and dropped kube-dns in 1.21. The Service is still called kube-dns.',
      source: 'https://kubernetes.io/docs/tasks/administer-cluster/coredns/',
    },
    {
      claim: 'Names can also be given by writing into /etc/hosts of every pod.',
      truth: 'Only through spec.hostAliases of the pod: the kubelet manages the file and writes it anew.',
      source: 'https://kubernetes.io/docs/tasks/network/customize-hosts-file-for-pods/',
    },
    {
      claim: 'The arguments of the CoreDNS Deployment show its configuration.',
      truth: 'They show its place (-conf /etc/coredns/Corefile). The content is in the ConfigMap coredns of kube-system.',
      source: 'https://kubernetes.io/docs/tasks/administer-cluster/dns-custom-nameservers/',
    },
    {
      claim: 'A dashed address has a name if such a pod exists.',
      truth: 'With "pods insecure", the default of kubeadm, any dashed IPv4 address is answered, whether a pod has it or not.',
      source: 'https://coredns.io/plugins/kubernetes/',
    },
  ],
};
