import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { KubernetesObject, LabSpec } from '../../topology/spec.ts';
import { lacking } from '../requires.ts';
import { serviceObject } from '../service-object.ts';
import { addressOf, clusterIPOf, servicesSpec, startServicesLab } from './services-lab.ts';

const reason = lacking('root', 'plugins');

const client = { name: 'client', perNode: 1 };
const on = (name: string, node: string, app: string): NonNullable<NonNullable<LabSpec['clusters']>[number]['workloads']>[number] => ({
  name,
  replicas: 1,
  labels: { app },
  nodeSelector: { 'kubernetes.io/hostname': node },
});
const udp = (name: string, more: Readonly<Record<string, unknown>> = {}): KubernetesObject =>
  serviceObject(name, { ports: [{ port: 53, targetPort: 8080, protocol: 'UDP' }], ...more });

const names = (answers: readonly string[]): string[] => [...new Set(answers.map((a) => a.split(' ')[0] ?? ''))].sort();

describe.skipIf(reason !== null).each(['iptables', 'nftables'] as const)(`a change of Services in mode %s${reason === null ? '' : ` (${reason})`}`, (mode) => {
  it('follows the endpoints: none, one, another, more; what is open stays open, clients are remembered', async () => {
    const objects = [serviceObject('web'), serviceObject('sticky', { selector: { app: 'web' }, sessionAffinity: 'ClientIP' })];
    const spec = (...workloads: ReturnType<typeof on>[]): LabSpec => servicesSpec(mode, objects, [client, ...workloads], false);
    const [a, b, c] = [on('a', 'worker1', 'web'), on('b', 'worker2', 'web'), on('c', 'worker1', 'web')];
    await using services = await startServicesLab(spec());
    const [asker] = services.pods('client');
    const netns = asker?.netns ?? '';
    const ask = async (name: string, count = 1): Promise<string[]> =>
      names(await services.ask(netns, { address: clusterIPOf(services.service(name), 'ipv4'), port: 80, count }));
    const podOf = (workload: string): string => services.pods('web').find((pod) => pod.name.startsWith(`${workload}-`))?.name ?? '?';
    expect(await ask('web')).toEqual(['ECONNREFUSED']);

    await services.change(spec(a));
    await services.serve();
    expect(await ask('web', 10)).toEqual([podOf('a')]);
    expect(await ask('sticky')).toEqual([podOf('a')]);
    const heard = await services.hold(netns, clusterIPOf(services.service('web'), 'ipv4'), 80);

    await services.change(spec(a, b, c));
    await services.serve();
    expect(await ask('web', 60)).toEqual([podOf('a'), podOf('b'), podOf('c')].sort());
    expect(await ask('sticky', 30)).toEqual([podOf('a')]);
    const before = heard().length;
    await sleep(200);
    expect(heard().length).toBeGreaterThan(before);
    expect(heard()).not.toContain('closed');
    expect(heard()[0]).toContain(podOf('a'));

    await services.change(spec(b));
    expect(await ask('web', 10)).toEqual([podOf('b')]);
    expect(await ask('sticky', 3)).toEqual([podOf('b')]);
    await services.change(spec());
    expect(await ask('web')).toEqual(['ECONNREFUSED']);
  });

  it('forgets UDP flows to endpoints that are gone and to Services that had none, and no other', async () => {
    const late = udp('late', { clusterIP: '10.96.0.77', selector: { app: 'dns' } });
    const spec = (objects: KubernetesObject[], ...workloads: ReturnType<typeof on>[]): LabSpec => servicesSpec(mode, objects, [client, ...workloads], false);
    const still = on('still', 'worker1', 'still');
    await using services = await startServicesLab(spec([udp('dns'), udp('still')], on('a', 'worker1', 'dns'), still));
    await services.serve();
    const asker = services.pods('client').find((pod) => pod.node === 'worker2');
    const netns = asker?.netns ?? '';
    const node = services.cluster().nodes.find((n) => n.name === 'worker2')?.netns ?? '';
    const vip = (name: string): string => clusterIPOf(services.service(name), 'ipv4');
    const ask = async (address: string, from: number, port = 53): Promise<string[]> =>
      names(await services.ask(netns, { protocol: 'udp', address, port, from, timeoutMs: 500 }));
    const flows = async (): Promise<string> => (await services.lab.run(node, 'conntrack -L -p udp 2>/dev/null')).stdout;
    const [stillPod] = services.pods('still');
    if (stillPod === undefined) throw new Error('no pod');

    expect(await ask(vip('dns'), 5301)).toEqual([services.pods('dns')[0]?.name]);
    expect(await ask(vip('still'), 5302)).toEqual([stillPod.name]);
    expect(await ask(addressOf(stillPod, 'ipv4'), 5303, 8080)).toEqual([stillPod.name]);
    // Nobody has this address yet: remembered as it is; nftables mode drops it before it is remembered.
    expect(await ask('10.96.0.77', 5304)).toEqual(['timeout']);
    const before = await flows();
    for (const port of mode === 'iptables' ? [5301, 5302, 5303, 5304] : [5301, 5302, 5303]) expect(before).toContain(`sport=${port} `);

    await services.change(spec([udp('dns'), udp('still'), late], on('b', 'worker2', 'dns'), still));
    const after = await flows();
    for (const port of [5301, 5304]) expect(after).not.toContain(`sport=${port} `);
    for (const port of [5302, 5303]) expect(after).toContain(`sport=${port} `);
    await services.serve();
    const [b] = services.pods('dns');
    expect(await ask(vip('dns'), 5301)).toEqual([b?.name]);
    expect(await ask('10.96.0.77', 5304)).toEqual([b?.name]);
  });

  it('touches no rule of anybody else, and a change of mode leaves nothing behind', async () => {
    const workloads = [client, on('a', 'worker1', 'web')];
    const spec = (to: 'iptables' | 'nftables' | 'none', ...objects: KubernetesObject[]): LabSpec => servicesSpec(to, objects, workloads, false);
    await using services = await startServicesLab(spec(mode, serviceObject('web')));
    await services.serve();
    const node = services.cluster().nodes.find((n) => n.name === 'worker1')?.netns ?? '';
    await services.lab.sh(node, 'iptables -A FORWARD -s 192.0.2.1 -j DROP; iptables -t nat -N FOREIGN; nft add table ip foreign; nft add chain ip foreign c');
    const rules = async (): Promise<string> => {
      const { iptables, nft } = (await services.lab.snapshot(node, true)).rules;
      return iptables + nft;
    };
    const foreign = ['-A FORWARD -s 192.0.2.1/32 -j DROP', ':FOREIGN - ', 'table ip foreign', 'FLANNEL-POSTRTG'];
    const asker = services.pods('client')[0]?.netns ?? '';
    const ask = async (): Promise<string[]> =>
      names(await services.ask(asker, { address: clusterIPOf(services.service('web'), 'ipv4'), port: 80, timeoutMs: 400 }));
    const web = services.pods('web').map((pod) => pod.name);

    await services.change(spec(mode, serviceObject('web'), serviceObject('more', { selector: { app: 'web' } })));
    for (const text of foreign) expect(await rules()).toContain(text);
    expect(await ask()).toEqual(web);

    const other = mode === 'iptables' ? 'nftables' : 'iptables';
    await services.change(spec(other, serviceObject('web')));
    expect(await ask()).toEqual(web);
    for (const text of foreign) expect(await rules()).toContain(text);
    if (other === 'nftables') expect(await rules()).not.toMatch(/KUBE-/);
    else expect(await rules()).not.toMatch(/table ip kube-proxy/);

    await services.change(spec('none', serviceObject('web')));
    expect(await rules()).not.toMatch(/KUBE-|kube-proxy/);
    for (const text of foreign) expect(await rules()).toContain(text);
    expect(await ask()).toEqual(['timeout']);
  });
});
