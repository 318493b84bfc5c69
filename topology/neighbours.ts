import type { ClusterPlan, MachinePlan, SegmentPlan } from './plan.ts';

/**
 * Half of the kernel's one neighbour table, which all network namespaces share: net.ipv4.neigh.default.gc_thresh3 is 1024 by default and can be
 * set in the initial namespace only (Documentation/networking/ip-sysctl.rst). The other half is left to the machine and to other labs.
 */
export const NEIGHBOUR_BUDGET = 512;

/**
 * Entries that learning would make when everybody talks to everybody: on each L2 segment every speaker holds every other; a routed pod holds
 * its gateway and its node holds the pod; second networks are one L2 segment per node, without the node; Docker's networks are one L2 segment each,
 * with the host's bridge, and of IPv4 alone.
 */
export function estimateNeighbours(machines: readonly MachinePlan[], clusters: readonly ClusterPlan[], segments: readonly SegmentPlan[]): number {
  const mesh = (n: number): number => n * Math.max(0, n - 1);
  const everybody = [...machines, ...clusters.flatMap((c) => c.nodes)];
  const underlay = segments.map((s) => mesh(everybody.reduce((n, m) => n + m.interfaces.filter((i) => i.segment === s.name).length, 0)));
  const pods = clusters.map((cluster) => {
    const perNode = cluster.nodes.map((node) => cluster.pods.filter((p) => p.node === node.name && p.interface !== null).length);
    if (cluster.cni.type === 'calico') return perNode.reduce((sum, n) => sum + 2 * n, 0);
    if (cluster.cni.type === 'weave') return mesh(perNode.reduce((sum, n) => sum + n + 1, 0));
    return perNode.reduce((sum, n) => sum + mesh(n + 1), 0);
  });
  const second = clusters.flatMap(({ nodes, pods: all }) =>
    nodes.flatMap(({ name, networks = [] }) =>
      networks.map(({ network }) => mesh(all.filter((pod) => pod.node === name && pod.attachments?.some((one) => one.network === network) === true).length)),
    ),
  );
  const families = Math.max(1, ...clusters.map((c) => c.families.length));
  const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);
  const containers = machines.flatMap(({ docker }) =>
    (docker?.networks ?? []).map(({ name }) => mesh(1 + (docker?.containers ?? []).filter((one) => one.network === name && one.interface !== null).length)),
  );
  return families * sum([...underlay, ...pods, ...second]) + sum(containers);
}
