/** A small lab, and the kernel state that a healthy one would show: built from its plan, so that a test changes one thing and nothing else differs. */
import { emptyNamespace } from '../../engines/empty-namespace.ts';
import type { LinkSnapshot, NamespaceSnapshot, Outcome, ProbeProtocol, RouteSnapshot, Snapshot } from '../../engines/port.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { AddressPlan, LabPlan, NodePlan, PodPlan, RoutePlan } from '../../topology/plan.ts';
import type { CniSpec, LabSpec } from '../../topology/spec.ts';
import type { Failure } from '../../verify/report.ts';
import { healthyCni } from './healthy-cni.ts';

export function smallPlan(cni: CniSpec, more: Partial<LabSpec> = {}, cluster: Partial<NonNullable<LabSpec['clusters']>[number]> = {}): LabPlan {
  const counts = cluster.nodes === undefined ? { controlPlanes: 1, workers: 2 } : {};
  return planLab({ name: 'small', clusters: [{ name: 'c1', ...counts, cni, workloads: [{ name: 'echo', perNode: 2 }], ...cluster }], ...more });
}

export function healthySnapshot(plan: LabPlan, rules: Readonly<Record<string, string>> = {}): Snapshot {
  const namespaces: Record<string, NamespaceSnapshot> = {};
  for (const cluster of plan.clusters) {
    for (const node of cluster.nodes) namespaces[node.netns] = nodeState(plan, node, rules[node.name] ?? '');
    for (const pod of cluster.pods) if (pod.interface !== null) namespaces[pod.netns] = podState(pod);
  }
  for (const router of plan.machines.filter((machine) => machine.kind === 'router')) {
    namespaces[router.netns] = {
      ...emptyNamespace(router.netns),
      links: router.interfaces.map((one, i) => link(i + 2, one.name, one.mac, one.mtuBytes)),
      routes: router.routes.map(route),
      sysctls: { 'net/ipv4/ip_forward': '1' },
    };
  }
  return { takenAt: '2026-01-01T00:00:00.000Z', namespaces };
}

/** The snapshot with one namespace changed. */
export function changed(snapshot: Snapshot, netns: string, change: (one: NamespaceSnapshot) => Partial<NamespaceSnapshot>): Snapshot {
  const one = snapshot.namespaces[netns];
  if (one === undefined) throw new Error(`no namespace ${netns}`);
  return { ...snapshot, namespaces: { ...snapshot.namespaces, [netns]: { ...one, ...change(one) } } };
}

export function nodeNamed(plan: LabPlan, name: string): NodePlan {
  const found = plan.clusters.flatMap((cluster) => cluster.nodes).find((node) => node.name === name);
  if (found === undefined) throw new Error(`no node ${name}`);
  return found;
}

export function podsOf(plan: LabPlan, node: string): readonly (PodPlan & { readonly interface: NonNullable<PodPlan['interface']> })[] {
  return plan.clusters
    .flatMap((cluster) => cluster.pods)
    .filter((pod): pod is PodPlan & { readonly interface: NonNullable<PodPlan['interface']> } => pod.node === node && pod.interface !== null);
}

/** Failures of all pods of one node to all pods of another. */
export function failuresBetween(plan: LabPlan, from: string, to: string, outcome: Failure['class'], rest: Partial<Failure> = {}): readonly Failure[] {
  return podsOf(plan, from).flatMap((client) =>
    podsOf(plan, to)
      .filter((server) => server !== client)
      .map((server) => failure(plan, client.id, server.id, outcome, rest)),
  );
}

export function failure(plan: LabPlan, client: string, server: string, outcome: Failure['class'], rest: Partial<Failure> = {}): Failure {
  const nodeOf = (id: string): string => {
    const pod = plan.clusters.flatMap((cluster) => cluster.pods).find((one) => one.id === id);
    return pod === undefined ? id : `${pod.cluster}/${pod.node}`;
  };
  return {
    check: 'r1-pod-to-pod',
    client,
    server,
    clientNode: nodeOf(client),
    serverNode: server === '' ? '' : nodeOf(server),
    family: 'ipv4',
    protocol: 'tcp',
    attempt: 0,
    class: outcome,
    saw: `${outcome} (3 of 3 attempts)`,
    expected: 'an answer',
    diagnosis: '',
    next: '',
    conntrack: [],
    ...rest,
  };
}

/** A rewritten probe in the words of the report. */
export function rewritten(plan: LabPlan, client: string, server: string, protocol: ProbeProtocol, saw: string, expected: string): Failure {
  return failure(plan, client, server, 'rewritten' satisfies Exclude<Failure['class'], Outcome>, { protocol, saw: `the server saw ${saw}`, expected });
}

function nodeState(plan: LabPlan, node: NodePlan, iptables: string): NamespaceSnapshot {
  const pods = plan.clusters
    .flatMap((cluster) => cluster.pods)
    .filter((pod) => pod.cluster === node.cluster && pod.node === node.name && pod.interface !== null);
  const others = plan.clusters.flatMap((cluster) => cluster.nodes).filter((peer) => peer.id !== node.id);
  const cables = node.interfaces.map((one, i) => ({ ...link(i + 2, one.name, one.mac, one.mtuBytes), addresses: one.addresses }));
  const bridge =
    node.bridge === null ? [] : [{ ...link(10, node.bridge.name, node.bridge.mac, node.bridge.mtuBytes), kind: 'bridge', addresses: node.bridge.addresses }];
  const overlays = node.vxlans.map((one, i) => ({
    ...link(20 + i, one.name, one.mac, one.mtuBytes),
    kind: 'vxlan',
    master: one.master,
    addresses: one.addresses,
    vxlan: { vni: one.vni, port: one.port, local: one.local, learning: one.learning },
  }));
  const ends = pods.map((pod, i) => ({
    ...link(30 + i, pod.interface?.hostName ?? `veth${i}`, pod.interface?.hostMac ?? '02:00:00:00:00:01', pod.interface?.mtuBytes ?? 0),
    master: node.bridge?.name ?? null,
    addresses: [],
  }));
  const networks = (node.networks ?? []).map(({ network, bridge: one }, n) => {
    const inIt = pods.flatMap(({ attachments = [] }) => attachments.filter((each) => each.network === network));
    return [
      { ...link(100 * (n + 1), one.name, one.mac, one.mtuBytes), kind: 'bridge', addresses: [] },
      ...inIt.map((each, i) => ({ ...link(100 * (n + 1) + i + 1, each.hostName, each.hostMac ?? '', each.mtuBytes), master: one.name, addresses: [] })),
    ];
  });
  const links = [...cables, ...bridge, ...overlays, ...ends, ...networks.flat()];
  const routed = plan.clusters.find((cluster) => cluster.name === node.cluster)?.cni.type === 'calico';
  const perPod = routed
    ? pods.flatMap((pod) => (pod.interface?.addresses ?? []).map((one) => kernelRoute(`${one.address}/32`, pod.interface?.hostName ?? '', 3)))
    : [];
  return {
    ...emptyNamespace(node.netns),
    ...healthyCni(node),
    links: links.map(({ addresses: _addresses, ...one }) => one),
    addresses: links.flatMap((one) => one.addresses.map((has) => ({ dev: one.name, ...has }))),
    routes: [
      ...links.flatMap((one) => one.addresses.map((has) => connected(has, one.name))),
      ...node.routes.map(route),
      ...node.podRoutes.map(route),
      ...perPod,
    ],
    neighbours: [
      ...pods.flatMap((pod) =>
        (pod.interface?.addresses ?? []).map((one) => ({
          dev: routed ? (pod.interface?.hostName ?? '') : (node.bridge?.name ?? ''),
          family: one.family,
          address: one.address,
          mac: pod.interface?.mac ?? '',
          state: 'reachable',
        })),
      ),
      ...others.flatMap((peer) =>
        peer.interfaces.flatMap((one) =>
          one.addresses.map((has) => ({ dev: node.interfaces[0]?.name ?? '', family: has.family, address: has.address, mac: one.mac, state: 'stale' })),
        ),
      ),
      ...node.vxlans.flatMap((one) =>
        one.peers.flatMap((peer) =>
          peer.address === null || peer.mac === null ? [] : [{ dev: one.name, family: one.family, address: peer.address, mac: peer.mac, state: 'permanent' }],
        ),
      ),
    ],
    fdb: node.vxlans.flatMap((one) => one.peers.map((peer) => ({ dev: one.name, mac: peer.mac ?? '00:00:00:00:00:00', dst: peer.underlay, permanent: true }))),
    sysctls: { 'net/ipv4/ip_forward': '1', 'net/ipv6/conf/all/forwarding': '1', 'net/ipv4/conf/all/rp_filter': '0', 'net/ipv4/conf/eth0/rp_filter': '0' },
    rules: { iptables, ip6tables: '', nft: '' },
    counters: { IpInAddrErrors: 0, IpExtInNoRoutes: 0, TcpExtIPReversePathFilter: 0, IpFragFails: 0, IpOutDiscards: 0 },
  };
}

function podState(pod: PodPlan): NamespaceSnapshot {
  const one = pod.interface;
  if (one === null) return emptyNamespace(pod.netns);
  const faces = [one, ...(pod.attachments ?? [])];
  return {
    ...emptyNamespace(pod.netns),
    links: faces.map((face, i) => link(2 + i, face.name, face.mac, face.mtuBytes)),
    addresses: faces.flatMap((face) => face.addresses.map((has) => ({ dev: face.name, ...has }))),
    routes: [
      ...faces.flatMap((face) => face.addresses.filter((has) => has.prefixLength < 32).map((has) => connected(has, face.name))),
      ...one.gateways.map((via) =>
        route({
          family: via.includes(':') ? 'ipv6' : 'ipv4',
          to: via.includes(':') ? '::/0' : '0.0.0.0/0',
          via,
          dev: one.name,
          onlink: false,
          type: 'unicast',
        }),
      ),
    ],
  };
}

/** One end of a cable, up, that has seen nothing yet. */
export function link(index: number, name: string, mac: string, mtu: number): LinkSnapshot {
  return {
    index,
    name,
    mac,
    mtu,
    up: true,
    carrier: true,
    master: null,
    kind: 'veth',
    vxlan: null,
    hairpin: null,
    statistics: { rxPackets: 0, txPackets: 0, rxDropped: 0, txDropped: 0 },
  };
}

function route(one: Omit<RoutePlan, 'origin'> & { readonly origin?: RoutePlan['origin'] }): RouteSnapshot {
  return {
    family: one.family,
    to: one.to,
    via: one.via,
    dev: one.dev,
    type: one.type,
    proto: one.origin === 'bgp' ? 12 : 4,
    metric: one.origin === 'bgp' ? 32 : 0,
    table: 254,
    onlink: one.onlink,
  };
}

function connected(has: AddressPlan, dev: string): RouteSnapshot {
  const octets = has.address.split('.').map(Number);
  const value = octets.reduce((sum, octet) => sum * 256 + octet, 0);
  const size = 2 ** (32 - has.prefixLength);
  const base = Math.floor(value / size) * size;
  const text = [24, 16, 8, 0].map((shift) => Math.floor(base / 2 ** shift) % 256).join('.');
  return kernelRoute(`${text}/${has.prefixLength}`, dev, 2);
}

function kernelRoute(to: string, dev: string, proto: number): RouteSnapshot {
  return { family: 'ipv4', to, via: null, dev, type: 'unicast', proto, metric: 0, table: 254, onlink: false };
}
