import type { LessonSpec } from 'cnilab';

/** New flows to the DNS Service are counted by its rule on the node, and a pod on the host network can read it: one flow is one question. */
const questions = (...names: readonly string[]): string =>
  [
    "n() { iptables -t nat -nvxL KUBE-SERVICES | awk '/kube-dns:dns cluster/ { print $1 }'; }",
    `for name in ${names.join(' ')}; do before=$(n); getent ahostsv4 $name >/dev/null && found=found || found=unknown; echo "$name $found, questions: $(( $(n) - before ))"; done`,
  ].join('; ');

export const lesson: LessonSpec = {
  title: 'Four policies, and what the dots cost',
  topic: 'dns',
  level: 'next',
  order: 2,
  goal:
    'Whom a pod asks for names is a field of the pod: `dnsPolicy`, with four values. You will compare the file that each of them makes, see who can look up what, and count the questions that ' +
    'one name costs: `ndots:5` makes every name of the outside four times as expensive, unless you know the trick with the dot.',
  look: [
    {
      title: 'ClusterFirst: the default',
      on: 'cluster-first',
      run: 'cat /etc/resolv.conf',
      text: 'The DNS of the cluster, and its search list. What the cluster does not know is passed on to the resolver of the node by the DNS server, not by the pod.',
      shows: ['search default.svc.cluster.local svc.cluster.local cluster.local', 'nameserver 10.96.0.10', 'options ndots:5'],
    },
    {
      title: 'ClusterFirstWithHostNet: the same, on the network of the node',
      on: 'host-net',
      run: 'cat /etc/resolv.conf',
      text: 'A pod with `hostNetwork: true` and plain ClusterFirst would silently get the file of the node, as with Default. This policy is how it gets the DNS of the cluster. It is one nameserver, not two: names of the world come by way of the cluster.',
      shows: ['search default.svc.cluster.local svc.cluster.local cluster.local', 'nameserver 10.96.0.10', 'options ndots:5'],
    },
    {
      title: 'Default: not the default',
      on: 'default',
      run: 'cat /etc/resolv.conf',
      text: 'What the node has. The cluster is not in it, so this pod finds no Service by name. CoreDNS itself runs with this policy: it could hardly ask itself.',
      shows: ['nameserver 172.30.0.53'],
    },
    {
      title: 'None: what dnsConfig says, nothing else',
      on: 'none',
      run: 'cat /etc/resolv.conf',
      text: 'Everything is written by hand. The API server refuses the policy without a nameserver in `dnsConfig`; with the other policies `dnsConfig` adds to what they give.',
      shows: ['search default.svc.cluster.local', 'nameserver 10.96.0.10', 'options ndots:2'],
    },
    {
      title: 'Who finds the Service',
      on: 'none',
      run: 'getent hosts web; getent hosts web.default || echo web.default: not found',
      text: 'The one domain of its search list completes `web`. But `web.default` needs `svc.cluster.local`, which nobody wrote down for this pod.',
      shows: ['… web.default.svc.cluster.local', 'web.default: not found'],
    },
    {
      title: 'What dots cost',
      on: 'host-net',
      run: questions('www.example.com', 'a.b.c.example.com', 'a.b.c.d.example.com', 'a.b.c.d.e.example.com'),
      timeoutMs: 30_000,
      text:
        'Names with 2, 4, 5 and 6 dots. `ndots:5` means: fewer than five dots, and the search list is tried first, three domains that know nothing, then the name as it is: four questions. From five dots on (not more than five) ' +
        'the name goes first, and one question is enough.',
      shows: [
        'www.example.com found, questions: 4',
        'a.b.c.example.com found, questions: 4',
        'a.b.c.d.example.com found, questions: 1',
        'a.b.c.d.e.example.com found, questions: 1',
      ],
    },
    {
      title: 'The dot at the end, and a name that is wrong',
      on: 'host-net',
      run: questions('www.example.com.', 'a.b.c.d.nowhere.example.com'),
      timeoutMs: 30_000,
      text: 'A dot at its end says that the name is complete: one question. The other way round, five dots save nothing when the name does not exist: then the search list is tried after it, four questions in all.',
      shows: ['www.example.com. found, questions: 1', 'a.b.c.d.nowhere.example.com unknown, questions: 4'],
    },
  ],
  checks: [
    {
      id: 'cluster-first',
      says: 'ClusterFirst finds a Service by its short name.',
      type: 'output',
      on: 'cluster-first',
      run: 'getent hosts web',
      shows: ['${svc/web} web.default.svc.cluster.local'],
    },
    {
      id: 'host-net',
      says: 'ClusterFirstWithHostNet does so from the network of the node.',
      type: 'output',
      on: 'host-net',
      run: 'getent hosts web',
      shows: ['${svc/web} web.default.svc.cluster.local'],
    },
    {
      id: 'default',
      says: 'Default does not find it, and finds names of the world.',
      type: 'output',
      on: 'default',
      run: 'getent hosts web || getent hosts www.example.com',
      shows: ['203.0.113.80 www.example.com'],
    },
    {
      id: 'none',
      says: 'None finds what its own search list completes.',
      type: 'output',
      on: 'none',
      run: 'getent hosts web',
      shows: ['${svc/web} web.default.svc.cluster.local'],
    },
    {
      id: 'world-by-the-cluster',
      says: 'The DNS of the cluster passes names of the world on.',
      type: 'output',
      on: 'cluster-first',
      run: 'getent hosts www.example.com',
      shows: ['203.0.113.80 www.example.com'],
    },
    { id: 'files', says: 'Each pod has the resolv.conf that its policy gives.', type: 'verdict', only: ['dns-resolv-conf', 'dns-search'], waitMs: 30_000 },
  ],
  exercises: [
    {
      name: 'host-network',
      title: 'Moved to the network of the host',
      symptom: 'A monitoring pod was given `hostNetwork: true`. Since then it finds the outside world, but no Service of the cluster.',
      see: { on: 'host-net', run: 'cat /etc/resolv.conf; getent hosts web || echo web: not found; getent hosts www.example.com' },
      break: [{ on: 'host-net', run: 'echo "nameserver 172.30.0.53" > /etc/resolv.conf' }],
      hints: [
        'Which of the four files does this pod have now?',
        'That of the node, as with Default. What does ClusterFirst mean for a pod on the network of its node?',
        'In the pod: `dnsPolicy: ClusterFirstWithHostNet`. Here: write the three lines of `cluster-first` into its /etc/resolv.conf.',
      ],
      solution: [
        {
          on: 'host-net',
          run: 'printf "search default.svc.cluster.local svc.cluster.local cluster.local\\nnameserver 10.96.0.10\\noptions ndots:5\\n" > /etc/resolv.conf',
        },
      ],
      why: 'ClusterFirst is the default policy, and for pods on the network of the node it silently means Default: they were thought to be parts of the node. The other policy has to be asked for by name.',
      checks: [
        {
          id: 'host-net-finds',
          says: 'The pod on the network of the node finds a Service.',
          type: 'output',
          on: 'host-net',
          run: 'timeout 8 getent hosts web',
          shows: ['${svc/web} web.default.svc.cluster.local'],
        },
      ],
    },
  ],
  today: [
    {
      claim: 'With ClusterFirstWithHostNet a pod can use both the DNS of the host and that of the cluster.',
      truth:
        'Its resolv.conf names the DNS of the cluster alone, which passes other names on. What the policy is for: a hostNetwork pod with plain ClusterFirst behaves as with Default.',
      source: 'https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-s-dns-policy',
    },
    {
      claim: 'A name with more than five dots is complete and is asked for directly; with fewer, suffixes are added.',
      truth:
        'From five dots on (ndots:5 means at least five) it is asked for as it is first, and the search list is still tried when that fails. With fewer the search list comes first, and the bare name last. A dot at its end stops all that.',
      source: 'https://man7.org/linux/man-pages/man5/resolv.conf.5.html',
    },
    {
      claim: 'kubectl get pod NAME -A -o yaml | grep dnsPolicy',
      truth: 'A name cannot be asked for across all namespaces: use -n NAMESPACE.',
      source: 'https://kubernetes.io/docs/reference/kubectl/generated/kubectl_get/',
    },
  ],
};
