/**
 * Calico with two route reflectors (RFC 4456) for six nodes: a full mesh would need 15 BGP sessions, two reflectors need 9.
 */
import { CalicoCni, Cluster, Lab, PodsPerNode } from 'cnilab';
import { lesson } from './lessons/calico-reflector.ts';

const lab = new Lab({ name: 'calico-reflector', description: 'Calico, BGP by two route reflectors', underlay: { cidr: '10.0.0.0/24' }, lesson });
const cluster = new Cluster(lab, 'c1', {
  controlPlanes: 1,
  workers: 5,
  podCIDR: '192.168.0.0/16',
  cni: new CalicoCni({ encapsulation: 'none', routeReflectors: ['worker1', 'worker2'] }),
});
new PodsPerNode(cluster, 'web', { count: 2 });

export default lab;
