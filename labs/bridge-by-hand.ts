/** One host in which two namespaces are joined by a bridge, step by step, and led outside by address translation; and somebody outside who knows nothing of them. */
import { Lab } from 'cnilab';
import { lesson } from './lessons/bridge-by-hand.ts';

const lab = new Lab({
  name: 'bridge-by-hand',
  description: 'what Docker does for a container, in eight steps by hand',
  underlay: { cidr: '192.168.15.0/24' },
  hosts: [
    { name: 'box', address: '192.168.15.5' },
    { name: 'outside', address: '192.168.15.200' },
  ],
  lesson,
});

export default lab;
