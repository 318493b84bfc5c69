/**
 * A Service comes to the same rules on every node, unless a Local policy, source ranges or hints make it look at the node. What is the same is made once: with
 * 1000 Services on 10 nodes that is nine tenths of the work.
 */
import type { ServicePlan } from '../service-plan.ts';

/** A store of pieces. Plans are frozen, so a Service is known by its object; `key` says what else a piece depends on. */
export function createPieces<T>(): (service: ServicePlan, key: string, make: () => T) => T {
  const known = new WeakMap<ServicePlan, Map<string, T>>();
  return (service, key, make) => {
    if (dependsOnNode(service)) return make();
    const pieces = known.get(service) ?? new Map<string, T>();
    known.set(service, pieces);
    let piece = pieces.get(key);
    if (piece === undefined) {
      piece = make();
      pieces.set(key, piece);
    }
    return piece;
  };
}

function dependsOnNode({ internalTrafficPolicy, externalTrafficPolicy, loadBalancerSourceRanges, endpoints }: ServicePlan): boolean {
  return (
    internalTrafficPolicy === 'Local' ||
    externalTrafficPolicy === 'Local' ||
    loadBalancerSourceRanges.length > 0 ||
    endpoints.some(({ hints }) => hints !== undefined)
  );
}
