/** trafficDistribution: hints as the EndpointSlice controller writes them, and what proxies make of hints. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diffPlans } from '../../topology/diff.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { ClusterPlan, LabPlan } from '../../topology/plan.ts';
import { iptablesServiceRules } from '../../topology/services/proxy/iptables-rules.ts';
import { ipvsServiceRules } from '../../topology/services/proxy/ipvs-rules.ts';
import { nftablesServiceRules } from '../../topology/services/proxy/nftables-rules.ts';
import { proxiedPortsOf, type ProxiedPort } from '../../topology/services/proxy/proxied-ports.ts';
import type { EndpointHints, ServicePlan } from '../../topology/services/service-plan.ts';
import { ZONE_LABEL } from '../../topology/services/traffic-distribution.ts';
import type { KubernetesObject, LabSpec, NodeSpec } from '../../topology/spec.ts';
import { expectService } from '../../verify/services/expect.ts';
import { serviceObject } from '../service-object.ts';
import { clusterOf, endpoint, port, service } from './proxy-fixture.ts';

const zoned = (name: string, zone: string | null, role: NodeSpec['role'] = 'worker'): NodeSpec => ({
  name,
  role,
  ...(zone === null ? {} : { labels: { [ZONE_LABEL]: zone } }),
});
const NODES = [zoned('cp', 'a', 'control-plane'), zoned('w1', 'a'), zoned('w2', 'b'), zoned('w3', null)];
const lab = (objects: readonly KubernetesObject[], nodes: readonly NodeSpec[] = NODES): LabSpec => ({
  name: 'zones',
  clusters: [{ name: 'c1', cni: { type: 'flannel' }, dns: false, nodes, workloads: [{ name: 'web', replicas: 3 }], objects }],
});
const find = (plan: LabPlan, name: string): ServicePlan => plan.clusters[0]?.services.find((one) => one.name === name) ?? expect.fail(name);
const hintsOf = (plan: LabPlan, name: string): readonly unknown[] => find(plan, name).endpoints.map(({ node, hints }) => [node, hints]);

describe('hints of the EndpointSlice controller', () => {
  it.each(['PreferClose', 'PreferSameZone'] as const)('%s: the zone of the endpoint, where it is in one', (word) => {
    const plan = planLab(lab([serviceObject('web', { trafficDistribution: word })]));
    expect(find(plan, 'web').trafficDistribution).toBe(word);
    expect(hintsOf(plan, 'web')).toEqual([
      ['w1', { zones: ['a'], nodes: [] }],
      ['w2', { zones: ['b'], nodes: [] }],
      ['w3', undefined],
    ]);
  });

  it('PreferSameNode: the node besides', () => {
    expect(hintsOf(planLab(lab([serviceObject('web', { trafficDistribution: 'PreferSameNode' })])), 'web')).toEqual([
      ['w1', { zones: ['a'], nodes: ['w1'] }],
      ['w2', { zones: ['b'], nodes: ['w2'] }],
      ['w3', { zones: [], nodes: ['w3'] }],
    ]);
  });

  it('none without it, and none for endpoints that are not ready', () => {
    const slow: KubernetesObject = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'slow', labels: { app: 'slow' }, annotations: { 'cnilab.dev/ready': 'false' } },
      spec: { nodeName: 'w1', containers: [] },
    };
    const spec = { selector: { app: 'slow' }, trafficDistribution: 'PreferSameNode' };
    const plan = planLab(lab([serviceObject('web'), slow, serviceObject('slow', spec), serviceObject('early', { ...spec, publishNotReadyAddresses: true })]));
    expect(hintsOf(plan, 'web').map((one) => (one as unknown[])[1])).toEqual([undefined, undefined, undefined]);
    expect(find(plan, 'web')).not.toHaveProperty('trafficDistribution');
    expect(find(plan, 'slow').endpoints[0]).not.toHaveProperty('hints');
    expect(find(plan, 'early').endpoints[0]?.hints).toEqual({ zones: ['a'], nodes: ['w1'] });
  });

  it('an author’s own slices keep theirs, and get none', () => {
    const slice: KubernetesObject = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'db-1', labels: { 'kubernetes.io/service-name': 'db' } },
      addressType: 'IPv4',
      endpoints: [
        { addresses: ['172.30.0.50'], hints: { forZones: [{ name: 'a' }, { name: 'b' }], forNodes: [{ name: 'w2' }] } },
        { addresses: ['172.30.0.51'], nodeName: 'w1' },
      ],
      ports: [{ name: '', port: 5432 }],
    };
    const plan = planLab(lab([{ ...serviceObject('db'), spec: { trafficDistribution: 'PreferSameZone', ports: [{ port: 5432 }] } }, slice]));
    expect(hintsOf(plan, 'db')).toEqual([
      [null, { zones: ['a', 'b'], nodes: ['w2'] }],
      ['w1', undefined],
    ]);
  });
});

const zonesOf = (cluster: ClusterPlan, zones: Readonly<Record<string, string>>): ClusterPlan => ({
  ...cluster,
  nodes: cluster.nodes.map((node) => {
    const zone = zones[node.name];
    return zone === undefined ? node : { ...node, labels: { ...node.labels, [ZONE_LABEL]: zone } };
  }),
});
const forZones = (...zones: string[]): { readonly hints: EndpointHints } => ({ hints: { zones, nodes: [] } });
const forNode = (node: string, ...zones: string[]): { readonly hints: EndpointHints } => ({ hints: { zones, nodes: [node] } });
const [NEAR, FAR] = ['10.180.0.1', '10.180.2.1'];

function proxied(one: ServicePlan, zones: Readonly<Record<string, string>>, node = 'worker1'): ProxiedPort {
  const cluster = zonesOf(clusterOf([one]), zones);
  const [found] = proxiedPortsOf(one, cluster.nodes.find(({ name }) => name === node) ?? expect.fail(node), 'ipv4');
  return found ?? expect.fail('no port');
}
const addresses = (endpoints: ProxiedPort['cluster']): readonly string[] => endpoints.map(({ address }) => address);

describe('what a proxy makes of hints (CategorizeEndpoints)', () => {
  const cases: readonly (readonly [string, ServicePlan['endpoints'], Readonly<Record<string, string>>, readonly string[]])[] = [
    ['endpoints of its zone', [endpoint(NEAR, 'worker1', forZones('a')), endpoint(FAR, 'control-plane1', forZones('b'))], { worker1: 'a' }, [NEAR]],
    ['hinted for its zone, wherever they are', [endpoint(NEAR, 'worker1', forZones('b')), endpoint(FAR, null, forZones('a'))], { worker1: 'a' }, [FAR]],
    ['hinted for several zones', [endpoint(NEAR, 'worker1', forZones('a', 'b')), endpoint(FAR, null, forZones('b'))], { worker1: 'b' }, [NEAR, FAR]],
    ['all, where one has no hint', [endpoint(NEAR, 'worker1', forZones('a')), endpoint(FAR, 'control-plane1')], { worker1: 'a' }, [NEAR, FAR]],
    [
      'one that is not ready needs none',
      [endpoint(NEAR, 'worker1', forZones('a')), endpoint(FAR, null, forZones('b')), endpoint('10.180.0.9', null, { ready: false })],
      { worker1: 'a' },
      [NEAR],
    ],
    [
      'and is not counted as near',
      [endpoint(NEAR, 'worker1', { ...forZones('a'), ready: false }), endpoint(FAR, null, forZones('b'))],
      { worker1: 'a' },
      [FAR],
    ],
    ['all, where none is for its zone', [endpoint(NEAR, 'worker1', forZones('a')), endpoint(FAR, null, forZones('b'))], { worker1: 'c' }, [NEAR, FAR]],
    ['all, where it is in no zone', [endpoint(NEAR, 'worker1', forZones('a')), endpoint(FAR, null, forZones('b'))], {}, [NEAR, FAR]],
    [
      'its node’s before its zone’s',
      [endpoint(NEAR, 'worker1', forNode('worker1', 'a')), endpoint(FAR, null, forNode('control-plane1', 'a'))],
      { worker1: 'a' },
      [NEAR],
    ],
    ['its node’s without any zone', [endpoint(NEAR, 'worker1', forNode('worker1')), endpoint(FAR, null, forNode('control-plane1'))], {}, [NEAR]],
    [
      'its zone’s where none is for its node',
      [endpoint(NEAR, null, forNode('worker2', 'a')), endpoint(FAR, null, forNode('control-plane1', 'b'))],
      { worker1: 'b' },
      [FAR],
    ],
    ['its zone’s where one has no node', [endpoint(NEAR, null, forNode('worker1', 'a')), endpoint(FAR, null, forZones('b'))], { worker1: 'b' }, [FAR]],
  ];
  it.each(cases)('%s', (_title, endpoints, zones, used) => {
    const found = proxied(service({ endpoints }), zones);
    expect(addresses(found.cluster)).toEqual(used);
    expect(addresses(found.reachable)).toEqual(used);
    expect(found.internal).toBe('serve');
  });

  it('a policy Local goes before: for pods, and for what comes from outside', () => {
    const endpoints = [endpoint(NEAR, 'worker1', forZones('b')), endpoint(FAR, 'control-plane1', forZones('a'))];
    const internal = proxied(service({ endpoints, internalTrafficPolicy: 'Local' }), { worker1: 'a' });
    expect([addresses(internal.local), addresses(internal.cluster), addresses(internal.reachable)]).toEqual([[NEAR], [], [NEAR]]);
    // Under the one, pods of the node still go by the hints: the node needs the endpoints of both.
    const external = proxied(service({ type: 'NodePort', endpoints, ports: [port({ nodePort: 30_080 })], externalTrafficPolicy: 'Local' }), { worker1: 'a' });
    expect([addresses(external.local), addresses(external.cluster), addresses(external.reachable)]).toEqual([[NEAR], [FAR], [NEAR, FAR]]);
  });

  it('is in the rules of every mode, on each node its own', () => {
    const near = service({ endpoints: [endpoint(NEAR, 'worker1', forZones('a')), endpoint(FAR, 'control-plane1', forZones('b'))] });
    const cluster = zonesOf(clusterOf([near]), { worker1: 'a', 'control-plane1': 'b' });
    const used = (text: string): readonly string[] => [NEAR, FAR].filter((address) => text.includes(address));
    const written = cluster.nodes.map((node) => [
      node.name,
      used(iptablesServiceRules(cluster, node, 'ipv4')),
      used(nftablesServiceRules(cluster, node, 'ipv4')),
      used(ipvsServiceRules(cluster, node, 'ipv4').servers.join('\n')),
    ]);
    expect(written).toEqual([
      ['control-plane1', [FAR], [FAR], [FAR]],
      ['worker1', [NEAR], [NEAR], [NEAR]],
    ]);
    const [, worker] = cluster.nodes;
    const rules = iptablesServiceRules(cluster, worker ?? expect.fail('no node'), 'ipv4').split('\n');
    // One endpoint: no dice.
    expect(rules.filter((line) => line.startsWith('-A KUBE-SVC-XPGD46QRK7WJZT7O ') && line.includes('-> '))).toEqual([
      '-A KUBE-SVC-XPGD46QRK7WJZT7O -m comment --comment "ns1/svc1:p80 -> 10.180.0.1:80" -j KUBE-SEP-SXIVWICOYRO3J4NJ',
    ]);
  });

  it('is what the verification expects, which is written apart, for any hints', () => {
    const names = fc.subarray(['a', 'b', 'c']);
    const hinted = fc.option(fc.record({ zones: names, nodes: fc.subarray(['worker1', 'control-plane1', 'gone']) }), { nil: undefined });
    const some = fc.array(fc.record({ hints: hinted, ready: fc.boolean() }), { maxLength: 5 });
    fc.assert(
      fc.property(some, fc.option(fc.constantFrom('a', 'b', 'c')), (all, zone) => {
        const endpoints = all.map(({ hints, ready }, i) =>
          endpoint(`10.180.0.${i + 1}`, null, {
            ready,
            // None are as good as no hints at all: readers of slices leave those out.
            ...(hints === undefined || hints.zones.length + hints.nodes.length === 0 ? {} : { hints }),
          }),
        );
        const one = service({ endpoints });
        const cluster = zonesOf(clusterOf([one]), zone === null ? {} : { worker1: zone });
        const caller = { kind: 'node', pod: null, node: 'worker1', address: '172.30.0.3' } as const;
        const door = { via: 'cluster-ip', address: '172.30.0.41', port: 80, node: null } as const;
        const expected = expectService(cluster, one, port(), 'ipv4', caller, door);
        const candidates = expected.fate === 'served' ? expected.candidates.map((candidate) => candidate.endpoint.address) : [];
        expect(addresses(proxied(one, zone === null ? {} : { worker1: zone }).cluster)).toEqual(candidates);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a change of zones', () => {
  it('is told of the node, and of endpoints on it, in place', () => {
    const objects = [serviceObject('web', { trafficDistribution: 'PreferSameZone' })];
    const before = planLab(lab(objects));
    const after = planLab(lab(objects, [zoned('cp', 'b', 'control-plane'), zoned('w1', 'c'), zoned('w2', 'b'), zoned('w3', null)]), { previous: before });
    const { changes, replace } = diffPlans(before, after);
    expect(replace).toBe(false);
    expect(changes.map(({ object, id, reason }) => `${object} ${id}: ${reason}`)).toEqual([
      'node c1/cp: its labels change',
      'node c1/w1: its labels change',
      'service c1/default/web: its endpoints change',
    ]);
    expect(changes.at(-1)?.to).toBe('10.244.1.2:8080 (for zone c), 10.244.2.2:8080 (for zone b), 10.244.3.2:8080');
  });
});
