/** trafficDistribution on the real kernel: who gets fresh connections, what becomes of open ones, and what a verification says of an endpoint that is too far. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { iptablesServiceChains, nftablesServiceChains } from '../../topology/services/proxy/hashes.ts';
import { ZONE_LABEL } from '../../topology/services/traffic-distribution.ts';
import type { LabSpec, ProxyMode, WorkloadSpec } from '../../topology/spec.ts';
import { lacking } from '../requires.ts';
import { serviceObject } from '../service-object.ts';
import { clusterIPOf, startServicesLab } from './services-lab.ts';
import { failing, told, VerifiedLab } from './verified-lab.ts';

const lacks = { root: lacking('root', 'plugins'), netns: lacking('netns', 'plugins') };
const MODES = ['iptables', 'nftables'] as const;

const on = (name: string, node: string): WorkloadSpec => ({
  name,
  replicas: 1,
  labels: { app: 'web' },
  nodeSelector: { 'kubernetes.io/hostname': node },
});
/** A pod of `web` on each worker, a client on every node; the control plane is in a zone without endpoints. */
const spec = (mode: ProxyMode, trafficDistribution: string | null, zones: Readonly<Record<string, string>> = { w1: 'a', w2: 'b', cp: 'c' }): LabSpec => ({
  name: 'near',
  clusters: [
    {
      name: 'c1',
      cni: { type: 'flannel' },
      dns: false,
      kubeProxy: { mode },
      nodes: ['cp', 'w1', 'w2'].map((name) => ({ name, role: name === 'cp' ? 'control-plane' : 'worker', labels: { [ZONE_LABEL]: zones[name] ?? '' } })),
      workloads: [{ name: 'client', perNode: 1 }, on('first', 'w1'), on('second', 'w2')],
      objects: [serviceObject('web', { type: 'NodePort', ...(trafficDistribution === null ? {} : { trafficDistribution }) })],
    },
  ],
});

describe.skipIf(lacks.root !== null).each(MODES)(`near endpoints in mode %s${lacks.root === null ? '' : ` (${lacks.root})`}`, (mode) => {
  it('fresh connections turn to them in a running lab, open ones stay where they are', { timeout: 120_000 }, async () => {
    await using services = await startServicesLab(spec(mode, null));
    await services.serve();
    const address = clusterIPOf(services.service('web'), 'ipv4');
    const netnsOn = (node: string): string => services.pods('client').find((pod) => pod.node === node)?.netns ?? '';
    const [first = '', second = ''] = ['w1', 'w2'].map((node) => services.pods('web').find((pod) => pod.node === node)?.name);
    const fresh = async (node: string): Promise<string[]> => {
      const answers = await services.ask(netnsOn(node), { address, port: 80, count: 60 });
      return [...new Set(answers.map((answer) => answer.split(' ')[0] ?? ''))].sort();
    };
    const both = [first, second].sort();
    expect(await fresh('w1')).toEqual(both);
    // Dice: one of a few connections meets the far pod.
    let heard: () => readonly string[] = () => [];
    for (let tries = 0; tries < 40 && !(heard()[0] ?? '').includes(second); tries++) heard = await services.hold(netnsOn('w1'), address, 80);
    expect(heard()[0]).toContain(second);

    await services.change(spec(mode, 'PreferSameZone'));
    expect([await fresh('w1'), await fresh('w2'), await fresh('cp')]).toEqual([[first], [second], both]);
    const before = heard().length;
    await sleep(200);
    expect(heard().length).toBeGreaterThan(before);
    expect(heard()).not.toContain('closed');

    // Both workers in one zone: near is either.
    await services.change(spec(mode, 'PreferSameZone', { w1: 'b', w2: 'b', cp: 'c' }));
    expect([await fresh('w1'), await fresh('w2')]).toEqual([both, both]);
    await services.change(spec(mode, 'PreferSameNode', { w1: 'b', w2: 'b', cp: 'b' }));
    expect([await fresh('w1'), await fresh('w2'), await fresh('cp')]).toEqual([[first], [second], both]);
    // A zone alone makes the difference: no endpoint is on that node.
    await services.change(spec(mode, 'PreferSameNode', { w1: 'a', w2: 'b', cp: 'b' }));
    expect(await fresh('cp')).toEqual([second]);
  });
});

describe.skipIf(lacks.netns !== null).each(MODES)(`a verification of near endpoints in mode %s`, (mode) => {
  it('passes where each node keeps to those of its zone, and names one that is too far', { timeout: 120_000 }, async () => {
    await using lab = await VerifiedLab.up(spec(mode, 'PreferSameZone'));
    const options = { suites: ['services'], protocols: ['tcp'] } as const;
    expect(failing(await lab.verify(options))).toEqual([]);

    const far = lab.plan.clusters[0]?.pods.find((pod) => pod.node === 'w2' && pod.labels['app'] === 'web');
    const to = `${far?.interface?.addresses[0]?.address}:8080`;
    const names = { namespace: 'default', service: 'web', protocol: 'tcp', port: '' } as const;
    const rule =
      mode === 'iptables'
        ? `iptables -t nat -I ${iptablesServiceChains('default/web', 'tcp').cluster} 1 -p tcp -m statistic --mode random --probability 0.5 -j DNAT --to-destination ${to}`
        : `nft insert rule ip kube-proxy ${nftablesServiceChains(names).cluster} numgen random mod 2 0 meta l4proto tcp dnat to ${to}`;
    const broken = await lab.verify(options, [['node.c1.w1', 'sh', '-c', rule]]);
    expect(failing(broken)).toContain('service-cluster-ip');
    expect(told(broken).join('\n')).toContain(`${far?.id} port 8080 answered`);
    const failure = broken.checks.find((check) => check.id === 'service-cluster-ip')?.failures[0];
    expect(failure).toMatchObject({ class: 'wrong-server', expected: expect.stringContaining('alone, hinted for that node or its zone') });
  });
});
