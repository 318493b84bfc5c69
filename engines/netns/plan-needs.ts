/** What a plan needs of the machine, read off the plan. */
import { resolve } from 'node:path';
import { dataPathOf } from './cni/index.ts';
import { controllerPods } from '../../topology/ingress/controller.ts';
import type { ClusterPlan, LabPlan } from '../../topology/plan.ts';
import type { ProxyMode } from '../../topology/spec.ts';
import { namedContainers } from '../../topology/docker/places.ts';
import { dnsPods } from './dns/compile.ts';
import { hostsWithDns } from './dns/host-zones.ts';
import { policyOps } from './policy/compile.ts';

export interface PlanNeeds {
  /** CNI plugins by name, with the lab's own folders that are searched first. */
  readonly plugins: readonly { readonly name: string; readonly folders: readonly string[]; readonly neededBy: string }[];
  readonly vxlan: boolean;
  readonly ipip: boolean;
  readonly tun: boolean;
  readonly bird: boolean;
  /** iptables-restore, or ip6tables-restore, will be run. */
  readonly filters: readonly ('ipv4' | 'ipv6')[];
  /** nft will be run. */
  readonly nft: boolean;
  /** Clusters whose NetworkPolicies must see frames between ports of a bridge. */
  readonly bridgedPolicies: readonly string[];
  /** Clusters whose Services are virtual servers of IPVS. */
  readonly ipvs: readonly string[];
  /** Clusters with a DNS server. */
  readonly dns: readonly string[];
  /** Hosts with a DNS server. */
  readonly hostDns: readonly string[];
  /** Hosts on which containers find each other by name. */
  readonly containerDns: readonly string[];
  /** Clusters with an Ingress controller. */
  readonly ingress: readonly string[];
  readonly ipv6: boolean;
  readonly pods: number;
}

/** Of a lab without clusters. */
export const NO_NEEDS: PlanNeeds = {
  plugins: [],
  vxlan: false,
  ipip: false,
  tun: false,
  bird: false,
  filters: [],
  nft: false,
  bridgedPolicies: [],
  ipvs: [],
  dns: [],
  hostDns: [],
  containerDns: [],
  ingress: [],
  ipv6: false,
  pods: 0,
};

export function planNeeds(plan: LabPlan, sourceDirectory = '/'): PlanNeeds {
  const nodes = plan.clusters.flatMap((cluster) => cluster.nodes);
  const proxied = (mode: ProxyMode): readonly ClusterPlan[] => plan.clusters.filter((cluster) => cluster.kubeProxy.mode === mode);
  const filters = new Set(
    plan.clusters.flatMap((cluster) =>
      cluster.nodes.slice(0, 1).flatMap((node) =>
        dataPathOf(cluster.cni)
          .node(cluster, node)
          .flatMap((op) => (op.op === 'rules' ? [op.family] : [])),
      ),
    ),
  );
  for (const { families } of [...proxied('iptables'), ...proxied('ipvs')]) for (const family of families) filters.add(family);
  if (plan.machines.some(({ docker }) => docker !== undefined)) filters.add('ipv4');
  const policed = plan.clusters.filter((cluster) => policyOps(cluster).length > 0);
  return {
    plugins: pluginNeeds(plan, sourceDirectory),
    vxlan: nodes.some((node) => node.vxlans.length > 0),
    ipip: nodes.some((node) => node.ipip !== null),
    tun: nodes.some((node) => node.tun !== undefined),
    bird: nodes.some((node) => node.bgp !== null),
    filters: [...filters],
    nft: proxied('nftables').length > 0 || policed.length > 0,
    bridgedPolicies: policed.filter((cluster) => cluster.nodes.some((node) => node.bridge !== null)).map((cluster) => cluster.name),
    ipvs: proxied('ipvs').map((cluster) => cluster.name),
    dns: plan.clusters.filter((cluster) => dnsPods(cluster).length > 0).map((cluster) => cluster.name),
    hostDns: hostsWithDns(plan).map((host) => host.name),
    containerDns: plan.machines.filter(({ docker }) => docker !== undefined && namedContainers(docker).length > 0).map((host) => host.name),
    ingress: plan.clusters.filter((cluster) => controllerPods(cluster).length > 0).map((cluster) => cluster.name),
    ipv6: plan.families.includes('ipv6'),
    pods: plan.clusters.reduce((sum, cluster) => sum + cluster.pods.length, 0),
  };
}

/** A runtime also calls `loopback`, and a cluster without plugins needs `portmap` for host ports. */
function pluginNeeds(plan: LabPlan, sourceDirectory: string): PlanNeeds['plugins'] {
  const needs = new Map<string, PlanNeeds['plugins'][number]>();
  for (const cluster of plan.clusters) {
    const folders = cluster.cni.type === 'raw' ? cluster.cni.pluginDirs.map((dir) => resolve(sourceDirectory, dir)) : [];
    const conflist = cluster.nodes[0]?.conflist ?? null;
    const hostPorts = cluster.pods.some((pod) => pod.interface !== null && pod.ports.some((port) => port.hostPort !== null));
    const names = conflist !== null && cluster.pods.some((pod) => pod.interface !== null) ? ['loopback', ...typesOf(conflist)] : [];
    for (const name of conflist === null && hostPorts ? ['loopback', 'portmap'] : names) {
      needs.set(`${name} ${folders.join(' ')}`, { name, folders, neededBy: `${cluster.cni.type} of cluster ${cluster.name}` });
    }
  }
  return [...needs.values()];
}

/** Types of the plugins and of their IPAM plugins. */
function typesOf(conflist: Readonly<Record<string, unknown>>): string[] {
  const plugins = Array.isArray(conflist['plugins']) ? (conflist['plugins'] as readonly Readonly<Record<string, unknown>>[]) : [];
  return plugins.flatMap((plugin) => {
    const ipam = plugin['ipam'] as Readonly<Record<string, unknown>> | undefined;
    return [plugin['type'], ipam?.['type']].filter((type): type is string => typeof type === 'string' && type !== '');
  });
}
