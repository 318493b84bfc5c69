/** kube-proxy in mode ipvs: the kernel's own load balancer, behind addresses on a device that leads nowhere. Deprecated since Kubernetes 1.35. */
import { Cluster, Deployment, FlannelCni, Lab, Pod, Service } from 'cnilab';
import { lesson } from './lessons/service-ipvs.ts';

const lab = new Lab({
  name: 'service-ipvs',
  description: 'Services by the load balancer of the kernel, where the kernel has it',
  underlay: { cidr: '10.16.59.0/26' },
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
  // One after the other: lc, dh, sh, sed, nq, wrr, wlc, lblc, lblcr, mh.
  kubeProxy: { mode: 'ipvs', scheduler: 'rr' },
});
new Pod(cluster, 'newdeploy', { node: 'node2', address: '172.17.29.35', labels: { name: 'newdeploy' }, ports: [{ containerPort: 3306 }] });
new Pod(cluster, 'shell', { node: 'node1' });
new Deployment(cluster, 'db', { replicas: 3, ports: [{ containerPort: 3306, name: 'mysql' }] });
new Service(cluster, 'mysql', { labels: { name: 'mysql' }, selector: { name: 'newdeploy' }, clusterIPs: ['10.16.59.77'], ports: [{ port: 3306 }] });
new Service(cluster, 'db-service', { selector: { app: 'db' }, ports: [{ port: 3306, targetPort: 'mysql' }] });

export default lab;
