/** What a plan needs of the machine, read off the plan. */
import { resolve } from 'node:path';
import { dataPathOf } from './cni/index.ts';
import type { LabPlan } from '../../topology/plan.ts';

export interface PlanNeeds {
  /** CNI plugins by name, with the lab's own folders that are searched first. */
  readonly plugins: readonly { readonly name: string; readonly folders: readonly string[]; readonly neededBy: string }[];
  readonly vxlan: boolean;
  readonly ipip: boolean;
  readonly bird: boolean;
  /** iptables-restore, or ip6tables-restore, will be run. */
  readonly filters: readonly ('ipv4' | 'ipv6')[];
  readonly ipv6: boolean;
  readonly pods: number;
}

export function planNeeds(plan: LabPlan, sourceDirectory = '/'): PlanNeeds {
  const nodes = plan.clusters.flatMap((cluster) => cluster.nodes);
  const filters = new Set(
    plan.clusters.flatMap((cluster) =>
      cluster.nodes.slice(0, 1).flatMap((node) =>
        dataPathOf(cluster.cni)
          .node(cluster, node)
          .flatMap((op) => (op.op === 'rules' ? [op.family] : [])),
      ),
    ),
  );
  return {
    plugins: pluginNeeds(plan, sourceDirectory),
    vxlan: nodes.some((node) => node.vxlans.length > 0),
    ipip: nodes.some((node) => node.ipip !== null),
    bird: nodes.some((node) => node.bgp !== null),
    filters: [...filters],
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
