import type { ProbeProtocol } from '../../engines/port.ts';
import type { Family } from '../../topology/spec.ts';
import type { ClusterEnds } from '../endpoints.ts';
import { classOf, type PairClass } from '../pair-table.ts';
import { eachPair, type Pair, type Pairs } from '../probe-plan.ts';
import { enforcesPolicies } from './enforcement.ts';
import { isPermitted } from './stand.ts';
import { worldOf } from './world.ts';

/** The pairs of a set that policies leave open to a protocol and port; the same set where policies have no say. `forbidden`: the others, counted by kind. */
export function permittedPairs(
  cluster: ClusterEnds,
  pairs: Pairs,
  protocol: ProbeProtocol,
  family: Family,
  port: number,
): { readonly pairs: Pairs; readonly forbidden: ReadonlyMap<PairClass, number> } {
  const forbidden = new Map<PairClass, number>();
  if (worldOf(cluster.plan).policies.length === 0 || enforcesPolicies(cluster.plan) === false) return { pairs, forbidden };
  const open: Pair[] = [];
  eachPair(pairs, (client, server) => {
    if (isPermitted(cluster, client, server, protocol, family, port)) {
      open.push([client, server]);
      return;
    }
    const kind = classOf(cluster, client, server);
    forbidden.set(kind, (forbidden.get(kind) ?? 0) + 1);
  });
  return { pairs: forbidden.size === 0 ? pairs : { kind: 'list', pairs: open }, forbidden };
}
