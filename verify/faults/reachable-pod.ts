import { PROBE_PORT } from '../../topology/probing.ts';
import { clusterEnds } from '../endpoints.ts';
import { isPermitted } from '../policy/stand.ts';
import type { FaultTarget, NetworkedPod } from './target.ts';

/** The target's pod, or the first one of its node, that policies let another pod of the node or of the peer call; null where they isolate them all. */
export function reachablePod({ plan, cluster, family, node, pod, neighbour, peerPod }: FaultTarget): NetworkedPod | null {
  const ends = clusterEnds(plan).find((one) => one.plan === cluster);
  if (ends === undefined) return null;
  const indexOf = (id: string): number => ends.ends.findIndex((end) => end.id === id);
  const callers = [peerPod, pod, ...(neighbour === null ? [] : [neighbour])];
  const own = cluster.pods.filter((one): one is NetworkedPod => one.node === node.name && one.interface !== null);
  const open = (server: NetworkedPod): boolean =>
    callers.some((client) => client.id !== server.id && isPermitted(ends, indexOf(client.id), indexOf(server.id), 'tcp', family, PROBE_PORT));
  return [pod, ...own].find(open) ?? null;
}

export function hasReachablePod(target: FaultTarget): true | string {
  return reachablePod(target) !== null ? true : `policies let nobody call the pods of ${target.node.name}`;
}
