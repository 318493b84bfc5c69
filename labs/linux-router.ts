/** A Linux machine with a foot in each of two networks. Every route is there; what it lacks is the permission to forward. */
import { Lab } from 'cnilab';
import { lesson } from './lessons/linux-router.ts';

const lab = new Lab({
  name: 'linux-router',
  description: 'a Linux host becomes a router: ip_forward, and routes in both directions',
  underlay: {
    segments: [
      { name: 'net1', cidr: '192.168.1.0/24' },
      { name: 'net2', cidr: '192.168.2.0/24' },
    ],
  },
  hosts: [
    { name: 'a', segment: 'net1', address: '192.168.1.10' },
    { name: 'c', segment: 'net2', address: '192.168.2.10' },
  ],
  routers: [
    {
      name: 'b',
      forwarding: false,
      interfaces: [
        { segment: 'net1', address: '192.168.1.1' },
        { segment: 'net2', address: '192.168.2.1' },
      ],
    },
  ],
  lesson,
});

export default lab;
