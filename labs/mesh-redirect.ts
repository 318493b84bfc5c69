/** Two pods. One is said to have a proxy in it, as a service mesh would put there; of the other nobody said anything. */
import { BridgeCni, Cluster, Lab, Pod } from 'cnilab';
import { lesson } from './lessons/mesh-redirect.ts';

const lab = new Lab({ name: 'mesh-redirect', description: 'a proxy inside a pod, reached by a REDIRECT rule, as in a service mesh', lesson });
const cluster = new Cluster(lab, 'c1', { nodes: [{ name: 'node1', role: 'control-plane' }], cni: new BridgeCni() });
new Pod(cluster, 'meshed', { proxied: true });
new Pod(cluster, 'plain');

export default lab;
