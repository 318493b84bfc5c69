/** Three machines on one switch: two in the same network, and a third that is plugged in all the same and belongs to none of theirs. */
import { Lab } from 'cnilab';
import { lesson } from './lessons/switch.ts';

const lab = new Lab({
  name: 'switch',
  description: 'three hosts on one switch, one of them in another network',
  underlay: { cidr: '192.168.1.0/24' },
  hosts: [
    { name: 'pc1', address: '192.168.1.10' },
    { name: 'pc2', address: '192.168.1.11' },
    { name: 'stray', address: '192.168.1.12' },
  ],
  lesson,
});

export default lab;
