/**
 * flannel with its default backend: one /24 per node, VXLAN network 1 on UDP 8472, pods with an MTU of 1450, on-link routes over flannel.1
 * and permanent neighbour and forwarding entries for each peer.
 */
import { Cluster, FlannelCni, Lab, PodsPerNode } from 'cnilab';
import { lesson } from './lessons/flannel-vxlan.ts';

const lab = new Lab({ name: 'flannel-vxlan', description: 'flannel, VXLAN between the nodes', lesson });
const cluster = new Cluster(lab, 'c1', {
  controlPlanes: 1,
  workers: 2,
  podCIDR: '10.244.0.0/16',
  cni: new FlannelCni({ backend: 'vxlan', vni: 1, port: 8472 }),
});
new PodsPerNode(cluster, 'web', { count: 2 });

export default lab;
