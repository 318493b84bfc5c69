/** Where Services failed: their ports behind the proxy of a node. */
import type { ClusterPlan, NodePlan } from '../../topology/plan.ts';
import { type ProxiedPort, proxiedPortsOf } from '../../topology/services/proxy/proxied-ports.ts';
import type { ServicePlan } from '../../topology/services/service-plan.ts';
import type { Family } from '../../topology/spec.ts';
import type { Flow } from './flow.ts';
import type { LabView } from './lab-view.ts';
import type { ProgrammedPort, ProxyRules } from './proxy-rules.ts';

/** One port of a Service that failed behind the proxy of one node. */
export interface ServicePlace {
  readonly cluster: ClusterPlan;
  readonly node: NodePlan;
  readonly family: Family;
  readonly service: ServicePlan;
  readonly port: ProxiedPort;
}

/** What was read of it. */
export interface ReadPlace extends ServicePlace {
  readonly rules: ProxyRules;
  readonly found: ProgrammedPort;
}

/** Is it a failure of that port behind that proxy? */
export function isAt({ failure, family }: Flow, { service, node, port, family: its }: ServicePlace): boolean {
  const { door } = failure;
  if (door === undefined || family !== its || failure.server !== service.id || failure.serverNode !== node.id || failure.protocol !== port.protocol)
    return false;
  return door.port === (door.via === 'node-port' ? port.port.nodePort : port.port.port);
}

/** Every port of each Service that flows failed at, behind the proxies at which they did. */
export function placesOf(view: LabView, flows: readonly Flow[]): readonly ServicePlace[] {
  const keys = new Set<string>();
  return flows.flatMap((flow): readonly ServicePlace[] => {
    const { server, serverNode } = flow.failure;
    const key = `${server} ${serverNode} ${flow.family}`;
    const node = view.nodes.find((one) => one.id === serverNode);
    const cluster = node === undefined ? undefined : view.clusters.get(node.cluster);
    const service = cluster?.services.find((one) => one.id === server);
    if (keys.has(key) || node === undefined || cluster === undefined || service === undefined) return [];
    keys.add(key);
    return proxiedPortsOf(service, node, flow.family).map((port) => ({ cluster, node, service, port, family: flow.family }));
  });
}
