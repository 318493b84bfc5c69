/** How policies are put together: rules of one policy, policies that contradict each other, what they are put on, and what becomes of changes. */
import { DIRECTIONS, NAMESPACES, oneWay, policy, rule, single, type PolicyCase } from './case.ts';

const b = { podSelector: { matchLabels: { pod: 'b' } } };
const y = { namespaceSelector: { matchLabels: { ns: 'y' } } };
const tcp80 = { protocol: 'TCP', port: 80 };
const udp81 = { protocol: 'UDP', port: 81 };

export const rules: readonly PolicyCase[] = [
  ...DIRECTIONS.flatMap((direction) =>
    Object.entries({
      'no rule': [],
      'an empty rule': [{}],
      'two rules': [rule(direction, [b], [tcp80]), rule(direction, [y], [udp81])],
      'two rules for one peer': [rule(direction, [y], [tcp80]), rule(direction, [y], [udp81])],
      'an empty rule beside another': [rule(direction, [b], [tcp80]), {}],
      'a rule that means nobody beside another': [rule(direction, [{ podSelector: { matchLabels: { pod: 'nobody' } } }]), rule(direction, [y])],
      'ten rules': Array.from({ length: 10 }, (_, i) => rule(direction, [y], [{ protocol: 'TCP', port: 75 + i }])),
    }).map(([title, list]) => single('rules', `${direction}, ${title}`, policy('rules', oneWay(direction, list)))),
  ),
  single(
    'rules',
    'both directions, different rules',
    policy('rules', { podSelector: {}, ingress: [rule('ingress', [y])], egress: [rule('egress', [b], [tcp80])] }),
  ),
  single('rules', 'types left out, egress rules there', policy('rules', { podSelector: { matchLabels: { pod: 'a' } }, egress: [rule('egress', [y])] })),
  single('rules', 'types left out, no rules', policy('rules', { podSelector: { matchLabels: { pod: 'a' } } })),
  single('rules', 'egress only, ingress left open', policy('rules', { podSelector: {}, policyTypes: ['Egress'] })),
];

export const namespaces: readonly PolicyCase[] = [
  ...NAMESPACES.map((name) => single('namespaces', `deny in ${name}`, policy('deny', { podSelector: {} }, name))),
  single('namespaces', 'deny everywhere', ...NAMESPACES.map((name) => policy('deny', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] }, name))),
  single(
    'namespaces',
    'each open to itself only',
    ...NAMESPACES.map((name) => policy('own', { podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }] }, name)),
  ),
  single('namespaces', 'a namespace without pods', policy('deny', { podSelector: {} }, 'empty')),
];

const conflicting: Readonly<
  Record<string, (direction: 'ingress' | 'egress') => readonly (readonly [name: string, rules: readonly unknown[], pods?: unknown])[]>
> = {
  'deny all, allow all': () => [
    ['deny', []],
    ['allow', [{}]],
  ],
  'deny all, allow one pod': (d) => [
    ['deny', [], {}],
    ['allow', [rule(d, [b])]],
  ],
  'deny all, allow a namespace': (d) => [
    ['deny', [], {}],
    ['allow', [rule(d, [y])], {}],
  ],
  'one by peer, one by port': (d) => [
    ['peer', [rule(d, [b])]],
    ['port', [rule(d, [], [tcp80])]],
  ],
  'one port each': (d) => [
    ['tcp', [rule(d, [y], [tcp80])]],
    ['udp', [rule(d, [y], [udp81])]],
  ],
  'a block, and its exception': (d) => [
    ['block', [rule(d, [{ ipBlock: { cidr: '10.244.0.0/16', except: ['10.244.1.0/24'] } }])]],
    ['rest', [rule(d, [{ ipBlock: { cidr: '10.244.1.0/24' } }], [tcp80])]],
  ],
  'the same twice': (d) => [
    ['one', [rule(d, [y])]],
    ['two', [rule(d, [y])]],
  ],
  'by targets that overlap': (d) => [
    ['a', [rule(d, [b])], { matchExpressions: [{ key: 'pod', operator: 'In', values: ['a', 'b'] }] }],
    ['c', [rule(d, [y])], { matchExpressions: [{ key: 'pod', operator: 'In', values: ['a', 'c'] }] }],
  ],
};

export const conflicts: readonly PolicyCase[] = [
  ...DIRECTIONS.flatMap((direction) =>
    Object.entries(conflicting).map(([title, of]) =>
      single('conflicts', `${direction}, ${title}`, ...of(direction).map(([name, list, pods]) => policy(name, oneWay(direction, list, pods)))),
    ),
  ),
  single(
    'conflicts',
    'open at one end, closed at the other',
    policy('out', oneWay('egress', [rule('egress', [y])], {})),
    policy('in', oneWay('ingress', [rule('ingress', [], [udp81])], {}), 'y'),
  ),
  single('conflicts', 'closed out of x, open into x', policy('out', oneWay('egress', [], {})), policy('in', oneWay('ingress', [{}], {}))),
  single(
    'conflicts',
    'both ends open, by different ports',
    policy('out', oneWay('egress', [rule('egress', [], [tcp80, udp81])], {})),
    policy('in', oneWay('ingress', [rule('ingress', [], [{ protocol: 'TCP', port: 81 }, udp81])], {}), 'z'),
  ),
];

const TARGETS: Readonly<Record<string, unknown>> = {
  'every pod': {},
  'one by label': { matchLabels: { pod: 'b' } },
  'two by expression': { matchExpressions: [{ key: 'pod', operator: 'In', values: ['a', 'c'] }] },
  'all but one': { matchExpressions: [{ key: 'pod', operator: 'NotIn', values: ['c'] }] },
  'those with the label': { matchExpressions: [{ key: 'pod', operator: 'Exists' }] },
  'those without it': { matchExpressions: [{ key: 'pod', operator: 'DoesNotExist' }] },
  none: { matchLabels: { pod: 'a', tier: 'front' } },
};

export const targets: readonly PolicyCase[] = DIRECTIONS.flatMap((direction) =>
  Object.entries(TARGETS).map(([title, selector]) =>
    single('targets', `${direction}, ${title}`, policy('target', oneWay(direction, [rule(direction, [y])], selector))),
  ),
);

const deny = policy('deny', { podSelector: {} });
const fromY = policy('from-y', oneWay('ingress', [rule('ingress', [y])], {}));

export const actions: readonly PolicyCase[] = [
  {
    family: 'actions',
    title: 'a policy comes, changes and goes',
    steps: [
      { title: 'none', policies: [] },
      { title: 'deny', policies: [deny] },
      { title: 'allow from y', policies: [policy('deny', { podSelector: {}, ingress: [rule('ingress', [y])] })] },
      { title: 'none again', policies: [] },
    ],
  },
  {
    family: 'actions',
    title: 'a second policy opens what the first closes',
    steps: [
      { title: 'deny', policies: [deny] },
      { title: 'and allow', policies: [deny, fromY] },
      { title: 'allow alone', policies: [fromY] },
    ],
  },
  {
    family: 'actions',
    title: 'a namespace gets the label, and loses it',
    steps: [
      { title: 'without', policies: [deny, fromY], namespaceLabels: { y: {} } },
      { title: 'with', policies: [deny, fromY], namespaceLabels: { y: { ns: 'y' } } },
      { title: 'another one has it', policies: [deny, fromY], namespaceLabels: { y: {}, z: { ns: 'y' } } },
    ],
  },
  {
    family: 'actions',
    title: 'a peer gets the label, and loses it',
    steps: [
      { title: 'with', policies: [policy('from-b', oneWay('ingress', [rule('ingress', [b])]))] },
      { title: 'another one has it too', policies: [policy('from-b', oneWay('ingress', [rule('ingress', [b])]))], podLabels: { 'x/c': { pod: 'b' } } },
      { title: 'nobody has it', policies: [policy('from-b', oneWay('ingress', [rule('ingress', [b])]))], podLabels: { 'x/b': {} } },
    ],
  },
  {
    family: 'actions',
    title: 'a pod becomes the target, and ceases to be it',
    steps: [
      { title: 'a', policies: [policy('a', oneWay('egress', []))] },
      { title: 'a and c', policies: [policy('a', oneWay('egress', []))], podLabels: { 'x/c': { pod: 'a' } } },
      { title: 'nobody', policies: [policy('a', oneWay('egress', []))], podLabels: { 'x/a': { pod: 'd' } } },
    ],
  },
  {
    family: 'actions',
    title: 'a pod goes, and comes back',
    steps: [
      { title: 'there', policies: [fromY] },
      { title: 'gone', policies: [fromY], without: ['y/b'] },
      { title: 'back', policies: [fromY] },
    ],
  },
];
