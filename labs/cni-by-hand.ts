/** One node with its CNI list and its plugins, and one pod. A second one is attached by hand: the learner is the container runtime. */
import { BridgeCni, Cluster, Lab, Pod } from 'cnilab';
import { lesson } from './lessons/cni-by-hand.ts';

const lab = new Lab({ name: 'cni-by-hand', description: 'be the container runtime: call a CNI plugin yourself', lesson });
const cluster = new Cluster(lab, 'c1', {
  podCIDR: '10.244.0.0/16',
  nodes: [{ name: 'node1', role: 'control-plane', podCIDR: '10.244.1.0/24' }],
  cni: new BridgeCni({ bridge: 'cni0' }),
});
new Pod(cluster, 'web', { node: 'node1' });

export default lab;
