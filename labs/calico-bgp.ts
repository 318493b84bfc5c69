/**
 * Calico without encapsulation: /32 pods behind 169.254.1.1, /26 blocks, and a full mesh of BGP sessions in which BIRD tells every node the
 * blocks of the others.
 */
import { CalicoCni, Cluster, Lab, PodsPerNode } from 'cnilab';
import { lesson } from './lessons/calico-bgp.ts';

const lab = new Lab({ name: 'calico-bgp', description: 'Calico, BGP full mesh, no encapsulation', underlay: { cidr: '10.0.0.0/24' }, lesson });
const cluster = new Cluster(lab, 'c1', {
  controlPlanes: 1,
  workers: 2,
  podCIDR: '192.168.0.0/16',
  cni: new CalicoCni({ encapsulation: 'none', blockSize: 26 }),
});
new PodsPerNode(cluster, 'web', { count: 2 });

export default lab;
