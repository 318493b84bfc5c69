/**
 * A Service of type ClusterIP: an address that nobody has. kube-proxy (mode iptables) rewrites it on the client's own node, to one of the
 * endpoints: KUBE-SERVICES, then KUBE-SVC-… (which one), then KUBE-SEP-… (DNAT). The endpoint sees the pod that asked; only a pod that
 * gets itself is seen as its node, because it would otherwise answer itself directly.
 *
 * Try:
 *   cnilab exec service-clusterip node1 -- iptables-save -t nat        the chains; the comments name Service and port
 *   cnilab exec service-clusterip node1 -- iptables -t nat -nvL KUBE-SERVICES          counters move with each new connection
 *   cnilab exec service-clusterip default/shell -- ip route get 10.16.59.77              no route of its own: it leaves for the gateway
 *   cnilab exec service-clusterip default/shell -- getent hosts mysql                    its name, from the cluster's DNS
 *   cnilab exec service-clusterip client -- ip route get 10.16.59.77                     from outside: the address exists inside only
 *   cnilab verify service-clusterip                                  each endpoint's share, the source that it saw, hairpin, DNS
 *
 * The nodes and the Services split 10.16.59.0/24: a service range that holds a node's address is refused.
 */
import { Cluster, Deployment, FlannelCni, Lab, Pod, Service } from 'cnilab';

const lab = new Lab({
  name: 'service-clusterip',
  description: 'Services of type ClusterIP, by kube-proxy in mode iptables',
  underlay: { cidr: '10.16.59.0/26' },
  outside: { hosts: [{ name: 'client', role: 'client' }] },
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
new Deployment(cluster, 'db', { replicas: 3, ports: [{ containerPort: 3306, name: 'mysql' }] });
new Service(cluster, 'mysql', { labels: { name: 'mysql' }, selector: { name: 'newdeploy' }, clusterIPs: ['10.16.59.77'], ports: [{ port: 3306 }] });
new Service(cluster, 'db-service', { selector: { app: 'db' }, ports: [{ port: 3306, targetPort: 'mysql' }] });

export default lab;
