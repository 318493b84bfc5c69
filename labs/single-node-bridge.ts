/** One node, one bridge, one range: what a cluster on a single machine needs, and what it cannot show. */
import { BridgeCni, Cluster, Lab, PodsPerNode } from 'cnilab';
import { lesson } from './lessons/single-node-bridge.ts';

const lab = new Lab({ name: 'single-node-bridge', description: 'a cluster of one node, its pods on mybridge', underlay: { cidr: '192.168.99.0/24' }, lesson });
const cluster = new Cluster(lab, 'c1', {
  podCIDR: '10.1.0.0/16',
  nodeMask: { ipv4: 16 },
  nodes: [{ name: 'minikube', role: 'control-plane', address: '192.168.99.100' }],
  cni: new BridgeCni({ bridge: 'mybridge' }),
});
new PodsPerNode(cluster, 'web', { count: 2 });

export default lab;
