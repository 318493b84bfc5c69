/** Planned BGP routes that are missing: one side only is a lost route, both sides are a lost session. And how sessions are allowed again. */
import { parseCidr } from '../../topology/cidr.ts';
import type { MachinePlan, NodePlan } from '../../topology/plan.ts';
import { type LabView, namespaceOf, ownersOfRange } from './lab-view.ts';
import { routeTo } from './route-lookup.ts';

/**
 * The peers that lack each other's routes together with `machine`; null when the routes are not BGP's, or when the other side has its routes
 * (then the session is up: BIRD withdraws what a lost peer announced, RFC 4271 section 6.5).
 */
export function missingByPeer(view: LabView, machine: MachinePlan, peers: readonly NodePlan[]): readonly NodePlan[] | null {
  const node = view.nodes.find((one) => one.id === machine.id);
  if (node?.bgp === null || node === undefined) return null;
  const mutual = peers.filter((peer) => peer.bgp !== null && lacks(view, node, peer) && lacks(view, peer, node));
  return mutual.length === 0 ? null : mutual;
}

function lacks(view: LabView, node: NodePlan, peer: NodePlan): boolean {
  const namespace = namespaceOf(view, node.netns);
  if (namespace === undefined) return false;
  const planned = node.podRoutes.filter((route) => route.origin === 'bgp' && ownersOfRange(view, route.to).some((owner) => owner.id === peer.id));
  return planned.length > 0 && planned.every((route) => routeTo(namespace, route.family, parseCidr(route.to)) === null);
}

/** BIRD may come from a cache, and be in nobody's PATH: its client lies beside the program that runs. birdcl needs no library of a terminal, as birdc does. */
const ENABLE_ALL = '"$(dirname "$(readlink "/proc/$(cat "$1.pid")/exe")")/birdcl" -s "$1.ctl" enable all';

/** argv that enables every session of the BIRD of a node, to be run in its namespace. */
export function enableSessions(netns: string): readonly string[] {
  return ['sh', '-c', ENABLE_ALL, 'sh', `/run/cnilab/bird/${netns}`];
}
