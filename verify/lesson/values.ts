/** What a lesson may ask of a lab: every value by each of its names. */
import type { ClusterPlan, InterfacePlan, LabPlan, MachinePlan, NodePlan, PodInterfacePlan } from '../../topology/plan.ts';
import type { ServicePlan } from '../../topology/services/service-plan.ts';
import { podNames, splitId } from './names.ts';
import type { Values } from './fill.ts';

type Named = readonly (readonly [name: string, value: string | undefined])[];

/**
 * The values of a lab. A name that could mean two things has none: its longer form does. `NAME` is the primary address of a place; `NAME.ipv4`, `.ipv6`, `.mac`,
 * `.mtu`, `.device` and `.gateway` are of its first interface, `.peer` is the node's end of it where the plan names that, `.podCIDR` and `.bridge` are a
 * node's; `svc/NAME` is a Service's cluster IP, `.port`, `.nodePort` and `.externalIP` its others; `cluster.dns`, `.api`, `.domain`, `.podCIDR` and `.serviceCIDR` are the (first) cluster's.
 */
export function valuesOf(plan: LabPlan): Values {
  const values = new Map<string, string>();
  const twice = new Set<string>();
  for (const [name, value] of [...plan.clusters.flatMap(clusterValues), ...plan.machines.flatMap(machineValues), ...firstCluster(plan)]) {
    if (value === undefined || value === '') continue;
    if (values.has(name) && values.get(name) !== value) twice.add(name);
    values.set(name, value);
  }
  for (const name of twice) values.delete(name);
  return values;
}

/** Each field under each name. */
function under(names: readonly string[], fields: Readonly<Record<string, string | undefined>>): Named {
  return names.flatMap((name) => Object.entries(fields).map(([field, value]) => [field === '' ? name : `${name}.${field}`, value] as const));
}

function faceValues(
  face: Pick<InterfacePlan | PodInterfacePlan, 'name' | 'mac' | 'mtuBytes' | 'addresses'> | null | undefined,
): Readonly<Record<string, string | undefined>> {
  const of = (family: string): string | undefined => face?.addresses.find((one) => one.family === family)?.address;
  return {
    '': face?.addresses[0]?.address,
    ipv4: of('ipv4'),
    ipv6: of('ipv6'),
    mac: face?.mac,
    mtu: face === null || face === undefined ? undefined : String(face.mtuBytes),
    device: face?.name,
  };
}

function machineValues(machine: MachinePlan): Named {
  const perSegment = machine.interfaces.flatMap((face) => under([`${machine.name}.${face.segment}`], { '': face.addresses[0]?.address }));
  const containers = (machine.docker?.containers ?? []).flatMap((one) =>
    under(splitId(one.id), { ...faceValues(one.interface), gateway: one.interface?.gateways[0], peer: one.interface?.hostName, id: one.containerId }),
  );
  const gateway = machine.routes.find((route) => route.to === '0.0.0.0/0' || route.to === '::/0')?.via ?? undefined;
  return [...under([machine.name], { ...faceValues(machine.interfaces[0]), gateway }), ...perSegment, ...containers];
}

function nodeValues(node: NodePlan): Named {
  return under([node.name, node.id], {
    ...faceValues(node.interfaces[0]),
    // What a node's pods route to: what one asks of a node in a lesson about pods.
    gateway: node.gateways[0],
    podCIDR: node.podCIDRs[0] ?? node.blocks[0],
    bridge: node.bridge?.name,
    vtep: node.vxlans[0]?.name,
    vtepMac: node.vxlans[0]?.mac,
    vtepAddress: node.vxlans[0]?.addresses[0]?.address,
  });
}

function clusterValues(cluster: ClusterPlan): Named {
  const nodes = new Map(cluster.nodes.map((node) => [node.name, node]));
  return [
    ...cluster.nodes.flatMap(nodeValues),
    ...cluster.pods.flatMap((pod) =>
      under(podNames(pod), {
        ...faceValues(pod.interface ?? nodes.get(pod.node)?.interfaces[0]),
        gateway: pod.interface?.gateways[0],
        peer: pod.interface?.hostName ?? undefined,
        id: pod.containerId,
        node: pod.node,
      }),
    ),
    ...cluster.services.flatMap(serviceValues),
  ];
}

function serviceValues(service: ServicePlan): Named {
  const [port] = service.ports;
  const fields = {
    '': service.clusterIPs[0],
    ipv6: service.clusterIPs.find((address) => address.includes(':')),
    port: port === undefined ? undefined : String(port.port),
    nodePort: port?.nodePort === null || port === undefined ? undefined : String(port.nodePort),
    externalIP: service.loadBalancerIPs[0] ?? service.externalIPs[0],
    healthCheckNodePort: service.healthCheckNodePort === null ? undefined : String(service.healthCheckNodePort),
  };
  const named = service.ports.flatMap(({ name, nodePort }) =>
    name === '' || nodePort === null ? [] : under([`svc/${service.name}`], { [`nodePort.${name}`]: String(nodePort) }),
  );
  return [
    ...under(
      splitId(service.id).map((name) => `svc/${name}`),
      fields,
    ),
    ...named,
  ];
}

function firstCluster({ clusters: [cluster] }: LabPlan): Named {
  if (cluster === undefined) return [];
  return under(['cluster'], {
    dns: cluster.dnsServiceIPs[0],
    api: cluster.apiServiceIPs[0],
    domain: cluster.dnsDomain,
    podCIDR: cluster.podCIDRs[0],
    serviceCIDR: cluster.serviceCIDRs[0],
    version: cluster.kubernetesVersion,
  });
}
