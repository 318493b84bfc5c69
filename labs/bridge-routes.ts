/**
 * A bridge on every node, and a route on every node to each other node's pods. Nothing else is needed: same-node traffic is switched by the
 * bridge, cross-node traffic is routed, and nothing rewrites an address.
 */
import { BridgeCni, Cluster, Lab, PodsPerNode } from 'cnilab';
import { lesson } from './lessons/bridge-routes.ts';

const lab = new Lab({
  name: 'bridge-routes',
  description: 'bridge CNI, routes to the other pods on every node',
  underlay: { cidr: '192.168.15.0/24' },
  lesson,
});
const cluster = new Cluster(lab, 'c1', {
  podCIDR: '10.244.0.0/16',
  nodes: [
    { name: 'node1', role: 'control-plane', address: '192.168.15.5', podCIDR: '10.244.1.0/24' },
    { name: 'node2', address: '192.168.15.6', podCIDR: '10.244.2.0/24' },
    { name: 'node3', address: '192.168.15.7', podCIDR: '10.244.3.0/24' },
  ],
  cni: new BridgeCni({ bridge: 'v-net-0', routesOn: 'nodes' }),
});
new PodsPerNode(cluster, 'web', { count: 2 });

export default lab;
