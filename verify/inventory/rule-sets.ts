/** The packet filters of the lab, parsed once per namespace, and the packet that a probe is at a node. */
import type { NamespaceSnapshot } from '../../engines/port.ts';
import type { Family } from '../../topology/spec.ts';
import { PROBE_PORT } from '../../topology/probing.ts';
import { DNS_PORT } from '../dns/clients.ts';
import { asksForNames, type PairFlow } from './flow.ts';
import { parseIptables } from './iptables-text.ts';
import { addressOf, type EndpointView, isOneSegment, isRoutedPerPod, type LabView, namespaceOf } from './lab-view.ts';
import { parseNft } from './nft-text.ts';
import type { FilterChain } from './packet-filter.ts';
import { lookupRoute } from './route-lookup.ts';
import type { Packet } from './walk-rules.ts';

/** Chains of one namespace, of all programs and families. */
export function ruleSetOf(namespace: NamespaceSnapshot): readonly FilterChain[] {
  const { iptables, ip6tables, nft, legacy } = namespace.rules;
  const read: readonly Family[] = [...(iptables === '' ? [] : (['ipv4'] as const)), ...(ip6tables === '' ? [] : (['ipv6'] as const))];
  return [
    ...parseIptables(iptables, 'ipv4'),
    ...parseIptables(ip6tables, 'ipv6'),
    ...parseIptables(legacy?.iptables ?? '', 'ipv4', 'iptables-legacy'),
    ...parseIptables(legacy?.ip6tables ?? '', 'ipv6', 'iptables-legacy'),
    ...parseNft(nft, read),
  ];
}

/** A reader of rule sets that parses each namespace once. */
export function ruleSets(view: LabView): (netns: string) => readonly FilterChain[] {
  const parsed = new Map<string, readonly FilterChain[]>();
  return (netns) => {
    const known = parsed.get(netns);
    if (known !== undefined) return known;
    const namespace = namespaceOf(view, netns);
    const chains = namespace === undefined ? [] : ruleSetOf(namespace);
    parsed.set(netns, chains);
    return chains;
  };
}

/** The first packet of a flow, or its reply, as the node `at` sees it; null when an address is not known. */
export function packetAt(view: LabView, flow: PairFlow, at: EndpointView, direction: 'there' | 'back'): Packet | null {
  const [from, to] = direction === 'there' ? [flow.client, flow.server] : [flow.server, flow.client];
  const destination = destinationOf(view, flow, to);
  const source = sourceOf(view, flow, from);
  if (source === null || destination === null) return null;
  return {
    family: flow.family,
    source,
    destination,
    sourceLocal: from.kind === 'node' && from.node.id === at.node.id,
    destinationLocal: to.kind === 'node' && to.node.id === at.node.id,
    protocol: flow.protocol,
    destinationPort: direction === 'there' ? portOf(flow) : null,
    state: direction === 'there' ? 'new' : 'established',
    in: deviceTo(view, at, from, source, flow.family),
    out: deviceTo(view, at, to, destination, flow.family),
  };
}

function destinationOf(view: LabView, flow: PairFlow, to: EndpointView): string | null {
  return to.kind === 'node' && to === flow.client ? nodeSource(view, flow, to, flow.server) : addressOf(to, flow.family);
}

function sourceOf(view: LabView, flow: PairFlow, from: EndpointView): string | null {
  return from.kind === 'node' ? nodeSource(view, flow, from, from === flow.client ? flow.server : flow.client) : addressOf(from, flow.family);
}

/** The address that a node uses towards a pod: the first one of the device its route leaves by (RFC 1122 section 3.3.4.3 leaves the choice to the host). */
function nodeSource(view: LabView, flow: PairFlow, node: EndpointView, other: EndpointView): string | null {
  const namespace = namespaceOf(view, node.netns);
  const target = addressOf(other, flow.family);
  if (namespace === undefined || target === null) return addressOf(node, flow.family);
  const dev = lookupRoute(namespace, flow.family, target)?.dev;
  const own = namespace.addresses.find((one) => one.dev === dev && one.family === flow.family && !one.address.startsWith('fe80:'));
  return own?.address ?? addressOf(node, flow.family);
}

/** The interface of node `at` towards an end of the flow. null: the node itself, or not known. */
function deviceTo(view: LabView, at: EndpointView, end: EndpointView, address: string, family: Family): string | null {
  const namespace = namespaceOf(view, at.node.netns);
  if (namespace === undefined || (end.kind === 'node' && end.node.id === at.node.id)) return null;
  if (end.node.id === at.node.id && end.pod !== null) {
    if (!isRoutedPerPod(view, at.node)) return at.node.bridge?.name ?? null;
    // Where the plugin names the node's end of the pod, the host route tells it.
    return end.pod.interface?.hostName ?? lookupRoute(namespace, family, address)?.dev ?? null;
  }
  // A bridged frame shows the bridge on both sides to the packet filter (br_netfilter).
  if (isOneSegment(view, at.node) && end.kind === 'pod') return at.node.bridge?.name ?? null;
  return lookupRoute(namespace, family, address)?.dev ?? null;
}

/** The port that the probe dials; controls dial others. */
function portOf({ failure, protocol }: PairFlow): number | null {
  if (protocol === 'icmp' || failure.check === 'controls') return null;
  return failure.port ?? (asksForNames(failure) ? DNS_PORT : PROBE_PORT);
}
