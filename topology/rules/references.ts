import { cidrContains, cidrsOverlap, formatCidr } from '../cidr.ts';
import type { Diagnostic } from '../diagnostic.ts';
import { NO_SEGMENT, OUTSIDE_SEGMENT } from '../draft.ts';
import { nearest } from '../names.ts';
import type { LabSpec } from '../spec.ts';
import { caution, pairs, problem, type Path } from './findings.ts';
import { clustersOf, placedCidrs, routersOf, segmentsOf, type ClusterView } from './lab-view.ts';

const UNKNOWN = { segment: 'SEGMENT_UNKNOWN', router: 'ROUTER_UNKNOWN', node: 'NODE_UNKNOWN' } as const;

/** A name that must be one of the known ones. */
function known(what: keyof typeof UNKNOWN, name: string | undefined, all: readonly string[], path: Path): readonly Diagnostic[] {
  if (name === undefined || all.includes(name)) return [];
  const near = nearest(name, all);
  return [
    problem(
      UNKNOWN[what],
      path,
      `there is no ${what} ${JSON.stringify(name)}; known: ${all.length === 0 ? 'none' : all.join(', ')}`,
      near === null ? `name one of the known ${what}s, or declare it` : `did you mean ${near}?`,
    ),
  ];
}

/** Explicit shares of the pod range: inside it, of the node mask's size, apart from one another. */
function nodeRanges(cluster: ClusterView): readonly Diagnostic[] {
  const shares = cluster.nodes.flatMap((node, n) =>
    placedCidrs(cluster.spec.nodes?.[n]?.podCIDR, [...node.path, 'podCIDR']).map((p) => ({ ...p, node: node.name })),
  );
  if (shares.length === 0) return [];
  if (cluster.spec.cni.type === 'calico' || cluster.spec.cni.type === 'weave') {
    return shares
      .slice(0, 1)
      .map((s) =>
        problem(
          'NODE_POD_CIDR_UNUSED',
          s.path,
          `${cluster.spec.cni.type} shares the pod range out by itself and ignores a node's podCIDR`,
          "remove the nodes' podCIDR",
        ),
      );
  }
  const own = shares.flatMap((share): readonly Diagnostic[] => {
    const { cidr } = share;
    const range = cluster.podCIDRs.find((p) => p.cidr.family === cidr.family);
    const mask = cluster.nodeMask[cidr.family];
    if (range === undefined || !cidrContains(range.cidr, cidr)) {
      const all = cluster.podCIDRs.map((p) => formatCidr(p.cidr)).join(', ');
      return all === ''
        ? []
        : [
            problem(
              'NODE_POD_CIDR_OUTSIDE',
              share.path,
              `${formatCidr(cidr)} of node ${share.node} is not inside the pod CIDR of cluster ${cluster.name} (${all})`,
              'use a subnet of the pod CIDR, or widen the pod CIDR',
            ),
          ];
    }
    if (cidr.prefixLength === mask) return [];
    return [
      problem(
        'NODE_POD_CIDR_MASK',
        share.path,
        `${formatCidr(cidr)} of node ${share.node} is a /${cidr.prefixLength}; every node's share is a /${mask}`,
        `write a /${mask}, or set nodeMask: { ${cidr.family}: ${cidr.prefixLength} }`,
      ),
    ];
  });
  const twice = pairs(shares)
    .filter(([a, b]) => cidrsOverlap(a.cidr, b.cidr))
    .map(([a, b]) =>
      problem(
        'NODE_POD_CIDR_OVERLAP',
        b.path,
        `${formatCidr(b.cidr)} of node ${b.node} overlaps ${formatCidr(a.cidr)} of node ${a.node}: both would hand out the same pod addresses`,
        `give node ${b.node} a range of its own`,
      ),
    );
  return [...own, ...twice];
}

function selectors(cluster: ClusterView): readonly Diagnostic[] {
  return (cluster.spec.workloads ?? []).flatMap((workload, w) => {
    const wanted = Object.entries(workload.nodeSelector ?? {});
    if (wanted.length === 0 || cluster.nodes.some((n) => wanted.every(([key, value]) => n.labels[key] === value))) return [];
    return [
      caution(
        'NODE_SELECTOR_MATCHES_NOTHING',
        [...cluster.path, 'workloads', w, 'nodeSelector'],
        `no node of cluster ${cluster.name} has the labels ${wanted.map(([k, v]) => `${k}=${v}`).join(', ')}: workload ${workload.name} gets no pod there`,
        'label a node, or change the selector',
      ),
    ];
  });
}

function routing(spec: LabSpec): readonly Diagnostic[] {
  const routers = routersOf(spec);
  const declared = spec.routers ?? [];
  const attached = new Set(routers.flatMap((r) => r.segments));
  const found: Diagnostic[] = declared.flatMap((router, r) =>
    router.interfaces.flatMap((face, i) =>
      router.interfaces.findIndex((other) => other.segment === face.segment) === i
        ? []
        : [
            problem(
              'ROUTER_INTERFACE_TWICE',
              ['routers', r, 'interfaces', i],
              `router ${router.name} has two interfaces on segment ${face.segment}`,
              'keep one of them',
            ),
          ],
    ),
  );
  if (
    spec.outside !== undefined &&
    spec.outside.router === undefined &&
    declared.length > 1 &&
    !declared.some((r) => r.interfaces.some((i) => i.segment === OUTSIDE_SEGMENT))
  ) {
    found.push(
      problem(
        'OUTSIDE_ROUTER_AMBIGUOUS',
        ['outside'],
        `the lab has ${declared.length} routers (${declared.map((r) => r.name).join(', ')}), and the outside does not say which leads to it`,
        `add router: ${declared[0]?.name ?? ''} to outside`,
      ),
    );
  }
  const segments = segmentsOf(spec);
  if (segments.length < 2 || declared.length === 0) return found;
  return [
    ...found,
    ...segments
      .filter((s) => !attached.has(s.name))
      .map((s) =>
        caution(
          'SEGMENT_WITHOUT_ROUTER',
          s.path,
          `no router has an interface on segment ${s.name}: nothing outside of it can be reached from it`,
          `add { segment: ${s.name} } to the interfaces of router ${declared[0]?.name ?? ''}`,
        ),
      ),
  ];
}

/** Every name that refers to something refers to something that is there. */
export function references(spec: LabSpec): readonly Diagnostic[] {
  const segments = segmentsOf(spec)
    .filter((s) => s.path[0] !== 'outside')
    .map((s) => s.name);
  const withOutside = spec.outside === undefined ? segments : [...segments, OUTSIDE_SEGMENT];
  return [
    ...(spec.hosts ?? []).flatMap((h, i) => known('segment', h.segment, [...withOutside, NO_SEGMENT], ['hosts', i, 'segment'])),
    ...(spec.routers ?? []).flatMap((r, i) =>
      r.interfaces.flatMap((face, j) => known('segment', face.segment, withOutside, ['routers', i, 'interfaces', j, 'segment'])),
    ),
    ...known(
      'router',
      spec.outside?.router,
      routersOf(spec).map((r) => r.name),
      ['outside', 'router'],
    ),
    ...clustersOf(spec).flatMap((cluster) => {
      const { cni } = cluster.spec;
      const nodes = cluster.nodes.map((n) => n.name);
      return [
        ...(cluster.spec.nodes ?? []).flatMap((n, i) => known('segment', n.segment, segments, [...cluster.path, 'nodes', i, 'segment'])),
        ...(cni.type === 'calico'
          ? (cni.routeReflectors ?? []).flatMap((name, i) => known('node', name, nodes, [...cluster.path, 'cni', 'routeReflectors', i]))
          : []),
        ...nodeRanges(cluster),
        ...selectors(cluster),
      ];
    }),
    ...routing(spec),
  ];
}
