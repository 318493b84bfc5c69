/**
 * Names in a cluster: a DNS Service at the tenth address of the service range, and two servers behind it. A Service has
 * NAME.NAMESPACE.svc.cluster.local, a port of it _PORT._PROTOCOL in front; a pod has its address with dashes; a headless Service has the
 * addresses of its pods; an address has a name again (PTR).
 *
 * Try (from pod apps/web; dig and host belong to your machine, getent to every one):
 *   cnilab exec cluster-dns apps/web -- cat /etc/resolv.conf                             the search list, and ndots:5
 *   cnilab exec cluster-dns apps/web -- getent hosts web-service                         short: the search list finds it
 *   cnilab exec cluster-dns apps/web -- getent hosts web-service.apps.svc.cluster.local  10.107.37.188
 *   cnilab exec cluster-dns apps/web -- getent hosts 10-244-2-5.apps.pod.cluster.local   10.244.2.5
 *   cnilab exec cluster-dns apps/web -- dig +search SRV _http._tcp.web-service           the port by its name
 *   cnilab exec cluster-dns apps/web -- dig -x 10.107.37.188                             back to the name
 *   cnilab verify cluster-dns --suite dns                            every record, from every node and a pod of it, by UDP and TCP
 *
 * A server may go: `ip link set eth0 down` in one of the two DNS pods (kube-system/coredns-…, see `cnilab inspect cluster-dns`), and about half of the
 * questions wait five seconds, for the resolver's second try.
 */
import { Cluster, FlannelCni, Lab, Pod, Service, StatefulSet } from 'cnilab';

const lab = new Lab({ name: 'cluster-dns', description: 'Service, pod and headless names, from two DNS servers' });
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
new Pod(cluster, 'web', { namespace: 'apps', node: 'node2', address: '10.244.2.5', ports: [{ containerPort: 8080, name: 'http' }] });
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
