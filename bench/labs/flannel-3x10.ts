import { Cluster, FlannelCni, Lab, PodsPerNode } from 'cnilab';

const lab = new Lab({ name: 'bench-flannel-3x10-ts' });
const cluster = new Cluster(lab, 'c1', { controlPlanes: 1, workers: 2, cni: new FlannelCni() });
new PodsPerNode(cluster, 'app', { count: 10 });

export default lab;
