import { describe, expect, it } from 'vitest';
import { planLab } from '../../topology/plan-lab.ts';
import type { ClusterPlan } from '../../topology/plan.ts';
import type { ServicePlan } from '../../topology/services/service-plan.ts';
import type { ClusterSpec, KubernetesObject } from '../../topology/spec.ts';
import { binomialTail, CHANCE, connectionsToMeetAll } from '../../verify/services/binomial.ts';
import { expectService, type Caller, type Door, type Expectation } from '../../verify/services/expect.ts';
import { serviceObject } from '../service-object.ts';

const object = (name: string, app: string, spec: Readonly<Record<string, unknown>> = {}): KubernetesObject =>
  serviceObject(name, { selector: { app }, ...spec });

const clusterWith = (cni: ClusterSpec['cni']): ClusterPlan => {
  const [cluster] = planLab({
    name: 'expect',
    outside: { hosts: [{ name: 'client' }] },
    clusters: [
      {
        name: 'c1',
        workers: 2,
        cni,
        dns: false,
        workloads: [
          { name: 'web', perNode: 1 },
          { name: 'solo', replicas: 1 },
        ],
        objects: [
          object('web', 'web', { type: 'NodePort' }),
          object('near', 'web', { internalTrafficPolicy: 'Local' }),
          object('local', 'solo', { type: 'LoadBalancer', externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Local' }),
          object('ranged', 'web', { type: 'LoadBalancer', loadBalancerSourceRanges: ['198.51.100.0/24'] }),
          object('nobody', 'nobody', { type: 'NodePort' }),
        ],
      },
    ],
  }).clusters;
  return cluster ?? expect.fail('no cluster');
};
const flannel = clusterWith({ type: 'flannel' });

const serviceOf = (cluster: ClusterPlan, name: string): ServicePlan => cluster.services.find((one) => one.name === name) ?? expect.fail(name);
const podOn = (cluster: ClusterPlan, node: string): Caller => {
  const pod = cluster.pods.find((one) => one.node === node && one.labels['app'] === 'web') ?? expect.fail(node);
  return { kind: 'pod', pod: pod.id, node, address: pod.interface?.addresses[0]?.address ?? '' };
};
const addressOf = (cluster: ClusterPlan, node: string): string => cluster.nodes.find((one) => one.name === node)?.interfaces[0]?.addresses[0]?.address ?? '';
const nodeCalled = (cluster: ClusterPlan, node: string): Caller => ({ kind: 'node', pod: null, node, address: addressOf(cluster, node) });
const outside: Caller = { kind: 'outside', pod: null, node: null, address: '203.0.113.9' };

const clusterIP = (service: ServicePlan): Door => ({ via: 'cluster-ip', address: service.clusterIPs[0] ?? '', port: 80, node: null });
const nodePort = (cluster: ClusterPlan, service: ServicePlan, node: string): Door => ({
  via: 'node-port',
  address: addressOf(cluster, node),
  port: service.ports[0]?.nodePort ?? 0,
  node,
});

const ask = (cluster: ClusterPlan, name: string, caller: Caller, door: (service: ServicePlan) => Door): Expectation => {
  const service = serviceOf(cluster, name);
  const [port] = service.ports;
  return port === undefined ? expect.fail('no port') : expectService(cluster, service, port, 'ipv4', caller, door(service));
};
/** `node: source` of each candidate. */
const served = (expectation: Expectation): readonly string[] =>
  expectation.fate === 'served'
    ? expectation.candidates.map(({ endpoint, source }) => `${endpoint.node}: ${[...(source.kept ? ['client'] : []), ...source.nodes].join(' ')}`).sort()
    : [`${expectation.fate}: ${expectation.because}`];
const solo = flannel.pods.find((pod) => pod.labels['app'] === 'solo')?.node ?? '';
const elsewhere = ['worker1', 'worker2', 'control-plane1'].find((node) => node !== solo) ?? '';

describe('what must become of a connection to a Service', () => {
  it('pod to cluster IP: any endpoint, unchanged, and itself by its node', () => {
    expect(served(ask(flannel, 'web', podOn(flannel, 'worker1'), clusterIP))).toEqual(['control-plane1: client', 'worker1: worker1', 'worker2: client']);
  });

  it('node to cluster IP: masqueraded', () => {
    expect(served(ask(flannel, 'web', nodeCalled(flannel, 'worker1'), clusterIP))).toEqual(['control-plane1: worker1', 'worker1: worker1', 'worker2: worker1']);
  });

  it('node port, policy Cluster: any endpoint, by the node that was dialled', () => {
    for (const caller of [outside, nodeCalled(flannel, 'worker2'), podOn(flannel, 'worker2')])
      expect(served(ask(flannel, 'web', caller, (service) => nodePort(flannel, service, 'worker1')))).toEqual([
        'control-plane1: worker1',
        'worker1: worker1',
        'worker2: worker1',
      ]);
  });

  it('node port, policy Local: only endpoints there, and the client as it is', () => {
    const at = (node: string, caller: Caller): readonly string[] => served(ask(flannel, 'local', caller, (service) => nodePort(flannel, service, node)));
    expect(at(solo, outside)).toEqual([`${solo}: client`]);
    expect(at(elsewhere, outside)).toEqual(['dropped: no-local-endpoints']);
    expect(at(elsewhere, nodeCalled(flannel, elsewhere))).toEqual([`${solo}: ${elsewhere}`]);
    expect(at(elsewhere, podOn(flannel, elsewhere))).toEqual([`${solo}: client`]);
    expect(at(elsewhere, podOn(flannel, solo))).toEqual(['dropped: no-local-endpoints']);
    expect(at(solo, podOn(flannel, elsewhere))).toEqual([`${solo}: ${elsewhere}`]);
  });

  it('a pod network that leaves pods as they are: what a foreign pod gets under policy Local is not judged', () => {
    const bare = clusterWith({ type: 'bridge', masquerade: false });
    const where = bare.pods.find((pod) => pod.labels['app'] === 'solo')?.node ?? '';
    const from = ['worker1', 'worker2'].find((node) => node !== where) ?? '';
    expect(ask(bare, 'local', podOn(bare, from), (service) => nodePort(bare, service, where)).fate).toBe('unjudged');
  });

  it('weave masquerades what enters the pod network', () => {
    const weave = clusterWith({ type: 'weave' });
    const where = weave.pods.find((pod) => pod.labels['app'] === 'solo')?.node ?? '';
    expect(served(ask(weave, 'local', outside, (service) => nodePort(weave, service, where)))).toEqual([`${where}: ${where}`]);
  });

  it('internal policy Local: endpoints of the client’s node, or nothing', () => {
    expect(served(ask(flannel, 'near', podOn(flannel, 'worker1'), clusterIP))).toEqual(['worker1: worker1']);
    expect(served(ask(flannel, 'local', podOn(flannel, elsewhere), clusterIP))).toEqual(['dropped: no-local-endpoints']);
  });

  it('no endpoints: refused, from everywhere', () => {
    expect(served(ask(flannel, 'nobody', podOn(flannel, 'worker1'), clusterIP))).toEqual(['refused: no-endpoints']);
    expect(served(ask(flannel, 'nobody', outside, (service) => nodePort(flannel, service, 'worker1')))).toEqual(['refused: no-endpoints']);
  });

  it('source ranges bind the balancer’s address, and not node ports', () => {
    const balancer = (service: ServicePlan): Door => ({ via: 'load-balancer', address: service.loadBalancerIPs[0] ?? '', port: 80, node: 'worker1' });
    expect(served(ask(flannel, 'ranged', outside, balancer))).toEqual(['dropped: source-ranges']);
    expect(served(ask(flannel, 'ranged', { ...outside, address: '198.51.100.7' }, balancer))).toHaveLength(3);
    expect(served(ask(flannel, 'ranged', outside, (service) => nodePort(flannel, service, 'worker1')))).toHaveLength(3);
  });
});

describe('what is no chance any more', () => {
  it.each([2, 3, 10, 50])('an endpoint of %i that was never chosen is a finding after so many connections', (n) => {
    const trials = connectionsToMeetAll(n);
    expect(binomialTail(0, trials, 1 / n)).toBeLessThan(CHANCE);
    expect(binomialTail(0, Math.floor(trials / 2), 1 / n)).toBeGreaterThan(CHANCE);
  });

  it('tails are those of the binomial distribution', () => {
    expect(binomialTail(0, 10, 0.5)).toBeCloseTo(1 / 1024, 12);
    expect(binomialTail(10, 10, 0.5)).toBeCloseTo(1 / 1024, 12);
    expect(binomialTail(5, 10, 0.5)).toBeGreaterThan(0.5);
    expect(binomialTail(20, 60, 1 / 3)).toBeGreaterThan(0.4);
    expect(binomialTail(45, 60, 1 / 3)).toBeLessThan(CHANCE);
  });
});
