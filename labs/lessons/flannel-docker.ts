import type { LessonSpec } from 'cnilab';

const SUBNET_MATCH = {
  id: 'subnet-match',
  type: 'output',
  says: 'docker0 has the address that flannel leased for the node',
  on: 'node1',
  run: '. /run/cnilab/node.c1.node1/subnet.env; ip -brief -4 address show docker0 | grep -o "$FLANNEL_SUBNET"',
  shows: ['172.17.33.1/24'],
  exit: null,
} as const;

const ACROSS = {
  id: 'across',
  type: 'reach',
  says: 'a container of one node reaches one of the other, which sees its address',
  from: 'shell',
  to: 'mysql',
  protocol: 'tcp',
  port: 3306,
  expect: 'answered',
  seenAs: '172.17.33.2',
} as const;

export const lesson: LessonSpec = {
  title: 'flannel feeding Docker',
  topic: 'pod-network',
  level: 'deep',
  order: 12,
  goal: [
    'Before Kubernetes had CNI, flannel and Docker knew nothing of each other. flannel leased a range for the node and noted it in a file; Docker’s daemon was started with `--bip` from that file. That was the whole link, and it broke whenever one of them started before the other.',
    'You see that form on node1 and node2 (`flannel.7890` with the whole network on one wire, `docker0`), and today’s form on node3 and node4, with the same VNI.',
    'It is history: no Kubernetes of today is set up like this. It explains names, numbers and scripts that are still around.',
  ].join('\n'),
  notShown:
    'Docker, etcd and flanneld. The bridge plugin attaches the containers where Docker would, and the neighbour entries that flanneld made when the kernel asked are there from the start. Its configuration would have stood in etcd: `etcdctl mk /coreos.com/network/config \'{"Network":"172.17.0.0/16","SubnetLen":24,"Backend":{"Type":"vxlan","VNI":7890}}\'`.',
  look: [
    {
      title: 'What flannel notes',
      text: 'The whole network, the share of this node (its gateway’s address), and the MTU: 1500 less the 50 bytes of VXLAN. With a network of /16 and shares of /24 there is room for 256 nodes.',
      on: 'node1',
      run: 'cat /run/cnilab/node.c1.node1/subnet.env',
      shows: ['FLANNEL_NETWORK=172.17.0.0/16', 'FLANNEL_SUBNET=172.17.33.1/24', 'FLANNEL_MTU=1450', 'FLANNEL_IPMASQ=true'],
    },
    {
      title: 'What Docker is told',
      text: 'A script of flannel, `mk-docker-opts.sh`, made options for Docker’s daemon of that file. systemd read it as an environment file (`/run/flannel/docker`), so flanneld had to be up before Docker was started.',
      on: 'node1',
      run: 'cat /run/cnilab/node.c1.node1/docker_opts.env',
      shows: [
        'DOCKER_OPT_BIP="--bip=172.17.33.1/24"',
        'DOCKER_OPT_IPMASQ="--ip-masq=false"',
        'DOCKER_OPT_MTU="--mtu=1450"',
        'DOCKER_OPTS=" --bip=172.17.33.1/24 --ip-masq=false --mtu=1450"',
      ],
    },
    {
      title: 'The two devices, then',
      text: 'docker0 with the share of the node, /24; `flannel.` and the VNI with the **whole** network, /16. The longer prefix wins: the own share goes to docker0, the rest to flannel.7890.',
      on: 'node1',
      run: 'ip -brief -4 address show docker0; ip -brief -4 address show flannel.7890; ip route show root 172.17.0.0/16',
      shows: [
        'docker0 UP 172.17.33.1/24',
        'flannel.7890 UNKNOWN 172.17.33.0/16',
        '172.17.0.0/16 dev flannel.7890 proto kernel scope link src 172.17.33.0',
        '172.17.33.0/24 dev docker0 proto kernel scope link src 172.17.33.1',
      ],
    },
    {
      title: 'One wire for all',
      text: 'With no next hop in the route, the kernel wants the MAC of each container itself. flanneld listened for these questions (“L3 miss”) and answered with the tunnel end of the right node.',
      on: 'node1',
      run: 'ip neigh show dev flannel.7890 | sort -V; bridge fdb show dev flannel.7890',
      shows: ['172.17.29.0 lladdr 02:… PERMANENT', '172.17.29.35 lladdr 02:… PERMANENT', '02:… dst 10.16.59.14 self permanent'],
    },
    {
      title: 'The same today',
      text: 'The device has its address alone, /32, and there is one route per peer, through the tunnel end of that peer: one neighbour entry and one forwarding entry per node, however many pods it has.',
      on: 'node3',
      run: 'ip -brief -4 address show flannel.7890; ip route show root 172.18.0.0/16; ip neigh show dev flannel.7890',
      shows: [
        'flannel.7890 UNKNOWN 172.18.33.0/32',
        '172.18.29.0/24 via 172.18.29.0 dev flannel.7890 proto static onlink',
        '172.18.33.0/24 dev cni0 proto kernel scope link src 172.18.33.1',
        '172.18.29.0 lladdr 02:… PERMANENT',
      ],
    },
    {
      title: 'Inside a container',
      text: 'The MTU of 1450 came by `--mtu`. Docker of that time even derived the MAC from the address (02:42 and its four bytes); here it is one of the lab.',
      on: 'shell',
      run: 'ip -brief -4 address show eth0; ip route; ip -o link show eth0 | grep -o "mtu [0-9]*"',
      shows: [
        'eth0@… UP 172.17.33.2/24',
        'default via 172.17.33.1 dev eth0',
        '172.17.0.0/16 via 172.17.33.1 dev eth0',
        '172.17.33.0/24 dev eth0 proto kernel scope link src 172.17.33.2',
        'mtu 1450',
      ],
    },
  ],
  checks: [
    { id: 'verified', type: 'verdict', says: 'both clusters pass the three requirements' },
    ACROSS,
    SUBNET_MATCH,
    {
      id: 'mtu',
      type: 'output',
      says: '1450 bytes pass in one piece, 1451 do not',
      on: 'shell',
      run: 'ping -c 1 -W 1 -M do -s 1422 172.17.29.35 >/dev/null && echo 1450; ping -c 1 -W 1 -M do -s 1423 172.17.29.35 >/dev/null 2>&1 || echo "not 1451"',
      shows: ['1450', 'not 1451'],
    },
    {
      id: 'on-the-wire',
      type: 'wire',
      says: 'between the nodes there is UDP 8472 and nothing else',
      at: 'node1',
      interface: 'eth0',
      filter: 'udp port 8472',
      during: { on: 'shell', run: 'ping -c 2 -W 1 172.17.29.35' },
    },
  ],
  exercises: [
    {
      name: 'wrong-order',
      title: 'Docker came first',
      symptom: 'node1 was rebooted. Its containers start as always, reach nobody, and are reached by nobody.',
      see: { on: 'node1', run: 'ip -brief -4 address show docker0; cat /run/cnilab/node.c1.node1/docker_opts.env' },
      break: [{ on: 'node1', run: 'ip address delete 172.17.33.1/24 dev docker0; ip address add 172.17.42.1/16 dev docker0' }],
      hints: [
        'Which address should docker0 have, and who says so?',
        'Compare docker0 with FLANNEL_SUBNET in subnet.env.',
        'Docker started before flannel had written its file, and took an address of its own. Delete it, and give docker0 the one of `--bip`: `ip address add 172.17.33.1/24 dev docker0`.',
      ],
      solution: [{ on: 'node1', run: 'ip address delete 172.17.42.1/16 dev docker0; ip address add 172.17.33.1/24 dev docker0' }],
      why: 'Without `--bip` Docker chose a range itself. The old cure was to stop Docker, delete the address of docker0 by `ip address`, and start it again after flannel: a stale address on the bridge made the daemon fail. CNI ended that: the plugin is told the range with every container.',
      checks: [SUBNET_MATCH, ACROSS],
    },
    {
      name: 'other-vni',
      title: 'Two halves of a network',
      symptom: 'After an update of its configuration one node is cut off from the containers of the other. The nodes ping each other.',
      see: { on: 'node1', run: 'ip -d link show type vxlan | grep -o "vxlan id [0-9]*"' },
      break: [{ fault: 'vni-mismatch' }],
      hints: [
        'Packets leave and arrive, and nobody takes them.',
        'A VXLAN device takes packets of its own network identifier only. Compare both nodes.',
        'Set the VNI of the deviating node back.',
      ],
      solution: [{ undo: 'vni-mismatch' }],
      why: 'The VNI stands in every VXLAN header. It used to be read from etcd at the start of flanneld, so a change reached the nodes one restart at a time.',
      checks: [{ id: 'verified', type: 'verdict', says: 'both clusters pass the three requirements' }],
    },
  ],
  today: [
    {
      claim: 'flannel, by CoreOS, is an overlay for Docker that reads its configuration from etcd and sets Docker’s network options by scripts.',
      truth:
        'The project is flannel-io/flannel. With Kubernetes it takes the ranges from the Node objects (`--kube-subnet-mgr`) and leaves Docker alone; the etcd mode and the script still exist.',
      source: 'https://github.com/flannel-io/flannel/blob/master/Documentation/running.md',
    },
    {
      claim: 'The address of etcd is in /etc/sysconfig/flanneld; the network is stored by `etcdctl mk`.',
      truth:
        'The file belonged to the packages of one distribution; the flag is `--etcd-endpoints`. `mk` is of the API v2, gone after etcd 3.5: `etcdctl put /coreos.com/network/config …`.',
      source: 'https://github.com/flannel-io/flannel/blob/master/Documentation/configuration.md',
    },
    {
      claim: 'Network 172.17.0.0/16 is a good choice.',
      truth:
        'It is Docker’s own default. Right where flannel hands it to Docker, as here; in any other cluster with Docker on its machines it is a clash. And always write `Backend`: without it the code takes udp, whatever the documentation says.',
      source: 'https://github.com/flannel-io/flannel/blob/master/pkg/subnet/config.go',
    },
    {
      claim: '`systemctl start flanneld` on every node, before Docker; mk-docker-opts.sh runs after it.',
      truth: 'A DaemonSet starts flanneld, and the CNI plugin of the node reads subnet.env. No order matters any more.',
      source: 'https://github.com/flannel-io/flannel#deploying-flannel-manually',
    },
    {
      claim: 'The daemon is `docker daemon`, and `docker inspect` shows Gateway and IPAddress at the top of NetworkSettings.',
      truth:
        'It is `dockerd`. The fields are under `NetworkSettings.Networks` only since API 1.52 (Docker 29), and MACs no longer follow the address since Docker 28. Pods are inspected by `crictl inspectp`.',
      source: 'https://docs.docker.com/engine/release-notes/29/',
    },
    {
      claim: 'flannel.VNI has the mask of the whole network, and one route leads to all other nodes.',
      truth: 'It has `<range of the node>.0/32`, and one on-link route per peer. The name rule is the same.',
      source: 'https://github.com/flannel-io/flannel/blob/master/Documentation/backends.md#vxlan',
    },
  ],
};
