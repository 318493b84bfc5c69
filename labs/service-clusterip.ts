/** Services of type ClusterIP: an address that nobody has, and rules that rewrite it on the client's own node. */
import { Cluster, Deployment, FlannelCni, Lab, Pod, Service } from 'cnilab';
import { lesson } from './lessons/service-clusterip.ts';

// The nodes and the Services split 10.16.59.0/24: a service range that holds a node's address is refused.
const lab = new Lab({
  name: 'service-clusterip',
  description: 'Services of type ClusterIP, by kube-proxy in mode iptables',
  underlay: { cidr: '10.16.59.0/26' },
  outside: { hosts: [{ name: 'client', role: 'client' }] },
  lesson,
});
const cluster = new Cluster(lab, 'c1', {
  podCIDR: '172.17.0.0/16',
  serviceCIDR: '10.16.59.64/26',
  nodes: [
    { name: 'node1', role: 'control-plane', address: '10.16.59.13', podCIDR: '172.17.33.0/24' },
    { name: 'node2', address: '10.16.59.14', podCIDR: '172.17.29.0/24' },
    { name: 'node3', address: '10.16.59.15', podCIDR: '172.17.30.0/24' },
  ],
  cni: new FlannelCni({ backend: 'vxlan' }),
  kubeProxy: { mode: 'iptables' },
});
new Pod(cluster, 'newdeploy', { node: 'node2', address: '172.17.29.35', labels: { name: 'newdeploy' }, ports: [{ containerPort: 3306 }] });
new Pod(cluster, 'shell', { node: 'node1' });
new Pod(cluster, 'near', { node: 'node2' });
new Deployment(cluster, 'db', { replicas: 3, ports: [{ containerPort: 3306, name: 'mysql' }] });
new Service(cluster, 'mysql', { labels: { name: 'mysql' }, selector: { name: 'newdeploy' }, clusterIPs: ['10.16.59.77'], ports: [{ port: 3306 }] });
new Service(cluster, 'db-service', { selector: { app: 'db' }, ports: [{ port: 3306, targetPort: 'mysql' }] });

export default lab;
