import { cnis } from '../cni/index.ts';
import type { CniPlanner } from '../cni/cni.ts';
import type { Diagnostic } from '../diagnostic.ts';
import type { CniPlan } from '../plan.ts';
import type { CniSpec, Family, LabSpec } from '../spec.ts';
import { problem, type Path } from './findings.ts';
import { clustersOf, placedCidrs, segmentsOf, type ClusterView, type SegmentView } from './lab-view.ts';

/** Every IPv4 host must take datagrams of 576 bytes (RFC 1122 3.3.2). */
const MIN_IPV4 = 576;
/** Smallest MTU of a link that carries IPv6 (RFC 8200 5). */
const MIN_IPV6 = 1280;
/** Largest MTU of veth and bridge devices in Linux (ETH_MAX_MTU, 65535). */
const MAX = 65_535;

function limits(what: string, mtuBytes: number, families: readonly Family[], path: Path, because = ''): readonly Diagnostic[] {
  if (mtuBytes < MIN_IPV4 || mtuBytes > MAX) {
    return [
      problem('MTU_OUT_OF_RANGE', path, `MTU ${mtuBytes} of ${what} is outside of ${MIN_IPV4} to ${MAX}${because}`, 'use 1500, or 9000 for jumbo frames'),
    ];
  }
  if (families.includes('ipv6') && mtuBytes < MIN_IPV6) {
    return [
      problem(
        'MTU_TOO_SMALL_FOR_IPV6',
        path,
        `MTU ${mtuBytes} of ${what} is below ${MIN_IPV6}, the least that IPv6 works with${because}`,
        `use ${MIN_IPV6} or more`,
      ),
    ];
  }
  return [];
}

/** Bytes that the CNI's encapsulation adds between two nodes. */
function overheadBytes(cni: CniSpec, families: readonly Family[]): number {
  const overhead = cnis[cni.type].traits.overheadBytes;
  switch (cni.type) {
    // The outer IPv6 header is 20 bytes longer than the IPv4 one; flannel sizes its bridge for the larger.
    case 'flannel':
      return (overhead[cni.backend ?? 'vxlan'] ?? 0) + ((cni.backend ?? 'vxlan') === 'vxlan' && families.includes('ipv6') ? 20 : 0);
    case 'calico':
      return overhead[cni.encapsulation ?? 'vxlan'] ?? 0;
    case 'weave':
      return overhead['vxlan'] ?? 0;
    case 'bridge':
    case 'kindnet':
    case 'raw':
      return 0;
  }
}

function ofCluster(cluster: ClusterView, segments: readonly SegmentView[]): readonly Diagnostic[] {
  const { cni } = cluster.spec;
  const used = segments.filter((s) => cluster.nodes.some((n) => n.segment === s.name));
  const [first, ...rest] = used;
  if (first === undefined) return [];
  const narrowest = rest.reduce((a, b) => (b.mtuBytes < a.mtuBytes ? b : a), first);
  const planner = cnis[cni.type] as unknown as CniPlanner<CniSpec, CniPlan>;
  const podMtu = planner.resolve(cni, { underlayMtu: narrowest.mtuBytes, podCIDRs: cluster.podCIDRs.map((p) => p.cidr), families: cluster.families }).mtuBytes;
  const overhead = overheadBytes(cni, cluster.families);
  const path = [...cluster.path, 'cni', ...(cni.mtu === undefined ? [] : ['mtu'])];
  const allowed = narrowest.mtuBytes - overhead;
  if (podMtu > allowed) {
    const outer = cni.type === 'flannel';
    const reason =
      outer || overhead === 0
        ? `segment ${narrowest.name} has ${narrowest.mtuBytes}`
        : `segment ${narrowest.name} has ${narrowest.mtuBytes} and ${cni.type} adds ${overhead}`;
    const written = cni.mtu ?? podMtu;
    const limit = outer ? narrowest.mtuBytes : allowed;
    return [
      problem(
        'MTU_TOO_LARGE',
        path,
        `MTU ${written}${cni.mtu === undefined ? ` (${cni.type}'s default)` : ''} of ${outer ? 'the outer packets' : 'the pods'} of cluster ${cluster.name} is too large: ${reason}; at most ${limit} fits`,
        `set cni.mtu: ${limit}, or raise the MTU of segment ${narrowest.name}`,
      ),
    ];
  }
  return limits(
    `the pods of cluster ${cluster.name}`,
    podMtu,
    cluster.families,
    cni.mtu === undefined && cni.type !== 'weave' ? narrowest.mtuPath : path,
    overhead === 0 ? '' : ` (the segment's ${narrowest.mtuBytes} less ${overhead})`,
  );
}

/** Segments, pods and second networks have an MTU that their family allows, and encapsulated packets fit the underlay. */
export function mtu(spec: LabSpec): readonly Diagnostic[] {
  const segments = segmentsOf(spec);
  return [
    ...segments.flatMap((s) =>
      limits(
        `segment ${s.name}`,
        s.mtuBytes,
        s.cidrs.map((c) => c.cidr.family),
        s.mtuPath,
      ),
    ),
    ...clustersOf(spec).flatMap((cluster) => ofCluster(cluster, segments)),
    ...clustersOf(spec).flatMap((cluster) =>
      (cluster.spec.networks ?? []).flatMap((network, i) =>
        network.mtu === undefined
          ? []
          : limits(
              `network ${network.name} of cluster ${cluster.name}`,
              network.mtu,
              placedCidrs(network.cidr, []).map((c) => c.cidr.family),
              [...cluster.path, 'networks', i, 'mtu'],
            ),
      ),
    ),
  ];
}
