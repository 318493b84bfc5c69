/** A cluster whose DNS works, until an exercise breaks it: the resolver's file, the address of the Service, its endpoints, the way to the servers. */
import { Cluster, FlannelCni, Lab, Pod, Service } from 'cnilab';
import { lesson } from './lessons/dns-broken.ts';

const lab = new Lab({ name: 'dns-broken', description: 'names that are not found, and where to look, in order', lesson });
const cluster = new Cluster(lab, 'c1', {
  podCIDR: '10.244.0.0/16',
  serviceCIDR: '10.96.0.0/12',
  nodes: [
    { name: 'node1', role: 'control-plane', podCIDR: '10.244.1.0/24' },
    { name: 'node2', podCIDR: '10.244.2.0/24' },
  ],
  cni: new FlannelCni({ backend: 'vxlan' }),
  dns: { replicas: 2 },
});
new Pod(cluster, 'shell', { node: 'node2' });
new Pod(cluster, 'web', { namespace: 'apps', node: 'node1', address: '10.244.1.5', ports: [{ containerPort: 8080, name: 'http' }] });
new Service(cluster, 'web-service', {
  namespace: 'apps',
  clusterIPs: ['10.96.0.20'],
  selector: { app: 'web' },
  ports: [{ name: 'http', port: 80, targetPort: 'http' }],
});

export default lab;
