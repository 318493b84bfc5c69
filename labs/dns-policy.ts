/** One pod for each dnsPolicy, side by side on one node: what a pod asks, and whom, is decided by its /etc/resolv.conf alone. */
import { BridgeCni, Cluster, Deployment, Lab, Pod, Service } from 'cnilab';
import { lesson } from './lessons/dns-policy.ts';

const lab = new Lab({
  name: 'dns-policy',
  description: 'a pod of each dnsPolicy',
  // The world beyond the cluster, as far as names go.
  hosts: [
    {
      name: 'resolver',
      role: 'resolver',
      address: '172.30.0.53',
      zones: [
        {
          name: 'example.com',
          records: ['www', 'a.b.c', 'a.b.c.d', 'a.b.c.d.e'].map((name) => ({ name, type: 'A', data: '203.0.113.80' }) as const),
        },
      ],
    },
  ],
  lesson,
});
const cluster = new Cluster(lab, 'c1', { nodes: [{ name: 'node1', role: 'control-plane' }], cni: new BridgeCni() });
new Pod(cluster, 'cluster-first', { dnsPolicy: 'ClusterFirst' });
new Pod(cluster, 'host-net', { dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true });
new Pod(cluster, 'default', { dnsPolicy: 'Default' });
new Pod(cluster, 'none', {
  dnsPolicy: 'None',
  // The tenth address of the service range, as a person would write it.
  dnsConfig: { nameservers: ['10.96.0.10'], searches: ['default.svc.cluster.local'], options: [{ name: 'ndots', value: '2' }] },
});
new Deployment(cluster, 'web', { ports: [{ containerPort: 8080, name: 'http' }] });
new Service(cluster, 'web', { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] });

export default lab;
