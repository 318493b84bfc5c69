import { attachesByPlugins, setupOf } from './cni-target.ts';
import type { Fault } from './fault.ts';

const FILE = '05-leftover.conflist';
/** podman's default range, and one of its size. */
const RANGES = { ipv4: { subnet: '10.88.0.0/16', everything: '0.0.0.0/0' }, ipv6: { subnet: 'fd00:88::/64', everything: '::/0' } } as const;

/** What another CNI, or a container tool, left in the folder: runtimes take the lexically first file. Pods that run keep their network. */
export const leftoverConflist: Fault = {
  id: 'leftover-conflist',
  layer: 'cni-setup',
  title: 'a CNI configuration that somebody left comes before that of the cluster',
  diagnosis: 'foreign-cni-config',
  check: 'inventory-cni',
  fits: attachesByPlugins,
  script: (target, snapshot) => {
    const { configFolder } = setupOf(target, snapshot);
    const { subnet, everything } = RANGES[target.family];
    const ipam = { type: 'host-local', dataDir: `${configFolder}/leftover`, ranges: [[{ subnet }]], routes: [{ dst: everything }] };
    const list = { cniVersion: '1.0.0', name: 'leftover', plugins: [{ type: 'bridge', bridge: 'cbr9', isGateway: true, ipMasq: true, ipam }] };
    const { netns } = target.node;
    const path = `${configFolder}/${FILE}`;
    return {
      inject: [{ netns, argv: ['tee', path], input: `${JSON.stringify(list)}\n` }],
      undo: [{ netns, argv: ['rm', '-rf', path, ipam.dataDir] }],
    };
  },
};
