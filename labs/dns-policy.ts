/**
 * One pod for each dnsPolicy, side by side on one node: what a pod asks, and whom, is decided by its /etc/resolv.conf alone.
 *
 * Try:
 *   for pod in cluster-first host-net default none; do cnilab exec dns-policy default/$pod -- cat /etc/resolv.conf; done
 *     cluster-first  the cluster's DNS, its search list, ndots:5
 *     host-net       the same, though it lives in its node's network (ClusterFirstWithHostNet; plain ClusterFirst would mean Default there)
 *     default        what the node has: the lab's resolver, no search list of the cluster
 *     none           dnsConfig, and nothing else
 *   cnilab exec dns-policy default/cluster-first -- getent hosts web                     found by the search list
 *   cnilab exec dns-policy default/default -- getent hosts web                           not found: nobody told the resolver about the cluster
 *   cnilab exec dns-policy default/none -- getent hosts web                              found: its own search list says where
 *
 * ndots:5 means: with fewer than five dots a name is first tried with each domain of the search list, and as it is only then. Every name of the
 * outside costs three questions that find nothing; a dot at its end saves them:
 *   cnilab exec dns-policy default/cluster-first -- dig +search +showsearch a.b.example.com      2 dots: three names first
 *   cnilab exec dns-policy default/cluster-first -- dig +search +showsearch a.b.c.d.example.com  4 dots: the same
 *   cnilab exec dns-policy default/cluster-first -- dig +search +showsearch a.b.c.d.e.example.com  5 dots: as it is, at once
 *   cnilab exec dns-policy default/cluster-first -- dig +search +showsearch a.b.example.com.     a dot at its end: one question
 */
import { BridgeCni, Cluster, Deployment, Lab, Pod, Service } from 'cnilab';

const lab = new Lab({
  name: 'dns-policy',
  description: 'a pod of each dnsPolicy',
  outside: { hosts: [{ name: 'resolver', role: 'resolver' }] },
});
const cluster = new Cluster(lab, 'c1', { nodes: [{ name: 'node1', role: 'control-plane' }], cni: new BridgeCni() });
new Pod(cluster, 'cluster-first', { dnsPolicy: 'ClusterFirst' });
new Pod(cluster, 'host-net', { dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true });
// The lab's resolver is a machine that nobody serves names on: this pod is not to wait for it for long.
new Pod(cluster, 'default', {
  dnsPolicy: 'Default',
  dnsConfig: {
    options: [
      { name: 'timeout', value: '1' },
      { name: 'attempts', value: '1' },
    ],
  },
});
new Pod(cluster, 'none', {
  dnsPolicy: 'None',
  // The tenth address of the service range, as a person would write it.
  dnsConfig: { nameservers: ['10.96.0.10'], searches: ['default.svc.cluster.local'], options: [{ name: 'ndots', value: '2' }] },
});
new Deployment(cluster, 'web', { ports: [{ containerPort: 8080, name: 'http' }] });
new Service(cluster, 'web', { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] });

export default lab;
