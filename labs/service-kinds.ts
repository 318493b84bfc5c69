/** Every kind of Service side by side: the four types, and two that no type tells apart: headless, and without a selector. */
import { Cluster, EndpointSlice, FlannelCni, Lab, Pod, Service } from 'cnilab';
import { lesson } from './lessons/service-kinds.ts';

const lab = new Lab({
  name: 'service-kinds',
  description: 'the four types of Services, headless ones, and ones without a selector',
  underlay: { cidr: '192.168.15.0/24' },
  hosts: [{ name: 'legacy-db', address: '192.168.15.50' }],
  outside: { hosts: [{ name: 'laptop', role: 'client' }] },
  lesson,
});
const cluster = new Cluster(lab, 'c1', {
  podCIDR: '10.244.0.0/16',
  serviceCIDR: '10.96.0.0/16',
  nodes: [
    { name: 'node1', role: 'control-plane', address: '192.168.15.5', podCIDR: '10.244.1.0/24' },
    { name: 'node2', address: '192.168.15.6', podCIDR: '10.244.2.0/24' },
  ],
  cni: new FlannelCni({ backend: 'vxlan' }),
  kubeProxy: { mode: 'iptables' },
});
new Pod(cluster, 'shell', { node: 'node1', address: '10.244.1.10' });
new Pod(cluster, 'web', { node: 'node2', address: '10.244.2.20', ports: [{ containerPort: 8080, name: 'http' }] });
const ports = [{ port: 80, targetPort: 8080 }];
const selector = { app: 'web' };
new Service(cluster, 'inside', { selector, clusterIPs: ['10.96.0.21'], ports });
new Service(cluster, 'on-nodes', { type: 'NodePort', selector, clusterIPs: ['10.96.0.22'], ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }] });
new Service(cluster, 'outside', {
  type: 'LoadBalancer',
  selector,
  clusterIPs: ['10.96.0.23'],
  loadBalancerIP: '203.0.113.10',
  ports: [{ port: 80, targetPort: 8080, nodePort: 30081 }],
});
new Service(cluster, 'elsewhere', { type: 'ExternalName', externalName: 'inside.default.svc.cluster.local' });
new Service(cluster, 'pods', { headless: true, selector, ports: [{ port: 8080 }] });
// Nobody selects for it: its endpoint is written by hand, and is no pod at all.
new Service(cluster, 'legacy', { clusterIPs: ['10.96.0.24'], ports: [{ port: 3306 }] });
new EndpointSlice(cluster, 'legacy-1', { service: 'legacy', endpoints: [{ address: '192.168.15.50' }], ports: [{ port: 3306 }] });
// Both at once: no address of its own, and endpoints by hand.
new Service(cluster, 'legacy-pods', { headless: true, ports: [{ port: 3306 }] });
new EndpointSlice(cluster, 'legacy-pods-1', { service: 'legacy-pods', endpoints: [{ address: '192.168.15.50', hostname: 'first' }], ports: [{ port: 3306 }] });

export default lab;
