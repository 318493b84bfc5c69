/** Why a diagnosis with the same symptom was excluded: the value that would be another if it were true. */
import { tellsOfLoop } from '../dns/forwarding.ts';
import type { Finding } from '../inventory/finding.ts';
import { effectiveReversePathFilter } from '../inventory/reverse-path.ts';
import { CONNTRACK } from '../inventory/conntrack.ts';
import { counterOf, rise } from '../inventory/counters.ts';
import { nameServers } from '../inventory/flow.ts';
import { isListening } from '../inventory/names.ts';
import { type EndpointView, type LabView, namespaceOf } from '../inventory/lab-view.ts';
import type { NodePlan } from '../../topology/plan.ts';
import type { Family } from '../../topology/spec.ts';
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
    `${familiesOf(view, nodes)
      .map(
        (family) =>
          `${FORWARDING[family].replaceAll('/', '.')} is ${nodes.map((node) => `${namespaceOf(view, node.netns)?.sysctls[FORWARDING[family]] ?? '?'} on ${node.name}`).join(', ')}`,
      )
      .join(', ')}${still(view, nodes, 'IpInAddrErrors')}`,
  'route-is-blackhole': (_view, nodes) => `no route to pods of another node on ${list(nodes)} is a blackhole`,
  'forward-policy-drops': noRule('FORWARD policy'),
  'policy-drops': noRule('DROP rule'),
  'policy-blocks-dns': noRule('DROP rule for port 53'),
  'policy-not-enforced': (_view, nodes) => `there are rules for the isolated pods on ${list(nodes)}`,
  'policy-allows-more': (_view, nodes) => `no rule on ${list(nodes)} accepts for the isolated pods`,
  'dns-server-down': (view, nodes) => {
    const servers = serversFor(view, nodes);
    if (servers.length > 0 && servers.every((server) => isListening(view, server))) return 'every server of the DNS listens on port 53';
    return lastWords(view, nodes).some(tellsOfLoop) ? 'no server ended but by the loop that it found' : null;
  },
  'dns-forwarding-loop': (view, nodes) => {
    const last = lastWords(view, nodes);
    return last.length > 0 && !last.some(tellsOfLoop) ? `what a server wrote last is not of a loop: ${last[0]}` : null;
  },
  'dns-vip-not-programmed': (_view, nodes) => `the proxy of ${list(nodes)} leads the address of the DNS Service to a server`,
  'port-not-listening': () => 'every responder answered itself before it was probed',
  'filter-rejects': noRule('REJECT rule'),
  'no-route-to-pod-cidr': asPlanned('the routes to pods'),
  'pod-cidr-overlaps': (_view, nodes) => `no foreign route on ${list(nodes)} takes a part of the pod network`,
  'duplicate-pod-cidr': (_view, nodes) => `no bridge of ${list(nodes)} stands in the range of another node`,
  'node-address-not-unique': (_view, nodes) => `nobody else has the addresses of ${list(nodes)}`,
  'node-has-no-service-route': (_view, nodes) => `${list(nodes)} ${nodes.length > 1 ? 'have' : 'has'} a route to the addresses of Services`,
  'conntrack-table-full': (view, nodes) => roomLeft(view, nodes),
  'packet-loss': noRule('rule that drops at random'),
  'overlay-mismatch': asPlanned('port and local address of the overlay'),
  'no-return-route': (view, nodes) => `the routes back on ${list(nodes)} are there${still(view, nodes, 'IpExtInNoRoutes')}`,
  'route-points-elsewhere': asPlanned('device and next hop of the routes to pods'),
  'reverse-path-filter-drops': (view, nodes) =>
    `rp_filter is ${nodes.map((node) => `${reversePath(view, node)} on ${node.name}`).join(', ')}${still(view, nodes, 'TcpExtIPReversePathFilter')}`,
  'cni-reverse-path-filter-drops': noRule('rpfilter rule'),
  'bgp-peer-down': (_view, nodes) => (nodes.some((node) => node.bgp !== null) ? 'the other side of the session has its routes' : null),
  'mtu-blackhole': (view, nodes) => `senders are told: nothing drops "fragmentation needed" on ${list(nodes)}${still(view, nodes, 'IpOutDiscards')}`,
  'path-mtu-below-pod-mtu': () => 'no sender was told of a smaller MTU',
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
  'foreign-cni-config': (_view, nodes) => `the first CNI configuration on ${list(nodes)} is the planned one`,
  'cni-binary-missing': (_view, nodes) => `every plugin that the first CNI configuration on ${list(nodes)} calls is there`,
  'mixed-iptables-backends': (view, nodes) =>
    nodes.some((node) => namespaceOf(view, node.netns)?.rules.legacy !== undefined) ? null : 'iptables has rules in one of its backends only',
  'overlay-checksum-bad': (view, nodes) => `no outer checksum was bad${still(view, nodes, 'UdpInCsumErrors')}`,
};

/** The servers of the DNS of the clusters of the nodes. */
function serversFor(view: LabView, nodes: readonly NodePlan[]): readonly EndpointView[] {
  const clusters = new Set(nodes.map((node) => node.cluster));
  return [...clusters].flatMap((cluster) => (view.clusters.get(cluster)?.families ?? []).flatMap((family) => nameServers(view, cluster, family)));
}

/** What those of them that have ended wrote last. */
function lastWords(view: LabView, nodes: readonly NodePlan[]): readonly string[] {
  return serversFor(view, nodes).flatMap((server) => namespaceOf(view, server.netns)?.dnsServerEnded ?? []);
}

/** How far from full connection tracking is; null where it was not read. */
function roomLeft(view: LabView, nodes: readonly NodePlan[]): string | null {
  const read = nodes.flatMap(({ name, netns }) => {
    const { [CONNTRACK.held]: held, [CONNTRACK.most]: most } = namespaceOf(view, netns)?.counters ?? {};
    return held === undefined || most === undefined ? [] : [`${held} of ${most} on ${name}`];
  });
  return read.length === 0 ? null : `connection tracking has room: ${read.join(', ')}`;
}

const FORWARDING = { ipv4: 'net/ipv4/ip_forward', ipv6: 'net/ipv6/conf/all/forwarding' } as const;

function familiesOf(view: LabView, nodes: readonly NodePlan[]): readonly Family[] {
  return [...new Set(nodes.flatMap((node) => view.clusters.get(node.cluster)?.families ?? []))];
}

/** `, and IpInAddrErrors stood still`, of every family of the nodes, when the counter was read around the failing probes. */
function still(view: LabView, nodes: readonly NodePlan[], counter: string): string {
  const counters = [...new Set(familiesOf(view, nodes).map((family) => counterOf(counter, family)))];
  const rises = counters.flatMap((one) => nodes.map((node) => rise(view, node.netns, one)));
  return rises.length > 0 && rises.every((by) => by === 0) ? `, and ${counters.join(', ')} stood still` : '';
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
