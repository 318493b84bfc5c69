/**
 * Calico on two subnets that a router joins: plain routes between nodes of one subnet, VXLAN between nodes of different ones.
 */
import { CalicoCni, Cluster, Lab, PodsPerNode } from 'cnilab';
import { lesson } from './lessons/calico-cross-subnet.ts';

const lab = new Lab({
  name: 'calico-cross-subnet',
  description: 'Calico, wrapped across subnets only',
  underlay: {
    segments: [
      { name: 'left', cidr: '10.0.1.0/24' },
      { name: 'right', cidr: '10.0.2.0/24' },
    ],
  },
  routers: [
    {
      name: 'router',
      interfaces: [
        { segment: 'left', address: '10.0.1.1' },
        { segment: 'right', address: '10.0.2.1' },
      ],
    },
  ],
  lesson,
});
const cluster = new Cluster(lab, 'c1', {
  podCIDR: '192.168.0.0/16',
  nodes: [
    { name: 'left1', role: 'control-plane', segment: 'left' },
    { name: 'left2', segment: 'left' },
    { name: 'right1', segment: 'right' },
    { name: 'right2', segment: 'right' },
  ],
  cni: new CalicoCni({ encapsulation: 'crossSubnet' }),
});
new PodsPerNode(cluster, 'web', { count: 2 });

export default lab;
