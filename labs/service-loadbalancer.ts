/** Services of type LoadBalancer: an outside address that a node takes in, and a balancer of the old kind, built by hand, that goes through node ports. */
import { Cluster, FlannelCni, Lab, Pod, Service } from 'cnilab';
import { lesson } from './lessons/service-loadbalancer.ts';

const lab = new Lab({
  name: 'service-loadbalancer',
  description: 'Services of type LoadBalancer, and what stands in front of a cluster',
  underlay: { cidr: '192.168.15.0/24' },
  outside: {
    hosts: [
      { name: 'laptop', role: 'client', address: '203.0.113.2' },
      { name: 'balancer', role: 'load-balancer', address: '203.0.113.20' },
    ],
  },
  lesson,
});
const cluster = new Cluster(lab, 'c1', { controlPlanes: 1, workers: 2, cni: new FlannelCni({ backend: 'vxlan' }), kubeProxy: { mode: 'iptables' } });
// One pod, so that it is plain which node has an endpoint and which has none.
new Pod(cluster, 'web', { node: 'worker2', ports: [{ containerPort: 8080, name: 'http' }] });
const selector = { app: 'web' };
new Service(cluster, 'web', { type: 'LoadBalancer', selector, loadBalancerIP: '203.0.113.10', ports: [{ port: 80, targetPort: 'http', nodePort: 30080 }] });
new Service(cluster, 'web-local', {
  type: 'LoadBalancer',
  selector,
  loadBalancerIP: '203.0.113.11',
  externalTrafficPolicy: 'Local',
  ports: [{ port: 80, targetPort: 'http', nodePort: 30081 }],
});
new Service(cluster, 'web-direct', {
  type: 'LoadBalancer',
  selector,
  loadBalancerIP: '203.0.113.12',
  allocateLoadBalancerNodePorts: false,
  ports: [{ port: 80, targetPort: 'http' }],
});
new Service(cluster, 'web-office', {
  type: 'LoadBalancer',
  selector,
  loadBalancerIP: '203.0.113.13',
  loadBalancerSourceRanges: ['203.0.113.20/32'],
  ports: [{ port: 80, targetPort: 'http' }],
});

export default lab;
