/**
 * What kube-proxy leaves in a node in mode ipvs: addresses on kube-ipvs0, virtual servers, ipsets, and the iptables rules that go by them. Shape, names and
 * comments: Kubernetes pkg/proxy/ipvs/proxier.go and ipset.go, with its defaults.
 */
import { cidrContains, parseCidr } from '../../cidr.ts';
import { nodeDevices } from '../../node-devices.ts';
import type { ClusterPlan, NodePlan } from '../../plan.ts';
import type { Family } from '../../spec.ts';
import { endpointText } from './hashes.ts';
import { MASQUERADE_MARK } from './iptables-rules.ts';
import { type ProxiedPort, proxiedPorts } from './proxied-ports.ts';

/** A dummy device, down: its addresses make the kernel take packets for them, which IPVS then picks up. */
export const IPVS_DEVICE = 'kube-ipvs0';

export interface IpvsServiceRules {
  /** Of kube-ipvs0: every virtual address that is not the node's own. */
  readonly addresses: readonly string[];
  /** Lines for `ipvsadm --restore`. */
  readonly servers: readonly string[];
  /** Lines for `ipset restore`. */
  readonly sets: readonly string[];
  /** Tables filter and nat for `iptables-restore --noflush`; they name the sets. */
  readonly rules: string;
}

interface SetKind {
  readonly type: 'hash:ip,port' | 'hash:ip,port,ip' | 'hash:ip,port,net' | 'hash:ip' | 'bitmap:port';
  readonly comment: string;
}

const SETS = {
  'KUBE-LOOP-BACK': { type: 'hash:ip,port,ip', comment: 'Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose' },
  'KUBE-CLUSTER-IP': { type: 'hash:ip,port', comment: 'Kubernetes service cluster ip + port for masquerade purpose' },
  'KUBE-EXTERNAL-IP': { type: 'hash:ip,port', comment: 'Kubernetes service external ip + port for masquerade and filter purpose' },
  'KUBE-EXTERNAL-IP-LOCAL': { type: 'hash:ip,port', comment: 'Kubernetes service external ip + port with externalTrafficPolicy=local' },
  'KUBE-LOAD-BALANCER': { type: 'hash:ip,port', comment: 'Kubernetes service lb portal' },
  'KUBE-LOAD-BALANCER-FW': { type: 'hash:ip,port', comment: 'Kubernetes service load balancer ip + port for load balancer with sourceRange' },
  'KUBE-LOAD-BALANCER-LOCAL': { type: 'hash:ip,port', comment: 'Kubernetes service load balancer ip + port with externalTrafficPolicy=local' },
  'KUBE-LOAD-BALANCER-SOURCE-IP': { type: 'hash:ip,port,ip', comment: 'Kubernetes service load balancer ip + port + source IP for packet filter purpose' },
  'KUBE-LOAD-BALANCER-SOURCE-CIDR': { type: 'hash:ip,port,net', comment: 'Kubernetes service load balancer ip + port + source cidr for packet filter purpose' },
  'KUBE-NODE-PORT-TCP': { type: 'bitmap:port', comment: 'Kubernetes nodeport TCP port for masquerade purpose' },
  'KUBE-NODE-PORT-LOCAL-TCP': { type: 'bitmap:port', comment: 'Kubernetes nodeport TCP port with externalTrafficPolicy=local' },
  'KUBE-NODE-PORT-UDP': { type: 'bitmap:port', comment: 'Kubernetes nodeport UDP port for masquerade purpose' },
  'KUBE-NODE-PORT-LOCAL-UDP': { type: 'bitmap:port', comment: 'Kubernetes nodeport UDP port with externalTrafficPolicy=local' },
  'KUBE-NODE-PORT-SCTP-HASH': { type: 'hash:ip,port', comment: "Kubernetes nodeport SCTP port for masquerade purpose with type 'hash ip:port'" },
  'KUBE-NODE-PORT-LOCAL-SCTP-HASH': {
    type: 'hash:ip,port',
    comment: "Kubernetes nodeport SCTP port with externalTrafficPolicy=local with type 'hash ip:port'",
  },
  'KUBE-HEALTH-CHECK-NODE-PORT': { type: 'bitmap:port', comment: 'Kubernetes health check node port' },
  'KUBE-IPVS-IPS': { type: 'hash:ip', comment: '' },
} as const satisfies Readonly<Record<string, SetKind>>;

type SetName = keyof typeof SETS;

/** Rules that go by a set, written where the set has members: table, chain, protocol, set, what of the packet is looked up, target. */
const RULES_OF_SETS: readonly (readonly [table: 'nat' | 'filter', chain: string, protocol: string, set: SetName, match: string, target: string])[] = [
  ['nat', 'KUBE-POSTROUTING', '', 'KUBE-LOOP-BACK', 'dst,dst,src', 'MASQUERADE'],
  ['nat', 'KUBE-SERVICES', '', 'KUBE-LOAD-BALANCER', 'dst,dst', 'KUBE-LOAD-BALANCER'],
  ['nat', 'KUBE-LOAD-BALANCER', '', 'KUBE-LOAD-BALANCER-LOCAL', 'dst,dst', 'RETURN'],
  ['nat', 'KUBE-NODE-PORT', 'tcp', 'KUBE-NODE-PORT-LOCAL-TCP', 'dst', 'RETURN'],
  ['nat', 'KUBE-NODE-PORT', 'tcp', 'KUBE-NODE-PORT-TCP', 'dst', 'KUBE-MARK-MASQ'],
  ['nat', 'KUBE-NODE-PORT', 'udp', 'KUBE-NODE-PORT-LOCAL-UDP', 'dst', 'RETURN'],
  ['nat', 'KUBE-NODE-PORT', 'udp', 'KUBE-NODE-PORT-UDP', 'dst', 'KUBE-MARK-MASQ'],
  ['nat', 'KUBE-NODE-PORT', 'sctp', 'KUBE-NODE-PORT-LOCAL-SCTP-HASH', 'dst,dst', 'RETURN'],
  ['nat', 'KUBE-NODE-PORT', 'sctp', 'KUBE-NODE-PORT-SCTP-HASH', 'dst,dst', 'KUBE-MARK-MASQ'],
  ['filter', 'KUBE-PROXY-FIREWALL', '', 'KUBE-LOAD-BALANCER-FW', 'dst,dst', 'KUBE-SOURCE-RANGES-FIREWALL'],
  ['filter', 'KUBE-SOURCE-RANGES-FIREWALL', '', 'KUBE-LOAD-BALANCER-SOURCE-CIDR', 'dst,dst,src', 'RETURN'],
  ['filter', 'KUBE-SOURCE-RANGES-FIREWALL', '', 'KUBE-LOAD-BALANCER-SOURCE-IP', 'dst,dst,src', 'RETURN'],
];
/** Each is put at the top of its hook: the last one is the first that a packet meets. */
const JUMPS: Readonly<Record<'filter' | 'nat', readonly string[]>> = {
  nat: [
    '-I OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-I PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-I POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
  ],
  filter: [
    '-I FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD',
    '-I INPUT -m comment --comment "kubernetes health check rules" -j KUBE-NODE-PORT',
    '-I INPUT -m comment --comment "kube-proxy firewall rules" -j KUBE-PROXY-FIREWALL',
    '-I FORWARD -m comment --comment "kube-proxy firewall rules" -j KUBE-PROXY-FIREWALL',
    '-I INPUT -m comment --comment "kubernetes ipvs access filter" -j KUBE-IPVS-FILTER',
    '-I OUTPUT -m comment --comment "kubernetes ipvs access filter" -j KUBE-IPVS-OUT-FILTER',
  ],
};
const CHAINS: Readonly<Record<'filter' | 'nat', readonly string[]>> = {
  nat: ['KUBE-SERVICES', 'KUBE-POSTROUTING', 'KUBE-NODE-PORT', 'KUBE-LOAD-BALANCER', 'KUBE-MARK-MASQ'],
  filter: ['KUBE-FORWARD', 'KUBE-NODE-PORT', 'KUBE-PROXY-FIREWALL', 'KUBE-SOURCE-RANGES-FIREWALL', 'KUBE-IPVS-FILTER', 'KUBE-IPVS-OUT-FILTER'],
};

/** All of one node and family. */
export function ipvsServiceRules(cluster: ClusterPlan, node: NodePlan, family: Family): IpvsServiceRules {
  const isOf = (text: string): boolean => text.includes(':') === (family === 'ipv6');
  const own = nodeDevices(node).flatMap((d) => d.addresses.map((a) => a.address));
  const context: Context = {
    scheduler: cluster.kubeProxy.scheduler ?? 'rr',
    nodeIP: node.interfaces[0]?.addresses.find((a) => a.family === family)?.address ?? null,
    own: own.filter(isOf),
    members: new Map(),
    addresses: new Set(),
    servers: [],
    noNodeAccess: [],
  };
  for (const port of proxiedPorts(cluster, node, family)) addPort(port, context);
  const { members } = context;
  for (const address of context.addresses) add(members, 'KUBE-IPVS-IPS', address);
  const named = (name: SetName): string => (family === 'ipv6' ? name.replace('KUBE-', 'KUBE-6-').slice(0, 31) : name);
  return {
    addresses: [...context.addresses],
    servers: context.servers,
    sets: (Object.keys(SETS) as SetName[]).flatMap((name) => [
      `create ${named(name)} ${SETS[name].type} ${SETS[name].type === 'bitmap:port' ? 'range 0-65535' : `family ${family === 'ipv6' ? 'inet6' : 'inet'} hashsize 1024 maxelem 65536`}`,
      ...[...(members.get(name) ?? [])].map((member) => `add ${named(name)} ${member}`),
    ]),
    rules: rulesText(context, named, cluster.podCIDRs.find(isOf) ?? null, family),
  };
}

interface Context {
  readonly scheduler: string;
  readonly nodeIP: string | null;
  /** Addresses of the node's devices: where node ports answer, and what kube-ipvs0 must not have. */
  readonly own: readonly string[];
  readonly members: Map<SetName, Set<string>>;
  readonly addresses: Set<string>;
  readonly servers: string[];
  /** Virtual addresses whose source ranges leave this node out. */
  readonly noNodeAccess: { readonly address: string; readonly protocol: string; readonly port: number }[];
}

function add(members: Context['members'], set: SetName, member: string): void {
  const found = members.get(set) ?? new Set();
  members.set(set, found.add(member));
}

function addPort(port: ProxiedPort, context: Context): void {
  const { service, protocol, clusterIP, port: servicePort } = port;
  const { members, own, nodeIP } = context;
  const isLocal = service.externalTrafficPolicy === 'Local';
  const at = (address: string): string => `${address},${protocol}:${servicePort.port}`;
  for (const endpoint of port.usable)
    if (endpoint.local) add(members, 'KUBE-LOOP-BACK', `${endpoint.address},${protocol}:${endpoint.port},${endpoint.address}`);
  add(members, 'KUBE-CLUSTER-IP', at(clusterIP));
  addServer(port, clusterIP, servicePort.port, service.internalTrafficPolicy === 'Local', context);
  for (const address of port.externalIPs) {
    add(members, isLocal ? 'KUBE-EXTERNAL-IP-LOCAL' : 'KUBE-EXTERNAL-IP', at(address));
    addServer(port, address, servicePort.port, isLocal, context);
  }
  for (const address of port.loadBalancerIPs) {
    add(members, 'KUBE-LOAD-BALANCER', at(address));
    if (isLocal) add(members, 'KUBE-LOAD-BALANCER-LOCAL', at(address));
    if (port.sourceRanges.length > 0) {
      add(members, 'KUBE-LOAD-BALANCER-FW', at(address));
      for (const range of port.sourceRanges) add(members, 'KUBE-LOAD-BALANCER-SOURCE-CIDR', `${at(address)},${range}`);
      if (nodeIP !== null && port.sourceRanges.some((range) => cidrContains(parseCidr(range), nodeIP)))
        add(members, 'KUBE-LOAD-BALANCER-SOURCE-IP', `${at(address)},${address}`);
      else context.noNodeAccess.push({ address, protocol, port: servicePort.port });
    }
    addServer(port, address, servicePort.port, isLocal, context);
  }
  const { nodePort } = servicePort;
  if (nodePort !== null) {
    const word = protocol === 'tcp' ? 'TCP' : protocol === 'udp' ? 'UDP' : 'SCTP-HASH';
    const entries = protocol === 'sctp' ? own.map((address) => `${address},sctp:${nodePort}`) : [String(nodePort)];
    for (const entry of entries) {
      add(members, `KUBE-NODE-PORT-${word}`, entry);
      if (isLocal) add(members, `KUBE-NODE-PORT-LOCAL-${word}`, entry);
    }
    for (const address of own) addServer(port, address, nodePort, isLocal, context);
  }
  if (service.healthCheckNodePort !== null) add(members, 'KUBE-HEALTH-CHECK-NODE-PORT', String(service.healthCheckNodePort));
}

/** A virtual server in masquerading (NAT) mode, with its real servers, each of weight 1. */
function addServer(port: ProxiedPort, address: string, number: number, isLocal: boolean, context: Context): void {
  const server = `-${port.protocol === 'sctp' ? '-sctp-service' : port.protocol[0]} ${endpointText(address, number)}`;
  const { affinitySeconds } = port.service;
  context.servers.push(`-A ${server} -s ${context.scheduler}${affinitySeconds === null ? '' : ` -p ${affinitySeconds}`}`);
  // Without an endpoint here those elsewhere are kept: pods of this node may still use them.
  const endpoints = isLocal && port.local.length > 0 ? port.local : port.cluster;
  for (const endpoint of endpoints) context.servers.push(`-a ${server} -r ${endpoint.text} -m -w 1`);
  if (!context.own.includes(address)) context.addresses.add(address);
}

function rulesText({ members, noNodeAccess }: Context, named: (set: SetName) => string, podCIDR: string | null, family: Family): string {
  const lines: Record<'filter' | 'nat', string[]> = { nat: [...JUMPS.nat], filter: [...JUMPS.filter] };
  const match = (set: SetName, what: string): string => `-m set --match-set ${named(set)} ${what}`;
  const said = (set: SetName): string => `-m comment --comment "${SETS[set].comment}"`;
  const has = (set: SetName): boolean => members.has(set);
  lines.nat.push(`-A KUBE-SERVICES -s ${family === 'ipv6' ? '::1/128' : '127.0.0.0/8'} -j RETURN`);
  for (const [table, chain, protocol, set, what, target] of RULES_OF_SETS) {
    if (has(set)) lines[table].push(`-A ${chain} ${protocol === '' ? '' : `-p ${protocol} `}${said(set)} ${match(set, what)} -j ${target}`);
  }
  if (has('KUBE-CLUSTER-IP'))
    lines.nat.push(
      podCIDR === null
        ? `-A KUBE-SERVICES ${said('KUBE-CLUSTER-IP')} ${match('KUBE-CLUSTER-IP', 'src,dst')} -j KUBE-MARK-MASQ`
        : `-A KUBE-SERVICES ${said('KUBE-CLUSTER-IP')} ${match('KUBE-CLUSTER-IP', 'dst,dst')} ! -s ${podCIDR} -j KUBE-MARK-MASQ`,
    );
  for (const set of ['KUBE-EXTERNAL-IP', 'KUBE-EXTERNAL-IP-LOCAL'] as const) {
    if (!has(set)) continue;
    const rule = `-A KUBE-SERVICES ${said(set)} ${match(set, 'dst,dst')}`;
    if (set === 'KUBE-EXTERNAL-IP') lines.nat.push(`${rule} -j KUBE-MARK-MASQ`);
    lines.nat.push(`${rule} -m physdev ! --physdev-is-in -m addrtype ! --src-type LOCAL -j ACCEPT`, `${rule} -m addrtype --dst-type LOCAL -j ACCEPT`);
  }
  lines.nat.push('-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODE-PORT', '-A KUBE-LOAD-BALANCER -j KUBE-MARK-MASQ');
  lines.filter.push('-A KUBE-SOURCE-RANGES-FIREWALL -j DROP');
  for (const { address, protocol, port } of noNodeAccess)
    lines.filter.push(`-A KUBE-IPVS-OUT-FILTER -s ${address} -m ipvs --vaddr ${address} --vproto ${protocol} --vport ${port} -j DROP`);
  for (const set of ['KUBE-CLUSTER-IP', 'KUBE-LOAD-BALANCER'] as const) if (has(set)) lines.nat.push(`-A KUBE-SERVICES ${match(set, 'dst,dst')} -j ACCEPT`);
  const mark = `${MASQUERADE_MARK}/${MASQUERADE_MARK}`;
  lines.filter.push(
    `-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark ${mark} -j ACCEPT`,
    '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    `-A KUBE-NODE-PORT ${said('KUBE-HEALTH-CHECK-NODE-PORT')} ${match('KUBE-HEALTH-CHECK-NODE-PORT', 'dst')} -j ACCEPT`,
    // A virtual address is the node's, but no other port of the node may be reached by it.
    ...(['KUBE-LOAD-BALANCER', 'KUBE-CLUSTER-IP', 'KUBE-EXTERNAL-IP', 'KUBE-EXTERNAL-IP-LOCAL'] as const).map(
      (set) => `-A KUBE-IPVS-FILTER ${match(set, 'dst,dst')} -j RETURN`,
    ),
    `-A KUBE-IPVS-FILTER ${match('KUBE-HEALTH-CHECK-NODE-PORT', 'dst')} -j RETURN`,
    `-A KUBE-IPVS-FILTER -m conntrack --ctstate NEW ${match('KUBE-IPVS-IPS', 'dst')} -j REJECT`,
  );
  lines.nat.push(
    `-A KUBE-POSTROUTING -m mark ! --mark ${mark} -j RETURN`,
    `-A KUBE-POSTROUTING -j MARK --xor-mark ${MASQUERADE_MARK}`,
    '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
    `-A KUBE-MARK-MASQ -j MARK --or-mark ${MASQUERADE_MARK}`,
  );
  return (['filter', 'nat'] as const)
    .map((table) => `*${table}\n${CHAINS[table].map((chain) => `:${chain} - [0:0]\n`).join('')}${lines[table].join('\n')}\nCOMMIT\n`)
    .join('');
}
