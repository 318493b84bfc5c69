/** Whom a rule means: selectors of namespaces and of pods in every combination, address blocks, and lists of peers. */
import { DIRECTIONS, oneWay, policy, rule, single, type PolicyCase } from './case.ts';

/** The ways to select by one label that three things carry with three values. */
const selectors = (key: string, [first, second]: readonly [string, string]): Readonly<Record<string, unknown>> => ({
  all: {},
  label: { matchLabels: { [key]: first } },
  'in one': { matchExpressions: [{ key, operator: 'In', values: [first] }] },
  'in two': { matchExpressions: [{ key, operator: 'In', values: [first, second] }] },
  'not in one': { matchExpressions: [{ key, operator: 'NotIn', values: [first] }] },
  'has label': { matchExpressions: [{ key, operator: 'Exists' }] },
  'lacks label': { matchExpressions: [{ key, operator: 'DoesNotExist' }] },
});

const NAMESPACED = { 'own namespace': undefined, ...selectors('ns', ['y', 'z']) };
const PODDED = { 'no pod selector': undefined, ...selectors('pod', ['b', 'c']) };

const bySelectors = Object.entries(NAMESPACED).flatMap(([namespaces, namespaceSelector]) =>
  Object.entries(PODDED).flatMap(([pods, podSelector]) =>
    namespaceSelector === undefined && podSelector === undefined
      ? []
      : [
          {
            title: `namespaces: ${namespaces}, pods: ${pods}`,
            peers: [{ ...(namespaceSelector === undefined ? {} : { namespaceSelector }), ...(podSelector === undefined ? {} : { podSelector }) }],
          },
        ],
  ),
);

/** The pods of node control-plane1 have 10.244.0.0/24 in the lab of the cases, those of worker1 10.244.1.0/24, those of worker2 10.244.2.0/24. */
const BLOCKS: Readonly<Record<string, unknown>> = {
  everything: { cidr: '0.0.0.0/0' },
  'every pod': { cidr: '10.244.0.0/16' },
  'pods of one node': { cidr: '10.244.1.0/24' },
  'one address': { cidr: '10.244.1.2/32' },
  'no pod': { cidr: '192.168.5.0/24' },
  'the other family': { cidr: '::/0' },
  'everything but the pods of a node': { cidr: '0.0.0.0/0', except: ['10.244.2.0/24'] },
  'every pod but those of two nodes': { cidr: '10.244.0.0/16', except: ['10.244.1.0/24', '10.244.2.0/24'] },
  'a node without one pod': { cidr: '10.244.1.0/24', except: ['10.244.1.2/32'] },
  'exceptions that overlap': { cidr: '10.244.0.0/16', except: ['10.244.0.0/17', '10.244.2.0/24'] },
};

const LISTS: Readonly<Record<string, readonly unknown[]>> = {
  'everybody, by no list': [],
  'two pods': [{ podSelector: { matchLabels: { pod: 'b' } } }, { podSelector: { matchLabels: { pod: 'c' } } }],
  'a namespace, or pods of the own': [{ namespaceSelector: { matchLabels: { ns: 'y' } } }, { podSelector: { matchLabels: { pod: 'c' } } }],
  'an exception that another peer names': [
    { ipBlock: { cidr: '10.244.0.0/16', except: ['10.244.0.0/24'] } },
    { namespaceSelector: { matchLabels: { ns: 'z' } } },
  ],
  'blocks that overlap': [{ ipBlock: { cidr: '10.244.0.0/17', except: ['10.244.1.0/24'] } }, { ipBlock: { cidr: '10.244.1.0/24', except: ['10.244.1.2/32'] } }],
  'two conditions on one label': [
    {
      namespaceSelector: {
        matchExpressions: [
          { key: 'ns', operator: 'In', values: ['x', 'y'] },
          { key: 'ns', operator: 'NotIn', values: ['y'] },
        ],
      },
    },
  ],
  'the label that the API server gives': [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'z' } } }],
};

const shapes: readonly { readonly title: string; readonly peers: readonly unknown[] }[] = [
  ...bySelectors,
  ...Object.entries(BLOCKS).map(([title, ipBlock]) => ({ title: `block: ${title}`, peers: [{ ipBlock }] })),
  ...Object.entries(LISTS).map(([title, peers]) => ({ title: `list: ${title}`, peers })),
];

export const peers: readonly PolicyCase[] = DIRECTIONS.flatMap((direction) =>
  shapes.map(({ title, peers: list }) => single('peers', `${direction}, ${title}`, policy('peers', oneWay(direction, [rule(direction, list)])))),
);
