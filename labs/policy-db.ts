/**
 * db-policy: a database that api pods of namespace prod may call on 3306, and one machine outside of the cluster, nobody else. In one item of
 * `from`, podSelector and namespaceSelector must both match; two items are alternatives. Because policyTypes lists Egress too, what the
 * database itself may open is 192.168.5.10:80 alone (an ipBlock with an empty cidr, as one finds it in notes, is refused: `cidr: Required
 * value`), and that is why it cannot resolve names any more. Answers to what was let in always pass.
 *
 * The two outside hosts are reached by a route, not by a node port, so that their own addresses arrive: 192.168.5.10 is let in, .11 is not.
 */
import { CalicoCni, Cluster, KubernetesObjects, Lab, NetworkPolicy, Pod } from 'cnilab';
import { lesson } from './lessons/policy-db.ts';

const lab = new Lab({
  name: 'policy-db',
  description: 'NetworkPolicy db-policy: who may call a database, and whom it may call',
  underlay: { cidr: '10.0.0.0/24' },
  routers: [
    {
      name: 'router',
      interfaces: [{ segment: 'lan' }],
      // The nodes' blocks: Calico would tell a router by BGP.
      routes: [
        { to: '10.244.0.0/26', via: '10.0.0.2' },
        { to: '10.244.0.64/26', via: '10.0.0.3' },
      ],
    },
  ],
  outside: {
    cidr: '192.168.5.0/24',
    hosts: [
      { name: 'backup', address: '192.168.5.10' },
      { name: 'stranger', address: '192.168.5.11' },
    ],
  },
  lesson,
});
const cluster = new Cluster(lab, 'c1', {
  podCIDR: '10.244.0.0/16',
  nodes: [
    { name: 'worker1', role: 'control-plane', address: '10.0.0.2' },
    { name: 'worker2', address: '10.0.0.3' },
  ],
  dns: true,
  cni: new CalicoCni({ encapsulation: 'none' }),
});
// The API server labels a namespace with kubernetes.io/metadata.name; `name` must be put there by hand.
const namespace = (name: string) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { name } } });
new KubernetesObjects(cluster, 'namespaces', [namespace('prod'), namespace('test')]);
new Pod(cluster, 'db', { namespace: 'prod', node: 'worker2', address: '10.244.0.70', labels: { role: 'db' }, ports: [{ containerPort: 3306, name: 'mysql' }] });
// Four who would like to: both right, either right, neither.
new Pod(cluster, 'api-pod', { namespace: 'prod', node: 'worker1', labels: { name: 'api-pod' } });
new Pod(cluster, 'web-pod', { namespace: 'prod', node: 'worker2', labels: { name: 'web-pod' } });
new Pod(cluster, 'api-pod-test', { namespace: 'test', node: 'worker2', labels: { name: 'api-pod' } });
new Pod(cluster, 'web-pod-test', { namespace: 'test', node: 'worker1', labels: { name: 'web-pod' } });
new NetworkPolicy(cluster, 'db-policy', {
  namespace: 'prod',
  podSelector: { matchLabels: { role: 'db' } },
  policyTypes: ['Ingress', 'Egress'],
  ingress: [
    {
      from: [
        { podSelector: { matchLabels: { name: 'api-pod' } }, namespaceSelector: { matchLabels: { name: 'prod' } } },
        { ipBlock: { cidr: '192.168.5.10/32' } },
      ],
      ports: [{ protocol: 'TCP', port: 3306 }],
    },
  ],
  egress: [{ to: [{ ipBlock: { cidr: '192.168.5.10/32' } }], ports: [{ protocol: 'TCP', port: 80 }] }],
});

export default lab;
