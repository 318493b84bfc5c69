import { describe, expect, it } from 'vitest';
import type { Family, LabSpec } from '../../topology/spec.ts';
import { lacking } from '../requires.ts';
import type { NodePlan } from '../../topology/plan.ts';
import { serviceObject } from '../service-object.ts';
import { addressOf, clusterIPOf, type Question, type ServicesLab, servicesSpec, startServicesLab } from './services-lab.ts';

const reason = lacking('root', 'plugins');
const both = { ipFamilyPolicy: 'RequireDualStack' };

function spec(mode: 'iptables' | 'nftables'): LabSpec {
  const local = { selector: { app: 'solo' }, type: 'NodePort', externalTrafficPolicy: 'Local', ports: [{ port: 80, targetPort: 8080, nodePort: 30_082 }] };
  return servicesSpec(
    mode,
    [
      serviceObject('web', { ...both, type: 'NodePort', ports: [{ port: 80, targetPort: 8080, nodePort: 30_080 }] }),
      serviceObject('sticky', { ...both, selector: { app: 'web' }, sessionAffinity: 'ClientIP' }),
      serviceObject('solo', both),
      serviceObject('local', { ...both, ...local }),
      serviceObject('inside', { ...both, selector: { app: 'solo' }, internalTrafficPolicy: 'Local' }),
      serviceObject('none', { ...both, type: 'NodePort', ports: [{ port: 80, targetPort: 8080, nodePort: 30_083 }] }),
      serviceObject('dns', { ...both, selector: { app: 'web' }, ports: [{ port: 53, targetPort: 8080, protocol: 'UDP' }] }),
    ],
    [
      { name: 'web', perNode: 1 },
      { name: 'client', perNode: 1 },
      { name: 'solo', replicas: 1, nodeSelector: { 'kubernetes.io/hostname': 'worker1' } },
    ],
    true,
  );
}

const names = (answers: readonly string[]): string[] => [...new Set(answers.map((a) => a.split(' ')[0] ?? ''))].sort();
const sources = (answers: readonly string[]): string[] => [...new Set(answers.map((a) => a.split(' ')[1] ?? a))].sort();
/** 40 expected of each; 4 standard deviations are 20. */
const isEvenlyShared = (answers: readonly string[], each: readonly string[]): boolean =>
  each.every((name) => answers.filter((a) => a.startsWith(`${name} `)).length >= 18);

describe.skipIf(reason !== null).each(['iptables', 'nftables'] as const)(`Services in mode %s${reason === null ? '' : ` (${reason})`}`, (mode) => {
  it('reach their endpoints from pods, nodes and outside, with the source that kube-proxy would show', async () => {
    await using services = await startServicesLab(spec(mode));
    await services.serve();
    expect(services.service('web').clusterIPs).toHaveLength(2);
    for (const family of ['ipv4', 'ipv6'] as const) await checkFamily(services, family, mode);
  });
});

async function checkFamily(services: ServicesLab, family: Family, mode: 'iptables' | 'nftables'): Promise<void> {
  const cluster = services.cluster();
  const web = services
    .pods('web')
    .map((pod) => pod.name)
    .sort();
  const [client] = services.pods('client');
  const [solo] = services.pods('solo');
  const [host] = services.plan().machines;
  if (client === undefined || solo === undefined || host === undefined) throw new Error('incomplete lab');
  const nodeOf = (name: string): NodePlan => {
    const node = cluster.nodes.find((n) => n.name === name);
    if (node === undefined) throw new Error(`no node ${name}`);
    return node;
  };
  const vip = (name: string, port = 80): Question => ({ address: clusterIPOf(services.service(name), family), port });
  const at = (node: string, port: number): Question => ({ address: addressOf(nodeOf(node), family), port });
  const devices = cluster.nodes.flatMap((node) => [...node.interfaces, ...(node.bridge ? [node.bridge] : []), ...node.vxlans]);
  const ownAddresses = devices.flatMap((device) => device.addresses.map((a) => a.address));
  const isNode = (answers: readonly string[]): boolean => sources(answers).every((source) => ownAddresses.includes(source));
  const silent = { timeoutMs: 400 };

  const pod = await services.askAll(client.netns, {
    many: { ...vip('web'), count: 120 },
    udp: { ...vip('dns', 53), protocol: 'udp', count: 60 },
    nodePort: { ...at('worker2', 30_080), count: 40 },
    sticky: vip('sticky'),
    stickyAgain: { ...vip('sticky'), count: 30 },
    local: at(client.node, 30_082),
    none: vip('none'),
    // In mode iptables nobody answers for it.
    otherPort: { ...vip('web', 81), ...(mode === 'nftables' ? {} : silent) },
    nobodys: { address: family === 'ipv4' ? '10.96.250.250' : 'fd00:10:96::fafa', port: 80, ...silent },
  });
  // Every endpoint, evenly, without NAT of the source.
  expect(names(pod.many)).toEqual(web);
  expect(isEvenlyShared(pod.many, web)).toBe(true);
  expect(sources(pod.many)).toEqual([addressOf(client, family)]);
  expect(names(pod.udp)).toEqual(web);
  expect(names(pod.nodePort)).toEqual(web);
  expect(names(pod.stickyAgain)).toEqual(names(pod.sticky));
  // externalTrafficPolicy Local: pods are served by their own node, wherever the endpoint is.
  expect(names(pod.local)).toEqual([solo.name]);
  expect(pod.none).toEqual(['ECONNREFUSED']);
  // What no Service has: nftables mode refuses other ports and drops other addresses of the range.
  if (mode === 'nftables') expect([pod.otherPort, pod.nobodys]).toEqual([['ECONNREFUSED'], ['timeout']]);

  // A pod's own Service, with itself as the only endpoint: through the node, so not with its own address.
  const hairpin = await services.ask(solo.netns, { ...vip('solo'), count: 3 });
  expect(names(hairpin)).toEqual([solo.name]);
  expect(isNode(hairpin)).toBe(true);

  const one = await services.askAll(nodeOf('worker1').netns, {
    own: { ...at('worker1', 30_080), count: 40 },
    other: { ...at('worker2', 30_080), count: 40 },
    loopback: { address: family === 'ipv4' ? '127.0.0.1' : '::1', port: 30_080, count: 20 },
    inside: vip('inside'),
    none: vip('none'),
  });
  expect([names(one.own), names(one.other)]).toEqual([web, web]);
  expect(one.none).toEqual(['ECONNREFUSED']);
  if (mode === 'iptables' && family === 'ipv4') expect(names(one.loopback)).toEqual(web);
  else expect(names(one.loopback)).toEqual(['ECONNREFUSED']);

  const two = await services.askAll(nodeOf('worker2').netns, {
    web: { ...vip('web'), count: 60 },
    local: at('worker2', 30_082),
    inside: { ...vip('inside'), ...silent },
  });
  expect(names(two.web)).toEqual(web);
  expect(isNode(two.web)).toBe(true);
  expect(names(two.local)).toEqual([solo.name]);
  // internalTrafficPolicy Local: served on the endpoint's node, silent elsewhere.
  expect([names(one.inside), two.inside]).toEqual([[solo.name], ['timeout']]);

  // A node port on every node leads to every endpoint; the outside is seen as a node, unless the policy is Local.
  const outside = await services.askAll(host.netns, {
    'control-plane1': { ...at('control-plane1', 30_080), count: 40 },
    worker1: { ...at('worker1', 30_080), count: 40 },
    worker2: { ...at('worker2', 30_080), count: 40 },
    local: { ...at('worker1', 30_082), count: 3 },
    elsewhere: { ...at('worker2', 30_082), ...silent },
    none: at('worker1', 30_083),
  });
  for (const node of ['control-plane1', 'worker1', 'worker2'] as const) {
    expect(names(outside[node]), node).toEqual(web);
    expect(isNode(outside[node]), node).toBe(true);
  }
  expect(sources(outside.local)).toEqual([addressOf(host, family)]);
  expect([outside.elsewhere, outside.none]).toEqual([['timeout'], ['ECONNREFUSED']]);
}
