/** Two hosts on one network, each with a namespace on a bridge of its own; a VXLAN device makes one switch of the two bridges. */
import { Lab } from 'cnilab';
import { lesson } from './lessons/vxlan-multicast.ts';

const lab = new Lab({
  name: 'vxlan-multicast',
  description: 'two namespaces on two hosts in one Ethernet, by VXLAN over multicast',
  underlay: { cidr: '192.168.15.0/24' },
  hosts: [
    { name: 'host1', address: '192.168.15.5' },
    { name: 'host2', address: '192.168.15.6' },
    { name: 'pod1', segment: 'none' },
    { name: 'pod2', segment: 'none' },
  ],
  lesson,
});

export default lab;
