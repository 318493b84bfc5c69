import { stableHash } from '../../topology/names.ts';
import type { ClusterPlan, LabPlan } from '../../topology/plan.ts';

/** A node's container is its host name, of which Linux takes 63 characters; the longest ending is `-control-plane10` or, in front of several control planes, `-external-load-balancer`. */
const LONGEST = { one: 47, several: 40 } as const;

const controlPlanes = (cluster: ClusterPlan): number => cluster.nodes.filter((node) => node.role === 'control-plane').length;

/**
 * The name under which kind knows a cluster: `cnilab-LAB`, in a lab of several clusters `cnilab-LAB-CLUSTER`; what would be too long for host names
 * ends in six digits of a hash instead.
 */
export function kindName(plan: LabPlan, cluster: ClusterPlan): string {
  const name = ['cnilab', plan.name, ...(plan.clusters.length > 1 ? [cluster.name] : [])].join('-');
  const longest = controlPlanes(cluster) > 1 ? LONGEST.several : LONGEST.one;
  return name.length <= longest ? name : `${name.slice(0, longest - 7).replace(/-+$/, '')}-${stableHash(name, 6)}`;
}

/** A node's name in the plan, and in Kubernetes (which is also the name of its container). */
export interface NodeName {
  readonly plan: string;
  readonly name: string;
}

/** The nodes in the order of the plan, named as kind names them: per role, the first without a number. */
export function kindNodes(plan: LabPlan, cluster: ClusterPlan): readonly NodeName[] {
  const prefix = kindName(plan, cluster);
  const seen = { 'control-plane': 0, worker: 0 };
  return cluster.nodes.map((node) => {
    seen[node.role] += 1;
    return { plan: node.name, name: `${prefix}-${node.role}${seen[node.role] === 1 ? '' : seen[node.role]}` };
  });
}

/** Where the API of a cluster answers as seen from its own nodes: its only control plane, or the balancer that kind puts before several. */
export function kindApiServer(plan: LabPlan, cluster: ClusterPlan): { readonly host: string; readonly port: number } {
  return { host: `${kindName(plan, cluster)}-${controlPlanes(cluster) > 1 ? 'external-load-balancer' : 'control-plane'}`, port: 6443 };
}
