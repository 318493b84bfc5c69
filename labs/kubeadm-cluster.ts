/** A cluster as kubeadm makes it: real kubelets, API server and kube-proxy, and flannel on top. Virtual machines or kind; namespaces have none of these. */
import { Cluster, FlannelCni, Lab, PodsPerNode } from 'cnilab';
import { lesson } from './lessons/kubeadm-cluster.ts';

const lab = new Lab({
  name: 'kubeadm-cluster',
  description: 'a real cluster from its first hour: components, ports, files, and what waits for the CNI',
  lesson,
});
const cluster = new Cluster(lab, 'c1', {
  controlPlanes: 1,
  workers: 2,
  podCIDR: '10.244.0.0/16',
  serviceCIDR: '10.96.0.0/12',
  cni: new FlannelCni({ backend: 'vxlan' }),
});
new PodsPerNode(cluster, 'web');

export default lab;
