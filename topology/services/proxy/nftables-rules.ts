/**
 * kube-proxy's table of mode nftables, as it would hand it to `nft -f`. Shape, names and comments: Kubernetes pkg/proxy/nftables/proxier.go from 1.33 on,
 * with its defaults (masqueradeBit 14, detectLocalMode ClusterCIDR, node ports on the node's primary address).
 *
 * One command a line (`add chain ip kube-proxy services`), nothing removed: whoever loads it decides what becomes of an older table.
 */
import { cidrContains, parseCidr } from '../../cidr.ts';
import type { ClusterPlan, NodePlan } from '../../plan.ts';
import type { Family } from '../../spec.ts';
import { type NftPort, nftablesEndpointNames, nftablesServiceChains, type ServiceChains } from './hashes.ts';
import { MASQUERADE_MARK } from './iptables-rules.ts';
import { createPieces } from './pieces.ts';
import { type Fate, type ProxiedEndpoint, type ProxiedPort, proxiedPortsOf } from './proxied-ports.ts';

export const PROXY_TABLE = 'kube-proxy';

/** Base chains: type, hook and priority. The checks look at addresses as the client wrote them, before or without DNAT. */
const BASE_CHAINS: readonly (readonly [name: string, hook: string])[] = [
  ['filter-prerouting-pre-dnat', 'filter hook prerouting priority -110'],
  ['filter-output-pre-dnat', 'filter hook output priority -110'],
  ['filter-forward', 'filter hook forward priority 0'],
  ['filter-input', 'filter hook input priority 0'],
  ['filter-output', 'filter hook output priority 0'],
  ['nat-prerouting', 'nat hook prerouting priority -100'],
  ['nat-output', 'nat hook output priority -100'],
  ['nat-postrouting', 'nat hook postrouting priority 100'],
];
const JUMPS: readonly (readonly [from: string, rule: string])[] = [
  ['filter-prerouting-pre-dnat', 'ct state new jump firewall-check'],
  ['filter-output-pre-dnat', 'ct state new jump firewall-check'],
  ['filter-forward', 'ct state new jump service-endpoints-check'],
  ['filter-forward', 'ct state new jump cluster-ips-check'],
  ['filter-input', 'ct state new jump nodeport-endpoints-check'],
  ['filter-input', 'ct state new jump service-endpoints-check'],
  ['filter-output', 'ct state new jump service-endpoints-check'],
  ['filter-output', 'ct state new jump cluster-ips-check'],
  ['nat-output', 'jump services'],
  ['nat-prerouting', 'jump services'],
  ['nat-postrouting', 'jump masquerading'],
];
const CHAINS = [
  'services',
  'masquerading',
  'mark-for-masquerade',
  'firewall-check',
  'service-endpoints-check',
  'nodeport-endpoints-check',
  'cluster-ips-check',
] as const;

/** Words that differ between the families. */
interface Words {
  /** Also the word for its addresses in matches. */
  readonly table: 'ip' | 'ip6';
  readonly type: 'ipv4_addr' | 'ipv6_addr';
}

const WORDS: Readonly<Record<Family, Words>> = { ipv4: { table: 'ip', type: 'ipv4_addr' }, ipv6: { table: 'ip6', type: 'ipv6_addr' } };

/** Commands of one table by kind, in the order in which they are written: what is named by others first. */
type Commands = Record<'chain' | 'set' | 'map' | 'rule' | 'element', string[]>;
const KINDS = ['chain', 'set', 'map', 'rule', 'element'] as const satisfies readonly (keyof Commands)[];

/** What one Service adds, as text by kind. */
type Piece = Readonly<Record<keyof Commands, string>>;
const pieceOf = createPieces<Piece>();

interface Context {
  /** Also the word for its addresses in matches. */
  readonly ip: 'ip' | 'ip6';
  readonly type: 'ipv4_addr' | 'ipv6_addr';
  readonly nodeIP: string | null;
  readonly podCIDR: string | null;
  readonly commands: Commands;
}

/** Table `ip kube-proxy` (`ip6 kube-proxy`) of one node. */
export function nftablesServiceRules(cluster: ClusterPlan, node: NodePlan, family: Family): string {
  const isOf = (text: string): boolean => text.includes(':') === (family === 'ipv6');
  const { table, type } = WORDS[family];
  const nodeIP = node.interfaces[0]?.addresses.find((a) => a.family === family)?.address ?? null;
  const podCIDR = cluster.podCIDRs.find(isOf) ?? null;
  const written = (write: (context: Context) => void): Piece => {
    const commands: Commands = { chain: [], set: [], map: [], rule: [], element: [] };
    write({ ip: table, type, nodeIP, podCIDR, commands });
    const text = (kind: keyof Commands): string => commands[kind].map((item) => `add ${kind} ${table} ${PROXY_TABLE} ${item}\n`).join('');
    return { chain: text('chain'), set: text('set'), map: text('map'), rule: text('rule'), element: text('element') };
  };
  const pieces = [
    written((context) => writeCommon(cluster.serviceCIDRs.find(isOf), context)),
    ...cluster.services.map((service) =>
      pieceOf(service, `${family} ${podCIDR}`, () =>
        written((context) => {
          for (const port of proxiedPortsOf(service, node, family)) writePort(port, context);
        }),
      ),
    ),
  ];
  const text = KINDS.map((kind) => pieces.map((piece) => piece[kind]).join('')).join('');
  return `add table ${table} ${PROXY_TABLE} { comment "rules for kube-proxy" ; }\n${text}`;
}

/** What every packet passes, whatever Services there are. */
function writeCommon(serviceCIDR: string | undefined, { ip, type, nodeIP, commands }: Context): void {
  const key = `${type} . inet_proto . inet_service : verdict`;
  const nodePortKey = 'inet_proto . inet_service : verdict';
  const destination = `${ip} daddr . meta l4proto . th dport`;
  const onNode = `${ip} daddr @nodeport-ips meta l4proto . th dport`;
  commands.chain.push(
    ...BASE_CHAINS.map(([name, hook]) => `${name} { type ${hook} ; }`),
    ...CHAINS,
    'reject-chain { comment "helper for @no-endpoint-services / @no-endpoint-nodeports" ; }',
  );
  commands.set.push(
    `cluster-ips { type ${type} ; comment "Active ClusterIPs" ; }`,
    `nodeport-ips { type ${type} ; comment "IPs that accept NodePort traffic" ; }`,
  );
  commands.map.push(
    `service-ips { type ${key} ; comment "ClusterIP, ExternalIP and LoadBalancer IP traffic" ; }`,
    `service-nodeports { type ${nodePortKey} ; comment "NodePort traffic" ; }`,
    `firewall-ips { type ${key} ; comment "destinations that are subject to LoadBalancerSourceRanges" ; }`,
    `no-endpoint-services { type ${key} ; comment "vmap to drop or reject packets to services with no endpoints" ; }`,
    `no-endpoint-nodeports { type ${nodePortKey} ; comment "vmap to drop or reject packets to service nodeports with no endpoints" ; }`,
  );
  if (nodeIP !== null) commands.element.push(`nodeport-ips { ${nodeIP} }`);
  commands.rule.push(
    ...JUMPS.map(([from, rule]) => `${from} ${rule}`),
    `mark-for-masquerade mark set mark or ${MASQUERADE_MARK}`,
    `masquerading mark and ${MASQUERADE_MARK} == 0 return`,
    `masquerading mark set mark xor ${MASQUERADE_MARK}`,
    'masquerading masquerade fully-random',
    `cluster-ips-check ${ip} daddr @cluster-ips reject comment "Reject traffic to invalid ports of ClusterIPs"`,
    ...(serviceCIDR === undefined ? [] : [`cluster-ips-check ${ip} daddr { ${serviceCIDR} } drop comment "Drop traffic to unallocated ClusterIPs"`]),
    'reject-chain reject',
    `service-endpoints-check ${destination} vmap @no-endpoint-services`,
    `nodeport-endpoints-check ${onNode} vmap @no-endpoint-nodeports`,
    `firewall-check ${destination} vmap @firewall-ips`,
    `services ${destination} vmap @service-ips`,
    `services ${onNode} vmap @service-nodeports`,
  );
}

function writePort(port: ProxiedPort, context: Context): void {
  const { name, protocol, service, clusterIP, port: servicePort } = port;
  const { ip, type, podCIDR, commands } = context;
  const identity: NftPort = { namespace: service.namespace, service: service.name, protocol, port: servicePort.name };
  const chains = nftablesServiceChains(identity);
  const key = (address: string): string => `${address} . ${protocol} . ${servicePort.port}`;
  const element = (set: string, item: string): void => void commands.element.push(`${set} { ${item} }`);
  const rule = (chain: string, text: string): void => void commands.rule.push(`${chain} ${text}`);
  const entry = service.internalTrafficPolicy === 'Local' ? chains.local : chains.cluster;
  const none = (at: string, fate: Fate): string => `${at} comment "${name}" : ${fate === 'drop' ? 'drop' : 'goto reject-chain'}`;

  // Ports of one Service share its address.
  if (servicePort === service.ports[0]) element('cluster-ips', clusterIP);
  if (port.internal === 'serve') element('service-ips', `${key(clusterIP)} : goto ${entry}`);
  else element('no-endpoint-services', none(key(clusterIP), port.internal));
  for (const address of [...port.externalIPs, ...port.loadBalancerIPs]) {
    if (port.usable.length > 0) element('service-ips', `${key(address)} : goto ${chains.external}`);
    if (port.external !== 'serve') element('no-endpoint-services', none(key(address), port.external));
  }
  const guarded = port.loadBalancerIPs.length > 0 && port.sourceRanges.length > 0;
  if (guarded) for (const address of port.loadBalancerIPs) element('firewall-ips', `${key(address)} : goto ${chains.firewall}`);
  if (servicePort.nodePort !== null) {
    const at = `${protocol} . ${servicePort.nodePort}`;
    if (port.usable.length > 0) element('service-nodeports', `${at} : goto ${chains.external}`);
    if (port.external !== 'serve') element('no-endpoint-nodeports', none(at, port.external));
  }

  if (port.cluster.length > 0) commands.chain.push(chains.cluster);
  if (port.local.length > 0) commands.chain.push(chains.local);
  if (port.internal === 'serve' && podCIDR !== null) rule(entry, `${ip} daddr ${clusterIP} ${ip} saddr != ${podCIDR} jump mark-for-masquerade`);
  if (port.usable.length > 0 && port.exposed) writeExternal(port, chains, context);
  if (guarded) writeFirewall(port, chains.firewall, context);
  const named = new Map(port.reachable.map((endpoint) => [endpoint.text, nftablesEndpointNames(identity, endpoint.address, endpoint.port)]));
  const balance = (chain: string, endpoints: readonly ProxiedEndpoint[]): void => {
    if (endpoints.length === 0) return;
    const names = endpoints.flatMap((endpoint) => named.get(endpoint.text) ?? []);
    if (service.affinitySeconds !== null) for (const { chain: target, affinity } of names) rule(chain, `${ip} saddr @${affinity} goto ${target}`);
    rule(chain, `numgen random mod ${names.length} vmap { ${names.map(({ chain: target }, index) => `${index} : goto ${target}`).join(' , ')} }`);
  };
  balance(chains.cluster, port.cluster);
  balance(chains.local, port.local);
  for (const endpoint of port.reachable) {
    const names = named.get(endpoint.text);
    if (names === undefined) continue;
    commands.chain.push(names.chain);
    rule(names.chain, `${ip} saddr ${endpoint.address} jump mark-for-masquerade`);
    if (service.affinitySeconds !== null) {
      commands.set.push(`${names.affinity} { type ${type} ; flags dynamic,timeout ; timeout ${service.affinitySeconds}s ; }`);
      rule(names.chain, `update @${names.affinity} { ${ip} saddr }`);
    }
    rule(names.chain, `meta l4proto ${protocol} dnat to ${endpoint.text}`);
  }
}

function writeExternal({ service, external }: ProxiedPort, chains: ServiceChains, { commands, ip, podCIDR }: Context): void {
  const rules =
    service.externalTrafficPolicy === 'Cluster'
      ? ['jump mark-for-masquerade']
      : [
          ...(podCIDR === null ? [] : [`${ip} saddr ${podCIDR} goto ${chains.cluster} comment "short-circuit pod traffic"`]),
          'fib saddr type local jump mark-for-masquerade comment "masquerade local traffic"',
          `fib saddr type local goto ${chains.cluster} comment "short-circuit local traffic"`,
        ];
  if (external === 'serve') rules.push(`goto ${service.externalTrafficPolicy === 'Local' ? chains.local : chains.cluster}`);
  commands.chain.push(chains.external);
  commands.rule.push(...rules.map((rule) => `${chains.external} ${rule}`));
}

function writeFirewall(port: ProxiedPort, chain: string, { commands, ip, nodeIP }: Context): void {
  const allowed = [...port.sourceRanges];
  // The address is often the node's own as well: then its requests have the address itself as source.
  if (nodeIP !== null && allowed.some((range) => cidrContains(parseCidr(range), nodeIP))) allowed.push(...port.loadBalancerIPs);
  commands.chain.push(chain);
  commands.rule.push(`${chain} ${ip} saddr != { ${allowed.join(', ')} } drop`);
}
