/** History: kube-proxy in mode userspace, which Kubernetes 1.26 removed: a process in the path, that hides who asked. */
import { Cluster, FlannelCni, Lab, Pod, Service } from 'cnilab';
import { lesson } from './lessons/service-userspace.ts';

const lab = new Lab({
  name: 'service-userspace',
  description: 'history: kube-proxy as a process in the path, which hides the client; service-source fails, and is meant to',
  underlay: { cidr: '10.16.59.0/26' },
  lesson,
});
const cluster = new Cluster(lab, 'c1', {
  kubernetesVersion: '1.25',
  podCIDR: '172.17.0.0/16',
  serviceCIDR: '10.16.59.64/26',
  nodes: [
    { name: 'node1', role: 'control-plane', address: '10.16.59.13', podCIDR: '172.17.33.0/24' },
    { name: 'node2', address: '10.16.59.14', podCIDR: '172.17.29.0/24' },
  ],
  cni: new FlannelCni({ backend: 'vxlan' }),
  kubeProxy: { mode: 'userspace' },
  dns: false,
});
new Pod(cluster, 'newdeploy', { node: 'node2', address: '172.17.29.35', labels: { name: 'newdeploy' }, ports: [{ containerPort: 3306 }] });
new Pod(cluster, 'shell', { node: 'node1' });
new Service(cluster, 'mysql', { labels: { name: 'mysql' }, selector: { name: 'newdeploy' }, clusterIPs: ['10.16.59.77'], ports: [{ port: 3306 }] });

export default lab;
