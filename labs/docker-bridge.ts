import { Lab } from 'cnilab';
import { lesson } from './lessons/docker-bridge.ts';

const lab = new Lab({
  name: 'docker-bridge',
  description: 'the default bridge network of Docker: two containers with published ports, seen from the host and from outside',
  underlay: { cidr: '192.168.99.0/24' },
  hosts: [
    {
      name: 'docker1',
      address: '192.168.99.100',
      docker: {
        networks: [{ name: 'spare' }],
        containers: [
          { name: 'web', address: '172.17.0.3', ports: [{ hostPort: 8080, containerPort: 80 }] },
          { name: 'busybox', address: '172.17.0.7', ports: [{ hostPort: 8000, containerPort: 8080 }] },
        ],
      },
    },
  ],
  outside: { hosts: [{ name: 'laptop' }] },
  lesson,
});

export default lab;
