import { parseCidr, type Cidr } from './cidr.ts';
import type { CidrInput, ClusterSpec, Family, LabSpec, NodeRole, RouterSpec, SegmentSpec } from './spec.ts';

/** Defaults, in one place. CIDRs of examples never collide with one another. */
export const DEFAULTS = {
  kubernetesVersion: '1.37',
  dnsDomain: 'cluster.local',
  underlayMtu: 1500,
  segment: { ipv4: '172.30.0.0/24', ipv6: 'fd00:30::/64' },
  outside: { ipv4: '203.0.113.0/24', ipv6: '2001:db8:113::/64' },
  nodeMask: { ipv4: 24, ipv6: 64 },
} as const;

/** Name of the router that is planned when segments or an outside need one and none is declared. */
export const IMPLIED_ROUTER = 'router';
/** In the place of a segment's name: plugged in nowhere. */
export const NO_SEGMENT = 'none';
/** Name of the segment on which the outside stands. */
export const OUTSIDE_SEGMENT = 'outside';

export const asList = <T>(value: T | readonly T[]): readonly T[] => (Array.isArray(value) ? (value as readonly T[]) : [value as T]);
/** The CIDRs of an input, parsed. @throws CidrError */
export const cidrsOf = (input: CidrInput): readonly Cidr[] => asList<string>(input).map(parseCidr);

/** A node before it has addresses. */
export interface NodeDraft {
  readonly name: string;
  readonly role: NodeRole;
  readonly segment: string;
  readonly addresses: readonly string[];
  readonly podCIDRs: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly schedulable: boolean;
  readonly machineId?: string;
}

export interface SegmentDraft {
  readonly name: string;
  readonly cidrs: readonly Cidr[];
  readonly mtuBytes: number;
}

/** Default pod and service CIDRs of the i-th cluster (0-based). */
export function defaultCidrs(index: number, families: readonly Family[]): { readonly pod: readonly string[]; readonly service: readonly string[] } {
  return {
    pod: families.map((f) => (f === 'ipv4' ? `10.${244 + index}.0.0/16` : `fd00:10:${244 + index}::/56`)),
    service: families.map((f) => (f === 'ipv4' ? `10.${96 + index}.0.0/16` : `fd00:10:${96 + index}::/112`)),
  };
}

const familiesOfInput = (input: CidrInput | undefined): readonly Family[] => (input === undefined ? [] : cidrsOf(input).map((c) => c.family));

/** Families of a cluster, primary first: those of its pod CIDR, else of its service CIDR, else IPv4. */
export function clusterFamilies(cluster: ClusterSpec): readonly Family[] {
  const pod = familiesOfInput(cluster.podCIDR);
  const service = familiesOfInput(cluster.serviceCIDR);
  return pod.length > 0 ? pod : service.length > 0 ? service : ['ipv4'];
}

/** Families that the lab uses anywhere, primary first. */
export function labFamilies(spec: LabSpec): readonly Family[] {
  const declared = [
    ...(spec.clusters ?? []).flatMap(clusterFamilies),
    ...(spec.underlay?.segments ?? []).flatMap((s) => familiesOfInput(s.cidr)),
    ...familiesOfInput(spec.underlay?.cidr),
  ];
  return declared.length === 0 ? ['ipv4'] : [...new Set(declared)];
}

/** Nothing in the lab has a cable: hosts that are wired by hand, and no more. */
function isBare({ hosts = [], clusters = [], routers = [], outside, underlay }: LabSpec): boolean {
  const others = clusters.length + routers.length + (outside === undefined ? 0 : 1) + (underlay === undefined ? 0 : 1);
  return others === 0 && hosts.length > 0 && hosts.every((host) => host.segment === NO_SEGMENT);
}

/** The segments with defaults filled in; the outside's segment is the last. */
export function segmentDrafts(spec: LabSpec): readonly SegmentDraft[] {
  if (isBare(spec)) return [];
  const families = labFamilies(spec);
  const mtu = spec.underlay?.mtu ?? DEFAULTS.underlayMtu;
  const single: SegmentSpec = { name: 'lan', cidr: spec.underlay?.cidr ?? families.map((f) => DEFAULTS.segment[f]) };
  const segments = (spec.underlay?.segments ?? [single]).map((s) => ({ name: s.name, cidrs: cidrsOf(s.cidr), mtuBytes: s.mtu ?? mtu }));
  if (spec.outside === undefined) return segments;
  const outside = cidrsOf(spec.outside.cidr ?? families.map((f) => DEFAULTS.outside[f]));
  return [...segments, { name: OUTSIDE_SEGMENT, cidrs: outside, mtuBytes: mtu }];
}

/** The declared routers, or the implied one where several segments or an outside need it; the outside's router has an interface there. */
export function routerDrafts(spec: LabSpec): readonly RouterSpec[] {
  const segments = segmentDrafts(spec);
  const declared = spec.routers ?? [];
  if (declared.length === 0) {
    return segments.length < 2 ? [] : [{ name: IMPLIED_ROUTER, interfaces: segments.map((s) => ({ segment: s.name })) }];
  }
  if (spec.outside === undefined) return declared;
  const target = spec.outside.router ?? declared[0]?.name;
  return declared.map((router) =>
    router.name !== target || router.interfaces.some((i) => i.segment === OUTSIDE_SEGMENT)
      ? router
      : { ...router, interfaces: [...router.interfaces, { segment: OUTSIDE_SEGMENT }] },
  );
}

/**
 * Is a node without the control plane's taint? Where the lab file says nothing, workers are, and control planes exactly when nobody else is there to run pods.
 *
 * @param nodes all nodes of the cluster
 */
export function isSchedulable(
  { role, schedulable }: { readonly role: NodeRole; readonly schedulable?: boolean | undefined },
  nodes: readonly { readonly role: NodeRole }[],
): boolean {
  return schedulable ?? (role === 'worker' || nodes.every((node) => node.role === 'control-plane'));
}

/** The nodes of a cluster, control planes first, with defaults filled in. */
export function nodeDrafts(spec: LabSpec, cluster: ClusterSpec): readonly NodeDraft[] {
  const segment = segmentDrafts(spec)[0]?.name ?? 'lan';
  const label = (name: string, role: NodeRole, labels: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> => ({
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    ...(role === 'control-plane' ? { 'node-role.kubernetes.io/control-plane': '' } : {}),
    ...labels,
  });
  if (cluster.nodes !== undefined) {
    const roles = cluster.nodes.map((n) => ({ role: n.role ?? ('worker' as const) }));
    return cluster.nodes.map((n) => ({
      name: n.name,
      role: n.role ?? 'worker',
      segment: n.segment ?? segment,
      addresses: n.address === undefined ? [] : asList<string>(n.address),
      podCIDRs: n.podCIDR === undefined ? [] : asList<string>(n.podCIDR),
      labels: label(n.name, n.role ?? 'worker', n.labels),
      schedulable: isSchedulable({ role: n.role ?? 'worker', schedulable: n.schedulable }, roles),
      ...(n.machineId === undefined ? {} : { machineId: n.machineId }),
    }));
  }
  const workers = cluster.workers ?? 2;
  const named = (role: NodeRole, count: number): NodeDraft[] =>
    Array.from({ length: count }, (_, i) => {
      const name = `${role}${i + 1}`;
      return { name, role, segment, addresses: [], podCIDRs: [], labels: label(name, role), schedulable: role === 'worker' || workers === 0 };
    });
  return [...named('control-plane', cluster.controlPlanes ?? 1), ...named('worker', workers)];
}
