import type { Fault } from './fault.ts';

const TABLE = 'cnilab_random_loss';

/** One packet in five that the node forwards. nft, since not every kernel has netem. */
export const randomLoss: Fault = {
  id: 'random-loss',
  layer: 'link',
  title: 'a node loses a fifth of the packets that it forwards',
  diagnosis: 'packet-loss',
  check: 'loss',
  needs: ['nft'],
  fits: () => true,
  script: ({ node: { netns } }) => ({
    inject: [
      {
        netns,
        argv: ['nft', '-f', '-'],
        input: `add table inet ${TABLE}\nadd chain inet ${TABLE} forward { type filter hook forward priority 0; }\nadd rule inet ${TABLE} forward numgen random mod 5 0 counter drop\n`,
      },
    ],
    undo: [{ netns, argv: ['nft', 'delete', 'table', 'inet', TABLE] }],
  }),
};
