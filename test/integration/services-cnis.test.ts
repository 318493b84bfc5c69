import { describe, expect, it } from 'vitest';
import type { CniSpec, ProxyMode } from '../../topology/spec.ts';
import { lacking } from '../requires.ts';
import { serviceObject } from '../service-object.ts';
import { addressOf, clusterIPOf, servicesSpec, startServicesLab } from './services-lab.ts';

const reason = lacking('root', 'plugins', 'bird');

const names = (answers: readonly string[]): string[] => [...new Set(answers.map((a) => a.split(' ')[0] ?? ''))].sort();
const sources = (answers: readonly string[]): string[] => [...new Set(answers.map((a) => a.split(' ')[1] ?? a))].sort();

describe.skipIf(reason !== null)(`Services over every CNI${reason === null ? '' : ` (${reason})`}`, () => {
  it.each<[string, ProxyMode, CniSpec]>([
    ['bridge', 'iptables', { type: 'bridge' }],
    ['bridge', 'nftables', { type: 'bridge' }],
    ['flannel host-gw', 'iptables', { type: 'flannel', backend: 'host-gw' }],
    ['calico vxlan', 'iptables', { type: 'calico' }],
    ['calico vxlan', 'nftables', { type: 'calico' }],
    ['calico bgp', 'iptables', { type: 'calico', encapsulation: 'none' }],
    ['weave', 'iptables', { type: 'weave' }],
    ['kindnet', 'iptables', { type: 'kindnet' }],
    ['kindnet', 'nftables', { type: 'kindnet' }],
  ])('%s, mode %s: same node, other node, itself, the node, a node port', async (_name, mode, cni) => {
    const objects = [serviceObject('web', { type: 'NodePort', ports: [{ port: 80, targetPort: 8080, nodePort: 30_080 }] })];
    const spec = servicesSpec(mode, objects, [{ name: 'web', perNode: 1 }], false);
    const clusters = (spec.clusters ?? []).map((cluster) => ({ ...cluster, cni, kubernetesVersion: cni.type === 'weave' ? '1.30' : '1.34' }));
    await using services = await startServicesLab({ ...spec, clusters });
    await services.serve();
    const pods = services.pods('web');
    const web = pods.map((pod) => pod.name).sort();
    const [client] = pods;
    const [host] = services.plan().machines;
    const node = services.cluster().nodes.find((n) => n.name === 'worker2');
    if (client === undefined || node === undefined || host === undefined) throw new Error('incomplete lab');
    const web80 = { address: clusterIPOf(services.service('web'), 'ipv4'), port: 80, count: 60 };

    // The client is one of the endpoints: its own answers say that they came from a node, the others show the client's address.
    const fromPod = await services.ask(client.netns, web80);
    expect(names(fromPod)).toEqual(web);
    expect(sources(fromPod.filter((answer) => !answer.startsWith(`${client.name} `)))).toEqual([addressOf(client, 'ipv4')]);
    expect(sources(fromPod.filter((answer) => answer.startsWith(`${client.name} `)))).not.toContain(addressOf(client, 'ipv4'));
    expect(names(await services.ask(node.netns, web80))).toEqual(web);
    expect(names(await services.ask(host.netns, { address: addressOf(node, 'ipv4'), port: 30_080, count: 40 }))).toEqual(web);
  });
});
