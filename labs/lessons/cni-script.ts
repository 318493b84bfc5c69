import type { LessonSpec } from 'cnilab';

const SCRIPT = '/run/cnilab/node.c1.node1/bin/net-script';
const LEASES = 'cd /run/cnilab/ipam/c1.node1/by-script && ls -d 10.* | sort -V';
/** One container of the learner's own, held by a process; its number is in the file. */
const FOR = 'CNI_CONTAINERID=mine CNI_NETNS=/proc/$(cat /run/mine.pid)/ns/net CNI_IFNAME=eth0 CNI_PATH=/run/cnilab/node.c1.node1/bin';
const HOLD = 'setsid unshare --net sleep 600 </dev/null >/dev/null 2>&1 & echo $! >/run/mine.pid; sleep 0.3';
const CONFIG = [
  '{"cniVersion":"1.0.0","name":"by-script","type":"net-script","bridge":"v-net-0",',
  '"ipam":{"type":"host-local","dataDir":"/run/cnilab/ipam/c1.node1","ranges":[[{"subnet":"10.244.1.0/24"}]],"routes":[{"dst":"0.0.0.0/0"}]}}',
].join('');
const call = (command: string): string => `echo '${CONFIG}' | ${FOR} CNI_COMMAND=${command} ${SCRIPT}`;

export const lesson: LessonSpec = {
  title: 'A CNI plugin of your own',
  topic: 'cni',
  level: 'next',
  order: 2,
  goal: [
    'A plugin may be written in anything. The one of this lab is a shell script of about a hundred lines, `net-script`: the commands that wire up a container by hand (bridge, cable, address, route), put between the two ends that CNI prescribes.',
    'The lab names it in its network configuration list, and the engine calls it for every pod, as containerd would. You see what it did, call it yourself, and learn what a script forgets that a plugin must not.',
  ].join('\n'),
  look: [
    {
      title: 'The list that names it',
      text: '`type` is the file name of the plugin. Everything else in its entry is the plugin’s own business: this one knows `bridge`, and hands `ipam` on to host-local.',
      on: 'node1',
      run: 'grep -o \'"\\(type\\|bridge\\|subnet\\)": "[^"]*"\' /run/cnilab/node.c1.node1/net.d/10-cnilab.conflist',
      shows: ['"type": "net-script"', '"bridge": "v-net-0"', '"type": "host-local"', '"subnet": "10.244.1.0/24"'],
    },
    {
      title: 'Where it lies',
      text: 'On a real node it would be copied to `/opt/cni/bin` and made executable, on every node. Here the folder holds links; the lab’s `pluginDirs` say where to look first.',
      on: 'node1',
      run: `test -x ${SCRIPT} && head -n 1 ${SCRIPT}`,
      shows: ['#!/bin/sh'],
    },
    {
      title: 'What it made on the node',
      text: 'A bridge with the gateway’s address, and one port for each pod.',
      on: 'node1',
      run: "ip -brief -4 address show v-net-0; bridge link show | grep -c 'master v-net-0'",
      shows: ['v-net-0 UP 10.244.1.1/24', '2'],
    },
    {
      title: 'What it made in a pod',
      text: 'eth0 under the name that the runtime asked for, an address from host-local, and the default route through the bridge.',
      on: 'web-node1',
      run: 'ip -brief -4 address show eth0; ip route',
      shows: ['eth0@… UP 10.244.1.2/24', 'default via 10.244.1.1 dev eth0', '10.244.1.0/24 dev eth0 proto kernel scope link src 10.244.1.2'],
    },
    {
      title: 'VERSION',
      text: 'A part of the contract that scripts like to leave out: a runtime asks it before anything else. A configuration of another version is refused with code 1: the results of 0.4.0 look different.',
      on: 'node1',
      run: `CNI_COMMAND=VERSION ${SCRIPT} </dev/null; echo '{"cniVersion":"0.4.0"}' | CNI_COMMAND=ADD ${SCRIPT}`,
      shows: ['{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}', '{"cniVersion":"0.4.0","code":1,"msg":"this plugin speaks CNI 1.0.0 alone"}'],
    },
    {
      title: 'Words on the command line do nothing',
      text: 'Called the way one calls a script, with a container and a namespace, it does not even know what to do: the command is in the environment.',
      on: 'node1',
      run: `${SCRIPT} add mine /run/netns/mine </dev/null; echo "exit $?"`,
      shows: ['{"cniVersion":"","code":4,"msg":"CNI_COMMAND is ADD, DEL, CHECK or VERSION"}', 'exit 1'],
    },
  ],
  checks: [
    { id: 'verified', type: 'verdict', says: 'both pods pass the requirements' },
    {
      id: 'pod-to-pod',
      type: 'reach',
      says: 'one pod reaches the other without NAT',
      from: 'web-node1',
      to: 'web-2-node1',
      protocol: 'tcp',
      port: 8080,
      expect: 'answered',
      seenAs: '${web-node1}',
    },
    {
      id: 'add-and-del',
      type: 'output',
      says: 'ADD attaches, DEL detaches, a second DEL is fine, and nothing is left of it',
      on: 'node1',
      run: [
        `${HOLD}; before=$(ip -o link | wc -l); ${LEASES} >/run/mine.leases; cd /`,
        `${call('ADD')} >/dev/null && nsenter --net=/proc/$(cat /run/mine.pid)/ns/net ip -brief -4 address show eth0`,
        `${call('DEL')} && ${call('DEL')}; echo "exit $?"`,
        'kill $(cat /run/mine.pid)',
        `[ $(ip -o link | wc -l) = $before ] && ${LEASES} | cmp - /run/mine.leases && echo clean`,
      ].join('\n'),
      shows: ['eth0@… UP 10.244.1.…/24', 'exit 0', 'clean'],
    },
    {
      id: 'check-notices',
      type: 'output',
      says: 'CHECK says what is missing',
      on: 'node1',
      run: [
        HOLD,
        `${call('ADD')} >/run/mine.result`,
        `echo '${CONFIG}' | sed 's/}$/,"prevResult":/' >/run/mine.check; cat /run/mine.result >>/run/mine.check; echo '}' >>/run/mine.check`,
        `${FOR} CNI_COMMAND=CHECK ${SCRIPT} </run/mine.check; echo "exit $?"`,
        'nsenter --net=/proc/$(cat /run/mine.pid)/ns/net ip address flush dev eth0',
        `${FOR} CNI_COMMAND=CHECK ${SCRIPT} </run/mine.check; echo "exit $?"`,
        `${call('DEL')}; kill $(cat /run/mine.pid)`,
      ].join('\n'),
      shows: ['exit 0', '{"cniVersion":"1.0.0","code":101,"msg":"eth0 has lost 10.244.1.…/24"}', 'exit 1'],
    },
  ],
  exercises: [
    {
      name: 'unplugged',
      title: 'A pod that is there and not there',
      symptom: 'Since somebody "cleaned up unused interfaces" on the node, one of the two pods answers nobody. Its own address and routes look as always.',
      see: { on: 'web-node1', run: 'ip -brief address show eth0; ip route; ping -c 1 -W 1 ${web-2-node1}' },
      break: [{ on: 'node1', run: "ip link set $(ip -o link show master v-net-0 | head -n 1 | cut -d ' ' -f 2 | cut -d @ -f 1) nomaster" }],
      hints: [
        'The pod’s side is fine. Follow the cable.',
        'The other end of eth0 is on the node: its number is behind the @ of eth0 in the pod. What is its master?',
        '`ip link set END master v-net-0` puts it back into the bridge.',
      ],
      solution: [
        {
          on: 'node1',
          run: "for end in $(ip -o link show type veth | grep -v ' master ' | cut -d ' ' -f 2 | cut -d @ -f 1 | grep ^veth); do ip link set $end master v-net-0; done",
        },
      ],
      why: 'A veth end without a master is a cable that leads to nowhere. The pod cannot see that: its carrier is up as long as the other end is up.',
    },
    {
      name: 'renamed',
      title: 'No new pod gets a network',
      symptom: 'Pods that run are fine. New ones hang: the runtime says that it cannot find a plugin which everybody can see in the folder.',
      see: { on: 'node1', run: 'ls /run/cnilab/node.c1.node1/bin | grep net-script' },
      break: [{ on: 'node1', run: `mv ${SCRIPT} ${SCRIPT}.sh` }],
      hints: [
        'What does the list of the node name, and what is in the folder of its plugins?',
        'The text in `type` is the name of a file, to the letter.',
        'Somebody gave the script an ending. Take it off again.',
      ],
      solution: [{ on: 'node1', run: `mv ${SCRIPT}.sh ${SCRIPT}` }],
      why: 'A plugin is called at ADD and DEL, so a missing one harms nobody until the next pod comes, or goes. That is why `cnilab verify` looks for it in its inventory, before any packet is sent.',
      checks: [{ id: 'inventory', type: 'verdict', says: 'the node has the plugins that its list names', only: ['inventory-cni'] }],
    },
  ],
  today: [
    {
      claim: 'A CNI script has a section for ADD and one for DEL, and that is the standard.',
      truth:
        'VERSION belongs to it too, CHECK since 0.4.0, STATUS and GC since 1.1.0. And ADD has to answer with a result in JSON, which the next plugin, CHECK and DEL are given.',
      source: 'https://github.com/containernetworking/cni/blob/main/SPEC.md#cni-operations',
    },
    {
      claim: 'The kubelet finds the configuration by `--cni-conf-dir` and the script by `--cni-bin-dir`, in /etc/cni/net.d and /etc/cni/bin.',
      truth:
        'Both flags left the kubelet together with dockershim, in 1.24; the folders are settings of the container runtime now. Plugins are in /opt/cni/bin.',
      source: 'https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/network-plugins/',
    },
    {
      claim: 'The script is run as `net-script.sh add CONTAINER NAMESPACE`.',
      truth:
        'No arguments are given. CNI_COMMAND, CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME and CNI_PATH are variables, the configuration comes on standard input.',
      source: 'https://github.com/containernetworking/cni/blob/main/SPEC.md#section-2-execution-protocol',
    },
  ],
};
