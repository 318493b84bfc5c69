/** One request from outside to a pod and back, past everything that changes it: a router, a node that has no pod, the rules of kube-proxy, a tunnel. */
import { Cluster, FlannelCni, Lab, Pod, Service } from 'cnilab';
import { lesson } from './lessons/journey.ts';

const lab = new Lab({
  name: 'journey',
  description: 'a packet from outside to a pod and back, hop by hop',
  underlay: { cidr: '192.168.15.0/24' },
  outside: { hosts: [{ name: 'laptop', role: 'client', address: '203.0.113.2' }] },
  lesson,
});
const cluster = new Cluster(lab, 'c1', {
  // Two zones: what is near to the control plane is far from the workers.
  nodes: [
    { name: 'control-plane1', role: 'control-plane', labels: { 'topology.kubernetes.io/zone': 'a' } },
    { name: 'worker1', labels: { 'topology.kubernetes.io/zone': 'b' } },
    { name: 'worker2', labels: { 'topology.kubernetes.io/zone': 'b' } },
  ],
  cni: new FlannelCni({ backend: 'vxlan' }),
  kubeProxy: { mode: 'iptables' },
  dns: { replicas: 2 },
});
new Pod(cluster, 'shell', { node: 'control-plane1' });
new Pod(cluster, 'web', { node: 'worker2', ports: [{ containerPort: 8080, name: 'http' }] });
new Service(cluster, 'web', {
  type: 'LoadBalancer',
  loadBalancerIP: '203.0.113.10',
  selector: { app: 'web' },
  ports: [{ port: 80, targetPort: 'http', nodePort: 30080 }],
});
// The pods of kube-dns once more: whoever asks here gets one of its zone.
new Service(cluster, 'dns-near', {
  namespace: 'kube-system',
  clusterIPs: ['10.96.0.11'],
  selector: { 'k8s-app': 'kube-dns' },
  trafficDistribution: 'PreferSameZone',
  ports: [{ port: 53, name: 'dns-tcp' }],
});

export default lab;
