import { Lab } from 'cnilab';
import { lesson } from './lessons/docker-modes.ts';

const lab = new Lab({
  name: 'docker-modes',
  description: 'every network mode of Docker side by side: none, host, bridge, a network of their own, and that of another container',
  underlay: { cidr: '192.168.50.0/24' },
  hosts: [
    {
      name: 'docker1',
      address: '192.168.50.10',
      docker: {
        networks: [{ name: 'shop', subnet: '172.18.0.0/16' }],
        containers: [
          { name: 'alone', network: 'none' },
          { name: 'web-host', network: 'host' },
          { name: 'api-host', network: 'host' },
          { name: 'web', network: 'bridge' },
          { name: 'sidecar', network: 'container:web' },
          { name: 'front', network: 'shop' },
          { name: 'db1', network: 'shop', aliases: ['db'] },
        ],
      },
    },
    { name: 'client', address: '192.168.50.20' },
  ],
  lesson,
});

export default lab;
