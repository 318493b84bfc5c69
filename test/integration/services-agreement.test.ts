/**
 * The rules of a real kube-proxy (Kubernetes 1.34.4, kind 0.33, one node, dual stack), captured with `kubectl get svc,endpointslices -A -o json`,
 * `iptables-save` and `nft -nn list table`, against those that are made here of the same Services and read back from the kernel.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { iptablesServiceRules } from '../../topology/services/proxy/iptables-rules.ts';
import { nftablesServiceRules } from '../../topology/services/proxy/nftables-rules.ts';
import type { ClusterPlan, NodePlan } from '../../topology/plan.ts';
import type { EndpointPlan, ServicePlan, ServiceProtocol } from '../../topology/services/service-plan.ts';
import type { Family } from '../../topology/spec.ts';
import { blocksOf, chainsOf, settled, withoutDifferences } from '../kube-proxy-text.ts';
import { lacking } from '../requires.ts';
import { clusterOf, service, workerOf } from '../topology/proxy-fixture.ts';
import { startAgentLab } from './agent-lab.ts';

const reason = lacking('root');
const captured = (name: string): string => readFileSync(join(import.meta.dirname, 'captured/kube-proxy-1.34.4', name), 'utf8');
/** What the cluster's node was. */
const NODE: Readonly<Record<Family, string>> = { ipv4: '172.18.0.5', ipv6: 'fc00:f853:ccd:e793::5' };

interface PortObject {
  readonly name?: string;
  readonly protocol: ServiceProtocol;
  readonly port: number;
  readonly targetPort?: number;
  readonly nodePort?: number;
}
interface ServiceObject {
  readonly kind: 'Service';
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly spec: Pick<ServicePlan, 'clusterIPs' | 'internalTrafficPolicy'> &
    Partial<Pick<ServicePlan, 'externalIPs' | 'loadBalancerSourceRanges' | 'externalTrafficPolicy' | 'healthCheckNodePort'>> & {
      readonly ports: readonly PortObject[];
      readonly sessionAffinityConfig?: { readonly clientIP: { readonly timeoutSeconds: number } };
    };
  readonly status?: { readonly loadBalancer: { readonly ingress: readonly { readonly ip: string }[] } };
}
interface SliceObject {
  readonly kind: 'EndpointSlice';
  readonly metadata: { readonly namespace: string; readonly labels: { readonly 'kubernetes.io/service-name': string } };
  readonly addressType: 'IPv4' | 'IPv6';
  readonly ports: readonly PortObject[];
  readonly endpoints: readonly { readonly addresses: readonly [string]; readonly conditions: { readonly ready: boolean }; readonly nodeName: string | null }[];
}

function capturedServices(): readonly ServicePlan[] {
  const objects = JSON.parse(captured('objects.json')) as readonly (ServiceObject | SliceObject)[];
  const slices = objects.filter((o) => o.kind === 'EndpointSlice');
  return objects
    .filter((o) => o.kind === 'Service')
    .map(({ metadata, spec, status }) => {
      const named = (ports: readonly PortObject[]): EndpointPlan['ports'] => ports.map(({ name = '', protocol, port }) => ({ name, protocol, port }));
      return service({
        ...metadata,
        clusterIPs: spec.clusterIPs,
        externalIPs: spec.externalIPs ?? [],
        loadBalancerIPs: (status?.loadBalancer.ingress ?? []).map(({ ip }) => ip),
        loadBalancerSourceRanges: spec.loadBalancerSourceRanges ?? [],
        ports: spec.ports.map(({ name = '', protocol, port, targetPort = port, nodePort = null }) => ({ name, protocol, port, targetPort, nodePort })),
        affinitySeconds: spec.sessionAffinityConfig?.clientIP.timeoutSeconds ?? null,
        internalTrafficPolicy: spec.internalTrafficPolicy,
        externalTrafficPolicy: spec.externalTrafficPolicy ?? 'Cluster',
        healthCheckNodePort: spec.healthCheckNodePort ?? null,
        endpoints: slices
          .filter((slice) => slice.metadata.namespace === metadata.namespace && slice.metadata.labels['kubernetes.io/service-name'] === metadata.name)
          .flatMap(({ addressType, ports, endpoints }) =>
            endpoints.map(({ addresses: [address], conditions: { ready }, nodeName }) => ({
              family: addressType === 'IPv4' ? ('ipv4' as const) : ('ipv6' as const),
              address,
              ports: named(ports),
              node: nodeName,
              pod: null,
              hostname: '',
              ready,
            })),
          ),
      });
    });
}

function capturedCluster(): { readonly cluster: ClusterPlan; readonly node: NodePlan } {
  const cluster = clusterOf(capturedServices(), { podCIDR: ['10.244.0.0/16', 'fd00:10:244::/56'], serviceCIDR: ['10.96.0.0/16', 'fd00:10:96::/112'] });
  const node = workerOf(cluster);
  const addresses = (['ipv4', 'ipv6'] as const).map((family) => ({ family, address: NODE[family], prefixLength: 64 }));
  return { cluster, node: { ...node, name: 'node', interfaces: node.interfaces.map((i) => ({ ...i, addresses })) } };
}

describe.skipIf(reason !== null)(`agreement with a real kube-proxy${reason === null ? '' : ` (${reason})`}`, () => {
  it.each([
    ['ipv4', 'iptables'],
    ['ipv6', 'ip6tables'],
  ] as const)('mode iptables, %s: every chain has the same rules in the same order', async (family, program) => {
    await using lab = await startAgentLab();
    const { cluster, node } = capturedCluster();
    await lab.apply([
      { op: 'netns', ns: 'node' },
      { op: 'rules', ns: 'node', family, text: iptablesServiceRules(cluster, node, family) },
    ]);
    const ours = settled(chainsOf(await lab.sh('node', `${program}-nft-save`)));
    const real = withoutDifferences(chainsOf(captured(`${program}.txt`)), family);
    expect(Object.keys(ours).length).toBeGreaterThan(45);
    expect(ours).toEqual(settled(real));
  });

  it.each([
    ['ipv4', 'ip', 'nft.txt'],
    ['ipv6', 'ip6', 'nft6.txt'],
  ] as const)('mode nftables, %s: every chain, set and map is the same', async (family, table, file) => {
    await using lab = await startAgentLab();
    const { cluster, node } = capturedCluster();
    await lab.apply([
      { op: 'netns', ns: 'node' },
      { op: 'nft', ns: 'node', family: table, table: 'kube-proxy', text: nftablesServiceRules(cluster, node, family) },
    ]);
    const ours = blocksOf(await lab.sh('node', `nft -nn list table ${table} kube-proxy`));
    expect(Object.keys(ours).length).toBeGreaterThan(55);
    expect(ours).toEqual(blocksOf(captured(file)));
  });
});
