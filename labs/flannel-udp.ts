/** flannel's first backend: a TUN device, and a process on every node that takes each packet out of the kernel, sends it as a datagram, and puts it back. */
import { Cluster, FlannelCni, Lab, PodsPerNode } from 'cnilab';
import { lesson } from './lessons/flannel-udp.ts';

const lab = new Lab({ name: 'flannel-udp', description: 'history: flannel udp, every packet passes through a process', lesson });
const cluster = new Cluster(lab, 'c1', {
  podCIDR: '10.244.0.0/16',
  nodes: [{ name: 'node1', role: 'control-plane' }, { name: 'node2' }],
  cni: new FlannelCni({ backend: 'udp' }),
});
new PodsPerNode(cluster, 'web');

export default lab;
