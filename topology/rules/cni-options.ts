import { formatCidr } from '../cidr.ts';
import type { Diagnostic } from '../diagnostic.ts';
import { interfaceNameProblem } from '../names.ts';
import type { BridgeCniSpec, CalicoCniSpec, FlannelCniSpec, LabSpec } from '../spec.ts';
import { pairs, problem, type Path } from './findings.ts';
import { clustersOf, routersOf, type ClusterView, type RouterView } from './lab-view.ts';

/** Names of interfaces that every node has already. */
const TAKEN_INTERFACES = ['lo', 'eth0'];

/** The segments that the nodes of a cluster stand on, in order. */
function segmentsUsed(cluster: ClusterView): readonly string[] {
  return [...new Set(cluster.nodes.map((n) => n.segment))];
}

/** Two segments whose first router does not join them: planning can then write no route between their nodes. */
function apart(cluster: ClusterView, routers: readonly RouterView[]): readonly [string, string] | null {
  const first = (segment: string): RouterView | undefined => routers.find((r) => r.segments.includes(segment));
  return pairs(segmentsUsed(cluster)).find(([a, b]) => first(a)?.segments.includes(b) !== true || first(b)?.segments.includes(a) !== true) ?? null;
}

function needsRouter(cluster: ClusterView, routers: readonly RouterView[], path: Path): readonly Diagnostic[] {
  const pair = apart(cluster, routers);
  if (pair === null) return [];
  return [
    problem(
      'ROUTES_NEED_A_ROUTER',
      path,
      `nodes of cluster ${cluster.name} stand on segments ${pair[0]} and ${pair[1]}, and no router has an interface on both: plain routes cannot join them`,
      `add a router with interfaces on ${pair[0]} and ${pair[1]}, or use a CNI that encapsulates (flannel vxlan, calico vxlan)`,
    ),
  ];
}

function bridge(cluster: ClusterView, cni: BridgeCniSpec, routers: readonly RouterView[], path: Path): readonly Diagnostic[] {
  const name = cni.bridge ?? 'cni0';
  const bad = interfaceNameProblem(name) ?? (TAKEN_INTERFACES.includes(name) ? 'every node has an interface of that name' : null);
  const found: Diagnostic[] =
    bad === null
      ? []
      : [
          problem(
            'INTERFACE_NAME_INVALID',
            [...path, 'bridge'],
            `the bridge name ${JSON.stringify(name)} cannot be used: ${bad}`,
            'use a name like cni0: 15 characters at most',
          ),
        ];
  const alone = segmentsUsed(cluster).find((segment) => !routers.some((r) => r.segments.includes(segment)));
  if (cni.routesOn === 'router' && alone !== undefined) {
    found.push(
      problem(
        'ROUTES_NEED_A_ROUTER',
        [...path, 'routesOn'],
        `routesOn: router, but no router has an interface on segment ${alone}`,
        `add routers: [{ name: r1, interfaces: [{ segment: ${alone} }] }], or use routesOn: nodes`,
      ),
    );
    return found;
  }
  return [...found, ...needsRouter(cluster, routers, path)];
}

/** What each backend of flannel leaves without meaning. */
const UNUSED: Readonly<Record<NonNullable<FlannelCniSpec['backend']>, readonly ('vni' | 'port' | 'directRouting' | 'docker')[]>> = {
  vxlan: [],
  'host-gw': ['directRouting', 'vni', 'port', 'docker'],
  udp: ['directRouting', 'vni', 'docker'],
};

function flannel(cluster: ClusterView, cni: FlannelCniSpec, path: Path): readonly Diagnostic[] {
  const backend = cni.backend ?? 'vxlan';
  const why = backend === 'udp' ? 'udp has a process in the place of the tunnel' : 'host-gw has no tunnel';
  const found = UNUSED[backend]
    .filter((key) => cni[key] !== undefined && cni[key] !== false)
    .map((key) => problem('CNI_OPTION_UNUSED', [...path, key], `${key} belongs to flannel's vxlan backend; ${why}`, `remove ${key}, or use backend: vxlan`));
  return [...found, ...onlyIpv4(cluster, cni, path), ...(backend === 'host-gw' ? oneSegment(cluster, path) : [])];
}

/** Older than its IPv6. */
function onlyIpv4(cluster: ClusterView, cni: FlannelCniSpec, path: Path): readonly Diagnostic[] {
  const found: Diagnostic[] = [];
  if (cni.docker === true && cni.directRouting === true)
    found.push(
      problem(
        'CNI_OPTION_UNUSED',
        [...path, 'directRouting'],
        'directRouting is younger than flannel as it fed Docker: there all pods are on the wire of the tunnel, and no route leads to a node',
        'remove directRouting, or docker',
      ),
    );
  const old = cni.backend === 'udp' ? 'backend udp' : cni.docker === true ? 'feeding Docker' : null;
  if (old !== null && cluster.families.includes('ipv6'))
    found.push(
      problem(
        'CNI_FAMILY_UNSUPPORTED',
        [...path, cni.backend === 'udp' ? 'backend' : 'docker'],
        `flannel ${old} carries IPv4 alone; cluster ${cluster.name} has IPv6`,
        'use backend: vxlan or host-gw, or an IPv4 pod CIDR alone',
      ),
    );
  return found;
}

function oneSegment(cluster: ClusterView, path: Path): readonly Diagnostic[] {
  const segments = segmentsUsed(cluster);
  return segments.length < 2
    ? []
    : [
        problem(
          'HOST_GW_NEEDS_ONE_SEGMENT',
          [...path, 'backend'],
          `flannel host-gw writes routes through the peers' own addresses, so all nodes must stand on one segment; those of cluster ${cluster.name} stand on ${segments.join(', ')}`,
          'use backend: vxlan with directRouting: true, which tunnels only between segments',
        ),
      ];
}

function calico(cluster: ClusterView, cni: CalicoCniSpec, path: Path): readonly Diagnostic[] {
  const found: Diagnostic[] = [];
  const block = cni.blockSize ?? 26;
  const blockPath = cni.blockSize === undefined ? path : [...path, 'blockSize'];
  if (block < 20 || block > 32) {
    found.push(problem('BLOCK_SIZE_INVALID', blockPath, `blockSize ${block} is outside of 20 to 32, which calico allows for IPv4`, "use 26, calico's default"));
  } else {
    for (const pool of cluster.podCIDRs.filter((p) => p.cidr.family === 'ipv4' && p.cidr.prefixLength > block)) {
      found.push(
        problem(
          'BLOCK_SIZE_INVALID',
          blockPath,
          `a block of /${block} is larger than the pool ${formatCidr(pool.cidr)}`,
          `use blockSize: ${Math.min(32, pool.cidr.prefixLength + 4)}, or a larger pod CIDR`,
        ),
      );
    }
  }
  const encapsulation = cni.encapsulation ?? 'vxlan';
  if (encapsulation !== 'none') {
    for (const key of ['routeReflectors', 'asNumber'] as const) {
      if (cni[key] !== undefined)
        found.push(
          problem(
            'CNI_OPTION_UNUSED',
            [...path, key],
            `${key} belongs to BGP, which runs with encapsulation none only; this is ${encapsulation}`,
            `remove ${key}, or use encapsulation: none`,
          ),
        );
    }
    return found;
  }
  const segments = segmentsUsed(cluster);
  if (segments.length > 1) {
    found.push(
      problem(
        'BGP_NEEDS_ONE_SEGMENT',
        [...path, 'encapsulation'],
        `calico without encapsulation announces pod routes to the nodes only; those of cluster ${cluster.name} stand on ${segments.join(', ')}, and the router between them would not know the pods`,
        'use encapsulation: crossSubnet, which tunnels only between segments',
      ),
    );
  }
  return found;
}

/** Options of a CNI that contradict one another or the lab around it. */
export function cniOptions(spec: LabSpec): readonly Diagnostic[] {
  const routers = routersOf(spec);
  return clustersOf(spec).flatMap((cluster): readonly Diagnostic[] => {
    const { cni } = cluster.spec;
    const path = [...cluster.path, 'cni'];
    switch (cni.type) {
      case 'bridge':
        return bridge(cluster, cni, routers, path);
      case 'flannel':
        return flannel(cluster, cni, path);
      case 'calico':
        return calico(cluster, cni, path);
      case 'raw':
        return cni.routesOn === 'none' ? [] : needsRouter(cluster, routers, path);
      case 'weave':
        return [];
      case 'kindnet':
        return needsRouter(cluster, routers, path);
    }
  });
}
