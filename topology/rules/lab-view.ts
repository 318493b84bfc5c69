/**
 * A lab as the rules look at it: defaults filled in, every text that is a CIDR or an address parsed, and every other one left out
 * (`cidr-syntax` reports those), so that each rule says what it knows and none stumbles over another's problem.
 */
import { tryParseAddress, tryParseCidr, type Address, type Cidr } from '../cidr.ts';
import { DEFAULTS, defaultCidrs, NO_SEGMENT, nodeDrafts, OUTSIDE_SEGMENT, routerDrafts, type NodeDraft } from '../draft.ts';
import type { CidrInput, ClusterSpec, Family, LabSpec } from '../spec.ts';
import type { Path } from './findings.ts';

/** A text of the lab with its place. */
export interface Placed {
  readonly text: string;
  readonly path: Path;
}
/** A well-formed CIDR of the lab, or a default. */
export interface PlacedCidr extends Placed {
  readonly cidr: Cidr;
  readonly isDefault: boolean;
}
/** A well-formed address of the lab. */
export interface PlacedAddress extends Placed {
  readonly address: Address;
}

export interface SegmentView {
  readonly name: string;
  readonly path: Path;
  readonly cidrs: readonly PlacedCidr[];
  readonly mtuBytes: number;
  readonly mtuPath: Path;
}

export interface NodeView extends NodeDraft {
  readonly id: string;
  readonly path: Path;
}

export interface ClusterView {
  readonly spec: ClusterSpec;
  readonly name: string;
  readonly path: Path;
  /** Families of the pods, primary first. */
  readonly families: readonly Family[];
  readonly podCIDRs: readonly PlacedCidr[];
  readonly serviceCIDRs: readonly PlacedCidr[];
  readonly nodeMask: Readonly<Record<Family, number>>;
  readonly nodes: readonly NodeView[];
}

/** One plug of one machine in one segment. */
export interface AttachmentView {
  /** `host db`, `router r1`, `node c1/worker1`. */
  readonly what: string;
  readonly kind: 'host' | 'router' | 'node' | 'outside host';
  readonly machine: string;
  readonly segment: string;
  readonly path: Path;
  readonly addresses: readonly PlacedAddress[];
}

export interface RouterView {
  readonly name: string;
  readonly path: Path;
  readonly implied: boolean;
  readonly segments: readonly string[];
}

/** The texts of an input that holds one or a list of them, each with its place. */
export function placed(input: string | readonly string[] | undefined, path: Path): readonly Placed[] {
  if (input === undefined) return [];
  return typeof input === 'string' ? [{ text: input, path }] : input.map((text, i) => ({ text, path: [...path, i] }));
}

/** The well-formed CIDRs of an input. */
export function placedCidrs(input: CidrInput | undefined, path: Path, isDefault = false): readonly PlacedCidr[] {
  return placed(input, path).flatMap((p) => {
    const parsed = tryParseCidr(p.text);
    return parsed.ok ? [{ ...p, path: isDefault ? path : p.path, cidr: parsed.cidr, isDefault }] : [];
  });
}

/** The well-formed addresses of an input. */
export function placedAddresses(input: string | readonly string[] | undefined, path: Path): readonly PlacedAddress[] {
  return placed(input, path).flatMap((p) => {
    const parsed = tryParseAddress(p.text);
    return parsed.ok ? [{ ...p, address: parsed.address }] : [];
  });
}

/** Families of a cluster's pods: those of its pod CIDR, else of its service CIDR, else IPv4. */
function familiesOf(cluster: ClusterSpec): readonly Family[] {
  const of = (input: CidrInput | undefined): readonly Family[] => [...new Set(placedCidrs(input, []).map((p) => p.cidr.family))];
  const pod = of(cluster.podCIDR);
  const service = of(cluster.serviceCIDR);
  return pod.length > 0 ? pod : service.length > 0 ? service : ['ipv4'];
}

/** Families that the lab uses anywhere, primary first. */
export function familiesOfLab(spec: LabSpec): readonly Family[] {
  const declared = [
    ...(spec.clusters ?? []).flatMap(familiesOf),
    ...(spec.underlay?.segments ?? []).flatMap((s) => placedCidrs(s.cidr, []).map((p) => p.cidr.family)),
    ...placedCidrs(spec.underlay?.cidr, []).map((p) => p.cidr.family),
  ];
  return declared.length === 0 ? ['ipv4'] : [...new Set(declared)];
}

/** The segments with defaults filled in; the outside's is the last. */
export function segmentsOf(spec: LabSpec): readonly SegmentView[] {
  const families = familiesOfLab(spec);
  const mtuBytes = spec.underlay?.mtu ?? DEFAULTS.underlayMtu;
  const underlayMtuPath = ['underlay', 'mtu'];
  const single = (): SegmentView => ({
    name: 'lan',
    path: ['underlay'],
    cidrs:
      spec.underlay?.cidr === undefined
        ? placedCidrs(
            families.map((f) => DEFAULTS.segment[f]),
            ['underlay'],
            true,
          )
        : placedCidrs(spec.underlay.cidr, ['underlay', 'cidr']),
    mtuBytes,
    mtuPath: underlayMtuPath,
  });
  const segments = spec.underlay?.segments?.map((s, i): SegmentView => {
    const path = ['underlay', 'segments', i];
    return {
      name: s.name,
      path,
      cidrs: placedCidrs(s.cidr, [...path, 'cidr']),
      mtuBytes: s.mtu ?? mtuBytes,
      mtuPath: s.mtu === undefined ? underlayMtuPath : [...path, 'mtu'],
    };
  }) ?? [single()];
  if (spec.outside === undefined) return segments;
  const cidrs =
    spec.outside.cidr === undefined
      ? placedCidrs(
          families.map((f) => DEFAULTS.outside[f]),
          ['outside'],
          true,
        )
      : placedCidrs(spec.outside.cidr, ['outside', 'cidr']);
  return [...segments, { name: OUTSIDE_SEGMENT, path: ['outside'], cidrs, mtuBytes, mtuPath: underlayMtuPath }];
}

/** The lab without clusters and with harmless CIDRs: what the drafts need to name segments and routers. */
function skeleton(spec: LabSpec): LabSpec {
  const cidr = '192.0.2.0/24';
  const segments = spec.underlay?.segments;
  return {
    name: spec.name,
    ...(segments === undefined || segments.length === 0 ? {} : { underlay: { segments: segments.map((s) => ({ name: s.name, cidr })) } }),
    ...(spec.routers === undefined ? {} : { routers: spec.routers }),
    ...(spec.outside === undefined ? {} : { outside: { ...spec.outside, cidr } }),
  };
}

/** The routers, the one that planning adds included. */
export function routersOf(spec: LabSpec): readonly RouterView[] {
  const implied = (spec.routers ?? []).length === 0;
  return routerDrafts(skeleton(spec)).map((router, i) => ({
    name: router.name,
    path: implied ? [] : ['routers', i],
    implied,
    segments: router.interfaces.map((face) => face.segment),
  }));
}

/** The clusters with their nodes and ranges. */
export function clustersOf(spec: LabSpec): readonly ClusterView[] {
  const bones = skeleton(spec);
  return (spec.clusters ?? []).map((cluster, index): ClusterView => {
    const path = ['clusters', index];
    const families = familiesOf(cluster);
    const defaults = defaultCidrs(index, families);
    const ranges = (input: CidrInput | undefined, key: string, otherwise: readonly string[]): readonly PlacedCidr[] =>
      input === undefined ? placedCidrs(otherwise, path, true) : placedCidrs(input, [...path, key]);
    return {
      spec: cluster,
      name: cluster.name,
      path,
      families,
      podCIDRs: ranges(cluster.podCIDR, 'podCIDR', defaults.pod),
      serviceCIDRs: ranges(cluster.serviceCIDR, 'serviceCIDR', defaults.service),
      nodeMask: { ipv4: cluster.nodeMask?.ipv4 ?? DEFAULTS.nodeMask.ipv4, ipv6: cluster.nodeMask?.ipv6 ?? DEFAULTS.nodeMask.ipv6 },
      nodes: nodeDrafts(bones, cluster).map((node, n) => ({
        ...node,
        id: `${cluster.name}/${node.name}`,
        path: cluster.nodes === undefined ? path : [...path, 'nodes', n],
      })),
    };
  });
}

/** Every plug of every machine: routers first, then nodes, hosts, and the outside, as planning hands out addresses. */
export function attachmentsOf(spec: LabSpec): readonly AttachmentView[] {
  const first = spec.underlay?.segments?.[0]?.name ?? 'lan';
  const routers = routersOf(spec).flatMap((router) =>
    router.segments.map((segment, i): AttachmentView => {
      const path = router.implied ? [] : [...router.path, 'interfaces', i];
      const address = router.implied ? undefined : spec.routers?.find((r) => r.name === router.name)?.interfaces[i]?.address;
      return { what: `router ${router.name}`, kind: 'router', machine: router.name, segment, path, addresses: placedAddresses(address, [...path, 'address']) };
    }),
  );
  const nodes = clustersOf(spec).flatMap((cluster) =>
    cluster.nodes.map(
      (node, n): AttachmentView => ({
        what: `node ${node.id}`,
        kind: 'node',
        machine: node.id,
        segment: node.segment,
        path: node.path,
        addresses: placedAddresses(cluster.spec.nodes?.[n]?.address, [...node.path, 'address']),
      }),
    ),
  );
  const hosts = (spec.hosts ?? []).flatMap((host, i): readonly AttachmentView[] =>
    host.segment === NO_SEGMENT
      ? []
      : [
          {
            what: `host ${host.name}`,
            kind: 'host',
            machine: host.name,
            segment: host.segment ?? first,
            path: ['hosts', i],
            addresses: placedAddresses(host.address, ['hosts', i, 'address']),
          },
        ],
  );
  const outside = (spec.outside?.hosts ?? []).map(
    (host, i): AttachmentView => ({
      what: `outside host ${host.name}`,
      kind: 'outside host',
      machine: host.name,
      segment: OUTSIDE_SEGMENT,
      path: ['outside', 'hosts', i],
      addresses: placedAddresses(host.address, ['outside', 'hosts', i, 'address']),
    }),
  );
  return [...routers, ...nodes, ...hosts, ...outside];
}

/** A range of the lab with the words for where it comes from. */
export interface RangeView extends PlacedCidr {
  readonly kind: 'pods' | 'services' | 'segment' | 'network';
  /** `pods of cluster c1`, `segment lan`, `network storage of cluster c1`. */
  readonly what: string;
}

/** Every range that must stay apart from the others. */
export function rangesOf(spec: LabSpec): readonly RangeView[] {
  const named = (kind: RangeView['kind'], what: string, cidrs: readonly PlacedCidr[]): readonly RangeView[] =>
    cidrs.map((c) => ({ ...c, kind, what: c.isDefault ? `${what}, by default` : what }));
  return [
    ...segmentsOf(spec).flatMap((s) => named('segment', s.path[0] === 'outside' ? 'the outside' : `segment ${s.name}`, s.cidrs)),
    ...clustersOf(spec).flatMap((c) => [
      ...named('pods', `pods of cluster ${c.name}`, c.podCIDRs),
      ...named('services', `services of cluster ${c.name}`, c.serviceCIDRs),
      ...(c.spec.networks ?? []).flatMap((network, i) =>
        named('network', `network ${network.name} of cluster ${c.name}`, placedCidrs(network.cidr, [...c.path, 'networks', i, 'cidr'])),
      ),
    ]),
  ];
}
