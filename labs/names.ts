/**
 * How a name becomes an address on one machine: two sources and their order, a search list, a DNS server of the house, and one of the world behind it.
 */
import { Lab } from 'cnilab';
import { lesson } from './lessons/names.ts';

const lab = new Lab({
  name: 'names',
  description: 'hosts file, search list, and a DNS server that forwards',
  underlay: {
    segments: [
      { name: 'office', cidr: '192.168.1.0/24' },
      { name: 'internet', cidr: '172.217.194.0/24' },
    ],
  },
  hosts: [
    {
      name: 'client',
      segment: 'office',
      address: '192.168.1.10',
      resolver: {
        nameservers: ['192.168.1.100'],
        search: ['mycompany.com', 'prod.mycompany.com'],
        hosts: { db: '192.168.1.11' },
        order: ['files', 'dns'],
      },
    },
    { name: 'db', segment: 'office', address: '192.168.1.11' },
    {
      name: 'dns',
      segment: 'office',
      address: '192.168.1.100',
      zones: [
        {
          name: 'mycompany.com',
          records: [
            { name: 'web-server', type: 'A', data: '192.168.1.20' },
            { name: 'web-server', type: 'AAAA', data: '2001:0db8:85a3:0000:0000:8a2e:0370:7334' },
            { name: 'food', type: 'A', data: '192.168.1.21' },
            { name: 'eat', type: 'CNAME', data: 'food' },
            { name: 'hungry', type: 'CNAME', data: 'food' },
            { name: 'db', type: 'A', data: '192.168.1.12' },
          ],
        },
        {
          name: 'prod.mycompany.com',
          records: [
            { name: 'web', type: 'A', data: '192.168.1.30' },
            { name: 'web-server', type: 'A', data: '192.168.1.31' },
          ],
        },
        { name: '1.168.192.in-addr.arpa', records: [{ name: '20', type: 'PTR', data: 'web-server.mycompany.com.' }] },
      ],
      forwarders: ['172.217.194.53'],
    },
    {
      name: 'public-dns',
      segment: 'internet',
      address: '172.217.194.53',
      zones: [{ name: 'google.com', records: [{ name: 'www', type: 'A', data: '172.217.194.99' }] }],
    },
  ],
  lesson,
});

export default lab;
