/**
 * Services of type NodePort: every node's port 30080 leads to port 8080 of the pods, from outside too. Policy Cluster sends it to any
 * endpoint and hides the client behind the node that took it in (KUBE-EXT-… marks it for masquerade). Policy Local keeps the client's
 * address, and a node without an endpoint stays silent.
 *
 * Try:
 *   cnilab exec service-nodeport worker1 -- iptables -t nat -nvL KUBE-NODEPORTS          node port to KUBE-EXT-…
 *   cnilab exec service-nodeport worker1 -- iptables -t nat -S KUBE-POSTROUTING          what is marked is masqueraded
 *   cnilab exec service-nodeport laptop -- ip route                                      the outside host's way to the nodes
 *   cnilab exec service-nodeport worker1 -- sysctl net.ipv4.conf.all.route_localnet      1: 127.0.0.1:30080 works on the node itself
 *   cnilab verify service-nodeport                                   all nodes × clients; service-source and service-traffic-policy judge the two policies
 */
import { Cluster, Deployment, FlannelCni, Lab, Service } from 'cnilab';

const lab = new Lab({
  name: 'service-nodeport',
  description: 'Services of type NodePort, with both external traffic policies',
  underlay: { cidr: '192.168.15.0/24' },
  outside: { hosts: [{ name: 'laptop', role: 'client' }] },
});
const cluster = new Cluster(lab, 'c1', { controlPlanes: 1, workers: 2, cni: new FlannelCni({ backend: 'vxlan' }), kubeProxy: { mode: 'iptables' } });
// Two pods for three nodes: the control plane has no endpoint, which is where the policies differ.
new Deployment(cluster, 'web', { replicas: 2, ports: [{ containerPort: 8080, name: 'http' }] });
new Service(cluster, 'web', { type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http', nodePort: 30080 }] });
new Service(cluster, 'web-local', {
  type: 'NodePort',
  externalTrafficPolicy: 'Local',
  selector: { app: 'web' },
  ports: [{ port: 80, targetPort: 'http', nodePort: 30081 }],
});

export default lab;
