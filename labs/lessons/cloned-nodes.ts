import type { LessonSpec, OutputCheckSpec } from 'cnilab';

const isItself = (node: string, id: string): OutputCheckSpec => ({
  id: `${node}-is-itself`,
  says: `${node} has its own name and machine-id`,
  type: 'output',
  on: node,
  run: 'hostname; cat /etc/machine-id',
  shows: [node, id],
});

export const lesson: LessonSpec = {
  title: 'Cloned nodes: who is who?',
  topic: 'set-up',
  level: 'next',
  order: 2,
  goal: [
    'The quickest way to three nodes is to set one up and copy the virtual machine twice. The copies then share what should be unlike: MAC, host name, machine-id.',
    'Some of it breaks the network at once, some of it breaks nothing until a month later. Here three nodes are as they should be, and you turn one into a clone, bit by bit.',
    'After that you know what to look at on a new node before you join it.',
  ].join('\n'),
  notShown:
    'Nodes of this engine share the hardware of one machine: product_uuid, which kubeadm wants to be unlike as well, is the same on all. Look at /sys/class/dmi/id/product_uuid on your own nodes.',
  look: [
    {
      title: 'Three names',
      on: 'node2',
      run: 'hostname; cat /etc/hostname',
      shows: ['node2', 'node2'],
      text: 'kubelet registers a node under its host name, in lower case. A second machine of that name does not become a second node: both are taken for one, and each overwrites what the other reports.',
    },
    {
      title: 'Three machine-ids',
      on: 'node2',
      run: 'cat /etc/machine-id',
      shows: ['7be1590d2c3f4a7e9d61c80b3fa25e02'],
      text: 'Made when a system is installed, and copied with its disk. DHCP clients are known by it, so that clones may get one address; several storage and network agents take it for the identity of the machine.',
    },
    {
      title: 'Three MACs',
      on: 'node1',
      run: 'ping -c 1 -W 1 ${node2} >/dev/null; ping -c 1 -W 1 ${node3} >/dev/null; ip neigh show dev eth0 | sort',
      shows: ['${node2} lladdr ${node2.mac} …', '${node3} lladdr ${node3.mac} …'],
      text: 'Two neighbours, two MACs: the switch between the nodes can tell them apart.',
    },
    {
      title: 'The switch',
      on: 'fabric',
      run: 'for mac in ${node1.mac} ${node2.mac} ${node3.mac}; do bridge fdb show dynamic | grep "$mac"; done',
      shows: ['${node1.mac} dev … master …', '${node2.mac} dev … master …', '${node3.mac} dev … master …'],
      text: 'The forwarding table of the switch of this lab has a port for each MAC. If two machines have the same one, the line changes with every frame: to whom an answer goes is a matter of who spoke last.',
    },
  ],
  checks: [
    isItself('node1', '1d3f0c6a52b94c0f8a7be2d1935c4e01'),
    isItself('node2', '7be1590d2c3f4a7e9d61c80b3fa25e02'),
    isItself('node3', 'c40a8e77b1d54f2693ed50f6a8127b03'),
    { id: 'own-mac', says: 'node3 has a MAC of its own', type: 'output', on: 'node3', run: 'ip -br link show eth0', matches: ['${node3.mac}'] },
    { id: 'network', says: 'pods and nodes reach all pods', type: 'verdict', only: ['r1-pod-to-pod', 'r2-node-to-pod', 'r3-self-view'] },
  ],
  exercises: [
    {
      name: 'copied-disk',
      title: 'The node that is not there',
      symptom: '“I have set up three machines, and `kubectl get nodes` shows two. The network between them is fine.”',
      see: { on: 'node3', run: 'hostname; cat /etc/machine-id' },
      break: [{ on: 'node3', run: 'echo node2 >/etc/hostname; echo 7be1590d2c3f4a7e9d61c80b3fa25e02 >/etc/machine-id' }],
      hints: [
        'What does kubelet call a node? Ask each of the three machines for its name.',
        'Let the state of the nodes be compared without a single packet: `cnilab diagnose cloned-nodes`.',
        'node3 has the host name and the machine-id of node2.',
      ],
      solution: [{ on: 'node3', run: 'echo node3 >/etc/hostname; echo c40a8e77b1d54f2693ed50f6a8127b03 >/etc/machine-id' }],
      why: 'A cloned disk carries both. No ping shows it, since the network asks neither for names nor for machine-ids: it must be looked for. On a real machine: `hostnamectl set-hostname node3`, remove /etc/machine-id and run `systemd-machine-id-setup` (and let the DHCP client forget its lease).',
    },
    {
      name: 'copied-machine',
      title: 'Now one, now the other',
      symptom: '“Connections to node2 and node3 come and go. When one of them works, the other does not.”',
      see: { on: 'node1', run: 'ping -c 3 -i 0.3 -W 1 ${node2}; ping -c 3 -i 0.3 -W 1 ${node3}; ip neigh show dev eth0' },
      break: [{ on: 'node3', run: 'ip link set eth0 address ${node2.mac}' }],
      hints: [
        'Look at the MACs in the neighbour table of node1.',
        'Two addresses with one MAC. Is it one machine with two addresses, or two with one MAC?',
        'eth0 of node3 has the MAC of node2: `ip link show eth0` on both.',
      ],
      solution: [
        { on: 'node3', run: 'ip link set eth0 address ${node3.mac}' },
        { on: 'node1', run: 'ip neigh flush dev eth0' },
        { on: 'node2', run: 'ip neigh flush dev eth0' },
        { on: 'node3', run: 'ping -c 1 -W 1 ${node1}; ping -c 1 -W 1 ${node2}; true' },
      ],
      why: 'A switch learns behind which port a MAC is from the last frame that carried it. With one MAC behind two ports each frame of one node takes the answers of the other away. Hypervisors give a copy a new MAC when told to (“reinitialise the MAC address of all network cards”); some tools copy it.',
    },
  ],
  today: [
    {
      claim: 'For every node of a cluster host name and MAC must be unique.',
      truth:
        'So must product_uuid, says kubeadm; and, though its pages do not ask for it, /etc/machine-id, by which DHCP servers and agents tell machines apart.',
      source: 'https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/install-kubeadm/#verify-mac-address',
    },
  ],
};
