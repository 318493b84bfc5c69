/**
 * What connection tracking remembers of UDP Services and should forget when their endpoints change. A UDP flow has no end: as long as a client sends from one
 * port its packets go where the first one went, to an endpoint that is gone, or nowhere since there was none yet. TCP connections end by themselves and are
 * left alone. Source: Kubernetes pkg/proxy/conntrack (CleanStaleEntries). Pure.
 */
import { nodeDevices } from '../../../topology/node-devices.ts';
import type { ClusterPlan, LabPlan, NodePlan } from '../../../topology/plan.ts';
import { endpointText } from '../../../topology/services/proxy/hashes.ts';
import { type ProxiedPort, proxiedPorts } from '../../../topology/services/proxy/proxied-ports.ts';
import type { Family } from '../../../topology/spec.ts';
import type { Op, Stage } from '../ops.ts';

type ForgetOp = Extract<Op, { readonly op: 'forget-flows' }>;

/** A stage for the end of a change, empty when there is nothing to forget: on every node that stays, the flows to what serves UDP otherwise than before. */
export function staleFlowStages(from: LabPlan, to: LabPlan): Stage[] {
  const before = new Map(from.clusters.map((cluster) => [cluster.name, cluster]));
  const ops = to.clusters.flatMap((cluster) => {
    const old = before.get(cluster.name);
    return old === undefined || cluster.kubeProxy.mode === 'none' ? [] : cluster.families.flatMap((family) => staleFlowOps(old, cluster, family));
  });
  return ops.length === 0 ? [] : [{ name: 'conntrack', title: 'forgetting stale UDP flows', ops }];
}

function staleFlowOps(from: ClusterPlan, to: ClusterPlan, family: Family): ForgetOp[] {
  const staying = new Set(from.nodes.map(({ netns }) => netns));
  return to.nodes
    .filter(({ netns }) => staying.has(netns))
    .flatMap((node) => {
      const services = changedDestinations(from, to, node, family);
      return services.length === 0 ? [] : [{ op: 'forget-flows', ns: node.netns, family, services }];
    });
}

/**
 * Addresses that lost an endpoint or got their first one, by what is behind them now. One that is new had none before: packets that came to it went where
 * no Service was.
 */
function changedDestinations(from: ClusterPlan, to: ClusterPlan, node: NodePlan, family: Family): ForgetOp['services'] {
  const old = udpDestinations(from, node, family);
  const now = udpDestinations(to, node, family);
  const changed = new Map<string, { readonly destinations: string[]; readonly endpoints: readonly string[] }>();
  for (const destination of new Set([...old.keys(), ...now.keys()])) {
    const had = old.get(destination) ?? [];
    const endpoints = now.get(destination) ?? [];
    if (had.every((text) => endpoints.includes(text)) && (had.length > 0 || endpoints.length === 0)) continue;
    const key = endpoints.join(' ');
    const same = changed.get(key);
    if (same === undefined) changed.set(key, { destinations: [destination], endpoints });
    else same.destinations.push(destination);
  }
  return [...changed.values()];
}

/** The endpoints behind every address and port at which UDP is served. */
function udpDestinations(cluster: ClusterPlan, node: NodePlan, family: Family): ReadonlyMap<string, readonly string[]> {
  if (cluster.kubeProxy.mode === 'none') return new Map();
  return new Map(
    proxiedPorts(cluster, node, family)
      .filter((port) => port.protocol === 'udp')
      .flatMap((port) => destinationsOf(port, node, family).map((destination) => [destination, port.usable.map(({ text }) => text)] as const)),
  );
}

function destinationsOf({ clusterIP, externalIPs, loadBalancerIPs, port }: ProxiedPort, node: NodePlan, family: Family): string[] {
  const { nodePort } = port;
  const own = nodeDevices(node).flatMap((device) => device.addresses);
  const local = [...own.filter((a) => a.family === family).map((a) => a.address), family === 'ipv4' ? '127.0.0.1' : '::1'];
  return [
    ...[clusterIP, ...externalIPs, ...loadBalancerIPs].map((address) => endpointText(address, port.port)),
    ...(nodePort === null ? [] : local.map((address) => endpointText(address, nodePort))),
  ];
}
