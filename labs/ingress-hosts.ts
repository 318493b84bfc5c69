/**
 * Two host names, two Services, one address: an nginx in the pod of the controller ingress-nginx/ingress-nginx-controller reads the name in each
 * request and sends it to a pod of the right Service. It goes to pods by their own addresses, past the Services' cluster addresses.
 * The controller itself stands behind a Service: here a load balancer, whose address the outside host dials.
 */
import { Cluster, Deployment, FlannelCni, Ingress, Lab, Service } from 'cnilab';
import { lesson } from './lessons/ingress-hosts.ts';

const lab = new Lab({
  name: 'ingress-hosts',
  description: 'Two host names lead to two Services through one Ingress controller',
  outside: { hosts: [{ name: 'laptop', role: 'client' }] },
  lesson,
});
const cluster = new Cluster(lab, 'c1', {
  nodes: [
    { name: 'node1', role: 'control-plane' },
    { name: 'node2', role: 'control-plane' },
  ],
  cni: new FlannelCni({ backend: 'vxlan' }),
});
for (const name of ['shop', 'blog']) {
  new Deployment(cluster, name, { replicas: 2, ports: [{ containerPort: 8080, name: 'http' }] });
  new Service(cluster, name, { selector: { app: name }, ports: [{ port: 80, name: 'http', targetPort: 'http' }] });
}
new Ingress(cluster, 'hosts', {
  ingressClassName: 'nginx',
  rules: [
    {
      host: 'shop.example.com',
      paths: [
        { path: '/', service: 'shop', port: 80 },
        // The shop has its news from the blog. The longest path that matches wins.
        { path: '/news', service: 'blog', port: 'http' },
      ],
    },
    { host: 'blog.example.com', paths: [{ path: '/', service: 'blog', port: 80 }] },
  ],
});

export default lab;
