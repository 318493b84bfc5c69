/** What probing from inside of clusters and the objects of a verification have to agree on. */

/** TCP and UDP port of the responders: below the ephemeral range (32768) and the NodePort range (30000), used by nothing a lab runs. */
export const PROBE_PORT = 7000;
/** A port on which nothing listens, for the control that must be refused. */
export const CLOSED_PORT = 7001;

/** Inside of clusters: one deadline of unanswered probes, in ms. Machines that carry whole clusters are busy: an answer after a second is late, not lost. */
export const CLUSTER_DEADLINE_MS = 3000;
/** Inside of clusters: fresh connections per pair and protocol. */
export const ATTEMPTS = 3;

/** Up to that many nodes every node asks every other. */
const ALL_NODES = 40;
/** Above it, each node asks itself and others, so many together. */
const SAMPLED_PER_NODE = 12;

/**
 * How many nodes each node asks, itself included; null: all.
 * @param sample wanted number of ordered pairs of nodes; undefined: all up to 40 nodes, 12 for each node above
 */
export function targetsPerNode(nodes: number, sample?: number): number | null {
  if (sample === undefined) return nodes <= ALL_NODES ? null : SAMPLED_PER_NODE;
  const perNode = Math.max(2, Math.ceil(sample / Math.max(1, nodes)));
  return perNode >= nodes ? null : perNode;
}
