import { cidrSize, formatCidr, splitRange, subnetCount, tryParseCidr, usableCount, type Cidr } from '../cidr.ts';
import type { Diagnostic } from '../diagnostic.ts';
import { DEFAULTS } from '../draft.ts';
import type { Family, LabSpec } from '../spec.ts';
import { caution, counted, problem, type Path } from './findings.ts';
import { clustersOf, placedCidrs, type ClusterView, type PlacedCidr } from './lab-view.ts';
import { podCounts } from './pods-view.ts';

/** kubelet's default `maxPods`. */
const KUBELET_MAX_PODS = 110;
/** Weave's ring is divided into so many parts at least, so that a node that joins finds a free one. */
const WEAVE_PARTS = 16;

type Counts = ReturnType<typeof podCounts>;

function busiest(counts: Counts): { readonly node: string; readonly pods: number } {
  return [...counts].reduce((best, [node, { addressed }]) => (addressed > best.pods ? { node, pods: addressed } : best), { node: '', pods: 0 });
}

/** What the cluster needs, in words: `3 nodes with up to 50 pods each`. */
function need(cluster: ClusterView, counts: Counts): string {
  const { pods } = busiest(counts);
  const nodes = counted(cluster.nodes.length, 'node');
  return pods === 0 ? nodes : `${nodes} with up to ${counted(pods, 'pod')} each`;
}

/** Pods that fit into a range whose gateway has an address of its own. */
function room(range: Cidr): bigint {
  const pods = usableCount(range) - 1n;
  return pods < 0n ? 0n : pods;
}

/** The longest prefix whose subnet has room for so many pods beside the gateway. */
function prefixFor(pods: number, bits: 32 | 128): number {
  for (let length = bits - 2; length > 0; length -= 1) {
    if (room({ family: bits === 32 ? 'ipv4' : 'ipv6', base: 0n, prefixLength: length, bits }) >= BigInt(pods)) return length;
  }
  return 0;
}

/** What a range with a share per node is called, and where its mask is written. */
interface Masked {
  readonly noun: string;
  readonly nodeMask: Readonly<Record<Family, number>>;
  readonly path: Path;
}

function nodeMaskRanges(cluster: ClusterView, range: PlacedCidr, counts: Counts, { noun, nodeMask, path: place }: Masked): readonly Diagnostic[] {
  const { cidr, path } = range;
  const mask = nodeMask[cidr.family];
  const key = cidr.family;
  const ranges = subnetCount(cidr, mask);
  const nodes = BigInt(cluster.nodes.length);
  const found: Diagnostic[] = [];
  if (ranges < nodes) {
    const wanted = Math.max(0, mask - Math.ceil(Math.log2(Math.max(1, cluster.nodes.length))));
    const holds =
      ranges === 0n ? `has ${counted(cidrSize(cidr), 'address')} and no room for a /${mask} per node` : `holds ${counted(ranges, 'node')} of /${mask}`;
    found.push(
      problem(
        'POD_CIDR_TOO_SMALL',
        path,
        `${formatCidr(cidr)} ${holds}; cluster ${cluster.name} has ${need(cluster, counts)}`,
        `use a ${noun} of /${wanted} or larger`,
      ),
    );
  }
  const { node, pods } = busiest(counts);
  const perNode = room({ ...cidr, prefixLength: mask });
  if (BigInt(pods) > perNode) {
    found.push(
      problem(
        'NODE_RANGE_FULL',
        [...place, 'nodeMask', key],
        `node ${node} gets ${counted(pods, 'pod')}, but a /${mask} has room for ${perNode} beside the gateway`,
        `set nodeMask: { ${key}: ${prefixFor(pods, cidr.bits)} } or smaller, add nodes, or run fewer pods`,
      ),
    );
  }
  return found;
}

function blockRanges(cluster: ClusterView, { cidr, path }: PlacedCidr, counts: Counts, blockSize: number): readonly Diagnostic[] {
  if (blockSize < cidr.prefixLength || blockSize > 32) return [];
  const perBlock = 2 ** (cidr.bits - blockSize);
  const blocks = subnetCount(cidr, blockSize);
  const wanted = [...counts.values()].reduce((sum, { addressed }) => sum + Math.max(1, Math.ceil((addressed + 1) / perBlock)), 0);
  if (BigInt(wanted) <= blocks) return [];
  return [
    problem(
      'POD_CIDR_TOO_SMALL',
      path,
      `${formatCidr(cidr)} holds ${counted(blocks, 'block')} of /${blockSize}; cluster ${cluster.name} has ${need(cluster, counts)} and needs ${wanted}`,
      'use a larger pod CIDR or a longer blockSize',
    ),
  ];
}

function ringRange(cluster: ClusterView, cidr: Cidr, path: Path, counts: Counts): readonly Diagnostic[] {
  const parts = Math.max(WEAVE_PARTS, cluster.nodes.length);
  if (cidr.family !== 'ipv4') return [];
  if (BigInt(parts) > cidrSize(cidr)) {
    return [
      problem(
        'POD_CIDR_TOO_SMALL',
        path,
        `${formatCidr(cidr)} cannot be divided into ${parts} parts; cluster ${cluster.name} has ${need(cluster, counts)}`,
        'use a larger range',
      ),
    ];
  }
  const smallest = splitRange(cidr, parts).reduce((a, b) => (cidrSize(b) < cidrSize(a) ? b : a));
  const { pods } = busiest(counts);
  if (BigInt(Math.max(1, pods)) <= room(smallest)) return [];
  return [
    problem(
      'NODE_RANGE_FULL',
      path,
      `a node's part of ${formatCidr(cidr)}, divided by ${parts}, has room for ${room(smallest)} pods beside the bridge; cluster ${cluster.name} has ${need(cluster, counts)}`,
      'use a larger range, add nodes, or run fewer pods',
    ),
  ];
}

function ofPods(cluster: ClusterView): readonly Diagnostic[] {
  const { cni } = cluster.spec;
  const counts = podCounts(cluster);
  const crowded = [...counts]
    .filter(([, { all }]) => all > KUBELET_MAX_PODS)
    .map(([node, { all }]) =>
      caution(
        'PODS_PER_NODE',
        cluster.path,
        `node ${node} gets ${all} pods; a kubelet takes ${KUBELET_MAX_PODS} by default`,
        'add nodes, or remember to raise maxPods on a real cluster',
      ),
    );
  if (cni.type === 'weave') {
    const range = cni.range === undefined ? null : tryParseCidr(cni.range);
    if (range !== null) return [...(range.ok ? ringRange(cluster, range.cidr, [...cluster.path, 'cni', 'range'], counts) : []), ...crowded.slice(0, 1)];
    return [...cluster.podCIDRs.flatMap((p) => ringRange(cluster, p.cidr, p.path, counts)), ...crowded.slice(0, 1)];
  }
  const full = cluster.podCIDRs.flatMap((p) =>
    cni.type === 'calico'
      ? blockRanges(cluster, p, counts, cni.blockSize ?? 26)
      : nodeMaskRanges(cluster, p, counts, { noun: 'pod CIDR', nodeMask: cluster.nodeMask, path: cluster.path }),
  );
  return [...full, ...crowded.slice(0, 1)];
}

/** Of those that ask, in each second network. */
function ofNetworks(cluster: ClusterView): readonly Diagnostic[] {
  return (cluster.spec.networks ?? []).flatMap((network, i) => {
    const path = [...cluster.path, 'networks', i];
    const counts = podCounts(cluster, ({ networks }) => networks.includes(network.name));
    const nodeMask = { ...DEFAULTS.nodeMask, ...network.nodeMask };
    return placedCidrs(network.cidr, [...path, 'cidr']).flatMap((range) => nodeMaskRanges(cluster, range, counts, { noun: 'network', nodeMask, path }));
  });
}

/** The pod range, and that of each second network, has room for the nodes, and each node's share for its pods; more pods than a kubelet takes are a warning. */
export function podCidrCapacity(spec: LabSpec): readonly Diagnostic[] {
  return clustersOf(spec).flatMap((cluster) => [...ofPods(cluster), ...ofNetworks(cluster)]);
}
