/**
 * deny-all (an empty podSelector, both directions) in two clusters of one lab. Calico enforces it: pods hear nothing from each other.
 * flannel has nobody who would: the object is accepted, and nothing happens. `cnilab validate` warns of that (POLICY_IGNORED), and
 * `cnilab verify` tells the two apart by what is seen, not by what is written.
 */
import { CalicoCni, Cluster, FlannelCni, Lab, NetworkPolicy, PodsPerNode } from 'cnilab';
import { lesson } from './lessons/policy-deny-all.ts';

const lab = new Lab({ name: 'policy-deny-all', description: 'deny-all under Calico, and under flannel, which does not enforce it', lesson });
for (const { name, cni } of [
  { name: 'calico', cni: new CalicoCni() },
  { name: 'flannel', cni: new FlannelCni() },
]) {
  const cluster = new Cluster(lab, name, { nodes: [{ name: 'node1', role: 'control-plane' }, { name: 'node2' }], cni });
  new PodsPerNode(cluster, 'web', { count: 2 });
  new NetworkPolicy(cluster, 'deny-all', { policyTypes: ['Ingress', 'Egress'] });
}

export default lab;
