import { describe, expect, it } from 'vitest';
import { planLab } from '../../topology/plan-lab.ts';
import { evaluatePolicies, type Flow, type FlowEnd, type PolicyVerdict } from '../../topology/policy/evaluate.ts';
import type { PolicyPod, PolicyWorld } from '../../topology/policy/model.ts';
import { readPolicy } from '../../topology/policy/read-policy.ts';
import { policyWorld } from '../../topology/policy/world.ts';
import type { KubernetesObject } from '../../topology/spec.ts';

const object = (namespace: string, name: string, spec: unknown): KubernetesObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name, namespace },
  spec,
});

const NODES = [
  { kind: 'node', name: 'n1', address: '172.30.0.1' },
  { kind: 'node', name: 'n2', address: '172.30.0.2' },
] as const;
const pod = (id: string, node: string, address: string, more: Partial<PolicyPod> = {}): PolicyPod => ({
  id,
  namespace: id.split('/')[0] ?? '',
  labels: { pod: id.split('/')[1] ?? '' },
  node,
  hostNetwork: false,
  addresses: [address, `fd00::${address.split('.').slice(2).join(':')}`],
  ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
  ...more,
});
const PODS = [
  pod('x/a', 'n1', '10.244.1.2'),
  pod('x/b', 'n2', '10.244.2.2', { ports: [{ name: 'http', protocol: 'TCP', port: 8080 }] }),
  pod('y/a', 'n1', '10.244.1.3', { labels: { pod: 'a', tier: 'front' } }),
  pod('y/agent', 'n2', '', { hostNetwork: true, addresses: [] }),
];
const world = (...policies: readonly KubernetesObject[]): PolicyWorld => ({
  namespaces: { x: { ns: 'x' }, y: { ns: 'y' } },
  pods: PODS,
  policies: policies.map((policy) => {
    const { policy: model, findings } = readPolicy(policy, []);
    expect(findings).toEqual([]);
    return model;
  }),
});

const end = (text: string): FlowEnd => {
  const node = NODES.find((n) => n.name === text);
  if (node !== undefined) return node;
  const [id = '', address = '172.30.0.2'] = text.split('@');
  return text.includes('/') ? { kind: 'pod', id, address } : { kind: 'outside', address: text };
};
/** `x/a > x/b TCP/80`. */
const verdict = (of: PolicyWorld, text: string): PolicyVerdict => {
  const [from = '', , to = '', service = 'TCP/80', family = 'ipv4'] = text.split(' ');
  const [protocol, port] = service.split('/');
  return evaluatePolicies(of, { from: end(from), to: end(to), protocol: protocol as Flow['protocol'], port: Number(port), family: family as Flow['family'] });
};
const allowed = (of: PolicyWorld, ...flows: readonly string[]): readonly boolean[] => flows.map((flow) => verdict(of, flow).allowed);

const deny = object('x', 'deny', { podSelector: {} });
const denyEgress = object('x', 'deny-egress', { podSelector: {}, policyTypes: ['Egress'] });
const only = (spec: unknown): PolicyWorld => world(object('x', 'p', { podSelector: { matchLabels: { pod: 'a' } }, ...(spec as object) }));

describe('isolation', () => {
  it('is none without policies, and none in namespaces without them', () => {
    const open = { allowed: true, exempt: null, egress: { isolated: false, allowed: true, by: [] }, ingress: { isolated: false, allowed: true, by: [] } };
    expect(verdict(world(), 'x/a > x/b')).toEqual(open);
    expect(verdict(world(deny), 'x/a > y/a')).toEqual(open);
  });

  it('is per direction: what a policy closes for ingress stays open for egress', () => {
    expect(verdict(world(deny), 'x/a > x/b')).toEqual({
      allowed: false,
      exempt: null,
      egress: { isolated: false, allowed: true, by: [] },
      ingress: { isolated: true, allowed: false, by: ['x/deny'] },
    });
    expect(allowed(world(denyEgress), 'x/a > y/a', 'y/a > x/a')).toEqual([false, true]);
    expect(allowed(world(deny, denyEgress), 'x/a > y/a', 'y/a > x/a', 'x/a > x/b')).toEqual([false, false, false]);
  });

  it('ends where one policy of several allows it, which is named', () => {
    const open = object('x', 'open', { podSelector: { matchLabels: { pod: 'b' } }, ingress: [{ from: [{ podSelector: { matchLabels: { pod: 'a' } } }] }] });
    expect(verdict(world(deny, open), 'x/a > x/b').ingress).toEqual({ isolated: true, allowed: true, by: ['x/open'] });
    expect(allowed(world(deny, open), 'y/a > x/b', 'x/b > x/a')).toEqual([false, false]);
  });

  it('must be lifted at both ends', () => {
    const outward = object('x', 'outward', { podSelector: {}, policyTypes: ['Egress'], egress: [{}] });
    expect(allowed(world(deny, denyEgress, outward), 'x/a > x/b', 'x/a > y/a')).toEqual([false, true]);
  });
});

describe('who is never asked about', () => {
  const closed = world(deny, denyEgress);
  it('is the pod itself, its node, and what lives in its node', () => {
    expect(verdict(closed, 'x/a > x/a').exempt).toBe('self');
    expect(verdict(closed, 'n1 > x/a')).toMatchObject({ allowed: true, exempt: 'own-node' });
    expect(verdict(closed, 'x/a > n1').exempt).toBe('own-node');
    expect(verdict(closed, 'y/agent > x/b').exempt).toBe('own-node');
    expect(verdict(closed, 'x/b > y/agent').exempt).toBe('own-node');
  });

  it('is not another node, nor another pod of the same node', () => {
    expect(allowed(closed, 'n2 > x/a', 'x/a > n2', 'y/agent > x/a', 'y/a > x/a')).toEqual([false, false, false, false]);
  });
});

describe('peers', () => {
  it("are pods of the policy's own namespace where it names no other", () => {
    const of = only({ ingress: [{ from: [{ podSelector: { matchLabels: { pod: 'a' } } }] }] });
    expect(allowed(of, 'y/a > x/a', 'x/b > x/a')).toEqual([false, false]);
    expect(allowed(only({ ingress: [{ from: [{ podSelector: {} }] }] }), 'x/b > x/a', 'y/a > x/a')).toEqual([true, false]);
  });

  it('are whole namespaces, or pods in them where both selectors stand in one item', () => {
    const both = { namespaceSelector: { matchLabels: { ns: 'y' } }, podSelector: { matchLabels: { tier: 'front' } } };
    expect(allowed(only({ ingress: [{ from: [both] }] }), 'y/a > x/a', 'x/b > x/a')).toEqual([true, false]);
    const either = [{ namespaceSelector: { matchLabels: { ns: 'y' } } }, { podSelector: { matchLabels: { pod: 'b' } } }];
    expect(allowed(only({ ingress: [{ from: either }] }), 'y/a > x/a', 'x/b > x/a')).toEqual([true, true]);
    expect(allowed(only({ ingress: [{ from: [{ ...both, podSelector: { matchLabels: { tier: 'back' } } }] }] }), 'y/a > x/a')).toEqual([false]);
  });

  it('are blocks without their exceptions; another item may still name an exception', () => {
    const block = { ipBlock: { cidr: '10.244.0.0/16', except: ['10.244.2.0/24'] } };
    expect(allowed(only({ ingress: [{ from: [block] }] }), 'y/a > x/a', 'x/b > x/a', '192.0.2.9 > x/a')).toEqual([true, false, false]);
    expect(allowed(only({ ingress: [{ from: [block, { podSelector: {} }] }] }), 'x/b > x/a')).toEqual([true]);
    expect(allowed(only({ ingress: [{ from: [{ ipBlock: { cidr: '192.0.2.9/32' } }] }] }), '192.0.2.9 > x/a', '192.0.2.8 > x/a')).toEqual([true, false]);
  });

  it('are nodes, and pods of their network, by address only', () => {
    const everyPod = only({ ingress: [{ from: [{ namespaceSelector: {} }] }] });
    expect(allowed(everyPod, 'y/a > x/a', 'y/agent > x/a', 'n2 > x/a')).toEqual([true, false, false]);
    expect(allowed(only({ ingress: [{ from: [{ ipBlock: { cidr: '172.30.0.2/32' } }] }] }), 'y/agent > x/a', 'n2 > x/a')).toEqual([true, true]);
  });

  it('match by family', () => {
    const of = only({ ingress: [{ from: [{ ipBlock: { cidr: '0.0.0.0/0' } }] }] });
    expect(allowed(of, 'x/b > x/a TCP/80 ipv4', 'x/b > x/a TCP/80 ipv6')).toEqual([true, false]);
    expect(allowed(only({ ingress: [{ from: [{ ipBlock: { cidr: '::/0' } }] }] }), 'x/b > x/a TCP/80 ipv6', 'y/agent > x/a TCP/80 ipv6')).toEqual([
      true,
      false,
    ]);
  });
});

describe('labels', () => {
  it.each<[string, unknown, readonly boolean[]]>([
    ['In', { key: 'tier', operator: 'In', values: ['front', 'back'] }, [true, false]],
    ['NotIn, also of what lacks the label', { key: 'tier', operator: 'NotIn', values: ['front'] }, [false, true]],
    ['Exists', { key: 'tier', operator: 'Exists' }, [true, false]],
    ['DoesNotExist', { key: 'tier', operator: 'DoesNotExist' }, [false, true]],
    ['what every object inherits is no label', { key: 'constructor', operator: 'Exists' }, [false, false]],
  ])('%s', (_title, expression, expected) => {
    const of = only({ ingress: [{ from: [{ namespaceSelector: {}, podSelector: { matchExpressions: [expression] } }] }] });
    expect(allowed(of, 'y/a > x/a', 'x/b > x/a')).toEqual(expected);
  });

  it("of a namespace are the selector's, of the pod the others", () => {
    const of = only({ ingress: [{ from: [{ namespaceSelector: { matchExpressions: [{ key: 'ns', operator: 'NotIn', values: ['x'] }] } }] }] });
    expect(allowed(of, 'y/a > x/a', 'x/b > x/a')).toEqual([true, false]);
  });
});

describe('ports', () => {
  it('are numbers, ranges with both ends, whole protocols', () => {
    const of = only({ ingress: [{ ports: [{ port: 80, endPort: 82 }, { port: 7, protocol: 'SCTP' }, { protocol: 'UDP' }] }] });
    expect(allowed(of, 'x/b > x/a TCP/79', 'x/b > x/a TCP/80', 'x/b > x/a TCP/82', 'x/b > x/a TCP/83')).toEqual([false, true, true, false]);
    expect(allowed(of, 'x/b > x/a UDP/1', 'x/b > x/a SCTP/7', 'x/b > x/a SCTP/80')).toEqual([true, true, false]);
  });

  it('by name are those of the destination: another one on each pod, none on what is no pod', () => {
    const of = world(object('x', 'p', { podSelector: {}, policyTypes: ['Egress'], egress: [{ ports: [{ port: 'http' }] }] }));
    expect(allowed(of, 'x/a > x/b TCP/8080', 'x/a > x/b TCP/80', 'x/b > x/a TCP/80', 'x/a > y/a TCP/80')).toEqual([true, false, true, true]);
    expect(allowed(of, 'x/a > 192.0.2.9 TCP/80', 'x/a > n2 TCP/80', 'x/a > x/b UDP/8080')).toEqual([false, false, false]);
    const inward = world(object('x', 'p', { podSelector: {}, ingress: [{ ports: [{ port: 'http' }] }] }));
    expect(allowed(inward, 'y/a > x/a TCP/80', 'y/a > x/b TCP/80', 'y/a > x/b TCP/8080', '192.0.2.9 > x/b TCP/8080')).toEqual([true, false, true, true]);
  });

  it('and peers of one rule must both fit; those of another rule do not help', () => {
    const of = only({
      ingress: [
        { from: [{ podSelector: {} }], ports: [{ port: 80 }] },
        { from: [{ namespaceSelector: { matchLabels: { ns: 'y' } } }], ports: [{ port: 81 }] },
      ],
    });
    expect(allowed(of, 'x/b > x/a TCP/80', 'x/b > x/a TCP/81', 'y/a > x/a TCP/80', 'y/a > x/a TCP/81')).toEqual([true, false, false, true]);
  });
});

describe('the world of a plan', () => {
  const plan = planLab({
    name: 'demo',
    clusters: [
      {
        name: 'c1',
        workers: 1,
        cni: { type: 'calico' },
        workloads: [
          { name: 'web', namespace: 'shop', replicas: 1, ports: [{ containerPort: 8080, name: 'http' }] },
          { name: 'agent', namespace: 'ops', replicas: 1, hostNetwork: true },
        ],
        objects: [
          { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { team: 'a', 'kubernetes.io/metadata.name': 'else' } } },
          object('shop', 'deny', { podSelector: {} }),
          { apiVersion: 'projectcalico.org/v3', kind: 'NetworkPolicy', metadata: { name: 'other', namespace: 'shop' } },
        ],
      },
    ],
  });
  const [cluster] = plan.clusters;

  it('has the labels that the API server gives, addresses and ports of the plan, and its policies', () => {
    const of = cluster === undefined ? world() : policyWorld(cluster);
    expect(of.namespaces).toEqual({ shop: { team: 'a', 'kubernetes.io/metadata.name': 'shop' }, ops: { 'kubernetes.io/metadata.name': 'ops' } });
    expect(of.policies.map((p) => p.id)).toEqual(['shop/deny']);
    const [web, agent] = of.pods;
    expect(web).toMatchObject({ hostNetwork: false, ports: [{ name: 'http', protocol: 'TCP', port: 8080 }], labels: { app: 'web' } });
    expect(web?.addresses).toEqual([cluster?.pods[0]?.interface?.addresses[0]?.address]);
    expect(agent).toMatchObject({ hostNetwork: true, addresses: [] });
  });

  it('has pods in the network of a node by the address that the other end sees, and by no other', () => {
    const of = only({ ingress: [{ from: [{ ipBlock: { cidr: '172.30.0.2/32' } }] }] });
    expect(allowed(of, 'y/agent@172.30.0.2 > x/a', 'y/agent@10.244.2.1 > x/a')).toEqual([true, false]);
    const flow = { from: { kind: 'pod', id: 'y/agent' }, to: { kind: 'pod', id: 'x/a' }, protocol: 'TCP', port: 80, family: 'ipv4' } as const;
    expect(() => evaluatePolicies(of, flow)).toThrow('by which address is it seen?');
  });

  it('does not know pods of other worlds', () => {
    expect(() => verdict(world(), 'x/a > x/zzz')).toThrow('no pod x/zzz');
  });
});
