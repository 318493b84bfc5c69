/**
 * A bridge in one file. c1: the file as it is passed around, with one range for all, on the one node for which that is right. c2: the same network on two nodes,
 * where each fills in a range of its own and nobody masquerades.
 */
import { Cluster, Lab, Pod, RawCni } from 'cnilab';
import { lesson } from './lessons/cni-mynet.ts';

const lab = new Lab({
  name: 'cni-mynet',
  description: '10-mynet.conf: a bridge in one file, right for one node',
  underlay: { cidr: '192.168.15.0/24' },
  lesson,
});

const one = new Cluster(lab, 'c1', {
  podCIDR: '10.244.0.0/16',
  nodeMask: { ipv4: 16 },
  nodes: [{ name: 'node1', role: 'control-plane', address: '192.168.15.4' }],
  cni: new RawCni({
    conflist: {
      cniVersion: '1.0.0',
      name: 'mynet',
      plugins: [
        {
          type: 'bridge',
          bridge: 'cni0',
          isGateway: true,
          ipMasq: true,
          ipam: { type: 'host-local', subnet: '10.244.0.0/16', routes: [{ dst: '0.0.0.0/0' }] },
        },
      ],
    },
  }),
});
new Pod(one, 'a', { node: 'node1' });
new Pod(one, 'b', { node: 'node1' });

const two = new Cluster(lab, 'c2', {
  podCIDR: '10.245.0.0/16',
  nodes: [
    { name: 'node2', role: 'control-plane', address: '192.168.15.5', podCIDR: '10.245.1.0/24' },
    { name: 'node3', address: '192.168.15.6', podCIDR: '10.245.2.0/24' },
  ],
  cni: new RawCni({
    conflist: {
      cniVersion: '1.0.0',
      name: 'mynet',
      plugins: [
        {
          type: 'bridge',
          bridge: 'cni0',
          isGateway: true,
          ipMasq: false,
          ipam: { type: 'host-local', ranges: [[{ subnet: '${podCIDR}' }]], routes: [{ dst: '0.0.0.0/0' }] },
        },
      ],
    },
  }),
});
new Pod(two, 'c', { node: 'node2' });
new Pod(two, 'd', { node: 'node3' });

export default lab;
