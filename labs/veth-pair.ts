/** Two network namespaces and nothing else: a veth pair is the cable between them, laid by hand. */
import { Lab } from 'cnilab';
import { lesson } from './lessons/veth-pair.ts';

const lab = new Lab({
  name: 'veth-pair',
  description: 'two network namespaces, joined by hand with a veth pair',
  hosts: [
    { name: 'ns1', segment: 'none' },
    { name: 'ns2', segment: 'none' },
  ],
  lesson,
});

export default lab;
