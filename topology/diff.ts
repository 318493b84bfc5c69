import type { ContainerPlan } from './docker/docker-plan.ts';
import { isSchedulable } from './draft.ts';
import type { ClusterPlan, LabPlan, MachinePlan, NetworkPlan, NodePlan, PodPlan } from './plan.ts';
import { isNetworkPolicy } from './policy/read-policy.ts';
import { policyWorld } from './policy/world.ts';
import type { EndpointHints, EndpointPlan, ServicePlan } from './services/service-plan.ts';

export interface PlanChange {
  readonly kind: 'add' | 'remove' | 'change';
  readonly object: 'lab' | 'segment' | 'cluster' | 'node' | 'pod' | 'namespace' | 'policy' | 'service' | 'host' | 'router' | 'network' | 'container';
  /** Identity. */
  readonly id: string;
  /** false: the lab must be replaced for it. */
  readonly inPlace: boolean;
  readonly reason: string;
  readonly from?: string;
  readonly to?: string;
}

export interface PlanDiff {
  readonly changes: readonly PlanChange[];
  /** Some change needs the whole lab to be replaced. */
  readonly replace: boolean;
  readonly empty: boolean;
  /** Pods that are taken down and attached anew, because what they are has changed. */
  readonly recreate: readonly string[];
}

const text = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

function byKey<T>(items: readonly T[], key: (item: T) => string): ReadonlyMap<string, T> {
  return new Map(items.map((item) => [key(item), item]));
}

/** What was added, removed and kept between two lists of things with identities. */
function compare<T>(
  from: readonly T[],
  to: readonly T[],
  key: (item: T) => string,
): { added: readonly T[]; removed: readonly T[]; kept: readonly (readonly [T, T])[] } {
  const before = byKey(from, key);
  const after = byKey(to, key);
  return {
    added: to.filter((t) => !before.has(key(t))),
    removed: from.filter((f) => !after.has(key(f))),
    kept: from.flatMap((f) => {
      const t = after.get(key(f));
      return t === undefined ? [] : [[f, t] as const];
    }),
  };
}

/** Fields of a cluster that its running nodes and pods are built on. */
const CLUSTER_FIELDS = ['kubernetesVersion', 'podCIDRs', 'serviceCIDRs', 'nodeMasks', 'cni', 'kubeProxy', 'dnsDomain'] as const;

function clusterFieldChanges(from: ClusterPlan, to: ClusterPlan): readonly PlanChange[] {
  return CLUSTER_FIELDS.filter((field) => !same(from[field], to[field])).map((field) => ({
    kind: 'change',
    object: 'cluster',
    id: from.name,
    inPlace: false,
    reason: `${field} of a running cluster cannot change`,
    from: text(from[field]),
    to: text(to[field]),
  }));
}

/** What a machine is, without the tables that follow from its peers. */
const machineIdentity = (m: MachinePlan): unknown => [m.role, m.interfaces, m.forwarding];
const nodeIdentity = (n: NodePlan): unknown => [machineIdentity(n), n.podCIDRs.slice(0, n.blocks.length > 0 ? 1 : undefined), n.gateways, n.bridge];
const podShape = (p: PodPlan): unknown => [
  p.node,
  p.hostNetwork,
  p.interface,
  p.ports,
  p.hostname,
  p.subdomain,
  p.dnsPolicy,
  p.dnsConfig,
  p.hostAliases,
  p.serviceLinks,
  p.attachments,
];

/** Does a pod go on running as the other? Else it is taken down and attached anew. */
export const isSamePod = (a: PodPlan, b: PodPlan): boolean => same(podShape(a), podShape(b));

/**
 * What turns the running plan into the wanted one, object by object. Added and removed pods, nodes, hosts and clusters are applied in place, with
 * the tables of the others following; a change of what something running is built on needs a replacement.
 */
export function diffPlans(from: LabPlan, to: LabPlan): PlanDiff {
  const changes: PlanChange[] = [];
  const recreate: string[] = [];
  const segments = compare(from.segments, to.segments, (s) => s.name);
  for (const s of segments.added) changes.push({ kind: 'add', object: 'segment', id: s.name, inPlace: true, reason: 'new segment' });
  for (const s of segments.removed) changes.push({ kind: 'remove', object: 'segment', id: s.name, inPlace: true, reason: 'no longer in the lab file' });
  for (const [a, b] of segments.kept) {
    if (!same(a, b))
      changes.push({
        kind: 'change',
        object: 'segment',
        id: a.name,
        inPlace: false,
        reason: 'everything on a segment is addressed from it',
        from: `${a.cidrs.join(', ')} mtu ${a.mtuBytes}`,
        to: `${b.cidrs.join(', ')} mtu ${b.mtuBytes}`,
      });
  }
  if (!same(from.families, to.families))
    changes.push({
      kind: 'change',
      object: 'lab',
      id: to.name,
      inPlace: false,
      reason: 'address families of a running lab cannot change',
      from: from.families.join(', '),
      to: to.families.join(', '),
    });
  if (from.neighbours.mode !== to.neighbours.mode)
    changes.push({
      kind: 'change',
      object: 'lab',
      id: to.name,
      inPlace: true,
      reason: "the number of neighbours crosses half of the kernel's table",
      from: from.neighbours.mode,
      to: to.neighbours.mode,
    });
  const machines = compare(from.machines, to.machines, (m) => m.id);
  const kindOf = (m: MachinePlan): 'host' | 'router' => (m.kind === 'router' ? 'router' : 'host');
  for (const m of machines.added) changes.push({ kind: 'add', object: kindOf(m), id: m.id, inPlace: true, reason: 'new in the lab file' });
  for (const m of machines.removed) changes.push({ kind: 'remove', object: kindOf(m), id: m.id, inPlace: true, reason: 'no longer in the lab file' });
  for (const [a, b] of machines.kept) {
    if (!same(machineIdentity(a), machineIdentity(b)))
      changes.push({
        kind: 'change',
        object: kindOf(a),
        id: a.id,
        inPlace: false,
        reason: 'its interfaces or its role change',
        from: addressesOf(a),
        to: addressesOf(b),
      });
    else if (!same([a.resolver, a.served], [b.resolver, b.served]))
      changes.push({ kind: 'change', object: kindOf(a), id: a.id, inPlace: true, reason: 'what names mean to it, or what it tells of them, changes' });
    else if (!same(a.routes, b.routes)) changes.push({ kind: 'change', object: kindOf(a), id: a.id, inPlace: true, reason: 'its routes change' });
  }
  changes.push(...dockerChanges(from, to));
  const clusters = compare(from.clusters, to.clusters, (c) => c.name);
  for (const c of clusters.added)
    changes.push({ kind: 'add', object: 'cluster', id: c.name, inPlace: true, reason: `new, ${c.nodes.length} nodes and ${c.pods.length} pods` });
  for (const c of clusters.removed)
    changes.push({
      kind: 'remove',
      object: 'cluster',
      id: c.name,
      inPlace: true,
      reason: `no longer in the lab file, ${c.nodes.length} nodes and ${c.pods.length} pods`,
    });
  for (const [a, b] of clusters.kept) {
    changes.push(...clusterFieldChanges(a, b), ...networkChanges(a, b));
    const nodes = compare(a.nodes, b.nodes, (n) => n.id);
    for (const n of nodes.added)
      changes.push({ kind: 'add', object: 'node', id: n.id, inPlace: true, reason: `joins with ${n.podCIDRs.join(', ')}; the other nodes learn its routes` });
    for (const n of nodes.removed)
      changes.push({ kind: 'remove', object: 'node', id: n.id, inPlace: true, reason: 'leaves; the other nodes forget its routes' });
    for (const [x, y] of nodes.kept) {
      if (!same(nodeIdentity(x), nodeIdentity(y)))
        changes.push({
          kind: 'change',
          object: 'node',
          id: x.id,
          inPlace: false,
          reason: 'its role, addresses or pod range change',
          from: `${addressesOf(x)} ${x.podCIDRs.join(', ')}`,
          to: `${addressesOf(y)} ${y.podCIDRs.join(', ')}`,
        });
      else
        for (const [what, had, has] of [
          ['its machine-id changes', x.machineId, y.machineId],
          ['whether it is schedulable changes', isSchedulable(x, a.nodes), isSchedulable(y, b.nodes)],
          ['its labels change', x.labels, y.labels],
        ] as const)
          if (!same(had, has)) changes.push({ kind: 'change', object: 'node', id: x.id, inPlace: true, reason: what, from: text(had), to: text(has) });
    }
    const pods = compare(a.pods, b.pods, (p) => p.id);
    for (const p of pods.added) changes.push({ kind: 'add', object: 'pod', id: p.id, inPlace: true, reason: `on ${p.node}, asked for by ${p.owner}` });
    for (const p of pods.removed) changes.push({ kind: 'remove', object: 'pod', id: p.id, inPlace: true, reason: 'no longer asked for' });
    for (const [x, y] of pods.kept) {
      if (isSamePod(x, y)) {
        if (x.proxied !== y.proxied)
          changes.push({ kind: 'change', object: 'pod', id: x.id, inPlace: true, reason: 'whether a proxy in it is meant to be there changes' });
        if (!same(x.labels, y.labels))
          changes.push({ kind: 'change', object: 'pod', id: x.id, inPlace: true, reason: 'its labels change', from: text(x.labels), to: text(y.labels) });
        continue;
      }
      recreate.push(x.id);
      changes.push({ kind: 'change', object: 'pod', id: x.id, inPlace: true, reason: 'attached anew', from: shapeText(x), to: shapeText(y) });
    }
  }
  for (const [a, b] of clusters.kept) changes.push(...policyChanges(a, b));
  const services = compare(
    from.clusters.flatMap((c) => c.services ?? []),
    to.clusters.flatMap((c) => c.services),
    (s) => s.id,
  );
  // Services of clusters that come or go are told with these.
  const keptClusters = new Set(clusters.kept.map(([c]) => c.name));
  for (const s of services.added)
    if (keptClusters.has(s.cluster)) changes.push({ kind: 'add', object: 'service', id: s.id, inPlace: true, reason: serviceText(s) });
  for (const s of services.removed)
    if (keptClusters.has(s.cluster)) changes.push({ kind: 'remove', object: 'service', id: s.id, inPlace: true, reason: 'no longer in the lab file' });
  for (const [a, b] of services.kept) {
    const changed = serviceChange(a, b);
    if (changed !== null) changes.push({ kind: 'change', object: 'service', id: a.id, inPlace: true, ...changed });
  }
  return { changes, replace: changes.some((c) => !c.inPlace), empty: changes.length === 0, recreate };
}

/** Second networks come and go with their bridges; one that changes would leave those who are in it behind. */
function networkChanges(a: ClusterPlan, b: ClusterPlan): readonly PlanChange[] {
  const networks = compare(a.networks ?? [], b.networks ?? [], (n) => n.name);
  return [
    ...networks.added.map((n) => told('add', 'network', `${b.name}/${n.name}`, `second network ${n.cidrs.join(', ')}, bridge ${n.bridge} on every node`)),
    ...networks.removed.map((n) => told('remove', 'network', `${a.name}/${n.name}`, 'no longer in the lab file')),
    ...networks.kept
      .filter(([x, y]) => !same(x, y))
      .map(
        ([x, y]): PlanChange => ({
          kind: 'change',
          object: 'network',
          id: `${a.name}/${x.name}`,
          inPlace: false,
          reason: 'the pods in it are addressed from it',
          from: networkText(x),
          to: networkText(y),
        }),
      ),
  ];
}

const networkText = ({ cidrs, nodeMasks, bridge, mtuBytes }: NetworkPlan): string =>
  `${cidrs.join(', ')}, per node /${nodeMasks.join(' /')}, bridge ${bridge}, mtu ${mtuBytes}`;

const told = (kind: PlanChange['kind'], object: PlanChange['object'], id: string, reason: string): PlanChange => ({ kind, object, id, inPlace: true, reason });

/** Networks and containers of Docker hosts; where a host comes or goes, that says it all. A container that changes is made anew, as Docker would do it. */
function dockerChanges(from: LabPlan, to: LabPlan): readonly PlanChange[] {
  const kept = compare(from.machines, to.machines, (m) => m.id).kept;
  return kept.flatMap(([a, b]) => {
    const networks = compare(a.docker?.networks ?? [], b.docker?.networks ?? [], (n) => n.name);
    const containers = compare(a.docker?.containers ?? [], b.docker?.containers ?? [], (c) => c.id);
    return [
      ...networks.added.map((n) => told('add', 'network', `${b.id}/${n.name}`, `Docker network ${n.cidr}`)),
      ...networks.removed.map((n) => told('remove', 'network', `${a.id}/${n.name}`, 'no longer in the lab file')),
      ...networks.kept
        .filter(([x, y]) => !same(x, y))
        .map(([x, y]) => ({ ...told('change', 'network', `${a.id}/${x.name}`, 'its bridge and what is on it are made anew'), from: x.cidr, to: y.cidr })),
      ...containers.added.map((c) => told('add', 'container', c.id, `in network ${c.network}`)),
      ...containers.removed.map((c) => told('remove', 'container', c.id, 'no longer in the lab file')),
      ...containers.kept
        .filter(([x, y]) => !same(x, y))
        .map(([x, y]) => ({
          ...told('change', 'container', x.id, 'its network, address, ports or names change'),
          from: containerText(x),
          to: containerText(y),
        })),
    ];
  });
}

const containerText = ({ network, interface: face, ports, aliases }: ContainerPlan): string =>
  [
    network,
    ...(face?.addresses ?? []).map((a) => a.address),
    ...ports.map((p) => `${p.listenAddress}:${p.hostPort}->${p.containerPort}/${p.protocol}`),
    ...aliases,
  ].join(' ');

/** Policies, and the labels of namespaces, which nothing but policies looks at. */
function policyChanges(a: ClusterPlan, b: ClusterPlan): readonly PlanChange[] {
  const placed = (c: ClusterPlan): readonly { readonly id: string; readonly spec: unknown }[] =>
    c.objects.filter(isNetworkPolicy).map((o) => ({ id: `${c.name}/${o.metadata.namespace ?? 'default'}/${o.metadata.name}`, spec: o['spec'] }));
  const policies = compare(placed(a), placed(b), (p) => p.id);
  if (policies.kept.length + policies.added.length + policies.removed.length === 0) return [];
  const before = policyWorld(a).namespaces;
  return [
    ...policies.added.map((p) => told('add', 'policy', p.id, 'new in the lab file')),
    ...policies.removed.map((p) => told('remove', 'policy', p.id, 'no longer in the lab file')),
    ...policies.kept.filter(([p, q]) => !same(p.spec, q.spec)).map(([p]) => told('change', 'policy', p.id, 'its selectors or rules change')),
    ...Object.entries(policyWorld(b).namespaces)
      .filter(([name, labels]) => Object.hasOwn(before, name) && !same(before[name], labels))
      .map(([name]) => told('change', 'namespace', `${b.name}/${name}`, 'its labels change')),
  ];
}

const hintText = ({ zones, nodes }: EndpointHints): string => ` (for ${[...nodes.map((n) => `node ${n}`), ...zones.map((z) => `zone ${z}`)].join(', ')})`;
const endpointText = (e: EndpointPlan): string =>
  `${e.address}${e.ports.length === 0 ? '' : `:${[...new Set(e.ports.map((p) => p.port))].join('/')}`}${e.ready ? '' : ' (not ready)'}${e.hints === undefined ? '' : hintText(e.hints)}`;
const endpointsText = (s: ServicePlan): string => (s.endpoints.length === 0 ? 'no endpoints' : s.endpoints.map(endpointText).join(', '));
const serviceText = (s: ServicePlan): string =>
  s.type === 'ExternalName'
    ? `ExternalName ${s.externalName}`
    : `${s.headless ? 'headless' : s.type} ${[...s.clusterIPs, ...s.loadBalancerIPs, ...s.ports.map((p) => `${p.port}/${p.protocol}${p.nodePort === null ? '' : ` at ${p.nodePort}`}`), s.trafficDistribution ?? ''].join(' ')}`.trim();

/** What changed of a Service: itself, or the endpoints behind it. */
function serviceChange(a: ServicePlan, b: ServicePlan): Pick<PlanChange, 'reason' | 'from' | 'to'> | null {
  const { endpoints: had, ...before } = a;
  const { endpoints: has, ...after } = b;
  if (!same(before, after)) return { reason: 'its addresses, ports or policies change', from: serviceText(a), to: serviceText(b) };
  return same(had, has) ? null : { reason: 'its endpoints change', from: endpointsText(a), to: endpointsText(b) };
}

const addressesOf = (m: MachinePlan): string => m.interfaces.flatMap((i) => i.addresses.map((a) => a.address)).join(', ');
const shapeText = (p: PodPlan): string =>
  [
    `${p.node} ${p.interface?.addresses.map((a) => a.address).join(', ') ?? 'host network'}`,
    ...(p.attachments ?? []).map(({ network, addresses }) => `${network} ${addresses.map((a) => a.address).join(', ')}`),
  ].join('; ');
