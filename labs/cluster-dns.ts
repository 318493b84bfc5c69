/** Names in a cluster: Services, pods, headless Services and aliases, from two DNS servers. */
import { Cluster, FlannelCni, Lab, Pod, Service, StatefulSet } from 'cnilab';
import { lesson } from './lessons/cluster-dns.ts';

const lab = new Lab({ name: 'cluster-dns', description: 'Service, pod and headless names, from two DNS servers', lesson });
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
new Pod(cluster, 'web', {
  namespace: 'apps',
  node: 'node2',
  address: '10.244.2.5',
  ports: [{ containerPort: 8080, name: 'http' }],
  // A machine that no DNS knows.
  hostAliases: [{ ip: '192.0.2.7', hostnames: ['old-db', 'old-db.mycompany.com'] }],
});
new Service(cluster, 'web-service', {
  namespace: 'apps',
  clusterIPs: ['10.107.37.188'],
  selector: { app: 'web' },
  ports: [{ name: 'http', port: 80, targetPort: 'http' }],
});
new StatefulSet(cluster, 'db', { namespace: 'apps', serviceName: 'db', replicas: 2, ports: [{ containerPort: 3306 }] });
new Service(cluster, 'db', { namespace: 'apps', headless: true, selector: { app: 'db' }, ports: [{ name: 'mysql', port: 3306 }] });
new Service(cluster, 'elsewhere', { namespace: 'apps', type: 'ExternalName', externalName: 'web-service.apps.svc.cluster.local' });

export default lab;
