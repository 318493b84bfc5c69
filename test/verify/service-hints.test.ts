/** Services whose endpoints are hinted for nodes and zones: what a client must get, what is remembered, and what `explain` says. */
import { describe, expect, it } from 'vitest';
import type { ConntrackEntry } from '../../engines/port.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { PodPlan } from '../../topology/plan.ts';
import type { ServicePlan } from '../../topology/services/service-plan.ts';
import { ZONE_LABEL } from '../../topology/services/traffic-distribution.ts';
import type { ClusterSpec, KubernetesObject, NodeSpec } from '../../topology/spec.ts';
import { clusterEnds } from '../../verify/endpoints.ts';
import { expectService, type Caller, type Door } from '../../verify/services/expect.ts';
import { planFlows } from '../../verify/services/flows.ts';
import { chooseReuses } from '../../verify/services/udp-reuse.ts';
import type { WalkGoal } from '../../verify/walk/goal.ts';
import { preferenceNotes } from '../../verify/walk/preference.ts';
import { serviceObject } from '../service-object.ts';

const nodeIn = (name: string, zone: string | null, role: NodeSpec['role'] = 'worker'): NodeSpec => ({
  name,
  role,
  ...(zone === null ? {} : { labels: { [ZONE_LABEL]: zone } }),
});
const near = (name: string, trafficDistribution: string, more: Readonly<Record<string, unknown>> = {}): KubernetesObject =>
  serviceObject(name, { selector: { app: 'web' }, trafficDistribution, ...more });
const planWith = (mode: NonNullable<ClusterSpec['kubeProxy']>['mode'] = 'iptables') =>
  planLab({
    name: 'zones',
    hosts: [{ name: 'beside' }],
    clusters: [
      {
        name: 'c1',
        cni: { type: 'flannel' },
        dns: false,
        kubeProxy: { mode },
        // No endpoint is on cp or far: the one has some in its zone, the other none.
        nodes: [nodeIn('cp', 'a', 'control-plane'), nodeIn('w1', 'a'), nodeIn('w2', 'a'), nodeIn('w3', 'b'), nodeIn('far', 'c')],
        workloads: [
          ...['w1', 'w2', 'w3'].map((node) => ({ name: `web-${node}`, replicas: 1, labels: { app: 'web' }, nodeSelector: { 'kubernetes.io/hostname': node } })),
          { name: 'client', perNode: 1 },
        ],
        objects: [
          near('zonal', 'PreferSameZone', { type: 'NodePort' }),
          near('same', 'PreferSameNode'),
          near('names', 'PreferSameZone', { ports: [{ port: 53, targetPort: 53, protocol: 'UDP' }] }),
          near('bound', 'PreferSameZone', { internalTrafficPolicy: 'Local', type: 'NodePort' }),
          serviceObject('even', { selector: { app: 'web' } }),
        ],
      },
    ],
  });
const plan = planWith();
const cluster = plan.clusters[0] ?? expect.fail('no cluster');
const serviceOf = (name: string): ServicePlan => cluster.services.find((one) => one.name === name) ?? expect.fail(name);
const podOn = (node: string, app = 'client'): PodPlan => cluster.pods.find((one) => one.node === node && one.labels['app'] === app) ?? expect.fail(node);
const addressOn = (node: string): string => cluster.nodes.find(({ name }) => name === node)?.interfaces[0]?.addresses[0]?.address ?? '';
const OUTSIDE: Caller = { kind: 'outside', pod: null, node: null, address: '172.30.0.99' };

function servedTo(name: string, from: string | Caller, nodePortOf: string | null = null): readonly string[] {
  const service = serviceOf(name);
  const [port] = service.ports;
  const client = typeof from === 'string' ? podOn(from) : null;
  const caller: Caller =
    client === null ? (from as Caller) : { kind: 'pod', pod: client.id, node: client.node, address: client.interface?.addresses[0]?.address ?? '' };
  const door: Door =
    nodePortOf === null
      ? { via: 'cluster-ip', address: service.clusterIPs[0] ?? '', port: port?.port ?? 0, node: null }
      : { via: 'node-port', address: addressOn(nodePortOf), port: port?.nodePort ?? 0, node: nodePortOf };
  const expected = expectService(cluster, service, port ?? expect.fail('no port'), 'ipv4', caller, door);
  return expected.fate === 'served' ? [expected.because, ...expected.candidates.map(({ endpoint }) => endpoint.node ?? '')] : [expected.fate];
}

describe('what a client must get', () => {
  it('PreferSameZone: endpoints in the zone of its node, and any where the zone has none', () => {
    expect(servedTo('zonal', 'cp')).toEqual(['hints', 'w1', 'w2']);
    expect(servedTo('zonal', 'w1')).toEqual(['hints', 'w1', 'w2']);
    expect(servedTo('zonal', 'w3')).toEqual(['hints', 'w3']);
    expect(servedTo('zonal', 'far')).toEqual(['cluster', 'w1', 'w2', 'w3']);
    expect(servedTo('even', 'w3')).toEqual(['cluster', 'w1', 'w2', 'w3']);
  });

  it('PreferSameNode: those of its node, else of its zone, else any', () => {
    expect(servedTo('same', 'w1')).toEqual(['hints', 'w1']);
    expect(servedTo('same', 'cp')).toEqual(['hints', 'w1', 'w2']);
    expect(servedTo('same', 'far')).toEqual(['cluster', 'w1', 'w2', 'w3']);
  });

  it('from outside: what the node prefers that takes it in', () => {
    expect(servedTo('zonal', OUTSIDE, 'w3')).toEqual(['hints', 'w3']);
    expect(servedTo('zonal', OUTSIDE, 'cp')).toEqual(['hints', 'w1', 'w2']);
  });

  it('internalTrafficPolicy Local goes before, and leaves node ports to the hints', () => {
    expect(servedTo('bound', 'w1')).toEqual(['local-policy', 'w1']);
    expect(servedTo('bound', 'cp')).toEqual(['dropped']);
    expect(servedTo('bound', OUTSIDE, 'cp')).toEqual(['hints', 'w1', 'w2']);
  });
});

describe('UDP flows that are remembered', () => {
  const [ends] = clusterEnds(plan);
  const flows = planFlows(plan, ends ?? expect.fail('no cluster'), 'ipv4', 'udp');
  const [address = ''] = serviceOf('names').clusterIPs;
  const from = podOn('w3').interface?.addresses[0]?.address ?? '';
  const entry = (to: string): ConntrackEntry => ({
    netns: cluster.nodes.find(({ name }) => name === 'w3')?.netns ?? '',
    protocol: 'udp',
    original: { source: from, destination: address, sourcePort: 5353, destinationPort: 53 },
    reply: { source: to, destination: from, sourcePort: 53, destinationPort: 5353 },
    replied: true,
  });
  const chosen = (to: string): readonly boolean[] => chooseReuses(ends ?? expect.fail('no cluster'), flows, [entry(to)]).map(({ stale }) => stale);

  it('may lead to a ready endpoint that hints pass over: kube-proxy leaves them', () => {
    const far = podOn('w1', 'web').interface?.addresses[0]?.address ?? '';
    const own = podOn('w3', 'web').interface?.addresses[0]?.address ?? '';
    expect([chosen(own), chosen(far), chosen('10.244.9.9')]).toEqual([[false], [], [true]]);
  });
});

describe('what explain says of it', () => {
  const goal = (name: string, from: string, more: Partial<WalkGoal> = {}): WalkGoal => {
    const service = serviceOf(name);
    const node = cluster.nodes.find((one) => one.name === from)?.netns ?? expect.fail(from);
    const client = podOn(from);
    return {
      client: { id: client.id, kind: 'pod', netns: client.netns, node, addresses: [] },
      family: 'ipv4',
      protocol: service.ports[0]?.protocol === 'UDP' ? 'udp' : 'tcp',
      address: service.clusterIPs[0] ?? '',
      port: service.ports[0]?.port ?? 0,
      servers: [],
      name: null,
      ...more,
    };
  };

  it.each([
    ['zonal', 'w3', 'c1/default/zonal has trafficDistribution PreferSameZone: of 3 ready endpoints w3 (zone b) uses the 1 hinted for its zone'],
    ['same', 'w1', 'c1/default/same has trafficDistribution PreferSameNode: of 3 ready endpoints w1 (zone a) uses the 1 hinted for that node'],
    ['names', 'cp', 'c1/default/names has trafficDistribution PreferSameZone: of 3 ready endpoints cp (zone a) uses the 2 hinted for its zone'],
    [
      'zonal',
      'far',
      'c1/default/zonal has trafficDistribution PreferSameZone, and far (zone c) uses all 3 ready endpoints: none of them is hinted for it, or one has no hint',
    ],
  ])('%s from %s', (name, from, said) => {
    expect(preferenceNotes(plan, goal(name, from))).toEqual([said]);
  });

  it('the node that is dialled by a node port is the one that chooses', () => {
    const dialled = { address: addressOn('w3'), port: serviceOf('zonal').ports[0]?.nodePort ?? 0 };
    expect(preferenceNotes(plan, goal('zonal', 'w1', dialled))).toEqual([expect.stringContaining('w3 (zone b) uses the 1 hinted for its zone')]);
  });

  it('nothing where no hint is followed', () => {
    expect(preferenceNotes(plan, goal('even', 'w1'))).toEqual([]);
    expect(preferenceNotes(plan, goal('bound', 'w1'))).toEqual([]);
    expect(preferenceNotes(plan, goal('zonal', 'w1', { port: 99 }))).toEqual([]);
    expect(preferenceNotes(planWith('none'), goal('zonal', 'w1'))).toEqual([]);
  });
});
