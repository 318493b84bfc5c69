/** Which endpoints of a Service the proxy on the way prefers by their hints, for people. Pure. */
import { nodeDevices } from '../../topology/node-devices.ts';
import type { ClusterPlan, LabPlan, NodePlan } from '../../topology/plan.ts';
import type { ServicePlan } from '../../topology/services/service-plan.ts';
import { ZONE_LABEL } from '../../topology/services/traffic-distribution.ts';
import { preferredEndpoints, usableEndpoints } from '../services/expect.ts';
import type { WalkGoal } from './goal.ts';

/** A sentence where a packet meets a Service with `trafficDistribution`, or with hints of its author's own; none elsewhere. */
export function preferenceNotes(plan: LabPlan, goal: WalkGoal): readonly string[] {
  return plan.clusters
    .filter(({ kubeProxy }) => kubeProxy.mode !== 'none')
    .flatMap((cluster) => {
      const has = ({ netns }: NodePlan): boolean => netns === (goal.client.node ?? goal.client.netns);
      const dialled = cluster.nodes.find((node) => nodeDevices(node).some((device) => device.addresses.some(({ address }) => address === goal.address)));
      const proxy = dialled ?? cluster.nodes.find(has);
      return proxy === undefined ? [] : cluster.services.flatMap((service) => noteOf(cluster, service, proxy, goal, dialled !== undefined));
    });
}

function noteOf(cluster: ClusterPlan, service: ServicePlan, { name, labels }: NodePlan, goal: WalkGoal, byNodePort: boolean): readonly string[] {
  const addresses = [...service.clusterIPs, ...service.externalIPs, ...service.loadBalancerIPs];
  const port = service.ports.find(
    (one) =>
      one.protocol.toLowerCase() === goal.protocol && (byNodePort ? one.nodePort === goal.port : one.port === goal.port && addresses.includes(goal.address)),
  );
  const ready = port === undefined ? [] : usableEndpoints(service, port, goal.family);
  const local = (byNodePort ? service.externalTrafficPolicy : service.internalTrafficPolicy) === 'Local';
  if (local || ready.length === 0 || (service.trafficDistribution === undefined && ready.every(({ endpoint }) => endpoint.hints === undefined))) return [];
  const zone = labels[ZONE_LABEL];
  const { by, endpoints } = preferredEndpoints(cluster, ready, name);
  const asked = `${service.id} has ${service.trafficDistribution === undefined ? 'hints in its EndpointSlices' : `trafficDistribution ${service.trafficDistribution}`}`;
  const place = `${name} (${zone === undefined ? 'in no zone' : `zone ${zone}`})`;
  return [
    by === null
      ? `${asked}, and ${place} uses all ${ready.length} ready endpoints: none of them is hinted for it, or one has no hint`
      : `${asked}: of ${ready.length} ready endpoints ${place} uses the ${endpoints.length} hinted for ${by === 'node' ? 'that node' : 'its zone'}`,
  ];
}
