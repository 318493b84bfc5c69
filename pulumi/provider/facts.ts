/** A lab that is up, as its outputs tell it. */
import { hostname } from 'node:os';
import { kubeconfigOf } from '../../lab/kubeconfig.ts';
import type { LabState } from '../../lab/lab-state.ts';
import type { LoadEngine } from '../../lab/load-engine.ts';
import type { LabClusterFacts, LabFacts } from '../inputs.ts';

/** The clusters of a lab, as they run where the engine chooses addresses, else as planned. */
export function clustersOf({ plan, observed }: Pick<LabState, 'plan' | 'observed'>): readonly LabClusterFacts[] {
  return (observed ?? plan).clusters.map(({ name, podCIDRs, serviceCIDRs, nodes }) => ({
    name,
    podCIDRs,
    serviceCIDRs,
    nodes: nodes.map((node) => ({
      id: node.id,
      name: node.name,
      role: node.role,
      addresses: node.interfaces.flatMap(({ addresses }) => addresses.map(({ address }) => address)),
    })),
  }));
}

/** @throws LabError LAB_LOST when a kubeconfig is gone */
export async function factsOf(state: LabState, load: LoadEngine): Promise<LabFacts> {
  const engine = await load(state.engine);
  const accesses = state.handle === null ? null : engine.kubernetes(state.handle, state.plan);
  const texts = (accesses ?? []).map(async ({ cluster }) => [cluster, (await kubeconfigOf(state.name, { cluster, loadEngine: load })).text] as const);
  return {
    clusters: clustersOf(state),
    kubeconfigs: Object.fromEntries(await Promise.all(texts)),
    revision: `${state.createdAt} ${state.updatedAt}`,
    host: hostname(),
    drift: [],
  };
}
