/**
 * Weave Net: one L2 domain over the whole cluster, carried by a full mesh of links; the nodes split one range, and every pod sees all of it
 * as its own subnet.
 */
import { Cluster, Lab, PodsPerNode, WeaveCni } from 'cnilab';
import { lesson } from './lessons/weave-mesh.ts';

const lab = new Lab({ name: 'weave-mesh', description: 'Weave Net, one switch over all nodes', lesson });
const cluster = new Cluster(lab, 'c1', {
  controlPlanes: 1,
  workers: 2,
  // Weave Net had its last release before Kubernetes 1.33.
  kubernetesVersion: '1.32',
  podCIDR: '10.50.0.0/16',
  cni: new WeaveCni(),
});
new PodsPerNode(cluster, 'web', { count: 2 });

export default lab;
