/**
 * History: flannel as it fed Docker, before there was CNI. c1: flannel.7890 has the whole network on one wire, docker0 got its range by `--bip`. c2: the same
 * network as flannel makes it today, to compare.
 */
import { Cluster, FlannelCni, Lab, Pod } from 'cnilab';
import { lesson } from './lessons/flannel-docker.ts';

const lab = new Lab({
  name: 'flannel-docker',
  description: 'history: flannel feeding Docker by --bip, and the form of today beside it',
  underlay: { cidr: '10.16.59.0/26' },
  lesson,
});
const then = new Cluster(lab, 'c1', {
  podCIDR: '172.17.0.0/16',
  nodes: [
    { name: 'node1', role: 'control-plane', address: '10.16.59.13', podCIDR: '172.17.33.0/24' },
    { name: 'node2', address: '10.16.59.14', podCIDR: '172.17.29.0/24' },
  ],
  cni: new FlannelCni({ docker: true, vni: 7890 }),
});
new Pod(then, 'shell', { node: 'node1', address: '172.17.33.2' });
new Pod(then, 'mysql', { node: 'node2', address: '172.17.29.35' });

const today = new Cluster(lab, 'c2', {
  podCIDR: '172.18.0.0/16',
  nodes: [
    { name: 'node3', role: 'control-plane', address: '10.16.59.15', podCIDR: '172.18.33.0/24' },
    { name: 'node4', address: '10.16.59.16', podCIDR: '172.18.29.0/24' },
  ],
  cni: new FlannelCni({ vni: 7890 }),
});
new Pod(today, 'shell-today', { node: 'node3' });
new Pod(today, 'mysql-today', { node: 'node4' });

export default lab;
