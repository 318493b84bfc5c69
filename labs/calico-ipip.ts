/**
 * Calico with IP in IP on all ways: pod, tunl0, node, tunl0, pod. The kernel of the nodes must have `ipip`: on a machine without it, an engine
 * whose nodes have kernels of their own shows it.
 */
import { CalicoCni, Cluster, Lab, PodsPerNode } from 'cnilab';
import { lesson } from './lessons/calico-ipip.ts';

const lab = new Lab({ name: 'calico-ipip', description: 'Calico, IP in IP between the nodes', underlay: { cidr: '10.0.0.0/24' }, lesson });
const cluster = new Cluster(lab, 'c1', {
  nodes: [{ name: 'node1', role: 'control-plane' }, { name: 'node2' }],
  podCIDR: '192.168.0.0/16',
  cni: new CalicoCni({ encapsulation: 'ipip' }),
});
new PodsPerNode(cluster, 'web', { count: 2 });

export default lab;
