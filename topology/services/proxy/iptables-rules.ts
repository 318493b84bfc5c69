/**
 * kube-proxy's rules of mode iptables, as it would hand them to iptables-restore. Shape, order, comments and names: Kubernetes pkg/proxy/iptables/proxier.go,
 * with its defaults (masqueradeBit 14, localhostNodePorts, detectLocalMode ClusterCIDR, all node addresses take node ports).
 *
 * Left out, since nobody watches them here: the KUBE-PROXY-CANARY chains, and the counters of nfacct.
 */
import { cidrContains, parseCidr } from '../../cidr.ts';
import type { ClusterPlan, NodePlan } from '../../plan.ts';
import type { Family } from '../../spec.ts';
import { iptablesEndpointChain, iptablesServiceChains } from './hashes.ts';
import { createPieces } from './pieces.ts';
import { endpointCount, type Fate, type ProxiedEndpoint, type ProxiedPort, proxiedPortsOf } from './proxied-ports.ts';

/** 1 << masqueradeBit: packets that carry it leave with an address of the node. */
export const MASQUERADE_MARK = '0x4000';

/** From that many endpoints on their rules have no comments: less to write and to keep. */
const LARGE_CLUSTER = 1000;

type Filter = readonly [hook: string, match: string, comment: string, chain: string];

const NEW = '-m conntrack --ctstate NEW ';
/** Each is put at the top of its hook: the last one is the first that a packet meets. */
const FILTER_JUMPS: readonly Filter[] = [
  ['INPUT', NEW, 'kubernetes externally-visible service portals', 'KUBE-EXTERNAL-SERVICES'],
  ['FORWARD', NEW, 'kubernetes externally-visible service portals', 'KUBE-EXTERNAL-SERVICES'],
  ['INPUT', '', 'kubernetes health check service ports', 'KUBE-NODEPORTS'],
  ['FORWARD', NEW, 'kubernetes service portals', 'KUBE-SERVICES'],
  ['OUTPUT', NEW, 'kubernetes service portals', 'KUBE-SERVICES'],
  ['FORWARD', '', 'kubernetes forwarding rules', 'KUBE-FORWARD'],
  ['INPUT', NEW, 'kubernetes load balancer firewall', 'KUBE-PROXY-FIREWALL'],
  ['OUTPUT', NEW, 'kubernetes load balancer firewall', 'KUBE-PROXY-FIREWALL'],
  ['FORWARD', NEW, 'kubernetes load balancer firewall', 'KUBE-PROXY-FIREWALL'],
];
const NAT_JUMPS: readonly Filter[] = [
  ['OUTPUT', '', 'kubernetes service portals', 'KUBE-SERVICES'],
  ['PREROUTING', '', 'kubernetes service portals', 'KUBE-SERVICES'],
  ['POSTROUTING', '', 'kubernetes postrouting rules', 'KUBE-POSTROUTING'],
];
const FILTER_CHAINS = ['KUBE-SERVICES', 'KUBE-EXTERNAL-SERVICES', 'KUBE-FORWARD', 'KUBE-NODEPORTS', 'KUBE-PROXY-FIREWALL'] as const;
const NAT_CHAINS = ['KUBE-SERVICES', 'KUBE-NODEPORTS', 'KUBE-POSTROUTING', 'KUBE-MARK-MASQ'] as const;

/** Lines of one table: chains to declare, and rules. */
interface Table {
  readonly chains: string[];
  readonly rules: string[];
}
interface Tables {
  readonly filter: Table;
  readonly nat: Table;
}

/** What one Service adds to each table, as text. */
type Piece = Readonly<Record<'filter' | 'nat', { readonly chains: string; readonly rules: string }>>;
const pieceOf = createPieces<Piece>();

/**
 * Tables filter and nat of one node for `iptables-restore --noflush` (`ip6tables-restore` for IPv6), jumps from the built-in chains included: the text
 * declares only chains of kube-proxy, so nothing else is touched.
 */
export function iptablesServiceRules(cluster: ClusterPlan, node: NodePlan, family: Family): string {
  const nodeIP = node.interfaces[0]?.addresses.find((a) => a.family === family)?.address ?? null;
  const podCIDR = cluster.podCIDRs.find((cidr) => cidr.includes(':') === (family === 'ipv6')) ?? null;
  const comments = cluster.services.reduce((sum, service) => sum + endpointCount(service, family), 0) <= LARGE_CLUSTER;
  const pieces = cluster.services.map((service) =>
    pieceOf(service, `${family} ${podCIDR} ${comments}`, () => {
      const tables: Tables = { filter: { chains: [], rules: [] }, nat: { chains: [], rules: [] } };
      for (const port of proxiedPortsOf(service, node, family)) writePort(port, { ...tables, nodeIP, podCIDR, comments });
      const text = ({ chains, rules }: Table): Piece['nat'] => ({ chains: declared(chains), rules: lines(rules) });
      return { filter: text(tables.filter), nat: text(tables.nat) };
    }),
  );
  const joined = (table: 'filter' | 'nat', part: 'chains' | 'rules'): string => pieces.map((piece) => piece[table][part]).join('');
  const isV4 = family === 'ipv4';
  const filter = [
    declared(isV4 ? [...FILTER_CHAINS, 'KUBE-FIREWALL'] : FILTER_CHAINS),
    lines(isV4 ? LOCALNET : []),
    lines(FILTER_JUMPS.map(jump)),
    joined('filter', 'rules'),
    lines(FORWARD),
  ];
  const nat = [
    declared(NAT_CHAINS),
    joined('nat', 'chains'),
    lines(NAT_JUMPS.map(jump)),
    lines(MASQUERADE),
    joined('nat', 'rules'),
    `-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL ${
      isV4 ? '' : '! -d ::1/128 '
    }-j KUBE-NODEPORTS\n`,
  ];
  return `*filter\n${filter.join('')}COMMIT\n*nat\n${nat.join('')}COMMIT\n`;
}

function declared(chains: readonly string[]): string {
  return lines(chains.map((chain) => `:${chain} - [0:0]`));
}

function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join('');
}

/** The kubelet keeps the same chain, and had its jumps there first: kube-proxy's others come before them. */
const LOCALNET: readonly string[] = [
  '-I INPUT -j KUBE-FIREWALL',
  '-I OUTPUT -j KUBE-FIREWALL',
  // route_localnet, which node ports on 127.0.0.1 need, would let neighbours on the wire reach this node's loopback.
  '-A KUBE-FIREWALL -m comment --comment "block incoming localnet connections" -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP',
];
const MASQUERADE: readonly string[] = [
  `-A KUBE-POSTROUTING -m mark ! --mark ${MASQUERADE_MARK}/${MASQUERADE_MARK} -j RETURN`,
  `-A KUBE-POSTROUTING -j MARK --xor-mark ${MASQUERADE_MARK}`,
  '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
  `-A KUBE-MARK-MASQ -j MARK --or-mark ${MASQUERADE_MARK}`,
];
const FORWARD: readonly string[] = [
  '-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP',
  `-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark ${MASQUERADE_MARK}/${MASQUERADE_MARK} -j ACCEPT`,
  '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
];

interface Context extends Tables {
  readonly nodeIP: string | null;
  /** Traffic from it is the cluster's own, and is not masqueraded; null: every source may be. */
  readonly podCIDR: string | null;
  readonly comments: boolean;
}

function writePort(port: ProxiedPort, context: Context): void {
  const { name, protocol, service, clusterIP } = port;
  const { filter, nat } = context;
  const chains = iptablesServiceChains(name, protocol);
  const proto = `-m ${protocol} -p ${protocol}`;
  const to = (address: string): string => `${proto} -d ${address} --dport ${port.port.port}`;
  const entry = service.internalTrafficPolicy === 'Local' ? chains.local : chains.cluster;
  const guarded = port.usable.length > 0 && port.loadBalancerIPs.length > 0 && port.sourceRanges.length > 0;

  if (port.internal === 'serve') nat.rules.push(`-A KUBE-SERVICES ${said(`${name} cluster IP`)} ${to(clusterIP)} -j ${entry}`);
  else filter.rules.push(`-A KUBE-SERVICES ${said(missing(name, port.internal))} ${to(clusterIP)} -j ${port.internal.toUpperCase()}`);

  const enter = (match: string, comment: string, chain: string): void => {
    if (port.usable.length > 0) nat.rules.push(`-A KUBE-SERVICES ${said(comment)} ${match} -j ${chain}`);
    if (port.external !== 'serve')
      filter.rules.push(`-A KUBE-EXTERNAL-SERVICES ${said(missing(name, port.external))} ${match} -j ${port.external.toUpperCase()}`);
  };
  for (const address of port.externalIPs) enter(to(address), `${name} external IP`, chains.external);
  for (const address of port.loadBalancerIPs) {
    enter(to(address), `${name} loadbalancer IP`, guarded ? chains.firewall : chains.external);
    if (guarded) filter.rules.push(`-A KUBE-PROXY-FIREWALL ${said(`${name} traffic not accepted by ${chains.firewall}`)} ${to(address)} -j DROP`);
  }
  if (port.port.nodePort !== null) {
    const match = `${proto} --dport ${port.port.nodePort}`;
    if (port.usable.length > 0) nat.rules.push(`-A KUBE-NODEPORTS ${said(name)} ${match} -j ${chains.external}`);
    if (port.external !== 'serve')
      filter.rules.push(
        `-A KUBE-EXTERNAL-SERVICES ${said(missing(name, port.external))} -m addrtype --dst-type LOCAL ${match} -j ${port.external.toUpperCase()}`,
      );
  }
  if (service.healthCheckNodePort !== null)
    filter.rules.push(`-A KUBE-NODEPORTS ${said(`${name} health check node port`)} -m tcp -p tcp --dport ${service.healthCheckNodePort} -j ACCEPT`);

  // From outside of the pod range, as by a static route of somebody's to the service range: the endpoint may be elsewhere, so the reply must come back here.
  if (port.internal === 'serve' && context.podCIDR !== null)
    nat.rules.push(`-A ${entry} ${said(`${name} cluster IP`)} ${to(clusterIP)} ! -s ${context.podCIDR} -j KUBE-MARK-MASQ`);
  if (port.usable.length > 0 && port.exposed) writeExternal(port, chains.external, chains, context);
  if (guarded) writeFirewall(port, chains, context);
  if (port.cluster.length > 0) writeBalancing(port, chains.cluster, port.cluster, context);
  if (port.local.length > 0) writeBalancing(port, chains.local, port.local, context);
  for (const endpoint of port.reachable) writeEndpoint(port, endpoint, context);
}

/** What comes from outside goes to any endpoint as the node, or with its own address to the endpoints of this node. */
function writeExternal(
  { name, service, external }: ProxiedPort,
  chain: string,
  chains: { readonly cluster: string; readonly local: string },
  context: Context,
): void {
  const { nat, podCIDR } = context;
  nat.chains.push(chain);
  const rule = (comment: string, match: string, target: string): void =>
    void nat.rules.push(`-A ${chain} ${said(`${comment} for ${name} external destinations`)} ${match}-j ${target}`);
  if (service.externalTrafficPolicy === 'Cluster') rule('masquerade traffic', '', 'KUBE-MARK-MASQ');
  else {
    if (podCIDR !== null) rule('pod traffic', `-s ${podCIDR} `, chains.cluster);
    rule('masquerade LOCAL traffic', '-m addrtype --src-type LOCAL ', 'KUBE-MARK-MASQ');
    rule('route LOCAL traffic', '-m addrtype --src-type LOCAL ', chains.cluster);
  }
  if (external === 'serve') nat.rules.push(`-A ${chain} -j ${service.externalTrafficPolicy === 'Local' ? chains.local : chains.cluster}`);
}

/** Sources that may use the load balancer's addresses; what falls through is dropped by KUBE-PROXY-FIREWALL, since nothing translated it. */
function writeFirewall(port: ProxiedPort, chains: { readonly external: string; readonly firewall: string }, { nat, nodeIP }: Context): void {
  const { firewall } = chains;
  nat.chains.push(firewall);
  const allow = (source: string): void => void nat.rules.push(`-A ${firewall} ${said(`${port.name} loadbalancer IP`)} -s ${source} -j ${chains.external}`);
  port.sourceRanges.forEach(allow);
  // The address is often the node's own as well: then its requests have the address itself as source.
  if (nodeIP !== null && port.sourceRanges.some((range) => cidrContains(parseCidr(range), nodeIP))) port.loadBalancerIPs.forEach(allow);
  nat.rules.push(`-A ${firewall} ${said(`other traffic to ${port.name} will be dropped by KUBE-PROXY-FIREWALL`)}`);
}

/** Each rule takes its share of what the ones before it left; clients that are remembered go where they went. */
function writeBalancing({ name, protocol, service }: ProxiedPort, chain: string, endpoints: readonly ProxiedEndpoint[], context: Context): void {
  const { nat, comments } = context;
  nat.chains.push(chain);
  const to = endpoints.map((endpoint) => ({
    comment: comments ? `${said(`${name} -> ${endpoint.text}`)} ` : '',
    chain: iptablesEndpointChain(name, protocol, endpoint.text),
  }));
  if (service.affinitySeconds !== null)
    for (const { comment, chain: target } of to)
      nat.rules.push(`-A ${chain} ${comment}-m recent --name ${target} --rcheck --seconds ${service.affinitySeconds} --reap -j ${target}`);
  for (const [index, { comment, chain: target }] of to.entries()) {
    const rest = to.length - index;
    nat.rules.push(`-A ${chain} ${comment}${rest > 1 ? `-m statistic --mode random --probability ${(1 / rest).toFixed(10)} ` : ''}-j ${target}`);
  }
}

function writeEndpoint({ name, protocol, service }: ProxiedPort, endpoint: ProxiedEndpoint, { nat, comments }: Context): void {
  const chain = iptablesEndpointChain(name, protocol, endpoint.text);
  const comment = comments ? `${said(name)} ` : '';
  const remember = service.affinitySeconds === null ? '' : `-m recent --name ${chain} --set `;
  nat.chains.push(chain);
  nat.rules.push(
    // To itself: the reply would not come back through this node.
    `-A ${chain} ${comment}-s ${endpoint.address} -j KUBE-MARK-MASQ`,
    `-A ${chain} ${comment}${remember}-m ${protocol} -p ${protocol} -j DNAT --to-destination ${endpoint.text}`,
  );
}

function missing(name: string, fate: Fate): string {
  return `${name} has no ${fate === 'drop' ? 'local ' : ''}endpoints`;
}

function said(comment: string): string {
  return `-m comment --comment ${comment.includes(' ') ? `"${comment}"` : comment}`;
}

function jump([hook, match, comment, chain]: Filter): string {
  return `-I ${hook} ${match}${said(comment)} -j ${chain}`;
}
