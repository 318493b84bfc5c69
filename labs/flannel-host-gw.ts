/**
 * flannel without wrapping: every node routes to the others' pods through their underlay addresses, so all nodes stand on one segment and the
 * pods have its whole MTU.
 */
import { Cluster, FlannelCni, Lab, PodsPerNode } from 'cnilab';
import { lesson } from './lessons/flannel-host-gw.ts';

const lab = new Lab({ name: 'flannel-host-gw', description: 'flannel, plain routes through the node addresses', lesson });
const cluster = new Cluster(lab, 'c1', {
  controlPlanes: 1,
  workers: 2,
  podCIDR: '10.244.0.0/16',
  cni: new FlannelCni({ backend: 'host-gw' }),
});
new PodsPerNode(cluster, 'web', { count: 2 });

export default lab;
