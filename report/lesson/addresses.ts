/** Who is who in a lab, as a Markdown table. */
import type { ContainerPlan } from '../../topology/docker/docker-plan.ts';
import type { AddressPlan, InterfacePlan, LabPlan, MachinePlan, NodePlan } from '../../topology/plan.ts';
import type { ServicePlan } from '../../topology/services/service-plan.ts';

type Row = readonly [place: string, what: string, addresses: string];

/** Rows of a kind that are written; the rest is counted. */
const LISTED = 24;

/** Machines, nodes, pods and Services with the addresses that the plan gives them. Empty for a lab that has none of these. */
export function addressTable(plan: LabPlan): readonly string[] {
  const rows: readonly Row[] = [
    ...plan.clusters.flatMap((cluster) => [
      ...shortened(
        cluster.nodes.map((node): Row => [node.name, node.role, nodeAddresses(node)]),
        'nodes',
      ),
      ...shortened(
        cluster.pods.map(
          (pod): Row => [`${pod.namespace}/${pod.name}`, `pod on ${pod.node}`, pod.interface === null ? 'its node’s' : bare(pod.interface.addresses)],
        ),
        'pods',
      ),
      ...shortened(cluster.services.filter(({ clusterIPs }) => clusterIPs.length > 0).map(serviceRow), 'Services'),
    ]),
    ...plan.machines.flatMap(machineRows),
  ];
  return rows.length === 0
    ? []
    : ['| place | is | addresses |', '|---|---|---|', ...rows.map(([place, what, addresses]) => `| \`${place}\` | ${what} | ${addresses} |`)];
}

function shortened(rows: readonly Row[], what: string): readonly Row[] {
  return rows.length <= LISTED ? rows : [...rows.slice(0, LISTED), ['…', `${String(rows.length - LISTED)} more ${what}`, '']];
}

const bare = (addresses: readonly AddressPlan[]): string => addresses.map(({ address }) => address).join(', ');

function interfaces(all: readonly InterfacePlan[]): string {
  return all
    .map(({ name, addresses }) => `${addresses.map(({ address, prefixLength }) => `${address}/${String(prefixLength)}`).join(', ') || 'none'} (${name})`)
    .join(', ');
}

const nodeAddresses = (node: NodePlan): string => `${interfaces(node.interfaces)}${node.podCIDRs.length === 0 ? '' : `; pods ${node.podCIDRs.join(', ')}`}`;

function serviceRow({ namespace, name, type, clusterIPs, ports }: ServicePlan): Row {
  const port = ports.map((one) => `${String(one.port)}${one.nodePort === null ? '' : `, node port ${String(one.nodePort)}`}`).join('; ');
  return [`svc/${namespace}/${name}`, `Service, ${type}`, `${clusterIPs.join(', ')}${port === '' ? '' : `, port ${port}`}`];
}

function machineRows(machine: MachinePlan): readonly Row[] {
  const own: Row = [machine.name, machine.role, interfaces(machine.interfaces) || 'none yet'];
  if (machine.docker === undefined) return [own];
  const { networks, containers } = machine.docker;
  return [
    own,
    ...networks.map(({ name, cidr, gateway, bridge }): Row => [bridge.name, `Docker network ${name} on ${machine.name}`, `${cidr}, gateway ${gateway}`]),
    ...containers.map((container): Row => [container.name, `container on ${machine.name}, network ${container.network}`, containerAddresses(container)]),
  ];
}

function containerAddresses({ interface: own, ports }: ContainerPlan): string {
  const published = ports.map(({ hostPort, containerPort, protocol }) => `${String(containerPort)}/${protocol} published as ${String(hostPort)}`);
  return [own === null ? 'none of its own' : bare(own.addresses), ...published].join(', ');
}
