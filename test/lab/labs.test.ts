import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadLab } from '../../lab/load-lab.ts';
import { planLabFile, validateLab } from '../../lab/plan.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { useScratch } from './scratch.ts';

useScratch();
const folder = fileURLToPath(new URL('../../labs/', import.meta.url));
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -3))
  .sort();

/** The addresses of Services, and who is behind them; nothing for labs of pods alone. */
function servicesOf(plan: LabPlan): object {
  const all = plan.clusters.flatMap((cluster) => cluster.services.filter((service) => service.namespace !== 'kube-system' && service.name !== 'kubernetes'));
  return all.length === 0
    ? {}
    : { services: all.map((one) => `${one.id} ${one.type} ${one.clusterIPs.join(' ')} to ${one.endpoints.map((end) => end.address).join(' ')}`) };
}

/** What a person would look for: nodes with their addresses and pod ranges, pods per node, MTU. */
function gist(plan: LabPlan): unknown {
  const cluster = plan.clusters[0];
  return {
    nodes: cluster?.nodes.map(
      (node) =>
        `${node.name} ${node.interfaces[0]?.addresses[0]?.address ?? ''} ${node.podCIDRs.join(' ')} ${cluster.pods.filter((pod) => pod.node === node.name).length} pods`,
    ),
    routers: plan.machines.map((machine) => `${machine.name} ${machine.interfaces.map((i) => i.addresses[0]?.address).join(' ')}`),
    cni: cluster?.cni.type,
    mtu: cluster?.cni.mtuBytes,
    ...servicesOf(plan),
  };
}

/** What planning says of a lab, and is meant to. */
const FINDINGS: Readonly<Record<string, readonly string[]>> = {
  'cluster-dns': ['CLUSTER_IP_UPPER_BAND'],
  'policy-db': ['POLICY_DNS_BLOCKED'],
  'policy-deny-all': ['POLICY_IGNORED'],
  'service-ipvs': ['IPVS_DEPRECATED'],
};

describe('the labs that ship', () => {
  it('are these', () => {
    expect(names).toEqual([
      'bridge-by-hand',
      'bridge-gateway',
      'bridge-routes',
      'calico-bgp',
      'calico-cross-subnet',
      'calico-ipip',
      'calico-reflector',
      'cloned-nodes',
      'cluster-dns',
      'cni-by-hand',
      'cni-mynet',
      'cni-script',
      'dns-broken',
      'dns-policy',
      'docker-bridge',
      'docker-modes',
      'flannel-docker',
      'flannel-host-gw',
      'flannel-udp',
      'flannel-vxlan',
      'ingress-hosts',
      'journey',
      'kubeadm-cluster',
      'linux-router',
      'mesh-redirect',
      'names',
      'pause-pod',
      'policy-db',
      'policy-deny-all',
      'proxy-modes',
      'router',
      'service-clusterip',
      'service-ipvs',
      'service-kinds',
      'service-loadbalancer',
      'service-nodeport',
      'service-userspace',
      'single-node-bridge',
      'switch',
      'three-requirements',
      'veth-pair',
      'vxlan-multicast',
      'weave-mesh',
    ]);
  });

  it.each(names)("%s has its file's name, no findings that it does not mean to have, and a plan", async (name) => {
    const loaded = await loadLab(`${folder}${name}.ts`);
    const findings = validateLab(loaded);
    expect(findings.filter((one) => one.severity === 'error')).toEqual([]);
    expect(findings.map((one) => one.code)).toEqual(FINDINGS[name] ?? []);
    const plan = planLabFile(loaded);
    expect(plan.name).toBe(name);
    // What its comments tell to type is about this lab.
    for (const [, told] of readFileSync(`${folder}${name}.ts`, 'utf8').matchAll(/cnilab (?:exec|verify|inspect) ([a-z-]+)/g)) expect(told).toBe(name);
    expect(plan.description).not.toBe('');
    await expect(`${JSON.stringify(gist(plan), null, 2)}\n`).toMatchFileSnapshot(`golden/${name}.json`);
  });

  it('can be written as data: the same plan', async () => {
    const twin = await loadLab(fileURLToPath(new URL('fixtures/three-requirements.yaml', import.meta.url)));
    expect(planLabFile(twin)).toEqual(planLabFile(await loadLab(`${folder}three-requirements.ts`)));
  });
});
