/**
 * The three requirements of the Kubernetes network model on the smallest cluster that shows them all: one control plane, two workers,
 * flannel VXLAN, two pods on every node.
 * https://kubernetes.io/docs/concepts/services-networking/#the-kubernetes-network-model
 */
import { Cluster, FlannelCni, Lab, PodsPerNode } from 'cnilab';
import { lesson } from './lessons/three-requirements.ts';

const lab = new Lab({
  name: 'three-requirements',
  description: 'every pod reaches every pod, every node reaches every pod, and a pod is known by the address that it sees itself',
  lesson,
});
const cluster = new Cluster(lab, 'c1', { controlPlanes: 1, workers: 2, cni: new FlannelCni({ backend: 'vxlan' }) });
new PodsPerNode(cluster, 'web', { count: 2 });

export default lab;
