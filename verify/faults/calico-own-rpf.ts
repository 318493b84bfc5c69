import { asymmetricRoute, routeCanTurn } from './asymmetric-route.ts';
import type { Fault } from './fault.ts';

const TABLE = 'cnilab_own_rpf';

/** The reverse path test that Calico writes into its raw table, whatever the sysctl says: the counter of the kernel's own filter stands still. */
export const calicoOwnRpf: Fault = {
  id: 'calico-own-rpf',
  layer: 'routing',
  title: "a reverse path rule such as Calico's (imitated) meets a route that leads back by another device",
  diagnosis: 'cni-reverse-path-filter-drops',
  check: 'r1-pod-to-pod',
  needs: ['nft'],
  fits: routeCanTurn,
  script: (target, snapshot) => {
    const { netns } = target.node;
    const table = `${target.family === 'ipv4' ? 'ip' : 'ip6'} ${TABLE}`;
    const turned = asymmetricRoute(target, snapshot);
    return {
      inject: [
        {
          netns,
          argv: ['nft', '-f', '-'],
          input: `add table ${table}\nadd chain ${table} prerouting { type filter hook prerouting priority raw; }\nadd rule ${table} prerouting fib saddr . iif oif 0 counter drop\n`,
          lack: 'the kernel has no fib expression (CONFIG_NFT_FIB_IPV4, CONFIG_NFT_FIB_IPV6)',
        },
        ...turned.inject,
      ],
      undo: [...turned.undo, { netns, argv: ['nft', `delete table ${table}`] }],
    };
  },
};
