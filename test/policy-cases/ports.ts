/** By what a rule may be entered: protocols, numbers, ranges, names, and lists of them, for everybody and for some. */
import { DIRECTIONS, oneWay, policy, rule, single, type PolicyCase } from './case.ts';

const PROTOCOLS = ['TCP', 'UDP', 'SCTP'] as const;

const LISTS: Readonly<Record<string, readonly unknown[]>> = {
  everything: [],
  'TCP where nothing is named': [{}],
  'TCP where no protocol is named': [{ port: 80 }],
  ...Object.fromEntries(PROTOCOLS.map((protocol) => [`all of ${protocol}`, [{ protocol }]])),
  ...Object.fromEntries(PROTOCOLS.flatMap((protocol) => [80, 81].map((port) => [`${protocol} ${port}`, [{ protocol, port }]]))),
  ...Object.fromEntries(
    ['TCP', 'UDP'].flatMap((protocol) => [
      [`${protocol} by name`, [{ protocol, port: `serve-80-${protocol.toLowerCase()}` }]],
      [`${protocol} by two names`, [80, 81].map((port) => ({ protocol, port: `serve-${port}-${protocol.toLowerCase()}` }))],
      [`${protocol} by a name of the other`, [{ protocol, port: protocol === 'TCP' ? 'serve-80-udp' : 'serve-80-tcp' }]],
      [`${protocol} by a name that nobody has`, [{ protocol, port: 'serve-99' }]],
      [`${protocol} 80 to 81`, [{ protocol, port: 80, endPort: 81 }]],
      [`${protocol} up to 80`, [{ protocol, port: 1, endPort: 80 }]],
      [`${protocol} from 81 on`, [{ protocol, port: 81, endPort: 65_535 }]],
      [`${protocol} 81 to 81`, [{ protocol, port: 81, endPort: 81 }]],
      [
        `${protocol} ranges that overlap`,
        [
          { protocol, port: 70, endPort: 80 },
          { protocol, port: 75, endPort: 80 },
        ],
      ],
      [
        `${protocol} ranges beside both`,
        [
          { protocol, port: 70, endPort: 79 },
          { protocol, port: 82, endPort: 90 },
        ],
      ],
      [`${protocol} 80 and all of the other`, [{ protocol, port: 80 }, { protocol: protocol === 'TCP' ? 'UDP' : 'TCP' }]],
    ]),
  ),
  'TCP 80 and UDP 81': [
    { protocol: 'TCP', port: 80 },
    { protocol: 'UDP', port: 81 },
  ],
  'TCP 81 and UDP by name': [
    { protocol: 'TCP', port: 81 },
    { protocol: 'UDP', port: 'serve-80-udp' },
  ],
};

export const ports: readonly PolicyCase[] = DIRECTIONS.flatMap((direction) =>
  Object.entries(LISTS).map(([title, list], i) => {
    // Every third for everybody, the others for some.
    const peers = [[], [{ namespaceSelector: { matchLabels: { ns: 'y' } } }], [{ ipBlock: { cidr: '10.244.0.0/16', except: ['10.244.1.0/24'] } }]][i % 3] ?? [];
    return single('ports', `${direction}, ${title}`, policy('ports', oneWay(direction, [rule(direction, peers, list)])));
  }),
);
