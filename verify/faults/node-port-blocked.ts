import type { Fault } from './fault.ts';
import { fitsService, pickPort } from './service-target.ts';
import type { ProxiedPort } from '../../topology/services/proxy/proxied-ports.ts';

const TABLE = 'cnilab_node_port';

const hasNodePort = ({ port }: ProxiedPort): boolean => port.nodePort !== null;

/** A firewall that does not know the node port range: before the proxy's translation, or the port would be another one already. */
export const nodePortBlocked: Fault = {
  id: 'node-port-blocked',
  layer: 'service',
  title: 'a firewall of a node drops what comes in for a node port',
  diagnosis: 'node-port-filtered',
  check: 'service-node-port',
  fits: (target) => fitsService(target, hasNodePort, 'no Service of the lab has a node port'),
  script: (target, snapshot) => {
    const { node, family } = target;
    const { port } = pickPort(target, snapshot, hasNodePort);
    const table = `${family === 'ipv4' ? 'ip' : 'ip6'} ${TABLE}`;
    const dev = node.interfaces[0]?.name ?? 'eth0';
    const rule = `iifname ${dev} ${port.protocol} dport ${port.port.nodePort} counter drop`;
    return {
      inject: [
        {
          netns: node.netns,
          argv: ['nft', '-f', '-'],
          input: `add table ${table}\nadd chain ${table} prerouting { type filter hook prerouting priority -300; }\nadd rule ${table} prerouting ${rule}\n`,
        },
      ],
      undo: [{ netns: node.netns, argv: ['nft', `delete table ${table}`] }],
    };
  },
};
