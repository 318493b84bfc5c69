import { familyName } from '../cidr.ts';
import type { Diagnostic } from '../diagnostic.ts';
import type { CidrInput, Family, LabSpec } from '../spec.ts';
import { problem, type Path } from './findings.ts';
import { clustersOf, placedCidrs, segmentsOf, type ClusterView, type PlacedCidr, type SegmentView } from './lab-view.ts';

function words(families: readonly Family[]): string {
  return families.map(familyName).join(' and ');
}

/** At most one CIDR per family in one field. */
function oncePerFamily(input: CidrInput | undefined, path: Path): readonly Diagnostic[] {
  const seen = new Map<Family, string>();
  return placedCidrs(input, path).flatMap((p) => {
    const first = seen.get(p.cidr.family);
    seen.set(p.cidr.family, first ?? p.text);
    return first === undefined
      ? []
      : [
          problem(
            'FAMILY_TWICE',
            p.path,
            `${first} and ${p.text} are both ${familyName(p.cidr.family)}; one CIDR per family is allowed`,
            `remove one of them, or make it ${familyName(p.cidr.family === 'ipv4' ? 'ipv6' : 'ipv4')}`,
          ),
        ];
  });
}

function families(cidrs: readonly PlacedCidr[]): readonly Family[] {
  return [...new Set(cidrs.map((c) => c.cidr.family))];
}

function podsAgainstServices(cluster: ClusterView): readonly Diagnostic[] {
  const { podCIDR, serviceCIDR } = cluster.spec;
  if (podCIDR === undefined || serviceCIDR === undefined) return [];
  const pods = families(cluster.podCIDRs);
  const services = families(cluster.serviceCIDRs);
  if (pods.length === 0 || services.length === 0 || pods.join() === services.join()) return [];
  const path = [...cluster.path, 'serviceCIDR'];
  const shown = (cidrs: readonly PlacedCidr[]): string => cidrs.map((c) => c.text).join(', ');
  if ([...pods].sort().join() === [...services].sort().join()) {
    return [
      problem(
        'DUAL_STACK_MISMATCH',
        path,
        `pods of cluster ${cluster.name} list ${words(pods)} (${shown(cluster.podCIDRs)}), its services ${words(services)} (${shown(cluster.serviceCIDRs)}): the first is the primary family`,
        'list both in the same order',
      ),
    ];
  }
  return [
    problem(
      'DUAL_STACK_MISMATCH',
      path,
      `pods of cluster ${cluster.name} are ${words(pods)} (${shown(cluster.podCIDRs)}), its services ${words(services)} (${shown(cluster.serviceCIDRs)})`,
      `give the services ${words(pods)} as well${pods.includes('ipv6') ? ', like fd00:10:96::/112' : ', like 10.96.0.0/16'}, or leave serviceCIDR out`,
    ),
  ];
}

function podsAgainstSegments(cluster: ClusterView, segments: readonly SegmentView[]): readonly Diagnostic[] {
  const used = segments.filter((s) => cluster.nodes.some((n) => n.segment === s.name) && s.cidrs.length > 0);
  return used.flatMap((segment) =>
    cluster.families
      .filter((f) => !families(segment.cidrs).includes(f))
      .map((family) =>
        problem(
          'DUAL_STACK_MISMATCH',
          segment.cidrs[0]?.isDefault === false
            ? segment.path[0] === 'underlay' && segment.path.length === 1
              ? ['underlay', 'cidr']
              : [...segment.path, 'cidr']
            : cluster.path,
          `pods of cluster ${cluster.name} use ${familyName(family)}, but segment ${segment.name} of its nodes has only ${words(families(segment.cidrs))} (${segment.cidrs.map((c) => c.text).join(', ')})`,
          `add an ${familyName(family)} range to the segment, like ${family === 'ipv4' ? '172.30.0.0/24' : 'fd00:30::/64'}`,
        ),
      ),
  );
}

/** One CIDR per family; pods, services and the nodes' segments agree on the families. */
export function dualStackPairing(spec: LabSpec): readonly Diagnostic[] {
  const segments = segmentsOf(spec);
  return [
    ...oncePerFamily(spec.underlay?.cidr, ['underlay', 'cidr']),
    ...(spec.underlay?.segments ?? []).flatMap((s, i) => oncePerFamily(s.cidr, ['underlay', 'segments', i, 'cidr'])),
    ...oncePerFamily(spec.outside?.cidr, ['outside', 'cidr']),
    ...clustersOf(spec).flatMap((cluster) => [
      ...oncePerFamily(cluster.spec.podCIDR, [...cluster.path, 'podCIDR']),
      ...oncePerFamily(cluster.spec.serviceCIDR, [...cluster.path, 'serviceCIDR']),
      ...(cluster.spec.nodes ?? []).flatMap((n, i) => oncePerFamily(n.podCIDR, [...cluster.path, 'nodes', i, 'podCIDR'])),
      ...(cluster.spec.networks ?? []).flatMap((n, i) => oncePerFamily(n.cidr, [...cluster.path, 'networks', i, 'cidr'])),
      ...podsAgainstServices(cluster),
      ...podsAgainstSegments(cluster, segments),
    ]),
  ];
}
