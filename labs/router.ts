/** Two networks, the Internet, and the two routers that join them. The hosts come up without a single route of their own: those are the steps. */
import { Lab } from 'cnilab';
import { lesson } from './lessons/router.ts';

const lab = new Lab({
  name: 'router',
  description: 'two networks and the Internet, joined by two routers, route by route',
  underlay: {
    segments: [
      { name: 'net1', cidr: '192.168.1.0/24' },
      { name: 'net2', cidr: '192.168.2.0/24' },
    ],
  },
  routers: [
    {
      name: 'router',
      interfaces: [
        { segment: 'net1', address: '192.168.1.1' },
        { segment: 'net2', address: '192.168.2.1' },
      ],
    },
    {
      name: 'inner',
      interfaces: [
        { segment: 'net1', address: '192.168.1.2' },
        { segment: 'net2', address: '192.168.2.2' },
      ],
    },
  ],
  hosts: [
    { name: 'pc1', segment: 'net1', address: '192.168.1.10', gateway: 'none' },
    { name: 'pc2', segment: 'net2', address: '192.168.2.10', gateway: 'none' },
  ],
  outside: { cidr: '172.217.194.0/24', router: 'router', hosts: [{ name: 'www', address: '172.217.194.100' }] },
  lesson,
});

export default lab;
