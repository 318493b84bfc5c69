/** Services of type NodePort: every node's port leads to the pods, from outside too, by either external traffic policy. */
import { Cluster, FlannelCni, Lab, Pod, Service } from 'cnilab';
import { lesson } from './lessons/service-nodeport.ts';

const lab = new Lab({
  name: 'service-nodeport',
  description: 'Services of type NodePort, with both external traffic policies',
  underlay: { cidr: '192.168.15.0/24' },
  outside: { hosts: [{ name: 'laptop', role: 'client' }] },
  lesson,
});
const cluster = new Cluster(lab, 'c1', { controlPlanes: 1, workers: 2, cni: new FlannelCni({ backend: 'vxlan' }), kubeProxy: { mode: 'iptables' } });
// Two pods for three nodes: the control plane has no endpoint, which is where the policies differ.
const web = { labels: { app: 'web' }, ports: [{ containerPort: 8080, name: 'http' }] };
new Pod(cluster, 'web-1', { ...web, node: 'worker1' });
new Pod(cluster, 'web-2', { ...web, node: 'worker2' });
new Service(cluster, 'web', { type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http', nodePort: 30080 }] });
new Service(cluster, 'web-local', {
  type: 'NodePort',
  externalTrafficPolicy: 'Local',
  selector: { app: 'web' },
  ports: [{ port: 80, targetPort: 'http', nodePort: 30081 }],
});

export default lab;
