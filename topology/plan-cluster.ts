import { addressAt, cidrContains, cidrsOverlap, formatCidr, parseCidr, splitRange, type Cidr } from './cidr.ts';
import { cnis } from './cni/index.ts';
import type { CniContext, CniNode, CniPlanner, RouterRoutes } from './cni/cni.ts';
import type { Diagnostic } from './diagnostic.ts';
import { isSamePod } from './diff.ts';
import { cidrsOf, clusterFamilies, DEFAULTS, defaultCidrs, nodeDrafts, type NodeDraft } from './draft.ts';
import { InternalError, SpecError } from './errors.ts';
import { netnsName, stableHash } from './names.ts';
import { planNetworks } from './networks/plan-networks.ts';
import type { ClusterPlan, CniPlan, NodePlan, PodPlan, RoutePlan } from './plan.ts';
import { defaultRoutes, type UnderlayPlan } from './plan-underlay.ts';
import { addressUnavailable, familyOf, podAddresses, shareRange } from './pod-ranges.ts';
import { hasDns, podObjects } from './services/cluster-services.ts';
import { keepEnvironments } from './services/environment.ts';
import { planServices } from './services/plan-services.ts';
import type { ClusterSpec, CniSpec, Family, LabSpec } from './spec.ts';
import { fits, lowerWorkloads, podsOf, type PodDraft } from './workloads.ts';

export interface ClusterPlanning {
  readonly cluster: ClusterPlan;
  readonly routers: RouterRoutes;
  readonly findings: readonly Diagnostic[];
}

/** Puts pods on nodes: a pod that runs stays; the others go to the fitting node with the fewest pods, first node first. */
function schedule(
  drafts: readonly PodDraft[],
  nodes: readonly NodeDraft[],
  previous: ClusterPlan | null,
  path: readonly (string | number)[],
): ReadonlyMap<PodDraft, string> {
  const placed = new Map<PodDraft, string>();
  const load = new Map(nodes.map((n) => [n.name, 0]));
  const before = new Map((previous?.pods ?? []).map((p) => [`${p.namespace}/${p.name}`, p.node]));
  const place = (pod: PodDraft, node: string): void => {
    placed.set(pod, node);
    load.set(node, (load.get(node) ?? 0) + 1);
  };
  const problems: Diagnostic[] = [];
  for (const pod of drafts) {
    const kept = pod.node ?? before.get(`${pod.namespace}/${pod.name}`);
    const node = nodes.find((n) => n.name === kept);
    if (node !== undefined && (pod.node !== null || fits(pod, node))) place(pod, node.name);
  }
  for (const pod of drafts) {
    if (placed.has(pod)) continue;
    const fitting = nodes.filter((n) => fits(pod, n));
    const best = fitting.reduce<NodeDraft | null>((a, b) => (a !== null && (load.get(a.name) ?? 0) <= (load.get(b.name) ?? 0) ? a : b), null);
    if (best !== null) place(pod, best.name);
    else {
      problems.push({
        severity: 'error',
        code: 'POD_UNSCHEDULABLE',
        path: [...path, 'objects'],
        message: `no node takes pod ${pod.namespace}/${pod.name} of ${pod.owner}`,
        hint: 'change its nodeSelector or nodeName, add a toleration for the control plane, make it schedulable (`schedulable: true`), or add a worker',
      });
    }
  }
  if (problems.length > 0) throw new SpecError(problems, 'lab');
  return placed;
}

/** Shares the pod range out: subnets of the node mask, calico blocks by need, or equal parts of weave's ring. Ranges that nodes have are kept. */
function nodeRanges(
  planner: CniPlanner<CniSpec, CniPlan>,
  cni: CniPlan,
  podCIDRs: readonly Cidr[],
  masks: Readonly<Record<Family, number>>,
  nodes: readonly NodeDraft[],
  podsOn: ReadonlyMap<string, number>,
  previous: ClusterPlan | null,
): ReadonlyMap<string, readonly Cidr[]> {
  const result = new Map<string, readonly Cidr[]>();
  const before = (name: string): readonly Cidr[] => (previous?.nodes.find((n) => n.name === name)?.podCIDRs ?? []).map(parseCidr);
  if (planner.ranges === 'ring' && cni.type === 'weave') {
    // Sixteen parts at least, so that a node that joins takes a free part and moves nobody.
    const parts = splitRange(parseCidr(cni.range), Math.max(16, nodes.length));
    const kept = new Map(nodes.map((n) => [n.name, before(n.name)[0]]));
    const taken = new Set([...kept.values()].map((c) => (c === undefined ? '' : formatCidr(c))));
    for (const node of nodes) {
      const mine = kept.get(node.name) ?? parts.find((p) => !taken.has(formatCidr(p)));
      if (mine === undefined) throw new InternalError('the ring has fewer parts than nodes');
      taken.add(formatCidr(mine));
      result.set(node.name, [mine]);
    }
    return result;
  }
  for (const podCIDR of podCIDRs) {
    const length = planner.ranges === 'blocks' && cni.type === 'calico' ? cni.blockSize : masks[podCIDR.family];
    const perBlock = 2 ** (podCIDR.bits - length);
    const wishes = nodes.map((node) => {
      const explicit = node.podCIDRs.map(parseCidr).filter((c) => c.family === podCIDR.family);
      const kept = before(node.name).filter((c) => c.family === podCIDR.family && c.prefixLength === length && cidrContains(podCIDR, c));
      return {
        name: node.name,
        has: explicit.length > 0 ? explicit : kept,
        wanted: planner.ranges === 'blocks' ? Math.max(1, Math.ceil(((podsOn.get(node.name) ?? 0) + 1) / perBlock)) : 1,
      };
    });
    for (const [name, shares] of shareRange(podCIDR, length, wishes, ['clusters', previous?.name ?? '', 'podCIDR'], 'pod CIDR'))
      result.set(name, [...(result.get(name) ?? []), ...shares]);
  }
  return result;
}

function overlapsAny(cidr: Cidr, others: readonly Cidr[]): boolean {
  return others.some((other) => cidrsOverlap(cidr, other));
}

/** Plans one cluster on the underlay. The spec has been validated; what remains are ranges that run full. */
export function planCluster(spec: LabSpec, index: number, underlay: UnderlayPlan, previous: ClusterPlan | null): ClusterPlanning {
  const source: ClusterSpec | undefined = spec.clusters?.[index];
  if (source === undefined) throw new InternalError(`no cluster ${index}`);
  const families = clusterFamilies(source);
  const defaults = defaultCidrs(index, families);
  const podCIDRs = source.podCIDR === undefined ? defaults.pod.map(parseCidr) : cidrsOf(source.podCIDR);
  const serviceCIDRs = source.serviceCIDR === undefined ? defaults.service.map(parseCidr) : cidrsOf(source.serviceCIDR);
  const drafts = nodeDrafts(spec, source);
  const objects = lowerWorkloads(source);
  const podDrafts = podsOf(
    podObjects(
      source,
      drafts.map((node) => node.name),
    ),
    drafts,
  );
  const placement = schedule(podDrafts, drafts, previous, ['clusters', index]);

  // Which CNI it is decides the types; below this line they agree by construction.
  const planner = cnis[source.cni.type] as unknown as CniPlanner<CniSpec, CniPlan>;
  const segmentsUsed = new Set(drafts.map((n) => n.segment));
  const underlayMtu = Math.min(...underlay.segments.filter((s) => segmentsUsed.has(s.name)).map((s) => s.mtuBytes));
  const cni = planner.resolve(source.cni, { underlayMtu, podCIDRs, families });
  const ownPods = (node: string): readonly PodDraft[] => podDrafts.filter((p) => placement.get(p) === node && !p.hostNetwork);
  const masks = { ipv4: source.nodeMask?.ipv4 ?? DEFAULTS.nodeMask.ipv4, ipv6: source.nodeMask?.ipv6 ?? DEFAULTS.nodeMask.ipv6 };
  const ranges = nodeRanges(planner, cni, podCIDRs, masks, drafts, new Map(drafts.map((n) => [n.name, ownPods(n.name).length])), previous);
  const cniNodes = drafts.map((n): CniNode => {
    const eth0 = underlay.nodeInterfaces.get(`${source.name}/${n.name}`);
    if (eth0 === undefined) throw new InternalError(`node ${n.name} has no interface`);
    return { id: `${source.name}/${n.name}`, name: n.name, role: n.role, segment: n.segment, interface: eth0, ranges: ranges.get(n.name) ?? [] };
  });
  const context: CniContext<CniPlan> = {
    cluster: source.name,
    cni,
    podCIDRs,
    families,
    nodes: cniNodes,
    routersOn: (segment) => underlay.routersOn.get(segment) ?? [],
  };
  const podId = (p: PodDraft): string => `${source.name}/${p.namespace}/${p.name}`;
  const before = new Map((previous?.pods ?? []).map((p) => [p.id, p.interface?.addresses.map((a) => a.address) ?? []]));

  for (const { addresses, namespace, name } of podDrafts)
    for (const address of addresses)
      if (!families.some((family) => familyOf(address) === family)) throw addressUnavailable(`${source.name}/${namespace}/${name}`, address, podCIDRs);
  const fixed = new Map(podDrafts.map((p) => [podId(p), p.addresses]));
  const second = planNetworks(
    source,
    index,
    underlayMtu,
    drafts.map((n) => n.name),
    podDrafts.map((p) => ({ id: podId(p), node: placement.get(p) ?? '', networks: p.networks })),
    previous,
  );

  const pods = new Map<string, PodPlan>();
  const nodes = cniNodes.map((node, n): NodePlan => {
    const network = planner.node(context, node);
    const draft = drafts[n];
    const netns = netnsName('node', source.name, node.name);
    const mine = podDrafts.filter((p) => placement.get(p) === node.name);
    const addresses = podAddresses(planner, node.ranges, families, mine.filter((p) => !p.hostNetwork).map(podId), fixed, before);
    for (const p of mine) {
      const id = podId(p);
      const faces = second.attachments.get(id) ?? [];
      pods.set(id, {
        id,
        cluster: source.name,
        namespace: p.namespace,
        name: p.name,
        node: node.name,
        netns: p.hostNetwork ? netns : netnsName('pod', source.name, p.namespace, p.name),
        hostNetwork: p.hostNetwork,
        labels: p.labels,
        owner: p.owner,
        ports: p.ports,
        containerId: stableHash(id, 64),
        interface: p.hostNetwork ? null : planner.podInterface(context, node, network, id, addresses.get(id) ?? []),
        ...(faces.length === 0 ? {} : { attachments: faces }),
        ready: p.ready,
        ...(p.proxied ? { proxied: true } : {}),
        hostname: p.hostname,
        subdomain: p.subdomain,
        dnsPolicy: p.dnsPolicy,
        dnsConfig: p.dnsConfig,
        ...(p.hostAliases.length === 0 ? {} : { hostAliases: p.hostAliases }),
        ...(p.serviceLinks ? {} : { serviceLinks: false }),
      });
    }
    const routes: RoutePlan[] = [...defaultRoutes(underlay, node.segment, node.interface.name)];
    for (const service of serviceCIDRs) {
      // The kernel routes before nat OUTPUT sees a packet: without a route a node could not reach a ClusterIP. By the underlay, never by the pods' bridge.
      if (!routes.some((r) => r.family === service.family) && !overlapsAny(service, node.ranges)) {
        routes.push({ family: service.family, to: formatCidr(service), via: null, dev: node.interface.name, onlink: false, type: 'unicast', origin: 'static' });
      }
    }
    return {
      id: node.id,
      name: node.name,
      kind: 'node',
      role: node.role,
      netns,
      interfaces: [node.interface],
      routes,
      forwarding: true,
      cluster: source.name,
      labels: draft?.labels ?? {},
      ...(source.nodes?.[n]?.schedulable === undefined ? {} : { schedulable: source.nodes[n].schedulable }),
      ...(draft?.machineId === undefined ? {} : { machineId: draft.machineId }),
      podCIDRs: node.ranges.map(formatCidr),
      blocks: planner.ranges === 'blocks' ? node.ranges.map(formatCidr) : [],
      ...network,
      ...(second.networks.length === 0 ? {} : { networks: second.nodes.get(node.name) ?? [] }),
    };
  });
  const allPods = podDrafts.flatMap((p) => pods.get(podId(p)) ?? []);
  const services = planServices({
    cluster: source.name,
    path: ['clusters', index],
    objects,
    nodes,
    pods: allPods,
    serviceCIDRs,
    dns: hasDns(source),
    outside: spec.outside !== undefined,
    previous: previous?.services ?? [],
  });
  const running = new Map((previous?.pods ?? []).map((pod) => [pod.id, pod]));
  const goesOn = (pod: PodPlan): PodPlan | undefined => {
    const before = running.get(pod.id);
    return before !== undefined && isSamePod(before, pod) ? before : undefined;
  };
  return {
    cluster: {
      name: source.name,
      kubernetesVersion: source.kubernetesVersion ?? DEFAULTS.kubernetesVersion,
      families,
      podCIDRs: podCIDRs.map(formatCidr),
      serviceCIDRs: serviceCIDRs.map(formatCidr),
      nodeMasks: podCIDRs.map((c) => masks[c.family]),
      apiServiceIPs: serviceCIDRs.map((c) => addressAt(c, 1)),
      dnsServiceIPs: serviceCIDRs.map((c) => addressAt(c, 10)),
      cni,
      kubeProxy: { mode: source.kubeProxy?.mode ?? 'iptables', scheduler: source.kubeProxy?.mode === 'ipvs' ? (source.kubeProxy.scheduler ?? 'rr') : null },
      dnsDomain: source.dnsDomain ?? DEFAULTS.dnsDomain,
      nodeImage: source.nodeImage ?? null,
      portMappings: (source.portMappings ?? []).map((mapping) => ({
        node: mapping.node ?? drafts.find((n) => n.role === 'control-plane')?.name ?? drafts[0]?.name ?? '',
        containerPort: mapping.containerPort,
        hostPort: mapping.hostPort,
        listenAddress: mapping.listenAddress ?? '127.0.0.1',
        protocol: mapping.protocol ?? 'TCP',
      })),
      ...(second.networks.length === 0 ? {} : { networks: second.networks }),
      nodes,
      pods: keepEnvironments(allPods, goesOn, previous?.services ?? [], services),
      objects,
      services,
    },
    routers: planner.routers(context),
    findings: planner.findings?.(context) ?? [],
  };
}
