import type { LessonSpec } from 'cnilab';

export const lesson: LessonSpec = {
  title: 'A cluster of one node',
  topic: 'cni',
  level: 'first',
  order: 4,
  goal: [
    'minikube and its like put a whole cluster on one machine. The pods of one node need no route and no tunnel: a bridge with the gateway’s address, and a cable to each pod.',
    'You see that bridge, see that it is not Docker’s, and see what such a cluster cannot teach: nothing here ever leaves the machine.',
  ].join('\n'),
  notShown:
    'Everything between nodes: routes, tunnels, MTU, masquerading among nodes. The three requirements pass here for the simplest of reasons. With a minikube of your own: `minikube start --cni=bridge`, then `cnilab verify --kubeconfig ~/.kube/config`.',
  look: [
    {
      title: 'The bridge',
      text: 'One address, the gateway of all pods, and a port for each of them. There is no broadcast address: `ifconfig` of old would print 0.0.0.0, `ip` prints none.',
      on: 'minikube',
      run: "ip -brief -4 address show mybridge; ip -4 address show mybridge | grep -c brd; bridge link show | grep -c 'master mybridge'",
      shows: ['mybridge UP 10.1.0.1/16', '0', '2'],
    },
    {
      title: 'A pod',
      text: 'Its address is of the range of mybridge, and mybridge is its way out.',
      on: 'web-minikube',
      run: 'ip -brief -4 address show eth0; ip route',
      shows: ['eth0@… UP 10.1.0.2/16', 'default via 10.1.0.1 dev eth0', '10.1.0.0/16 dev eth0 proto kernel scope link src 10.1.0.2'],
    },
    {
      title: 'Not on docker0',
      text: 'Docker may run the containers of such a machine, yet their network is the one of CNI: no pod is a port of docker0, and in this node there is not even one.',
      on: 'minikube',
      run: 'ip link show docker0 2>&1; ip -o link show master mybridge | wc -l',
      shows: ['Device "docker0" does not exist.', '2'],
    },
    {
      title: 'The address of the machine',
      text: '192.168.99.100 was the first address that VirtualBox gave to a minikube. Pods see it when the node talks to them from outside of mybridge; when the node talks to its own pods it uses 10.1.0.1.',
      on: 'minikube',
      run: 'ip -brief -4 address show eth0; ip route get ${web-minikube}',
      shows: ['eth0@… UP 192.168.99.100/24', '10.1.0.2 dev mybridge src 10.1.0.1 uid 0', 'cache'],
    },
  ],
  checks: [
    { id: 'verified', type: 'verdict', says: 'the three requirements hold' },
    {
      id: 'one-switch',
      type: 'reach',
      says: 'pods reach each other over the bridge, without a router in between',
      from: 'web-minikube',
      to: 'web-2-minikube',
      protocol: 'icmp',
      expect: 'answered',
      hops: 0,
    },
    {
      id: 'node-as-gateway',
      type: 'reach',
      says: 'a pod sees its node as the address of the bridge',
      from: 'minikube',
      to: 'web-minikube',
      protocol: 'tcp',
      port: 8080,
      expect: 'answered',
      seenAs: '10.1.0.1',
    },
    {
      id: 'enslaved',
      type: 'output',
      says: 'both pods are ports of mybridge',
      on: 'minikube',
      run: 'ip -o link show master mybridge | wc -l',
      shows: ['2'],
    },
  ],
  exercises: [
    {
      name: 'bridge-down',
      title: 'All pods are alone',
      symptom: 'After some work on the network of the machine no pod answers any more, not even to its neighbour. The node itself is reachable.',
      see: { on: 'web-minikube', run: 'ping -c 1 -W 1 10.1.0.1' },
      break: [{ on: 'minikube', run: 'ip link set mybridge down' }],
      hints: ['All pods at once: look for what they share.', '`ip -brief link` on the node: in which state is the bridge?', '`ip link set mybridge up`.'],
      solution: [{ on: 'minikube', run: 'ip link set mybridge up' }],
      why: 'A bridge that is down forwards no frames, and neither is its own address reached. Its routes went with it and came back with it: the address stayed.',
    },
    {
      name: 'same-address-twice',
      title: 'One pod answers for two',
      symptom: 'Sometimes the answer comes from the wrong one of the two pods.',
      see: {
        on: 'minikube',
        run: 'for n in 1 2 3; do ip neigh flush dev mybridge; ping -c 1 -W 1 ${web-minikube} >/dev/null; ip neigh show ${web-minikube}; done',
      },
      break: [{ on: 'web-2-minikube', run: 'ip address add ${web-minikube}/32 dev eth0' }],
      hints: [
        'Ask each pod for its own address.',
        'Two pods hold one address: whoever answers ARP first gets the packets.',
        'Take the address away from the pod that was not given it.',
      ],
      solution: [{ on: 'web-2-minikube', run: 'ip address delete ${web-minikube}/32 dev eth0' }],
      why: 'host-local would never give an address twice on a node; a hand, or a container with too many rights, can. `cnilab verify` finds it by asking every pod what it sees of itself.',
      checks: [{ id: 'verified', type: 'verdict', says: 'the three requirements hold' }],
    },
  ],
  today: [
    {
      claim: '`minikube start --network-plugin=cni` switches CNI on, after a `minikube stop` or `delete`.',
      truth: 'That option is deprecated: choose by `--cni=bridge`, `--cni=flannel`, `--cni=calico` and so on.',
      source: 'https://minikube.sigs.k8s.io/docs/commands/start/',
    },
    {
      claim: 'minikube is one node, and so may not show what production does.',
      truth: '`minikube start --nodes 3` makes three. With its bridge CNI it refuses more than one, for a good reason: nothing would route between them.',
      source: 'https://minikube.sigs.k8s.io/docs/tutorials/multi_node/',
    },
    {
      claim: 'The plugin directory is set by `--network-plugin-dir`, and is /opt/cni/net.d unless told otherwise.',
      truth:
        'Two folders: configurations are in /etc/cni/net.d, programs in /opt/cni/bin. Both are settings of the container runtime; the flag of the kubelet is long gone.',
      source: 'https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/network-plugins/',
    },
    {
      claim: 'The kubelet probes for network plugins when it starts, remembers what it found, and executes the plugin for each pod.',
      truth:
        'That was the kubelet with dockershim, until 1.24. Today the container runtime reads the configurations, also when they change while it runs, and starts the plugins; the kubelet only asks it, over CRI, whether the network is ready.',
      source: 'https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/network-plugins/',
    },
    {
      claim: 'The MAC of the bridge is 0a:58 and then the bytes of its address.',
      truth:
        'The bridge plugin computed MACs like that until 0.6; since 0.7 the kernel chooses one. minikube’s own bridge is called `bridge` today, its file 1-k8s.conflist.',
      source: 'https://github.com/containernetworking/plugins/releases/tag/v0.7.0',
    },
  ],
};
