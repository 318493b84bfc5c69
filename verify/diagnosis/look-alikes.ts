/** Why a diagnosis with the same symptom was excluded: the value that would be another if it were true. */
import type { Finding } from '../inventory/finding.ts';
import { effectiveReversePathFilter } from '../inventory/reverse-path.ts';
import { rise } from '../inventory/counters.ts';
import { nameServers } from '../inventory/flow.ts';
import { isListening } from '../inventory/names.ts';
import { type LabView, namespaceOf } from '../inventory/lab-view.ts';
import type { NodePlan } from '../../topology/plan.ts';
import { type DiagnosisName, diagnosisKind } from './catalogue.ts';

/** The look-alikes of a diagnosis that nothing was found for, each with what speaks against it on the nodes concerned. */
export function ruleOut(
  view: LabView,
  name: DiagnosisName,
  nodes: readonly NodePlan[],
  found: readonly Finding[],
): readonly { readonly name: string; readonly because: string }[] {
  return diagnosisKind(name).lookAlikes.flatMap((other) => {
    if (found.some((finding) => finding.name === other)) return [];
    const because = REASONS[other]?.(view, nodes) ?? null;
    return because === null ? [] : [{ name: other, because }];
  });
}

type Reason = (view: LabView, nodes: readonly NodePlan[]) => string | null;

const noRule =
  (what: string): Reason =>
  (_view, nodes) =>
    `no ${what} on ${list(nodes)} takes the probes`;
const asPlanned =
  (what: string): Reason =>
  (_view, nodes) =>
    `${what} on ${list(nodes)} are as planned`;

const REASONS: Readonly<Record<string, Reason>> = {
  'proxy-in-path': noRule('REDIRECT or TPROXY rule'),
  'hidden-double-nat': noRule('second SNAT rule that turns it back'),
  'pod-source-rewritten': noRule('masquerade or SNAT rule for pod sources of all protocols'),
  'forwarding-disabled': (view, nodes) =>
    `ip_forward is ${nodes.map((node) => `${namespaceOf(view, node.netns)?.sysctls['net/ipv4/ip_forward'] ?? '?'} on ${node.name}`).join(', ')}${still(view, nodes, 'IpInAddrErrors')}`,
  'route-is-blackhole': (_view, nodes) => `no route to pods of another node on ${list(nodes)} is a blackhole`,
  'forward-policy-drops': noRule('FORWARD policy'),
  'policy-drops': noRule('DROP rule'),
  'policy-blocks-dns': noRule('DROP rule for port 53'),
  'policy-not-enforced': (_view, nodes) => `there are rules for the isolated pods on ${list(nodes)}`,
  'policy-allows-more': (_view, nodes) => `no rule on ${list(nodes)} accepts for the isolated pods`,
  'dns-server-down': (view, nodes) => {
    const clusters = new Set(nodes.map((node) => node.cluster));
    const servers = [...clusters].flatMap((cluster) => (view.clusters.get(cluster)?.families ?? []).flatMap((family) => nameServers(view, cluster, family)));
    return servers.length > 0 && servers.every((server) => isListening(view, server)) ? 'every server of the DNS listens on port 53' : null;
  },
  'dns-vip-not-programmed': (_view, nodes) => `the proxy of ${list(nodes)} leads the address of the DNS Service to a server`,
  'port-not-listening': () => 'every responder answered itself before it was probed',
  'filter-rejects': noRule('REJECT rule'),
  'no-route-to-pod-cidr': asPlanned('the routes to pods'),
  'no-return-route': (view, nodes) => `the routes back on ${list(nodes)} are there${still(view, nodes, 'IpExtInNoRoutes')}`,
  'route-points-elsewhere': asPlanned('device and next hop of the routes to pods'),
  'reverse-path-filter-drops': (view, nodes) =>
    `rp_filter is ${nodes.map((node) => `${reversePath(view, node)} on ${node.name}`).join(', ')}${still(view, nodes, 'TcpExtIPReversePathFilter')}`,
  'cni-reverse-path-filter-drops': noRule('rpfilter rule'),
  'bgp-peer-down': (_view, nodes) => (nodes.some((node) => node.bgp !== null) ? 'the other side of the session has its routes' : null),
  'mtu-blackhole': (view, nodes) => `senders are told: nothing drops "fragmentation needed" on ${list(nodes)}${still(view, nodes, 'IpOutDiscards')}`,
  'path-mtu-below-pod-mtu': () => 'the large probes vanish; the sender is not told a smaller MTU',
  'overlay-packets-fragmented': (view, nodes) => `outer packets fit${still(view, nodes, 'IpFragCreates')}`,
  'duplicate-pod-ip': () => 'every pod address is on one interface only',
  'stale-neighbour': asPlanned('the MACs of neighbours'),
  'gateway-mac-changed': () => 'the pods hold the right MAC of their gateway',
  'address-differs-from-plan': () => 'the addresses of the interfaces are the planned ones',
  'address-not-assigned': () => 'the interface is up and has a carrier',
  'fdb-points-elsewhere': asPlanned('the forwarding entries of the overlay'),
  'vtep-mac-wrong': asPlanned('the MACs of the peers'),
  'vni-mismatch': asPlanned('the VXLAN network identifiers'),
  'overlay-port-blocked': noRule('rule for the UDP port of the overlay'),
  'encapsulation-filtered': (view) => (view.routers.length === 0 ? 'there is no router between the nodes' : 'no router drops the UDP port of the overlay'),
  'hairpin-disabled': (_view, nodes) => `hairpin is on at the bridge ports of ${list(nodes)}`,
  'hairpin-not-masqueraded': (_view, nodes) => `the endpoint chains on ${list(nodes)} mark what an endpoint asks itself`,
  'bridged-replies-bypass-nat': (_view, nodes) => `bridged packets of ${list(nodes)} pass the packet filter`,
  'service-not-programmed': (_view, nodes) => `the rules on ${list(nodes)} take the address and port`,
  'service-has-no-endpoints': noRule('rule "has no endpoints"'),
  'endpoint-is-dead': (_view, nodes) => `every endpoint in the rules of ${list(nodes)} is a planned one`,
  'endpoint-port-closed': (_view, nodes) => `the ports of the endpoints in the rules of ${list(nodes)} are the planned ones`,
  'stale-conntrack-entry': () => 'the failing probes came from fresh source ports',
  'overlay-checksum-bad': (view, nodes) => `no outer checksum was bad${still(view, nodes, 'UdpInCsumErrors')}`,
};

/** `, and IpInAddrErrors stood still there`, when the counter was read around the failing probes. */
function still(view: LabView, nodes: readonly NodePlan[], counter: string): string {
  const rises = nodes.map((node) => rise(view, node.netns, counter));
  return rises.length > 0 && rises.every((by) => by === 0) ? `, and ${counter} stood still` : '';
}

function reversePath(view: LabView, node: NodePlan): string {
  const namespace = namespaceOf(view, node.netns);
  return namespace === undefined ? '?' : String(Math.max(...node.interfaces.map((one) => effectiveReversePathFilter(namespace, one.name)), 0));
}

function list(nodes: readonly NodePlan[]): string {
  return nodes.length === 0
    ? 'the path'
    : nodes
        .slice(0, 4)
        .map((node) => node.name)
        .join(', ');
}
