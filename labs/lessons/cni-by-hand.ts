import type { LessonSpec } from 'cnilab';

/** What every call of a plugin is told beside its command. The process of step 1 holds the namespace; its number is in the file. */
const FOR = 'CNI_CONTAINERID=2e34dcf34 CNI_NETNS=/proc/$(cat /run/2e34dcf34.pid)/ns/net CNI_IFNAME=eth0 CNI_PATH=/run/cnilab/node.c1.node1/bin';
const BRIDGE = '/run/cnilab/node.c1.node1/bin/bridge';
const INSIDE = 'nsenter --net=/proc/$(cat /run/2e34dcf34.pid)/ns/net';
const ADD = `CNI_COMMAND=ADD ${FOR} ${BRIDGE} </run/by-hand.json >/run/by-hand.result; code=$?; cat /run/by-hand.result; echo; exit $code`;
const CHECK = [
  `{ sed '$ s/}$/, "prevResult":/' /run/by-hand.json; cat /run/by-hand.result; echo '}'; } >/run/by-hand.check`,
  `CNI_COMMAND=CHECK ${FOR} ${BRIDGE} </run/by-hand.check; echo "exit $?"`,
].join('; ');
const DEL = `CNI_COMMAND=DEL ${FOR} ${BRIDGE} </run/by-hand.json; echo "exit $?"`;
const LEASES = 'cd /run/cnilab/node.c1.node1/networks/by-hand && ls -d 10.* | sort -V';

export const lesson: LessonSpec = {
  title: 'Be the container runtime: a CNI plugin by hand',
  topic: 'cni',
  level: 'first',
  order: 1,
  goal: [
    'Docker has drivers of its own (its model is called CNM) and does not know CNI. Kubernetes has no drivers at all: the container runtime of a node makes a network namespace, and starts a **program** that wires it up.',
    'Three interfaces have names that are easily mixed up. CRI (container runtime interface): the kubelet tells the runtime by gRPC which sandboxes and containers to run. CNI (container network interface): the runtime starts programs that attach a sandbox to the network. CSI (container storage interface): the kubelet and its controllers ask drivers by gRPC for volumes.',
    'What goes in is a handful of environment variables and a JSON document on standard input; what comes out is a JSON document. That is the whole Container Network Interface.',
    'Here you are the runtime. You make a namespace called `2e34dcf34`, have the plugin `bridge` attach it to the node, ask whether all is well, and detach it again.',
    '`cnilab cni add cni-by-hand NAME FILE` does the same for a list of your own and shows each call; `by-hand.conflist`, which comes with the package, is one to start from.',
  ].join('\n'),
  notShown:
    'A kubelet and a runtime. On a real node containerd or CRI-O are told by the kubelet (over CRI) to make a sandbox; they make the namespace, read the first list in `/etc/cni/net.d` and start the plugins of `/opt/cni/bin`. Here the two folders are `/run/cnilab/node.c1.node1/net.d` and `/run/cnilab/node.c1.node1/bin`.',
  steps: [
    {
      title: 'Make the network namespace',
      text: 'The first duty of a runtime. A namespace lives as long as something holds it: here a process that only sleeps, which is what the pause container of a pod is. The container id is any name that is unique on the node.',
      on: 'node1',
      run: 'setsid unshare --net sleep infinity </dev/null >/dev/null 2>&1 & echo $! >/run/2e34dcf34.pid; sleep 0.3; nsenter --net=/proc/$!/ns/net ip -brief link',
      undo: 'kill $(cat /run/2e34dcf34.pid) && rm /run/2e34dcf34.pid',
      check: {
        id: 'empty-namespace',
        type: 'output',
        says: 'the namespace has a loopback device that is down, and nothing else',
        on: 'node1',
        run: `${INSIDE} ip -brief link`,
        shows: ['lo DOWN …'],
      },
    },
    {
      title: 'Write the configuration',
      text: 'The second duty: to know the network. One plugin is told its `type`, the `name` of the network and the version of the protocol, and whatever it needs besides. The section `ipam` is for another plugin, `host-local`, which `bridge` starts to get an address: the interface plugin wires, the IPAM plugin counts.',
      on: 'node1',
      run: [
        "printf '%s\\n' '{",
        '  "cniVersion": "1.0.0", "name": "by-hand", "type": "bridge", "bridge": "cni0", "isGateway": true,',
        '  "ipam": { "type": "host-local", "dataDir": "/run/cnilab/node.c1.node1/networks",',
        '    "ranges": [[{ "subnet": "10.244.1.0/24", "rangeStart": "10.244.1.100" }]],',
        '    "routes": [{ "dst": "0.0.0.0/0" }] } }',
        "' | sed '/^$/d' >/run/by-hand.json; cat /run/by-hand.json",
      ].join('\n'),
      undo: 'rm /run/by-hand.json',
    },
    {
      title: 'VERSION: what do you speak?',
      text: 'The command is the **value of a variable**, `CNI_COMMAND`; there are no arguments. VERSION needs nothing else, and touches nothing.',
      on: 'node1',
      run: `echo '{"cniVersion":"1.0.0"}' | CNI_COMMAND=VERSION ${BRIDGE}; echo`,
      undo: 'true',
    },
    {
      title: 'STATUS: are you ready?',
      text: 'New in protocol 1.1.0, so it is asked in that version: a runtime does before it tells the kubelet that the network is ready. Silence and exit code 0 mean yes. A plugin from before (the last answer did not list 1.1.0) takes it for something else, and complains.',
      on: 'node1',
      run: `sed 's/1\\.0\\.0/1.1.0/' /run/by-hand.json | CNI_COMMAND=STATUS CNI_PATH=/run/cnilab/node.c1.node1/bin ${BRIDGE}; echo "exit $?"`,
      undo: 'true',
    },
    {
      title: 'ADD: attach',
      text: 'Who, where, under what name, and where the other plugins are: four variables. The answer tells what was made (`interfaces`), which addresses it got (`ips`), and which routes.',
      on: 'node1',
      run: ADD,
      // The plugin goes on behind the last address that it gave: without that note the first one is next again.
      undo: `${DEL} && rm /run/cnilab/node.c1.node1/networks/by-hand/last_reserved_ip.0`,
      check: {
        id: 'attached',
        type: 'output',
        says: 'the namespace has an eth0 with the first free address of the range',
        on: 'node1',
        run: `${INSIDE} ip -brief -4 address show eth0`,
        shows: ['eth0@… UP 10.244.1.100/24'],
      },
    },
    {
      title: 'CHECK: is it still as you left it?',
      text: 'Since protocol 0.4.0. The plugin gets the result of its ADD back as `prevResult`, and compares. It says nothing when all is well.',
      on: 'node1',
      run: CHECK,
      undo: 'true',
    },
    {
      title: 'DEL: detach',
      text: 'The interface and its other end go, and the address is free again.',
      on: 'node1',
      run: DEL,
      check: {
        id: 'released',
        type: 'output',
        says: 'eth0 is gone, and no address is leased',
        on: 'node1',
        run: `${INSIDE} ip -brief link; ls /run/cnilab/node.c1.node1/networks/by-hand`,
        lacks: ['eth0', '^10\\.'],
      },
    },
    {
      title: 'DEL again',
      text: 'A runtime that was interrupted does not know how far it got, so it calls DEL again. A plugin has to take that: what is gone already is fine.',
      on: 'node1',
      run: DEL,
    },
    {
      title: 'Attach it again',
      text: 'host-local gives addresses in turn and remembers the last one, so the next is .101 and not .100: an address that was just freed rests for a while.',
      on: 'node1',
      run: ADD,
      check: {
        id: 'attached-again',
        type: 'output',
        says: 'the namespace has the next address of the range',
        on: 'node1',
        run: `${INSIDE} ip -brief -4 address show eth0`,
        shows: ['eth0@… UP 10.244.1.101/24'],
      },
    },
  ],
  look: [
    {
      title: 'Which plugins there are',
      text: 'On a real node: `ls /opt/cni/bin`. What is there depends on who installed the node; these four attach the pods of this lab, and a distribution brings about fifteen more.',
      on: 'node1',
      run: 'cd /run/cnilab/node.c1.node1/bin && ls bridge host-local loopback portmap',
      shows: ['bridge', 'host-local', 'loopback', 'portmap'],
    },
    {
      title: 'Which list is used',
      text: 'On a real node: `ls /etc/cni/net.d`. The container runtime, not the kubelet, reads this folder, and takes the **first** file in the order of names: a file that somebody left behind can win.',
      on: 'node1',
      run: 'ls /run/cnilab/node.c1.node1/net.d; grep -o \'"type": "[a-z-]*"\' /run/cnilab/node.c1.node1/net.d/10-cnilab.conflist',
      shows: ['10-cnilab.conflist', '"type": "bridge"', '"type": "host-local"', '"type": "portmap"'],
    },
    {
      title: 'A plugin takes no arguments',
      text: 'Called with a container and a namespace as words, without `CNI_COMMAND`, it says who it is, does nothing and is content. (The `bridge` of iproute2 is another program altogether.)',
      on: 'node1',
      run: `${BRIDGE} add 2e34dcf34 /var/run/netns/2e34dcf34 </dev/null 2>&1; echo "exit $?"`,
      shows: ['CNI bridge plugin …', 'CNI protocol versions supported: …', 'exit 0'],
    },
    {
      title: 'What a missing variable says',
      text: 'Errors are JSON as well, on standard output, with a code: 4 is an invalid environment, 7 an invalid configuration. Codes below 100 belong to the specification, from 100 on to the plugin; 999 is what the Go library says of an error that was given none.',
      on: 'node1',
      run: `env -i CNI_COMMAND=ADD ${BRIDGE} </run/by-hand.json; echo; echo '{"cniVersion":"1.0.0","type":"loopback"}' | ${FOR} CNI_COMMAND=ADD /run/cnilab/node.c1.node1/bin/loopback; echo`,
      shows: [
        '{',
        '"code": 4,',
        '"msg": "required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH] missing"',
        '}',
        '{',
        '"code": 7,',
        '"msg": "missing network name"',
        '}',
      ],
    },
    {
      title: 'What ADD made',
      text: 'Inside: eth0 with address and default route. Outside: the other end of the pair, a port of `cni0` beside the one of the pod `web`. The plugin made in one call what one would do by hand in seven.',
      on: 'node1',
      run: `${INSIDE} ip -brief -4 address show eth0; ${INSIDE} ip route; bridge link show | grep -c 'master cni0'`,
      shows: ['eth0@… UP 10.244.1.101/24', 'default via 10.244.1.1 dev eth0', '10.244.1.0/24 dev eth0 proto kernel scope link src 10.244.1.101', '2'],
    },
    {
      title: 'The book of host-local',
      text: 'One file per address, and in it who has it: the container id and the interface. That is all its memory; it knows of no other node, which is why each node needs a range of its own.',
      on: 'node1',
      run: 'cd /run/cnilab/node.c1.node1/networks/by-hand && ls 10.* && cat 10.244.1.101; echo; cat last_reserved_ip.0; echo',
      shows: ['10.244.1.101', '2e34dcf34', 'eth0', '10.244.1.101'],
    },
  ],
  checks: [
    { id: 'check', type: 'output', says: 'CHECK finds the attachment as ADD left it', on: 'node1', run: CHECK, shows: ['exit 0'] },
    {
      id: 'reaches-pod',
      type: 'output',
      says: 'what was attached by hand reaches the pod that the lab attached',
      on: 'node1',
      run: `${INSIDE} ping -c 1 -W 1 \${web}`,
      matches: ['1 received'],
      exit: null,
    },
    { id: 'one-lease', type: 'output', says: 'one address is leased by hand, and no other', on: 'node1', run: LEASES, shows: ['10.244.1.1…'], exit: null },
    {
      id: 'one-list',
      type: 'output',
      says: 'the first list of the node is the one of its CNI',
      on: 'node1',
      run: 'ls /run/cnilab/node.c1.node1/net.d | head -n 1',
      shows: ['10-cnilab.conflist'],
    },
    {
      id: 'version',
      type: 'output',
      says: 'the plugin names the versions of the protocol that it speaks, 1.0.0 among them',
      on: 'node1',
      run: `echo '{"cniVersion":"1.0.0"}' | CNI_COMMAND=VERSION ${BRIDGE}`,
      matches: ['"supportedVersions":\\[.*"0\\.4\\.0".*"1\\.0\\.0"'],
    },
    {
      id: 'del-of-nothing',
      type: 'output',
      says: 'DEL of what was never added, or is gone, is no error',
      on: 'node1',
      run: `CNI_COMMAND=DEL CNI_CONTAINERID=nobody CNI_NETNS= CNI_IFNAME=eth0 CNI_PATH=/run/cnilab/node.c1.node1/bin ${BRIDGE} </run/by-hand.json; echo "exit $?"`,
      shows: ['exit 0'],
    },
    { id: 'verified', type: 'verdict', says: 'the pod of the lab passes the requirements' },
  ],
  exercises: [
    {
      name: 'flushed',
      title: 'It was attached, and nothing answers',
      symptom: 'The container has been attached. Nobody touched the node since, they say; yet it reaches nothing.',
      see: { on: 'node1', run: `${INSIDE} ping -c 1 -W 1 10.244.1.1` },
      break: [{ on: 'node1', run: `${INSIDE} ip address flush dev eth0` }],
      hints: [
        'There is a command whose only purpose is this question.',
        'CHECK compares what is there with what ADD answered. Its message names what it misses.',
        'The address is gone from eth0, and its routes with it. Plugins do not mend: a runtime detaches and attaches anew.',
      ],
      solution: [
        { on: 'node1', run: DEL },
        { on: 'node1', run: ADD },
      ],
      why: 'ADD and DEL change something, CHECK only looks: `Failed to match addr 10.244.1.101/24 on interface eth0`. The kernel removes the routes of an address with the address, so the default route went as well. The second ADD takes the next address of the range: nobody promised the old one.',
      checks: [
        { id: 'check', type: 'output', says: 'CHECK finds the attachment as ADD left it', on: 'node1', run: CHECK, shows: ['exit 0'] },
        {
          id: 'reaches-gateway',
          type: 'output',
          says: 'the namespace reaches its gateway',
          on: 'node1',
          run: `${INSIDE} ping -c 1 -W 1 10.244.1.1`,
          matches: ['1 received'],
          exit: null,
        },
      ],
    },
    {
      name: 'leaked-address',
      title: 'The range runs full',
      symptom: 'A node reboots containers often. After some weeks ADD fails: no address is free, although few containers run.',
      see: { on: 'node1', run: `${LEASES}; grep -h . 10.*` },
      break: [
        {
          on: 'node1',
          run: [
            'setsid unshare --net sleep 60 </dev/null >/dev/null 2>&1 & holder=$!; sleep 0.3',
            `CNI_COMMAND=ADD CNI_CONTAINERID=forgotten CNI_NETNS=/proc/$holder/ns/net CNI_IFNAME=eth0 CNI_PATH=/run/cnilab/node.c1.node1/bin ${BRIDGE} </run/by-hand.json >/dev/null`,
            'kill $holder',
          ].join('\n'),
        },
      ],
      hints: [
        'Compare who is in the book of the addresses with who is there.',
        'The file of an address names a container id. Nothing of that name runs any more.',
        'Its namespace went without a DEL. DEL works without the namespace too: with an empty CNI_NETNS it gives back what is not in the kernel.',
      ],
      solution: [
        {
          on: 'node1',
          run: `CNI_COMMAND=DEL CNI_CONTAINERID=forgotten CNI_NETNS= CNI_IFNAME=eth0 CNI_PATH=/run/cnilab/node.c1.node1/bin ${BRIDGE} </run/by-hand.json`,
        },
      ],
      why: 'When a namespace goes, the kernel takes its devices along, but not a file on a disk. Protocol 1.1.0 has a command for the rest, GC: the runtime names all attachments that are valid, and plugins forget every other.',
      checks: [
        { id: 'one-lease', type: 'output', says: 'one address is leased by hand, and no other', on: 'node1', run: LEASES, shows: ['10.244.1.1…'], exit: null },
      ],
    },
    {
      name: 'leftover-list',
      title: 'New pods get the wrong network',
      symptom: 'Somebody tried another CNI last week and removed it again. Pods that run are fine; a new one would get another network.',
      see: { on: 'node1', run: 'ls /run/cnilab/node.c1.node1/net.d' },
      break: [
        { on: 'node1', run: 'echo \'{"cniVersion":"1.0.0","name":"tried","plugins":[{"type":"ptp"}]}\' >/run/cnilab/node.c1.node1/net.d/05-tried.conflist' },
      ],
      hints: [
        'Which file does the runtime take, when there are several?',
        'The first in the order of names. Is the first one ours?',
        'Remove the file that comes before `10-cnilab.conflist`.',
      ],
      solution: [{ on: 'node1', run: 'rm /run/cnilab/node.c1.node1/net.d/05-tried.conflist' }],
      why: 'Nothing merges these files and nobody warns. Removing a CNI from the cluster does not remove its file from the nodes.',
      checks: [
        {
          id: 'one-list',
          type: 'output',
          says: 'the first list of the node is the one of its CNI',
          on: 'node1',
          run: 'ls /run/cnilab/node.c1.node1/net.d | head -n 1',
          shows: ['10-cnilab.conflist'],
        },
      ],
    },
  ],
  today: [
    {
      claim: 'A plugin is called like `bridge add ID NAMESPACE`, and ADD, DEL and CHECK are its command-line arguments.',
      truth:
        'It has no arguments. The command is the value of CNI_COMMAND; container id, namespace, interface and plugin folder are variables as well, and the configuration comes on standard input. Beside ADD, DEL and CHECK (0.4.0) there are VERSION (0.2.0), and STATUS and GC since 1.1.0.',
      source: 'https://github.com/containernetworking/cni/blob/main/SPEC.md#section-2-execution-protocol',
    },
    {
      claim: 'The plugin manages the addresses of pods.',
      truth:
        'The plugin of the interface hands that to an IPAM plugin, which it starts by the same protocol: host-local, dhcp or static, or one of a network’s own.',
      source: 'https://github.com/containernetworking/cni/blob/main/SPEC.md#section-4-plugin-delegation',
    },
    {
      claim: 'CNI ships with bridge, vlan, ipvlan, macvlan and a plugin for Windows; for addresses with dhcp and host-local.',
      truth:
        'The list is longer: bridge, ipvlan, macvlan, ptp, host-device, loopback, vlan, dummy, tap and two for Windows; dhcp, host-local and static for addresses; tuning, portmap, bandwidth, firewall, sbr and vrf to be chained.',
      source: 'https://www.cni.dev/plugins/current/',
    },
    {
      claim: 'On any node `ls /opt/cni/bin` shows bridge, dhcp, flannel and the others.',
      truth:
        'flannel’s plugin left the collection with its release 1.0.0 and is installed by flannel itself; and node images carry what they need: those of kind have host-local, loopback, portmap and ptp only.',
      source: 'https://github.com/containernetworking/plugins/releases/tag/v1.0.0',
    },
    {
      claim: 'The one file in `/etc/cni/net.d` tells the kubelet which plugin is used.',
      truth:
        'The container runtime reads the folder and takes the first valid file in the order of names. The kubelet learns over CRI only whether the network is ready.',
      source: 'https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/network-plugins/',
    },
    {
      claim: 'Kubernetes starts a Docker container without a network and then calls the plugin for it.',
      truth:
        'That was dockershim, which Kubernetes 1.24 removed. containerd and CRI-O make the sandbox of the pod and call the plugins themselves. Docker still does not speak CNI: a network of a CNI list cannot be named in `docker run --network`.',
      source: 'https://kubernetes.io/docs/tasks/administer-cluster/migrating-from-dockershim/check-if-dockershim-removal-affects-you/',
    },
  ],
};
