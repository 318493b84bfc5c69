import { describe, expect, it } from 'vitest';
import { parseCidr } from '../../topology/cidr.ts';
import { formatPath } from '../../topology/format-diagnostic.ts';
import { isNetworkPolicy, readPolicy } from '../../topology/policy/read-policy.ts';
import type { KubernetesObject } from '../../topology/spec.ts';

const policy = (spec: unknown, apiVersion = 'networking.k8s.io/v1'): KubernetesObject => ({
  apiVersion,
  kind: 'NetworkPolicy',
  metadata: { name: 'p', namespace: 'x' },
  spec,
});
const read = (spec: unknown): ReturnType<typeof readPolicy>['policy'] => {
  const { policy: model, findings } = readPolicy(policy(spec), []);
  expect(findings).toEqual([]);
  return model;
};
const complaints = (spec: unknown): readonly string[] =>
  readPolicy(policy(spec), []).findings.map((d) => `${d.severity} ${d.code} ${formatPath(d.path, { name: 'lab' })}: ${d.message} → ${d.hint}`);
const from = (peer: unknown): unknown => ({ ingress: [{ from: [peer] }] });
const ports = (port: unknown): unknown => ({ ingress: [{ ports: [port] }] });

describe('reading a NetworkPolicy', () => {
  it('knows the kind of Kubernetes from those of CNIs', () => {
    expect(isNetworkPolicy(policy({}))).toBe(true);
    expect(isNetworkPolicy(policy({}, 'projectcalico.org/v3'))).toBe(false);
    expect(isNetworkPolicy({ ...policy({}), kind: 'Ingress' })).toBe(false);
  });

  it('isolates ingress by default, and egress where there are egress rules', () => {
    expect(read(undefined)).toEqual({ id: 'x/p', namespace: 'x', name: 'p', pods: [], ingress: [], egress: null });
    expect(read({ podSelector: {} })).toMatchObject({ ingress: [], egress: null });
    expect(read({ egress: [] })).toMatchObject({ ingress: [], egress: null });
    expect(read({ egress: [{}] })).toMatchObject({ ingress: [], egress: [{ peers: null, ports: null }] });
    expect(read({ policyTypes: [], egress: [{}] })).toMatchObject({ ingress: [], egress: [{}] });
    expect(read({ policyTypes: ['Egress'] })).toMatchObject({ ingress: null, egress: [] });
    expect(read({ policyTypes: ['Egress', 'Ingress'], ingress: [{}] })).toMatchObject({ ingress: [{}], egress: [] });
  });

  it('takes an empty list of peers or ports for everybody and everything', () => {
    expect(read({ ingress: [{ from: [], ports: [] }, { from: null }, {}] }).ingress).toEqual([
      { peers: null, ports: null },
      { peers: null, ports: null },
      { peers: null, ports: null },
    ]);
  });

  it('reads labels and expressions as one list of conditions', () => {
    const selector = {
      matchLabels: { app: 'web', tier: '' },
      matchExpressions: [
        { key: 'env', operator: 'In', values: ['prod', 'test'] },
        { key: 'env', operator: 'NotIn', values: ['dev'] },
        { key: 'example.com/owner', operator: 'Exists' },
        { key: 'retired', operator: 'DoesNotExist', values: [] },
      ],
    };
    expect(read({ podSelector: selector }).pods).toEqual([
      { key: 'app', operator: 'In', values: ['web'] },
      { key: 'tier', operator: 'In', values: [''] },
      { key: 'env', operator: 'In', values: ['prod', 'test'] },
      { key: 'env', operator: 'NotIn', values: ['dev'] },
      { key: 'example.com/owner', operator: 'Exists', values: [] },
      { key: 'retired', operator: 'DoesNotExist', values: [] },
    ]);
  });

  it('tells the peers apart: pods here, pods of namespaces, both together, blocks', () => {
    const peers = [
      { podSelector: { matchLabels: { role: 'db' } } },
      { namespaceSelector: {} },
      { namespaceSelector: { matchLabels: { ns: 'y' } }, podSelector: { matchLabels: { role: 'db' } } },
      { ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16', '10.2.0.0/16'] } },
      { ipBlock: { cidr: 'fd00::/8' } },
    ];
    const db = [{ key: 'role', operator: 'In', values: ['db'] }];
    expect(read({ ingress: [{ from: peers }] }).ingress?.[0]?.peers).toEqual([
      { kind: 'pods', namespaces: null, pods: db },
      { kind: 'pods', namespaces: [], pods: [] },
      { kind: 'pods', namespaces: [{ key: 'ns', operator: 'In', values: ['y'] }], pods: db },
      { kind: 'block', cidr: parseCidr('10.0.0.0/8'), except: [parseCidr('10.1.0.0/16'), parseCidr('10.2.0.0/16')] },
      { kind: 'block', cidr: parseCidr('fd00::/8'), except: [] },
    ]);
  });

  it('reads ports by number, range, name and protocol; TCP where none is named', () => {
    const list = [{ port: 80 }, { port: 80, endPort: 90, protocol: 'UDP' }, { port: 'dns-tcp', protocol: 'SCTP' }, { protocol: 'UDP' }, {}];
    expect(read({ egress: [{ ports: list }], policyTypes: ['Egress'] }).egress?.[0]?.ports).toEqual([
      { protocol: 'TCP', port: { first: 80, last: 80 } },
      { protocol: 'UDP', port: { first: 80, last: 90 } },
      { protocol: 'SCTP', port: 'dns-tcp' },
      { protocol: 'UDP', port: null },
      { protocol: 'TCP', port: null },
    ]);
  });
});

describe('what the API server would refuse', () => {
  it.each<[string, unknown, string]>([
    [
      'a spec that is none',
      'deny',
      'error POLICY_FIELD spec: spec is a string, not an object → write an object with podSelector, policyTypes, ingress, egress',
    ],
    ['a field that does not exist', { podSelectors: {} }, 'error POLICY_FIELD spec.podSelectors: a NetworkPolicy has no field "podSelectors" here'],
    ['from in egress', { egress: [{ from: [] }] }, 'error POLICY_FIELD spec.egress[0].from: a NetworkPolicy has no field "from" here → known here: to, ports'],
    ['a rule that is no list', { ingress: {} }, 'error POLICY_FIELD spec.ingress: ingress is an object, not a list'],
    ['a type that is none', { policyTypes: ['ingress'] }, 'error POLICY_TYPE spec.policyTypes[0]: "ingress" is not a type of policy → use Ingress or Egress'],
    ['three types', { policyTypes: ['Ingress', 'Egress', 'Egress'] }, 'error POLICY_TYPE spec.policyTypes: policyTypes has more than two entries'],
    [
      'a CIDR that is none',
      from({ ipBlock: { cidr: '10.0.0.0/33' } }),
      'error POLICY_IP_BLOCK spec.ingress[0].from[0].ipBlock.cidr: cidr of the ipBlock is not a CIDR: ',
    ],
    ['an address without length', from({ ipBlock: { cidr: '192.168.5.10' } }), '→ write a range, like 192.168.5.10/32'],
    [
      'except outside',
      from({ ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/16'] } }),
      'error POLICY_EXCEPT spec.ingress[0].from[0].ipBlock.except[0]: except 11.0.0.0/16 is not inside of 10.0.0.0/8',
    ],
    ['except as large as the block', from({ ipBlock: { cidr: '10.0.0.0/8', except: ['10.0.0.0/8'] } }), 'error POLICY_EXCEPT'],
    ['except of the other family', from({ ipBlock: { cidr: '10.0.0.0/8', except: ['fd00::/16'] } }), 'error POLICY_EXCEPT'],
    ['except that is no CIDR', from({ ipBlock: { cidr: '10.0.0.0/8', except: ['10.x'] } }), 'error POLICY_IP_BLOCK spec.ingress[0].from[0].ipBlock.except[0]'],
    [
      'a peer that is nobody',
      from({}),
      'error POLICY_PEER spec.ingress[0].from[0]: a peer that names nobody → write podSelector, namespaceSelector or ipBlock; to allow everybody',
    ],
    [
      'a block with a selector',
      from({ ipBlock: { cidr: '10.0.0.0/8' }, podSelector: {} }),
      'error POLICY_PEER spec.ingress[0].from[0]: a peer has ipBlock or selectors, not both → write two items',
    ],
    [
      'an operator that is none',
      { podSelector: { matchExpressions: [{ key: 'a', operator: 'Equals', values: ['b'] }] } },
      'error POLICY_SELECTOR spec.podSelector.matchExpressions[0].operator: "Equals" is not an operator of label selectors → use In, NotIn, Exists, DoesNotExist',
    ],
    [
      'In without values',
      { podSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } },
      'error POLICY_SELECTOR spec.podSelector.matchExpressions[0].values: values must be given when the operator is In',
    ],
    [
      'Exists with values',
      { podSelector: { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] } },
      'values may not be given when the operator is Exists',
    ],
    [
      'an expression without a key',
      { podSelector: { matchExpressions: [{ operator: 'Exists' }] } },
      'error POLICY_SELECTOR spec.podSelector.matchExpressions[0].key: an expression without a label key',
    ],
    ['a label key', { podSelector: { matchLabels: { 'a b': 'c' } } }, 'error LABEL_INVALID spec.podSelector.matchLabels.a b: the label key "a b" is refused'],
    [
      'a label value',
      { podSelector: { matchExpressions: [{ key: 'a', operator: 'NotIn', values: ['b c'] }] } },
      'error LABEL_INVALID spec.podSelector.matchExpressions[0].values[0]: the label value "b c" is refused',
    ],
    [
      'a label value that is a number',
      { podSelector: { matchLabels: { tier: 3 } } },
      'error POLICY_FIELD spec.podSelector.matchLabels.tier: the value of label tier is 3, not a text → put it in quotation marks: "3"',
    ],
    [
      'labels that are a list',
      { podSelector: { matchLabels: ['a'] } },
      'error POLICY_FIELD spec.podSelector.matchLabels: matchLabels is not an object of labels',
    ],
    [
      'values that are no texts',
      { podSelector: { matchExpressions: [{ key: 'a', operator: 'In', values: ['b', 1] }] } },
      'error POLICY_FIELD spec.podSelector.matchExpressions[0].values[1]: 1 is a number, not a text',
    ],
    ['port 0', ports({ port: 0 }), 'error POLICY_PORT spec.ingress[0].ports[0].port: 0 is not a port → use a number from 1 to 65535'],
    ['port 65536', ports({ port: 65_536 }), 'error POLICY_PORT spec.ingress[0].ports[0].port: 65536 is not a port'],
    [
      'a number in quotation marks',
      ports({ port: '80' }),
      'error POLICY_PORT spec.ingress[0].ports[0].port: "80" is not the name of a port: must contain at least one letter (a-z) → without quotation marks it is a number: 80',
    ],
    [
      'a name with capitals',
      ports({ port: 'HTTP' }),
      '"HTTP" is not the name of a port: must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
    ],
    ['a name that ends in a hyphen', ports({ port: 'http-' }), 'must not begin or end with a hyphen, nor hold two in a row'],
    [
      'a protocol that is none',
      ports({ protocol: 'ICMP' }),
      'error POLICY_PORT spec.ingress[0].ports[0].protocol: "ICMP" is not a protocol of NetworkPolicies → use TCP, UDP, SCTP',
    ],
    [
      'a range turned around',
      ports({ port: 90, endPort: 80 }),
      'error POLICY_PORT_RANGE spec.ingress[0].ports[0].endPort: endPort 80 is smaller than port 90 → turn them around: port 80, endPort 90',
    ],
    ['an end without a port', ports({ endPort: 80 }), 'error POLICY_PORT_RANGE spec.ingress[0].ports[0].endPort: endPort may not be given without port'],
    [
      'an end with a name',
      ports({ port: 'http', endPort: 80 }),
      "error POLICY_PORT_RANGE spec.ingress[0].ports[0].endPort: endPort may not be given with a port's name (http)",
    ],
    ['an end that is no port', ports({ port: 80, endPort: 70_000 }), 'error POLICY_PORT_RANGE spec.ingress[0].ports[0].endPort: endPort 70000 is not a port'],
  ])('%s', (_title, spec, expected) => {
    const found = complaints(spec);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(expected);
  });

  it('takes host bits, as the API server does, and says which range it is', () => {
    expect(complaints(from({ ipBlock: { cidr: '10.1.2.3/16' } }))).toEqual([
      'warning CIDR_HOST_BITS spec.ingress[0].from[0].ipBlock.cidr: cidr of the ipBlock 10.1.2.3/16 is read as 10.1.0.0/16 → write 10.1.0.0/16',
    ]);
    expect(readPolicy(policy(from({ ipBlock: { cidr: '10.1.2.3/16' } })), []).policy.ingress?.[0]?.peers).toEqual([
      { kind: 'block', cidr: parseCidr('10.1.0.0/16'), except: [] },
    ]);
  });

  it('says when rules have no effect because their type is left out', () => {
    expect(complaints({ policyTypes: ['Ingress'], egress: [{}] })).toEqual([
      'warning POLICY_RULES_UNUSED spec.egress: policyTypes leaves Egress out, so its rules have no effect → add Egress to policyTypes, or remove the rules',
    ]);
    expect(complaints({ policyTypes: ['Egress'], ingress: [{}] })[0]).toContain('spec.ingress: policyTypes leaves Ingress out');
  });
});
