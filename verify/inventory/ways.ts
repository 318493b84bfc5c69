/**
 * The ways to Services that the plan has, as flows that nobody has asked yet: with them the rules that follow a failing way compare all of them with the plan,
 * before a packet is sent. Each is asked from one pod of its node, and from the pod itself where that is an endpoint. Pure.
 */
import type { NodePlan } from '../../topology/plan.ts';
import type { ServicePlan, ServicePortPlan } from '../../topology/services/service-plan.ts';
import type { Failure } from '../report.ts';
import { type Flow, flowsOf } from './flow.ts';
import { isClusterDns } from '../../topology/services/cluster-services.ts';
import { type LabView, podsOn } from './lab-view.ts';

/** A question for a name from each node, by a pod of it. */
export function waysToNames(view: LabView): readonly Flow[] {
  const failures = view.plan.clusters
    .filter((cluster) => cluster.kubeProxy.mode !== 'none' && cluster.services.some(isClusterDns))
    .flatMap((cluster) =>
      cluster.nodes.flatMap((node) =>
        podsOn(view, node)
          .slice(0, 1)
          .flatMap(({ id }) =>
            cluster.families.map((family): Failure => ({ ...SILENT, family, client: id, check: 'dns-ladder', clientNode: node.id, serverNode: node.id })),
          ),
      ),
    );
  return flowsOf(view, failures);
}

const SILENT = { server: '', protocol: 'udp', attempt: 0, class: 'silent', saw: '', expected: '', diagnosis: '', next: '', conntrack: [] } as const;

/** One flow for each cluster IP, port, family and node; none where no proxy runs. */
export function waysToServices(view: LabView): readonly Flow[] {
  const failures = view.plan.clusters
    .filter((cluster) => cluster.kubeProxy.mode !== 'none')
    .flatMap((cluster) =>
      cluster.services.flatMap((service) => service.ports.flatMap((port) => cluster.nodes.flatMap((node) => waysOn(view, node, service, port)))),
    );
  return flowsOf(view, failures);
}

function waysOn(view: LabView, node: NodePlan, service: ServicePlan, port: ServicePortPlan): readonly Failure[] {
  // Those of the DNS have a name of their own.
  if (isClusterDns(service) || service.headless || service.type === 'ExternalName' || port.protocol === 'SCTP') return [];
  const pods = podsOn(view, node);
  const endpoints = new Set(service.endpoints.map((endpoint) => endpoint.pod));
  const own = pods.find((pod) => endpoints.has(pod.id));
  const other = pods.find((pod) => !endpoints.has(pod.id)) ?? pods.find((pod) => pod !== own);
  const clients = new Set([own, other].flatMap((pod) => pod?.id ?? []));
  return service.clusterIPs.flatMap((address) =>
    [...clients].map(
      (client): Failure => ({
        ...SILENT,
        client,
        check: 'service-cluster-ip',
        server: service.id,
        clientNode: node.id,
        serverNode: node.id,
        family: address.includes(':') ? 'ipv6' : 'ipv4',
        protocol: port.protocol === 'UDP' ? 'udp' : 'tcp',
        door: { via: 'cluster-ip', address, port: port.port },
      }),
    ),
  );
}
