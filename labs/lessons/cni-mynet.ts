import type { LessonSpec } from 'cnilab';

const UNTOUCHED = {
  id: 'source-kept',
  type: 'reach',
  says: 'a pod of the other node sees the address of the pod that calls, not the one of its node',
  from: 'c',
  to: 'd',
  protocol: 'tcp',
  port: 8080,
  expect: 'answered',
  seenAs: '${c}',
} as const;

const OWN_RANGE = {
  id: 'own-range',
  type: 'output',
  says: 'node3 gives away addresses of its own range only',
  on: 'node3',
  run: 'cd /run/cnilab/ipam/c2.node3 && ls -d */10.*',
  lacks: ['/10\\.245\\.1\\.'],
} as const;

export const lesson: LessonSpec = {
  title: '10-mynet.conf: a bridge in one file',
  topic: 'cni',
  level: 'next',
  order: 3,
  goal: [
    'The shortest CNI there is: one file in `/etc/cni/net.d` that says `bridge`, `host-local` and a range, and the two plugins in `/opt/cni/bin`. It has been copied from page to page for years.',
    'Cluster c1 runs it as it is, on one node, where it is right. Cluster c2 has two nodes, and shows the two words that have to change for that: the range, and `ipMasq`.',
    'Then you break it in the two ways in which everybody does who copies the file to a second node.',
  ].join('\n'),
  notShown:
    'The file as `.conf` with a single plugin: protocol 1.0.0 knows lists only, so it stands here wrapped in one, with `cniVersion` and `name` moved out. `cnilab validate` refuses the bare form, and version 0.3.0, in which there is no CHECK.',
  look: [
    {
      title: 'The file',
      text: 'Bridge `cni0`, which gets the gateway’s address (`isGateway`), addresses from one range, a default route, and masquerading of what leaves (`ipMasq`).',
      on: 'node1',
      run: 'grep -o \'"\\(name\\|type\\|bridge\\|isGateway\\|ipMasq\\|subnet\\|dst\\)": [^,]*\' /run/cnilab/node.c1.node1/net.d/10-cnilab.conflist',
      shows: [
        '"name": "mynet"',
        '"type": "bridge"',
        '"bridge": "cni0"',
        '"isGateway": true',
        '"ipMasq": true',
        '"type": "host-local"',
        '"subnet": "10.244.0.0/16"',
        '"dst": "0.0.0.0/0"',
      ],
    },
    {
      title: 'A pod of one node',
      text: 'The second address of the range (the first is the bridge’s), and a mask of /16: the pod takes all of 10.244.0.0/16 for its own wire. On one node that is true.',
      on: 'a',
      run: 'ip -brief -4 address show eth0; ip route',
      shows: ['eth0@… UP 10.244.0.2/16', 'default via 10.244.0.1 dev eth0', '10.244.0.0/16 dev eth0 proto kernel scope link src 10.244.0.2'],
    },
    {
      title: 'What ipMasq wrote',
      text: 'One chain for each container: to the own range nothing happens, anything else (but multicast) leaves with the address of the node. On one node the own range is all there is.',
      on: 'node1',
      run: "iptables-save -t nat | grep -o -- '-A CNI-.* -d 10.244.0.0/16 .*ACCEPT\\|-A CNI-.*MASQUERADE'",
      shows: [
        '-A CNI-… -d 10.244.0.0/16 … -j ACCEPT',
        '-A CNI-… ! -d 224.0.0.0/4 … -j MASQUERADE',
        '-A CNI-… -d 10.244.0.0/16 … -j ACCEPT',
        '-A CNI-… ! -d 224.0.0.0/4 … -j MASQUERADE',
      ],
    },
    {
      title: 'The same for two nodes',
      text: 'Each node has a /24 of its own in the file, and the route to the other’s. CNI does not know of other nodes: somebody has to write these routes. Here it is the engine, elsewhere a cloud or a daemon.',
      on: 'node2',
      run: 'grep -o \'"subnet": [^ }]*\' /run/cnilab/node.c2.node2/net.d/10-cnilab.conflist; ip route show root 10.245.0.0/16',
      shows: ['"subnet": "10.245.1.0/24"', '10.245.1.0/24 dev cni0 proto kernel scope link src 10.245.1.1', '10.245.2.0/24 via 192.168.15.6 dev eth0 …'],
    },
    {
      title: 'A file without a name',
      text: 'The companion of the file, `99-loopback.conf`, has no name. Runtimes refuse such a file, plugins too; and it is not needed: runtimes bring `lo` up by themselves.',
      on: 'node1',
      run: 'echo \'{"cniVersion":"0.3.0","type":"loopback"}\' | CNI_COMMAND=ADD CNI_CONTAINERID=x CNI_NETNS=/proc/self/ns/net CNI_IFNAME=lo CNI_PATH=/run/cnilab/node.c1.node1/bin /run/cnilab/node.c1.node1/bin/loopback; echo',
      shows: ['{', '"code": 7,', '"msg": "missing network name"', '}'],
    },
  ],
  checks: [
    { id: 'verified', type: 'verdict', says: 'both clusters pass the three requirements' },
    {
      id: 'on-one-node',
      type: 'reach',
      says: 'the pods of the one node reach each other without NAT',
      from: 'a',
      to: 'b',
      protocol: 'tcp',
      port: 8080,
      expect: 'answered',
      seenAs: '${a}',
    },
    UNTOUCHED,
    OWN_RANGE,
    {
      id: 'nameless',
      type: 'output',
      says: 'a configuration without a name is refused',
      on: 'node1',
      run: 'echo \'{"cniVersion":"0.3.0","type":"loopback"}\' | CNI_COMMAND=ADD CNI_CONTAINERID=x CNI_NETNS=/proc/self/ns/net CNI_IFNAME=lo CNI_PATH=/run/cnilab/node.c1.node1/bin /run/cnilab/node.c1.node1/bin/loopback',
      matches: ['missing network name'],
      exit: null,
    },
  ],
  exercises: [
    {
      name: 'same-file-twice',
      title: 'The same file on a second node',
      symptom: 'A second node was set up by copying the file from the first. Its first pod starts, has an address, and is reachable sometimes, from somewhere.',
      see: {
        on: 'node3',
        run: 'cat /run/mynet.address; ip -brief -4 address show type bridge; nsenter --net=/proc/$(cat /run/mynet.pid)/ns/net ping -c 1 -W 1 192.168.15.5',
      },
      break: [
        {
          on: 'node3',
          run: [
            'setsid unshare --net sleep 3600 </dev/null >/dev/null 2>&1 & echo $! >/run/mynet.pid; sleep 0.3',
            'echo \'{"cniVersion":"1.0.0","name":"copied","type":"bridge","bridge":"cni1","isGateway":true,"ipam":{"type":"host-local","dataDir":"/run/cnilab/ipam/c2.node3","subnet":"10.245.1.0/24","routes":[{"dst":"0.0.0.0/0"}]}}\' >/run/mynet.conf',
            'CNI_COMMAND=ADD CNI_CONTAINERID=copied CNI_NETNS=/proc/$(cat /run/mynet.pid)/ns/net CNI_IFNAME=eth0 CNI_PATH=/run/cnilab/node.c2.node3/bin /run/cnilab/node.c2.node3/bin/bridge </run/mynet.conf >/dev/null',
            'nsenter --net=/proc/$(cat /run/mynet.pid)/ns/net ip -o -4 address show eth0 | awk \'{sub("/.*", "", $4); print $4}\' >/run/mynet.address',
          ].join('\n'),
        },
      ],
      hints: [
        'Which address did the new pod get, and who else has it?',
        'host-local keeps its book on the node. Both nodes count from the same first address.',
        'Give node3 a range of its own: detach the pod, and let only `10.245.2.0/24` be given away there.',
      ],
      solution: [
        {
          on: 'node3',
          run: [
            'CNI_COMMAND=DEL CNI_CONTAINERID=copied CNI_NETNS=/proc/$(cat /run/mynet.pid)/ns/net CNI_IFNAME=eth0 CNI_PATH=/run/cnilab/node.c2.node3/bin /run/cnilab/node.c2.node3/bin/bridge </run/mynet.conf',
            'kill $(cat /run/mynet.pid); ip link delete cni1; rm /run/mynet.*',
          ].join('\n'),
        },
      ],
      why: 'On node2 the first pod has 10.245.1.2, and so has the copied one on node3, and both bridges are 10.245.1.1. What the new pod sends arrives; the answers go to the pod of node2, for everybody else knows that range to be there. In a lab file `cnilab validate` says so before anything is made (`STATIC_SUBNET_ON_MANY_NODES`); write `${podCIDR}`, and each node fills in its share.',
      checks: [OWN_RANGE],
    },
    {
      name: 'masqueraded',
      title: 'Everybody comes from the node',
      symptom:
        'An application lets in only known pods, by their address. Since `ipMasq` was switched on for the sake of the Internet, calls from node2 are refused: they come from 192.168.15.5.',
      see: { on: 'node2', run: 'iptables-save -t nat | grep MASQUERADE' },
      break: [{ fault: 'masquerade-pod-to-pod', node: 'node2' }],
      hints: [
        'Who does the other pod see?',
        'Something between the pods rewrites the source. The rules for that are in the table nat, chain POSTROUTING, of the node that sends.',
        'A rule masquerades whatever is not for the range of the node itself; the other nodes’ pods are outside of it. Remove it.',
      ],
      solution: [{ undo: 'masquerade-pod-to-pod' }],
      why: '`ipMasq` knows one range only, that of its own node. With a range per node, pods of other nodes count as the Internet. What is wanted is one rule per node that spares the whole pod network: `-s 10.245.0.0/16 ! -d 10.245.0.0/16 -j MASQUERADE`; flannel, kindnet and the bridge CNI of the other labs write such rules themselves.',
      checks: [UNTOUCHED, { id: 'verified', type: 'verdict', says: 'both clusters pass the three requirements' }],
    },
  ],
  today: [
    {
      claim: 'One file `10-mynet.conf`, version 0.3.0, with bridge, ipMasq and 10.244.0.0/16 sets up the network of the nodes.',
      truth:
        'Of one node. On two of them both bridges are 10.244.0.1 and both first pods 10.244.0.2; with a /24 per node and ipMasq the other side sees the node. Version 0.3.0 has no CHECK, and files with a single plugin are deprecated: write a `.conflist`.',
      source: 'https://github.com/containernetworking/cni/blob/main/SPEC.md#section-1-network-configuration-format',
    },
    {
      claim: 'A second file `99-loopback.conf` with type loopback, and no name, is needed.',
      truth: 'A configuration without a name is refused (code 7). Runtimes set up the loopback device by themselves.',
      source: 'https://github.com/containernetworking/cni/blob/main/SPEC.md#configuration-format',
    },
  ],
};
