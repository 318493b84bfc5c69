/** A CNI plugin of one's own: a shell script, plugins/net-script, which the engine calls as a container runtime would. */
import { Cluster, Lab, PodsPerNode, RawCni } from 'cnilab';
import { lesson } from './lessons/cni-script.ts';

const lab = new Lab({ name: 'cni-script', description: 'a CNI plugin of your own, in a hundred lines of shell', lesson });
const cluster = new Cluster(lab, 'c1', {
  podCIDR: '10.244.0.0/16',
  nodes: [{ name: 'node1', role: 'control-plane', podCIDR: '10.244.1.0/24' }],
  cni: new RawCni({
    pluginDirs: ['plugins'],
    conflist: {
      cniVersion: '1.0.0',
      name: 'by-script',
      plugins: [
        {
          type: 'net-script',
          bridge: 'v-net-0',
          ipam: { type: 'host-local', ranges: [[{ subnet: '${podCIDR}' }]], routes: [{ dst: '0.0.0.0/0' }] },
        },
      ],
    },
  }),
});
new PodsPerNode(cluster, 'web', { count: 2 });

export default lab;
