/** A plan for people: what will exist, in tables. */
import type { ContainerPlan } from '../topology/docker/docker-plan.ts';
import type { ClusterPlan, InterfacePlan, LabPlan, MachinePlan, NodePlan, PodInterfacePlan, RoutePlan } from '../topology/plan.ts';
import { listed } from '../topology/listed.ts';
import { selects } from '../topology/policy/select.ts';
import { policyWorld } from '../topology/policy/world.ts';
import type { ServicePlan, ServicePortPlan } from '../topology/services/service-plan.ts';
import { ZONE_LABEL } from '../topology/services/traffic-distribution.ts';
import { counted, printable, table } from './layout.ts';
import type { Style } from './style.ts';

/** Pods and routes listed; the rest is counted. `--json` has them all. */
export const PODS_LISTED = 40;
const ROUTES_LISTED = 40;
const SERVICES_LISTED = 40;
const POLICIES_LISTED = 40;

/**
 * Renders a {@link LabPlan}, ending with a newline. Tables keep their columns whole, whatever the width.
 *
 * @param needs what the lab needs of a machine, in words; none: nothing is said of it
 */
export function renderPlan(plan: LabPlan, style: Style, needs: readonly string[] = []): string {
  const pods = plan.clusters.flatMap((cluster) => cluster.pods);
  const nodes = plan.clusters.flatMap((cluster) => cluster.nodes);
  const sections = [
    [...heading(plan, style), ...(needs.length > 0 ? [`needs of the machine: ${needs.join(', ')}`] : [])],
    section(
      'segments',
      ['name', 'cidr', 'mtu', 'switch'],
      plan.segments.map((s) => [s.name, s.cidrs.join(' '), String(s.mtuBytes), s.bridge]),
      style,
    ),
    section('machines', ['name', 'role', 'addresses', 'mtu', 'forwarding'], plan.machines.map(machineRow), style),
    section(
      'Docker networks',
      ['host', 'name', 'subnet', 'gateway', 'bridge'],
      plan.machines.flatMap(({ id, docker }) => (docker?.networks ?? []).map((n) => [id, n.name, n.cidr, n.gateway, n.bridge.name])),
      style,
    ),
    section(
      'containers',
      ['name', 'network', 'address', 'mac', 'published'],
      plan.machines.flatMap(({ docker }) => (docker?.containers ?? []).map(containerRow)),
      style,
    ),
    ...plan.clusters.map((cluster) => clusterLines(cluster, style)),
    routes([...plan.machines, ...nodes], style),
    podLines(pods, style),
    serviceLines(
      plan.clusters.flatMap((cluster) => cluster.services),
      style,
    ),
    policyLines(plan.clusters, style),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function heading(plan: LabPlan, style: Style): string[] {
  const pods = plan.clusters.reduce((sum, cluster) => sum + cluster.pods.length, 0);
  const nodes = plan.clusters.reduce((sum, cluster) => sum + cluster.nodes.length, 0);
  const counts = [
    counted(plan.clusters.length, 'cluster'),
    counted(nodes, 'node'),
    counted(pods, 'pod'),
    ...(plan.machines.length > 0 ? [counted(plan.machines.length, 'other machine')] : []),
  ];
  const neighbours = `neighbours ${plan.neighbours.mode} (about ${String(plan.neighbours.estimate)} entries, budget ${String(plan.neighbours.budget)})`;
  return [
    `${style.strong(plan.name)}${plan.description === '' ? '' : `  ${printable(plan.description)}`}`,
    [...counts, plan.families.join(' '), neighbours].join(` ${style.symbols.separator} `),
  ];
}

function clusterLines(cluster: ClusterPlan, style: Style): string[] {
  const facts = [
    ['  CNI', cniText(cluster)],
    ['  pods', `${cluster.podCIDRs.join(' ')}, per node /${cluster.nodeMasks.join(' /')}`],
    [
      '  services',
      `${cluster.serviceCIDRs.join(' ')}, DNS ${cluster.dnsServiceIPs.join(' ')} ${cluster.dnsDomain}, kube-proxy ${proxyText(cluster.kubeProxy)}`,
    ],
  ];
  const columns: readonly (readonly [string, (node: NodePlan) => string])[] = [
    ['node', (n) => n.name],
    ['role', (n) => n.role],
    ['zone', (n) => n.labels[ZONE_LABEL] ?? ''],
    ['addresses', (n) => addresses(n)],
    ['pod cidr', (n) => [...n.podCIDRs, ...n.blocks].filter((c, i, all) => all.indexOf(c) === i).join(' ')],
    ['gateway', (n) => n.gateways.join(' ')],
    ['bridge', (n) => (n.bridge === null ? '' : `${n.bridge.name} ${n.bridge.addresses.map((a) => a.address).join(' ')} mtu ${String(n.bridge.mtuBytes)}`)],
    ['tunnel', (n) => tunnel(n)],
    ['second networks', (n) => (n.networks ?? []).map(({ network, cidrs, bridge }) => `${network} ${cidrs.join(' ')} bridge ${bridge.name}`).join(', ')],
  ];
  const used = columns.filter(([, value]) => cluster.nodes.some((node) => value(node).trim() !== ''));
  return [
    `${style.strong(`cluster ${cluster.name}`)}  Kubernetes ${cluster.kubernetesVersion}`,
    ...table([], facts),
    ...head(
      table(
        used.map(([name]) => name),
        cluster.nodes.map((node) => used.map(([, value]) => value(node))),
        { indent: 2 },
      ),
      style,
    ),
  ];
}

/** `iptables`, `ipvs (rr)`. */
export function proxyText({ mode, scheduler }: ClusterPlan['kubeProxy']): string {
  return scheduler === null ? mode : `${mode} (${scheduler})`;
}

function cniText({ cni }: ClusterPlan): string {
  const mtu = `MTU ${String(cni.mtuBytes)}`;
  switch (cni.type) {
    case 'bridge':
      return `bridge ${cni.bridge}, routes on the ${cni.routesOn}, ${cni.masquerade ? 'masquerade' : 'no masquerade'}, ${mtu}`;
    case 'flannel':
      switch (cni.backend) {
        case 'vxlan':
          return `flannel vxlan, VNI ${String(cni.vni)}, UDP ${String(cni.port)}${cni.directRouting ? ', direct routing' : ''}${cni.docker === true ? ', feeding Docker (history: before CNI, until about 2016)' : ''}, ${mtu}`;
        case 'host-gw':
          return `flannel host-gw, ${mtu}`;
        case 'udp':
          return `flannel udp (history: before the kernel had VXLAN; kept for debugging), UDP ${String(cni.port)}, ${mtu}`;
      }
    case 'calico':
      return `calico, encapsulation ${cni.encapsulation}, blocks /${String(cni.blockSize)}, AS ${String(cni.asNumber)}${cni.routeReflectors.length > 0 ? `, reflectors ${cni.routeReflectors.join(' ')}` : ''}, ${mtu}`;
    case 'weave':
      return `weave, range ${cni.range}, UDP ${String(cni.port)}, ${mtu}`;
    case 'kindnet':
      return `kindnet, ${mtu}`;
    case 'observed':
      return `${cni.name}, as found, ${mtu}`;
    case 'raw':
      return `raw network configuration list, routes on ${cni.routesOn}, ${mtu}`;
  }
}

function tunnel(node: NodePlan): string {
  const vxlans = node.vxlans.map((v) => `${v.name} VNI ${String(v.vni)} ${v.addresses.map((a) => a.address).join(' ')} mtu ${String(v.mtuBytes)}`);
  const tun =
    node.tun === undefined
      ? []
      : [`${node.tun.name} UDP ${String(node.tun.port)} ${node.tun.addresses.map((a) => a.address).join(' ')} mtu ${String(node.tun.mtuBytes)}`];
  return [...vxlans, ...tun, ...(node.ipip === null ? [] : [`${node.ipip.name} mtu ${String(node.ipip.mtuBytes)}`])]
    .map((text) => text.replace(/ {2,}/g, ' '))
    .join('; ');
}

function machineRow(machine: MachinePlan): string[] {
  return [
    machine.name,
    machine.role,
    addresses(machine),
    unique(machine.interfaces.map((i) => String(i.mtuBytes))).join(' '),
    machine.forwarding ? 'yes' : 'no',
  ];
}

function containerRow({ id, network, interface: face, ports }: ContainerPlan): string[] {
  return [
    id,
    network,
    (face?.addresses ?? []).map((a) => `${a.address}/${String(a.prefixLength)}`).join(' '),
    face?.mac ?? '',
    ports.map((p) => `${p.listenAddress}:${String(p.hostPort)}->${String(p.containerPort)}/${p.protocol}`).join(' '),
  ];
}

function addresses(machine: MachinePlan): string {
  const one = (i: InterfacePlan): string => `${i.name} ${i.addresses.map((a) => `${a.address}/${String(a.prefixLength)}`).join(' ')}`;
  return machine.interfaces.map(one).join(', ');
}

function routes(machines: readonly (MachinePlan | NodePlan)[], style: Style): string[] {
  const rows = machines.flatMap((machine) =>
    [...machine.routes, ...('podRoutes' in machine ? machine.podRoutes : [])].map((route) => [machine.id, route.to, hop(route), route.origin]),
  );
  const lines = section('routes', ['on', 'to', 'via', 'from'], rows.slice(0, ROUTES_LISTED), style);
  return rows.length <= ROUTES_LISTED ? lines : [...lines, more(rows.length - ROUTES_LISTED, 'route', style)];
}

function hop(route: RoutePlan): string {
  if (route.type === 'blackhole') return 'blackhole';
  return [route.via, route.dev === null ? null : `dev ${route.dev}`, route.onlink ? 'onlink' : null].filter((part) => part !== null).join(' ');
}

function podLines(pods: ClusterPlan['pods'], style: Style): string[] {
  const rows = pods
    .slice(0, PODS_LISTED)
    .map((pod) => [
      pod.id,
      pod.node,
      pod.interface === null ? 'host network' : [pod.interface, ...(pod.attachments ?? [])].map(faceText).join(', '),
      pod.interface?.mac ?? '',
      pod.interface === null ? '' : String(pod.interface.mtuBytes),
    ]);
  const lines = section('pods', ['pod', 'node', 'address', 'mac', 'mtu'], rows, style);
  return pods.length <= PODS_LISTED ? lines : [...lines, more(pods.length - PODS_LISTED, 'pod', style)];
}

function faceText({ addresses: all }: PodInterfacePlan): string {
  return all.map((a) => `${a.address}/${String(a.prefixLength)}`).join(' ');
}

/** Ports as `80 → http, 30080/UDP`: of the Service, what they lead to where that is another, and the node port. */
function serviceLines(services: readonly ServicePlan[], style: Style): string[] {
  const port = (one: ServicePortPlan): string =>
    [
      `${String(one.port)}${one.protocol === 'TCP' ? '' : `/${one.protocol}`}`,
      ...(String(one.targetPort) === String(one.port) ? [] : [style.symbols.arrow, String(one.targetPort)]),
      ...(one.nodePort === null ? [] : [`(node ${String(one.nodePort)})`]),
    ].join(' ');
  const listed = services.slice(0, SERVICES_LISTED);
  const prefers = listed.some((service) => service.trafficDistribution !== undefined);
  const rows = listed.map((service) => [
    service.id,
    service.headless ? 'headless' : service.type,
    service.externalName === '' ? [...service.clusterIPs, ...service.externalIPs, ...service.loadBalancerIPs].join(' ') : printable(service.externalName),
    service.ports.map(port).join(', '),
    String(new Set(service.endpoints.filter((one) => one.ready).map((one) => one.pod ?? one.address)).size),
    ...(prefers ? [service.trafficDistribution ?? ''] : []),
  ]);
  const lines = section('services', ['service', 'type', 'addresses', 'ports', 'ready endpoints', ...(prefers ? ['distribution'] : [])], rows, style);
  return services.length <= SERVICES_LISTED ? lines : [...lines, more(services.length - SERVICES_LISTED, 'service', style)];
}

/** Each NetworkPolicy, the directions that it isolates, and the pods that it selects in its namespace. */
function policyLines(clusters: readonly ClusterPlan[], style: Style): string[] {
  const rows = clusters.flatMap((cluster) => {
    const { pods, policies } = policyWorld(cluster);
    return policies.map((policy) => {
      const selected = pods.filter((pod) => pod.namespace === policy.namespace && selects(policy.pods, pod.labels));
      const isolates = [...(policy.ingress === null ? [] : ['ingress']), ...(policy.egress === null ? [] : ['egress'])].join(' ');
      const names = selected.map(({ id }) => id.slice(id.lastIndexOf('/') + 1));
      return [`${cluster.name}/${policy.id}`, isolates, names.length === 0 ? 'none' : listed(names)];
    });
  });
  const lines = section('policies', ['policy', 'isolates', 'selected pods'], rows.slice(0, POLICIES_LISTED), style);
  return rows.length <= POLICIES_LISTED ? lines : [...lines, more(rows.length - POLICIES_LISTED, 'policy', style, 'policies')];
}

function section(title: string, header: readonly string[], rows: readonly (readonly string[])[], style: Style): string[] {
  return rows.length === 0 ? [] : [style.strong(title), ...head(table(header, rows, { indent: 2 }), style)];
}

function head([first, ...rest]: readonly string[], style: Style): string[] {
  return first === undefined ? [] : [style.dim(first), ...rest];
}

function more(n: number, noun: string, style: Style, plural = `${noun}s`): string {
  return style.dim(`  ${style.symbols.ellipsis} and ${counted(n, `more ${noun}`, `more ${plural}`)} (--json lists all)`);
}

function unique(items: readonly string[]): string[] {
  return [...new Set(items)];
}
