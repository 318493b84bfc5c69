/** The hosts of a lab as ends of a cluster's policies: with the address that pods see of them. Pure. */
import { cidrContains, parseCidr } from '../../topology/cidr.ts';
import type { LabPlan, MachinePlan, RoutePlan } from '../../topology/plan.ts';
import { hostEndpoint, isHost } from '../services/flows.ts';
import { dialledAddress, type ClusterEnds, type End } from '../endpoints.ts';
import type { Family } from '../../topology/spec.ts';

/** The cluster with the lab's hosts behind its pods and nodes. */
export function withHosts(cluster: ClusterEnds, plan: LabPlan): ClusterEnds {
  const hosts = plan.machines.filter(isHost).map(hostEnd);
  return { ...cluster, ends: [...cluster.ends, ...hosts], endpoints: [...cluster.endpoints, ...hosts.map((host) => host.endpoint)] };
}

function hostEnd(machine: MachinePlan): End {
  const endpoint = hostEndpoint(machine);
  return {
    id: machine.id,
    kind: 'host',
    endpoint,
    node: -1,
    nodeId: '',
    pod: null,
    asks: true,
    asksAll: true,
    answers: true,
    roles: new Map(endpoint.addresses.map(({ address }) => [address, 'host'])),
    mtuBytes: machine.interfaces[0]?.mtuBytes ?? 0,
  };
}

/** Can hosts reach the pod by its own address? Where the plan gives a router or host a route to it; then policies see the host's address as well. */
export function isRoutedTo(plan: LabPlan, pod: End, family: Family): boolean {
  const address = dialledAddress(pod, family);
  const leads = (route: RoutePlan): boolean => route.family === family && !/\/0$|^default$/.test(route.to) && cidrContains(parseCidr(route.to), address);
  return plan.machines.some((machine) => machine.kind !== 'node' && machine.routes.some(leads));
}
