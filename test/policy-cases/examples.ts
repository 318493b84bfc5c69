/** Policies as people write them: the first things that guides teach, and the two of the seed labs. */
import { NAMESPACES, policy, single, type PolicyCase } from './case.ts';

const web = { matchLabels: { pod: 'a' } };
const dns = [
  { protocol: 'UDP', port: 81 },
  { protocol: 'TCP', port: 81 },
];

export const examples: readonly PolicyCase[] = [
  single('examples', 'deny everything to an application', policy('web-deny-all', { podSelector: web, ingress: [] })),
  single(
    'examples',
    'allow an application from one other only',
    policy('web-from-b', { podSelector: web, ingress: [{ from: [{ podSelector: { matchLabels: { pod: 'b' } } }] }] }),
  ),
  single(
    'examples',
    'allow everything to an application again',
    policy('deny', { podSelector: {} }),
    policy('web-allow-all', { podSelector: web, ingress: [{}] }),
  ),
  single('examples', 'keep other namespaces out', policy('own-namespace', { podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }] })),
  single('examples', 'let every namespace in', policy('all-namespaces', { podSelector: web, ingress: [{ from: [{ namespaceSelector: {} }] }] })),
  single(
    'examples',
    'let one namespace in',
    policy('from-y', { podSelector: web, ingress: [{ from: [{ namespaceSelector: { matchLabels: { ns: 'y' } } }] }] }),
  ),
  single(
    'examples',
    'let some pods of one namespace in',
    policy('some-of-y', {
      podSelector: web,
      ingress: [{ from: [{ namespaceSelector: { matchLabels: { ns: 'y' } }, podSelector: { matchLabels: { pod: 'b' } } }] }],
    }),
  ),
  single(
    'examples',
    'one port for monitoring',
    policy('metrics', { podSelector: web, ingress: [{ from: [{ podSelector: { matchLabels: { pod: 'c' } } }], ports: [{ port: 81 }] }] }),
  ),
  single(
    'examples',
    'several callers, one list',
    policy('callers', { podSelector: web, ingress: [{ from: ['b', 'c'].map((pod) => ({ namespaceSelector: {}, podSelector: { matchLabels: { pod } } })) }] }),
  ),
  single('examples', 'deny everything out of an application', policy('web-no-egress', { podSelector: web, policyTypes: ['Egress'], egress: [] })),
  single('examples', 'out by names only', policy('web-dns-only', { podSelector: web, policyTypes: ['Egress'], egress: [{ ports: dns }] })),
  single(
    'examples',
    'deny everything that is not listed, in and out',
    ...NAMESPACES.map((name) => policy('deny-all', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] }, name)),
  ),
  single(
    'examples',
    'closed, with names open to all',
    policy('deny-all', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] }),
    policy('names', { podSelector: {}, policyTypes: ['Egress'], egress: [{ to: [{ namespaceSelector: { matchLabels: { ns: 'z' } } }], ports: dns }] }),
  ),
  single(
    'examples',
    'stay inside of the cluster',
    policy('inside', { podSelector: {}, policyTypes: ['Egress'], egress: [{ to: [{ namespaceSelector: {} }] }] }),
  ),
  single(
    'examples',
    'a database: pods of a namespace, one address, one way out',
    policy('db', {
      podSelector: web,
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        {
          from: [{ namespaceSelector: { matchLabels: { ns: 'y' } }, podSelector: { matchLabels: { pod: 'a' } } }, { ipBlock: { cidr: '192.168.5.10/32' } }],
          ports: [{ protocol: 'TCP', port: 80 }],
        },
      ],
      egress: [{ to: [{ ipBlock: { cidr: '192.168.5.10/32' } }], ports: [{ protocol: 'TCP', port: 80 }] }],
    }),
  ),
  single(
    'examples',
    'three tiers',
    policy('front', {
      podSelector: { matchLabels: { pod: 'a' } },
      ingress: [{}],
      egress: [{ to: [{ podSelector: { matchLabels: { pod: 'b' } } }], ports: [{ port: 80 }] }],
    }),
    policy('middle', {
      podSelector: { matchLabels: { pod: 'b' } },
      ingress: [{ from: [{ podSelector: { matchLabels: { pod: 'a' } } }], ports: [{ port: 80 }] }],
      egress: [{ to: [{ podSelector: { matchLabels: { pod: 'c' } } }], ports: [{ port: 81 }] }],
    }),
    policy('back', {
      podSelector: { matchLabels: { pod: 'c' } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ from: [{ podSelector: { matchLabels: { pod: 'b' } } }], ports: [{ port: 81 }] }],
    }),
  ),
];
