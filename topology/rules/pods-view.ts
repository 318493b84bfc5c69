/** The pods of a cluster as planning would place them, for the rules that count. */
import type { KubernetesObject } from '../spec.ts';
import { podObjects } from '../services/cluster-services.ts';
import { fits, podsOf, type PodDraft } from '../workloads.ts';
import type { ClusterView } from './lab-view.ts';

/** Most pods that a lab may ask for: ten times the largest that the embedded engine is built for. */
export const MAX_PODS = 10_000;

/** Pods that one object asks for at most, found without making them. */
function podBound(object: KubernetesObject, nodes: number): number {
  const spec = object['spec'] as { readonly replicas?: unknown } | undefined;
  if (object.kind === 'Pod') return 1;
  if (object.kind === 'DaemonSet') return nodes;
  if (!['Deployment', 'ReplicaSet', 'StatefulSet'].includes(object.kind)) return 0;
  return typeof spec?.replicas === 'number' ? spec.replicas : 1;
}

/** Pods that a cluster asks for at most. */
export function podsAskedFor(cluster: ClusterView): number {
  const nodes = cluster.nodes.length;
  const short = (cluster.spec.workloads ?? []).reduce((sum, w) => sum + (w.perNode ?? (w.replicas === undefined ? 1 : 0)) * nodes + (w.replicas ?? 0), 0);
  return (cluster.spec.objects ?? []).reduce((sum, object) => sum + podBound(object, nodes), short);
}

export interface ScheduledPod {
  readonly draft: PodDraft;
  readonly node: string;
}

/**
 * The pods with their nodes: as planning does it, the fitting node with the fewest pods, first node first. Pods that fit nowhere are left out;
 * a cluster that asks for more than {@link MAX_PODS} has none here (the rule `objects` says so).
 */
export function scheduledPods(cluster: ClusterView): readonly ScheduledPod[] {
  if (podsAskedFor(cluster) > MAX_PODS) return [];
  const drafts = podsOf(
    podObjects(
      cluster.spec,
      cluster.nodes.map((node) => node.name),
    ),
    cluster.nodes,
  );
  const load = new Map(cluster.nodes.map((n) => [n.name, 0]));
  const place = (draft: PodDraft, node: string): ScheduledPod => {
    load.set(node, (load.get(node) ?? 0) + 1);
    return { draft, node };
  };
  const known = drafts.filter((d) => d.node !== null && load.has(d.node)).map((d) => place(d, d.node ?? ''));
  const spread = drafts
    .filter((d) => d.node === null || !load.has(d.node))
    .flatMap((draft) => {
      const fitting = cluster.nodes.filter((n) => fits(draft, n));
      const [first, ...rest] = fitting;
      if (first === undefined || draft.node !== null) return [];
      return [place(draft, rest.reduce((a, b) => ((load.get(b.name) ?? 0) < (load.get(a.name) ?? 0) ? b : a), first).name)];
    });
  return [...known, ...spread];
}

/** Number of pods by node name, or of those that are meant: all of them, and those with an address of their own. */
export function podCounts(
  cluster: ClusterView,
  meant: (draft: PodDraft) => boolean = () => true,
): ReadonlyMap<string, { readonly all: number; readonly addressed: number }> {
  const counts = new Map(cluster.nodes.map((n) => [n.name, { all: 0, addressed: 0 }]));
  for (const { draft, node } of scheduledPods(cluster)) {
    const count = counts.get(node);
    if (count !== undefined && meant(draft)) {
      count.all += 1;
      if (!draft.hostNetwork) count.addressed += 1;
    }
  }
  return counts;
}
