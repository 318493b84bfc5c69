/** Three nodes that are what they say, each with a machine-id of its own: what a copied virtual machine does not have. */
import { BridgeCni, Cluster, Lab, PodsPerNode } from 'cnilab';
import { lesson } from './lessons/cloned-nodes.ts';

const lab = new Lab({
  name: 'cloned-nodes',
  description: 'three nodes, and what happens when one is a copy of another',
  underlay: { cidr: '192.168.15.0/24' },
  lesson,
});
const cluster = new Cluster(lab, 'c1', {
  nodes: [
    { name: 'node1', role: 'control-plane', address: '192.168.15.5', podCIDR: '10.244.1.0/24', machineId: '1d3f0c6a52b94c0f8a7be2d1935c4e01' },
    { name: 'node2', address: '192.168.15.6', podCIDR: '10.244.2.0/24', machineId: '7be1590d2c3f4a7e9d61c80b3fa25e02' },
    { name: 'node3', address: '192.168.15.7', podCIDR: '10.244.3.0/24', machineId: 'c40a8e77b1d54f2693ed50f6a8127b03' },
  ],
  cni: new BridgeCni(),
});
new PodsPerNode(cluster, 'web', { count: 1 });

export default lab;
