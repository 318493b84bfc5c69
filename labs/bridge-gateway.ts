/**
 * As bridge-routes, with the routes in one place: the nodes have a default route only, and the segment's router knows which node owns which
 * pods. Cross-node traffic takes one hop more.
 */
import { BridgeCni, Cluster, Lab, PodsPerNode } from 'cnilab';
import { lesson } from './lessons/bridge-gateway.ts';

const lab = new Lab({
  name: 'bridge-gateway',
  description: "bridge CNI, routes to the pods on the segment's router",
  underlay: { cidr: '192.168.15.0/24' },
  routers: [{ name: 'gateway', interfaces: [{ segment: 'lan', address: '192.168.15.1' }] }],
  lesson,
});
const cluster = new Cluster(lab, 'c1', {
  podCIDR: '10.244.0.0/16',
  nodes: [
    { name: 'node1', role: 'control-plane', address: '192.168.15.5', podCIDR: '10.244.1.0/24' },
    { name: 'node2', address: '192.168.15.6', podCIDR: '10.244.2.0/24' },
    { name: 'node3', address: '192.168.15.7', podCIDR: '10.244.3.0/24' },
  ],
  cni: new BridgeCni({ bridge: 'v-net-0', routesOn: 'router' }),
});
new PodsPerNode(cluster, 'web', { count: 2 });

export default lab;
